"""What every step of a task has in hand: the study, the output folder, and its run in MLflow."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cascade.base import without_user
from cascade.config import Study
from cascade.tracking import COMBINATIONS_LINK, FRONTS, STUDIES, Tracker, browse_command, page, run_page

LOCAL_SERVER = "http://127.0.0.1:5000"  # where `browse_command` serves the embedded store


def run_name(study: Study) -> str:
    """The name of a study's run."""
    return f"{study.family.name} {study.dataset.name} {study.hardware.name} seed={study.seed}"


@dataclass(frozen=True)
class RunContext:
    """A run of a task.

    Attributes:
        study: what is studied, and how.
        output: the folder for the task's files.
        tracker: the MLflow store.
        run_id: the task's run in it.
    """

    study: Study
    output: Path
    tracker: Tracker
    run_id: str

    @property
    def name(self) -> str:
        """The study in a few words, for titles."""
        return run_name(self.study)

    def save_and_log(self, name: str, write: Callable[[Path], None]) -> None:
        """Write a file into the output folder and log it as an artifact of the run."""
        path = self.output / name
        write(path)
        self.tracker.log_file(self.run_id, path)

    def save_text(self, name: str, text: str) -> None:
        """Like `save_and_log`, for a text."""
        self.save_and_log(name, lambda path: _write(path, text))

    def log(self, *, metrics: Mapping[str, float], tags: Mapping[str, str] | None = None) -> None:
        """Log metrics and tags of the run."""
        self.tracker.log(self.run_id, metrics=metrics, tags=tags)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Log how long a step took, as the metric ``seconds.STEP``."""
        started = time.monotonic()
        yield
        self.log(metrics={f"seconds.{step}": time.monotonic() - started})

    def links(self) -> dict[str, str]:
        """Where to look at the run, by what is there."""
        server = without_user(self.study.tracking_uri or "")
        if not server.startswith("http"):
            server = LOCAL_SERVER
        experiment_id = self.tracker.experiment_id
        pages = {
            "all studies": page(experiment_id, STUDIES),
            "all fronts": page(experiment_id, FRONTS),
            "this run": run_page(experiment_id, self.run_id),
        }
        if link := self.tracker.client.get_run(self.run_id).data.tags.get(COMBINATIONS_LINK):
            pages["all combinations"] = link
        found = {name: f"{server}/{link}" for name, link in pages.items()}
        if self.study.tracking_uri is None:
            found = {"to browse": f"{browse_command(self.study.mlruns)}, then"} | found
        return found | {"files": str(self.output)}


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
