"""What the tasks share: the study's tracker, its tags, and files kept in both places."""

from collections.abc import Callable
from pathlib import Path

from cascade.config import Study
from cascade.tracking import Tracker

EXECUTED = "cascade.executed"
SELECTED = "cascade.selected"
ISOLATION = "cascade.isolation"


def open_tracker(study: Study) -> Tracker:
    """The study's MLflow store; its experiment is named after data set and family."""
    return Tracker(study.tracking_uri, study.mlruns, f"{study.dataset.name}/{study.family.name}")


def study_tags(study: Study) -> dict[str, str]:
    """What a study is found again by, in its experiment."""
    return {"cascade.hardware": study.hardware.name, "cascade.seed": str(study.seed)}


def run_name(study: Study) -> str:
    """The name of a study's run."""
    return f"{study.family.name} {study.dataset.name} {study.hardware.name} seed={study.seed}"


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
        "no_tests": "accept" if study.accept_without_tests else "escalate",
        "estimator": str(study.estimator),
        "select_theta": "stage" if study.per_stage_theta else "pooled" if study.pooled else "best",
        "select_plans": study.allowed.value,
        "timeout_s": f"{study.limits.timeout_s:g}",
        "reference_timeout_s": f"{study.limits.reference_timeout_s:g}",
    }


def keep(tracker: Tracker, run_id: str, path: Path, write: Callable[[Path], None]) -> None:
    """Write a file into the output folder and log it as an artifact of the run."""
    write(path)
    tracker.log_file(run_id, path)
