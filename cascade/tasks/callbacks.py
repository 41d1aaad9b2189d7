"""What Hydra calls around the jobs; heavy modules are imported when there is something to do."""

import atexit
import sys
import time
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from cascade.base import mask_files
from cascade.tasks.dead_jobs import replace_launchers


class SweepSummary(Callback):
    """Ends a sweep with one table and one figure over all its jobs, and without passwords in its files."""

    def __init__(self) -> None:
        """Hydra makes one for the sweep and one for each job; only the sweep's does anything."""
        self._started = time.time()

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Take launchers that outlive their jobs, and see to it that the sweep's file ends without passwords.

        Hydra writes that file, its settings, later, and before it composes the jobs, which may fail.
        """
        replace_launchers()
        atexit.register(lambda folder: mask_files(folder.glob("multirun.yaml")), Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print and draw what the jobs left in their folders; status 1 where one failed."""
        from cascade.report import summarise

        n_failed = summarise(Path(config.hydra.sweep.dir).absolute(), self._started)
        if n_failed:
            print(f"error: {n_failed} jobs of the sweep failed", file=sys.stderr)
            sys.exit(1)
