"""What every step of a task has in hand: the study, the output folder, and its run in MLflow."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cascade import tracking
from cascade.base import without_user
from cascade.config import Study

LOCAL_SERVER = "http://127.0.0.1:5000"  # where `browse_command` serves the embedded store


def run_name(study: Study) -> str:
    """The name of a study's run."""
    return f"{study.family.name} {study.dataset.name} {study.hardware.name} seed={study.seed}"


@dataclass
class RunContext:
    """A run of a task.

    MLflow takes seconds to load. A task whose numbers are all in the store answers before it is opened: until
    then what is to be logged waits, in order, and what nobody waits for is put off.

    Attributes:
        study: what is studied, and how.
        output: the folder for the task's files.
        begin: opens the MLflow store and finds or makes the task's run in it, once.
    """

    study: Study
    output: Path
    begin: Callable[[], tuple["tracking.Tracker", str]]
    _opened: tuple["tracking.Tracker", str] | None = field(default=None, init=False)
    _waiting: list[Callable[["tracking.Tracker", str], object]] = field(default_factory=list, init=False)
    _put_off: list[Callable[[], object]] = field(default_factory=list, init=False)

    def open(self) -> tuple["tracking.Tracker", str]:
        """The MLflow store and the id of the task's run, opened now where they are not."""
        if self._opened is None:
            self._opened = self.begin()
            waiting, self._waiting = self._waiting, []
            for write in waiting:
                write(*self._opened)
        return self._opened

    @property
    def tracker(self) -> "tracking.Tracker":
        """The MLflow store."""
        return self.open()[0]

    @property
    def run_id(self) -> str:
        """The task's run in it."""
        return self.open()[1]

    @property
    def name(self) -> str:
        """The study in a few words, for titles."""
        return run_name(self.study)

    def in_run(self, write: Callable[["tracking.Tracker", str], object]) -> None:
        """Call something with the store and the run's id: now, or when they are opened."""
        if self._opened is None:
            self._waiting.append(write)
        else:
            write(*self._opened)

    def put_off(self, step: Callable[[], object]) -> None:
        """Do something once the task has told its answer; see `catch_up`."""
        self._put_off.append(step)

    def catch_up(self) -> None:
        """Open the run, and do what was put off, in order."""
        self.open()
        while self._put_off:
            self._put_off.pop(0)()

    def save_and_log(self, name: str, write: Callable[[Path], None]) -> None:
        """Write a file into the output folder and log it as an artifact of the run."""
        path = self.output / name
        write(path)
        self.in_run(lambda tracker, run_id: tracker.log_file(run_id, path))

    def save_text(self, name: str, text: str) -> None:
        """Like `save_and_log`, for a text."""
        self.save_and_log(name, lambda path: _write(path, text))

    def log(self, *, metrics: Mapping[str, float], tags: Mapping[str, str] | None = None) -> None:
        """Log metrics and tags of the run."""
        self.in_run(lambda tracker, run_id: tracker.log(run_id, metrics=metrics, tags=tags))

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
            "all studies": tracking.page(experiment_id, tracking.STUDIES),
            "all fronts": tracking.page(experiment_id, tracking.FRONTS),
            "this run": tracking.run_page(experiment_id, self.run_id),
        }
        if link := self.tracker.client.get_run(self.run_id).data.tags.get(tracking.COMBINATIONS_LINK):
            pages["all combinations"] = link
        found = {name: f"{server}/{link}" for name, link in pages.items()}
        if self.study.tracking_uri is None:
            found = {"to browse": f"{tracking.browse_command(self.study.mlruns)}, then"} | found
        return found | {"files": str(self.output)}


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
