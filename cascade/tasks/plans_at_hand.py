"""What task=solve and task=serve start from: a finished study's plans, and the family ready to write."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cascade.base import ConfigError
from cascade.config import Study
from cascade.execute import ServerPool
from cascade.generate import Family, Member
from cascade.search import PLANS, PlanFile
from cascade.serving import PlanBook, Sandbox, read_plan_file
from cascade.tasks.plan_settings import as_chosen, check_same_members

# Words of a command that say which study is meant, by what its runs are tagged with.
NARROWING = ("rule", "estimator", "select", "experiment")


def model_names(study: Study) -> tuple[str, ...]:
    """The family's models, from small to large."""
    return tuple(model.name for model in study.family.models)


def plan_file(study: Study, plans: str | None) -> tuple[PlanFile, str]:
    """The plan file of a path or folder, or of the newest run of this study that chose plans; and its name.

    Raises:
        DataError: there is none.
    """
    if plans is not None:
        return read_plan_file(Path(plans)), plans
    # MLflow takes seconds to import, and a service that is given its plans does without it.
    from cascade.tasks.common import open_tracker, study_tags
    from cascade.tracking import SELECTED

    tracker = open_tracker(study)
    tags = study_tags(study)
    if study.run_id is not None:
        tags = {}
    elif not any(word.lstrip("+").startswith(NARROWING) for word in study.overrides):
        # How its plans are run is said by the plan file that is looked for.
        tags = {key: tags[key] for key in ("cascade.hardware", "cascade.seed")}
    found = tracker.find(tags | {SELECTED: "true"}, study.run_id, "a study with chosen plans (task=select)")
    with tempfile.TemporaryDirectory() as folder:
        return PlanFile.load(tracker.fetch(found, PLANS, Path(folder))), f"plans of run {found[:8]}"


def with_plans(study: Study, plans: str | None) -> tuple[Study, PlanBook]:
    """The plans, and the study with all that running them needs as it was when they were chosen.

    Raises:
        DataError: there are none, they cannot be run here, or the command line says otherwise.
    """
    file, where = plan_file(study, plans)
    study = as_chosen(study, file, where)
    return study, PlanBook.of(file, where, model_names(study), study.plan_settings)


def another_book(study: Study, file: PlanFile, where: str) -> PlanBook:
    """The plans of another file for a study whose models and sandbox are at work.

    Raises:
        DataError: they cannot be run with them.
    """
    again = as_chosen(study, file, where)
    check_same_members(study, again, where)
    return PlanBook.of(file, where, model_names(study), again.plan_settings)


def live_members(study: Study, wanted: Sequence[str], lines: int) -> dict[str, Member]:
    """The family's models of these names, ready to write.

    Args:
        study: with family and generator.
        wanted: names of models.
        lines: the largest l of the plans' study.

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
    family: Family = replace(
        study.family, models=tuple(model for model in study.family.models if model.name in wanted)
    )
    found: list[Member] = members(family, lines)
    return {member.model.name: member for member in found}


def live_sandbox(study: Study, threads: int) -> Sandbox:
    """The study's sandbox, its servers kept up."""
    return Sandbox(ServerPool(study.limits, study.workers, study.isolation), threads)
