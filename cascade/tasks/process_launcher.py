"""In place of joblib's launcher: each job of a sweep in a process of its own; one that dies dies alone."""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra_plugins.hydra_joblib_launcher._core import execute_job
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher

from cascade.tasks.dead_jobs import dead_job


class ProcessLauncher(JoblibLauncher):  # type: ignore[misc]
    """Runs `n_jobs` jobs at a time (-1: one a core), each in a process of its own."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run all jobs; a job whose process ends before it does is left as failed in its folder."""
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        n_jobs = int(self.joblib.get("n_jobs") or -1)
        workers = n_jobs if n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + n_jobs)
        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        running: set[subprocess.Popen[bytes]] = set()
        with ThreadPoolExecutor(workers) as pool:
            try:
                return list(pool.map(lambda n, o: self._run(n, o, running), numbers, job_overrides))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for process in list(running):
                    process.terminate()
                raise

    def _run(self, number: int, overrides: Sequence[str], running: set[subprocess.Popen[bytes]]) -> JobReturn:
        work = (number, overrides, self.hydra_context, self.config, self.task_function, Singleton.get_state())
        with tempfile.TemporaryDirectory(prefix="cascade-job-") as folder:
            result = Path(folder) / "result"
            command = [sys.executable, "-P", "-m", __name__, str(result), *sys.argv]
            paths = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, env=os.environ | {"PYTHONPATH": paths}
            ) as process:
                running.add(process)
                try:
                    process.communicate(cloudpickle.dumps(work))
                finally:
                    running.discard(process)
            if process.returncode == 0:
                returned: JobReturn = pickle.loads(result.read_bytes())
                return returned
            if process.returncode > 0:
                how = f"its process ended with status {process.returncode}"
            else:
                how = f"it was killed by {signal.Signals(-process.returncode).name}"
            return dead_job(self.hydra_context, self.config, number, overrides, how)


def _job(result: str) -> None:
    """One job, in the process that is its own: the work comes by stdin, what it returned goes to a file."""
    work = pickle.load(sys.stdin.buffer)
    returned = execute_job(*work)
    Path(result).write_bytes(cloudpickle.dumps(returned))


if __name__ == "__main__":
    _, path, *arguments = sys.argv
    sys.argv = arguments
    _job(path)
