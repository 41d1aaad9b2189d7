"""In place of submitit's launchers: after a job that left no result, the others are waited for."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra_plugins.hydra_submitit_launcher.submitit_launcher as plugin
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, filter_overrides
from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
from omegaconf import OmegaConf

from cascade.tasks.dead_jobs import dead_job

log = logging.getLogger(__name__)

# What an executor is made with; all other settings are its parameters.
OF_EXECUTOR = ("submitit_folder", "max_num_timeout")


class _Launcher(plugin.BaseSubmititLauncher):  # type: ignore[misc]
    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit all jobs and wait for each; one without a result is left as failed in its folder."""
        from submitit.core.utils import FailedJobError, UncompletedJobError

        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        for number, overrides in zip(numbers, job_overrides, strict=True):
            log.info("#%d: %s", number, " ".join(filter_overrides(overrides)))
        jobs = self._executor().map_array(
            self,
            [list(overrides) for overrides in job_overrides],
            ["hydra.sweep.dir"] * len(numbers),
            list(numbers),
            [str(number) for number in numbers],
            [Singleton.get_state()] * len(numbers),
        )
        results = []
        for number, overrides, job in zip(numbers, job_overrides, jobs, strict=True):
            try:
                results.append(job.results()[0])
            except (FailedJobError, UncompletedJobError):
                how = f"it ended before it was done ({job.state}; its output: {job.paths.stderr})"
                results.append(dead_job(self.hydra_context, self.config, number, overrides, how))
        return results

    def _executor(self) -> Any:
        """As the plugin makes it of its settings."""
        from submitit import AutoExecutor

        cluster = self._EXECUTOR
        parameters = {f"{cluster}_{x}": self.params[x] for x in OF_EXECUTOR[1:] if x in self.params}
        executor = AutoExecutor(folder=self.params["submitit_folder"], cluster=cluster, **parameters)
        common = OmegaConf.structured(BaseQueueConf).keys()
        executor.update_parameters(
            **{
                x if x in common else f"{cluster}_{x}": value
                for x, value in self.params.items()
                if x not in OF_EXECUTOR
            }
        )
        return executor


class LocalLauncher(_Launcher, plugin.LocalLauncher):  # type: ignore[misc]
    """Jobs as processes of this machine, by submitit."""


class SlurmLauncher(_Launcher, plugin.SlurmLauncher):  # type: ignore[misc]
    """Jobs of a Slurm cluster, by submitit."""
