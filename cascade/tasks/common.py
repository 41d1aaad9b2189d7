"""What the tasks share: the study's tracker, its runs, and what they are found again by."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cascade import __version__
from cascade.config import Study
from cascade.search import PlanFile
from cascade.tasks.context import RunContext, run_name
from cascade.tracking import KIND, STUDY, Tracker, close_dead_runs, prepare

EXECUTED = "cascade.executed"
EVALUATED = "cascade.evaluated"
COMMAND = "cascade.command"
SOURCE = "cascade.source_run"  # of a task that goes on from another's run: the run that was executed
ISOLATION = "cascade.isolation"
CONFIG = "config.yaml"  # the artifact with the whole configuration of a run


def open_tracker(study: Study) -> Tracker:
    """The study's MLflow store; its experiment is named after family and data set."""
    return Tracker(study.tracking_uri, study.mlruns, f"{study.family.name} on {study.dataset.name}")


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
    study: Study, tracker: Tracker, task: str, output: Path, source: str | None
) -> Iterator[RunContext]:
    """A new run for a task of a study, with its settings.

    Every task has a run of its own: nothing that was logged is ever replaced, and a run lasts as
    long as its task.

    Args:
        study: the study.
        tracker: its store.
        task: the task's name.
        output: the folder that the whole configuration is written to.
        source: the run that was executed, where the task goes on from one.
    """
    close_dead_runs(tracker)
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
        context = RunContext(study, output, tracker, run_id)
        context.save_text(CONFIG, study.yaml)
        yield context


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
