"""task=select: the front, the singular front and θ, from the validation side of an executed study."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cascade.artifacts import PLANS, STAGE_TABLES, ChosenPlan, Estimate, Executed, PlanFile
from cascade.config import Study
from cascade.errors import CascadeError
from cascade.explain import EXAMPLES, Example, explain, load_examples
from cascade.report.figures import cost_accuracy_figure
from cascade.report.terminal import last_screen
from cascade.search.grid import GridResult, grid_search
from cascade.selection import Combination, select
from cascade.tables import StageTable
from cascade.tasks.common import (
    EXECUTED,
    keep,
    open_tracker,
    origin_tags,
    places,
    run_name,
    study_run,
    study_tags,
    timed,
)
from cascade.tracking import Tracker
from cascade.tracking.layout import log_plans
from cascade.tracking.traces import log_trace
from cascade.tracking.views import SELECTED

log = logging.getLogger(__name__)


def main(study: Study, output: Path) -> None:
    """Choose plans from the newest executed run of this study, or from `run_id`, in a new run."""
    tracker = open_tracker(study)
    wanted = study_tags(study) | {EXECUTED: "true"}
    source = tracker.find(wanted, study.run_id, "an executed study (task=run)")
    with study_run(study, tracker, "select", output, source) as run_id:
        with timed(tracker, run_id, "select"):
            plans = choose_plans(study, load_executed(tracker, source), output, tracker, run_id)
        log_plans(tracker, run_id, plans)
        with tempfile.TemporaryDirectory() as folder:
            examples = load_examples(tracker.fetch(source, EXAMPLES, Path(folder)))
        explain_plan(study, plans, examples, tracker, run_id)
    log.info(last_screen(run_name(study), plans, places(study, tracker, run_id, output)))
    log.info("chosen; task=evaluate run_id=%s proves the plans", run_id)


def load_executed(tracker: Tracker, run_id: str) -> Executed:
    """The stage tables that a run logged."""
    with tempfile.TemporaryDirectory() as folder:
        return Executed.load(tracker.fetch(run_id, STAGE_TABLES, Path(folder)))


def explain_plan(
    study: Study, plans: PlanFile, examples: Sequence[Example], tracker: Tracker, run_id: str
) -> None:
    """Show one cascade plan at work on a handful of problems: the cheapest with the most stages."""
    cascades = [chosen.plan for chosen in plans.front if len(chosen.plan.stages) > 1]
    if not cascades:
        return
    plan = max(cascades, key=lambda plan: len(plan.stages))
    for example in examples:
        steps = explain(
            plan,
            plans.models,
            example,
            plans.origin["usd_per_1m_tokens"],
            accept_without_tests=study.accept_without_tests,
        )
        log_trace(tracker, run_id, plan.describe(plans.models), example, steps)


def choose_plans(study: Study, executed: Executed, output: Path, tracker: Tracker, run_id: str) -> PlanFile:
    """Search, select, draw, log."""
    tables = [_restricted(table, study) for table in executed.tables]
    grid = grid_search([table.at(executed.split.validation) for table in tables])
    chosen = select(grid, pooled=study.pooled)
    ids = executed.task_ids
    plans = PlanFile(
        models=executed.models,
        theta=chosen.theta,
        hypervolume=chosen.hypervolume,
        front=tuple(_chosen(grid, c) for c in chosen.front),
        singular=tuple(_chosen(grid, c) for c in chosen.singular),
        validation_ids=tuple(ids[i] for i in executed.split.validation),
        test_ids=tuple(ids[i] for i in executed.split.test),
        origin=executed.origin,
    )
    keep(tracker, run_id, output / PLANS, plans.save)
    title = f"{run_name(study)}: validation, {len(plans.validation_ids)} problems"
    # All plans at the chosen θ, as the paper draws them; over all θ where the front is.
    rows = slice(None) if chosen.theta is None else grid.thetas.index(chosen.theta)
    keep(
        tracker,
        run_id,
        output / "cost_accuracy_validation.png",
        lambda path: cost_accuracy_figure(
            path,
            title,
            grid.usd_per_1k_queries[rows].ravel(),
            grid.accuracy[rows].ravel(),
            [c.validation for c in plans.front],
            [c.validation for c in plans.singular],
        ),
    )
    metrics = {f"hypervolume.theta_{theta:g}": volume for theta, volume in chosen.hypervolume.items()}
    metrics |= {"hypervolume": chosen.pooled_hypervolume, "n_front": float(len(plans.front))}
    if chosen.theta is not None:
        metrics |= {"theta": chosen.theta, "hypervolume": chosen.hypervolume[chosen.theta]}
    tracker.log(run_id, metrics=metrics, tags=origin_tags(plans) | {SELECTED: "true"})
    theta = "all θ" if chosen.theta is None else f"θ={chosen.theta:g}"
    log.info("%s: %d plans on the front, %d with one model", theta, len(plans.front), len(plans.singular))
    return plans


def _chosen(grid: GridResult, combination: Combination) -> ChosenPlan:
    at = combination.theta_index, combination.plan_index
    estimate = Estimate(float(grid.usd_per_1k_queries[at]), float(grid.accuracy[at]))
    return ChosenPlan(grid.plan(*at), estimate)


def _restricted(table: StageTable, study: Study) -> StageTable:
    """The part of an executed table that the search space asks for."""
    options = [i for i, option in enumerate(table.options) if option in study.options]
    thetas = [i for i, theta in enumerate(table.thetas) if theta in study.thetas]
    if not options or not thetas:
        raise CascadeError(
            "search.k, search.l, search.theta: nothing of that space was executed in this run, which has "
            f"options {', '.join(map(str, table.options))} and θ {', '.join(f'{t:g}' for t in table.thetas)}"
            "; run task=run with the new space first"
        )
    return replace(
        table,
        options=tuple(table.options[i] for i in options),
        thetas=tuple(table.thetas[i] for i in thetas),
        accept=table.accept[options][:, thetas],
        accept_correct=table.accept_correct[options][:, thetas],
        correct=table.correct[options],
        usd=table.usd[options],
    )
