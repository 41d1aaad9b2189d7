"""In place of submitit's launchers: after a job that left no result, the others are waited for."""

from collections.abc import Sequence
from pathlib import Path

import hydra_plugins.hydra_submitit_launcher.submitit_launcher as plugin
from hydra.core.utils import JobReturn

from cascade.tasks.dead_jobs import dead_job


class _Launcher(plugin.BaseSubmititLauncher):  # type: ignore[misc]
    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit all jobs and wait for each; one without a result is left as failed in its folder."""
        from submitit import AutoExecutor
        from submitit.core.utils import FailedJobError, UncompletedJobError

        try:
            returned: Sequence[JobReturn] = super().launch(job_overrides, initial_job_idx)
            return returned
        except (FailedJobError, UncompletedJobError):
            kind = type(AutoExecutor(folder=self.params["submitit_folder"], cluster=self._EXECUTOR)._executor)
            submitted = Path(self.params["submitit_folder"]).parent.glob("*/*_submitted.pkl")
            results = []
            for path in submitted:
                job = kind.job_class(folder=path.parent, job_id=path.name.removesuffix("_submitted.pkl"))
                overrides, _, number, *_ = job.submission().args
                try:
                    results.append(job.results()[0])
                except (FailedJobError, UncompletedJobError) as error:
                    how = f"it ended without a result ({job.state}): {str(error).splitlines()[0]}"
                    results.append(dead_job(self.hydra_context, self.config, number, overrides, how))
            return results


class LocalLauncher(_Launcher, plugin.LocalLauncher):  # type: ignore[misc]
    """Jobs as processes of this machine, by submitit."""


class SlurmLauncher(_Launcher, plugin.SlurmLauncher):  # type: ignore[misc]
    """Jobs of a Slurm cluster, by submitit."""
