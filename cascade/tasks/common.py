"""What the tasks share: the study's tracker, its runs and tags, and files kept in both places."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cascade import __version__
from cascade.config import Study
from cascade.search import PlanFile
from cascade.tracking import COMBINATIONS_LINK, FRONTS, KIND, STUDIES, STUDY, Tracker, page, prepare, run_page

EXECUTED = "cascade.executed"
EVALUATED = "cascade.evaluated"
COMMAND = "cascade.command"
SOURCE = "cascade.source_run"  # of a task that goes on from another's run: the run that was executed
ISOLATION = "cascade.isolation"


def open_tracker(study: Study) -> Tracker:
    """The study's MLflow store; its experiment is named after family and data set."""
    return Tracker(study.tracking_uri, study.mlruns, f"{study.family.name} on {study.dataset.name}")


def study_tags(study: Study) -> dict[str, str]:
    """What a study is found again by, in its experiment."""
    return {
        "cascade.hardware": study.hardware.name,
        "cascade.seed": str(study.seed),
        "cascade.rule": study.rule,
        "cascade.no_tests": _no_tests(study),
        "cascade.estimator": study.estimator.describe(),
    }


def _no_tests(study: Study) -> str:
    return "accept" if study.accept_without_tests else "escalate"


def run_name(study: Study) -> str:
    """The name of a study's run."""
    return f"{study.family.name} {study.dataset.name} {study.hardware.name} seed={study.seed}"


@contextmanager
def study_run(study: Study, tracker: Tracker, task: str, output: Path, source: str | None) -> Iterator[str]:
    """A new run for a task of a study, with its settings; yields its id.

    Every task has a run of its own: nothing that was logged is ever replaced, and a run lasts as
    long as its task.

    Args:
        study: the study.
        tracker: its store.
        task: the task's name.
        output: the folder that the whole configuration is written to.
        source: the run that was executed, where the task goes on from one.
    """
    prepare(tracker, tuple(model.name for model in study.family.models))
    tags = study_tags(study) | {
        KIND: STUDY,
        "cascade.task": task,
        "cascade.family": study.family.name,
        "cascade.dataset": study.dataset.name,
        "cascade.signature": study.signature,
        "cascade.version": __version__,
        COMMAND: study.command,
    }
    if source is not None:
        tags[SOURCE] = source
    name = run_name(study) if task == "study" else f"{run_name(study)} ({task})"
    with tracker.run(name, tags, study_params(study)) as run_id:
        if source is not None:
            inputs = tracker.client.get_run(source).inputs
            tracker.log_inputs(run_id, inputs.dataset_inputs if inputs else [])
        keep(tracker, run_id, output / "config.yaml", lambda path: _write(path, study.yaml))
        yield run_id


@contextmanager
def timed(tracker: Tracker, run_id: str, step: str) -> Iterator[None]:
    """Log how long a step took, as the metric ``seconds.STEP``."""
    started = time.monotonic()
    yield
    tracker.log(run_id, metrics={f"seconds.{step}": time.monotonic() - started})


def origin_tags(plans: PlanFile) -> dict[str, str]:
    """The hashes of what a study was made from."""
    return {f"cascade.hash.{name}": value for name, value in plans.origin["hashes"].items()}


def places(study: Study, tracker: Tracker, run_id: str, output: Path) -> dict[str, str]:
    """Where to look at a run, by what is there."""
    server = study.tracking_uri or ""
    if not server.startswith("http"):
        server = "http://127.0.0.1:5000"
    links = {
        "all studies": page(tracker.experiment_id, STUDIES),
        "all fronts": page(tracker.experiment_id, FRONTS),
        "this run": run_page(tracker.experiment_id, run_id),
    }
    if link := tracker.client.get_run(run_id).data.tags.get(COMBINATIONS_LINK):
        links["all combinations"] = link
    found = {name: f"{server}/{link}" for name, link in links.items()}
    if study.tracking_uri is None:
        found = {"to browse": "make ui, then"} | found
    return found | {"files": str(output)}


def study_params(study: Study) -> dict[str, str]:
    """The dozen settings that matter most when runs are compared."""
    return {
        "family": study.family.name,
        "models": ", ".join(model.name for model in study.family.models),
        "dataset": study.dataset.name,
        "hardware": study.hardware.name,
        "generator": study.generator.describe(),
        "seed": str(study.seed),
        "k": ", ".join(sorted({str(o.k) for o in study.options}, key=int)),
        "l": ", ".join(sorted({str(o.l) for o in study.options}, key=int)),
        "theta": ", ".join(f"{theta:g}" for theta in study.thetas),
        "rule": study.rule,
        "no_tests": _no_tests(study),
        "estimator": study.estimator.describe(),
        "select_theta": study.theta_choice.value,
        "select_plans": study.allowed.value,
        "timeout_s": f"{study.limits.timeout_s:g}",
        "reference_timeout_s": f"{study.limits.reference_timeout_s:g}",
    }


def keep(tracker: Tracker, run_id: str, path: Path, write: Callable[[Path], None]) -> None:
    """Write a file into the output folder and log it as an artifact of the run."""
    write(path)
    tracker.log_file(run_id, path)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
