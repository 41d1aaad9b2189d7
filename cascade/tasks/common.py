"""What the tasks share: the study's tracker, its runs, and what they are found again by."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from cascade import __version__, tracking
from cascade.config import Study
from cascade.search import PlanFile
from cascade.tasks.context import RunContext, run_name

EXECUTED = "cascade.executed"
EVALUATED = "cascade.evaluated"
COMMAND = "cascade.command"
SOURCE = "cascade.source_run"  # of a task that goes on from another's run: the run that was executed
ISOLATION = "cascade.isolation"
CONFIG = "config.yaml"  # the artifact with the whole configuration of a run


def open_tracker(study: Study) -> "tracking.Tracker":
    """The study's MLflow store; its experiment is named after family and data set."""
    return tracking.Tracker(study.tracking_uri, study.mlruns, f"{study.family.name} on {study.dataset.name}")


def study_tags(study: Study) -> dict[str, str]:
    """What a study is found again by, in its experiment."""
    return {
        "cascade.hardware": study.hardware.name,
        "cascade.seed": str(study.seed),
        "cascade.rule": study.rule,
        "cascade.no_tests": study.no_tests,
        "cascade.lines": "physical" if study.physical_lines else "statements",
        "cascade.estimator": study.estimator.describe(),
    }


@contextmanager
def study_run(
    study: Study,
    task: str,
    output: Path,
    *,
    goes_on: tuple["tracking.Tracker", str] | None = None,
) -> Iterator[RunContext]:
    """A new run for a task of a study, with its settings.

    Every task has a run of its own: nothing that was logged is ever replaced, and a run lasts as
    long as its task. It is made when it is needed, at the latest at the end or when the task fails. A store
    that may fail for more reasons than a folder of ours is opened at once.

    Args:
        study: the study.
        task: the task's name.
        output: the folder that the whole configuration is written to.
        goes_on: the store and the run that was executed, where the task goes on from one.
    """
    started = time.time()
    with ExitStack() as ends:

        def begin() -> tuple["tracking.Tracker", str]:
            tracker, source = goes_on or (open_tracker(study), None)
            tracking.close_dead_runs(tracker)
            tracking.prepare(tracker, tuple(model.name for model in study.family.models))
            name = run_name(study) if task == "study" else f"{run_name(study)} ({task})"
            run_id = tracker.create(name, _tags(study, task, source), study_params(study), started)
            ends.enter_context(tracker.closing(run_id))
            if source is not None:
                inputs = tracker.client.get_run(source).inputs
                tracker.log_inputs(run_id, inputs.dataset_inputs if inputs else [])
            return tracker, run_id

        context = RunContext(study, output, begin)
        context.save_text(CONFIG, study.yaml)
        if goes_on or study.tracking_uri is not None or not tracking.looks_sound(study.mlruns):
            context.open()
        try:
            yield context
            context.catch_up()
        except Exception:
            # A failure is a run too; what is told is the first error.
            with suppress(Exception):
                context.open()
            raise


def _tags(study: Study, task: str, source: str | None) -> dict[str, str]:
    tags = study_tags(study) | {
        tracking.KIND: tracking.STUDY,
        "cascade.task": task,
        "cascade.family": study.family.name,
        "cascade.dataset": study.dataset.name,
        "cascade.signature": study.signature,
        "cascade.version": __version__,
        COMMAND: study.command,
    }
    if source is not None:
        tags[SOURCE] = source
    return tags


def hash_tags(plans: PlanFile) -> dict[str, str]:
    """The hashes of what a study was made from."""
    return {f"cascade.hash.{name}": value for name, value in plans.provenance.hashes.items()}


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
        "no_tests": study.no_tests,
        "estimator": study.estimator.describe(),
        "select_theta": study.theta_choice.value,
        "select_plans": study.allowed.value,
        "timeout_s": f"{study.limits.timeout_s:g}",
        "reference_timeout_s": f"{study.limits.reference_timeout_s:g}",
    }
