"""What task=solve and task=serve start from: a finished study's plans, and the family ready to write."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cascade.base import ConfigError
from cascade.config import Study
from cascade.execute import ServerPool
from cascade.generate import Family, Member
from cascade.search import PLANS
from cascade.serving import PlanBook, Sandbox


def model_names(study: Study) -> tuple[str, ...]:
    """The family's models, from small to large."""
    return tuple(model.name for model in study.family.models)


def plan_book(study: Study, plans: str | None) -> PlanBook:
    """The plans of a file or folder, or of the newest run of this study that chose some.

    Raises:
        DataError: there is none, or it cannot be run with these settings.
    """
    names, settings = model_names(study), study.plan_settings
    if plans is not None:
        return PlanBook.load(Path(plans), names, settings)
    # MLflow takes seconds to import, and a service that is given its plans does without it.
    from cascade.tasks.common import open_tracker, study_tags
    from cascade.tracking import SELECTED

    tracker = open_tracker(study)
    wanted = study_tags(study) | {SELECTED: "true"}
    found = tracker.find(wanted, study.run_id, "a study with chosen plans (task=select)")
    with tempfile.TemporaryDirectory() as folder:
        return PlanBook.load(tracker.fetch(found, PLANS, Path(folder)), names, settings)


def live_members(study: Study, wanted: Sequence[str]) -> dict[str, Member]:
    """The family's models of these names, ready to write.

    Raises:
        ConfigError: the study's generator does not write on demand.
        CascadeError: a model cannot be loaded.
    """
    members = getattr(study.generator, "members", None)
    if members is None:
        raise ConfigError(
            f"generator: {study.generator.describe()} does not write single samples; choose "
            "generator=transformers for models on this machine, or generator=openai for servers that are up"
        )
    lines = max((option.l for option in study.options if option.tests), default=0)
    family: Family = replace(
        study.family, models=tuple(model for model in study.family.models if model.name in wanted)
    )
    found: list[Member] = members(family, lines)
    return {member.model.name: member for member in found}


def live_sandbox(study: Study, threads: int) -> Sandbox:
    """The study's sandbox, its servers kept up."""
    return Sandbox(ServerPool(study.limits, study.workers, study.isolation), threads)
