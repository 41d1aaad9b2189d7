"""task=evaluate: the chosen plans on the test side, once, against one-stage plans of equal accuracy."""

import logging
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from cascade.artifacts import PLANS, ChosenPlan, Estimate, Executed, PlanFile, combinations_table
from cascade.config import Study
from cascade.plans import Plan
from cascade.report.figures import cost_accuracy_figure
from cascade.report.terminal import last_screen
from cascade.search.grid import GridResult, grid_search
from cascade.selection import cost_savings
from cascade.tasks.common import (
    SOURCE,
    keep,
    open_tracker,
    places,
    run_name,
    study_run,
    study_tags,
    timed,
)
from cascade.tasks.select import load_executed
from cascade.tracking import Tracker
from cascade.tracking.layout import log_plans
from cascade.tracking.views import SELECTED

log = logging.getLogger(__name__)


def main(study: Study, output: Path) -> None:
    """Prove the plans of the newest run of this study that chose some, or of `run_id`, in a new run."""
    tracker = open_tracker(study)
    wanted = study_tags(study) | {SELECTED: "true"}
    found = tracker.find(wanted, study.run_id, "a study with chosen plans (task=select)")
    source = tracker.client.get_run(found).data.tags.get(SOURCE, found)
    with tempfile.TemporaryDirectory() as folder:
        plans = PlanFile.load(tracker.fetch(found, PLANS, Path(folder)))
    with study_run(study, tracker, "evaluate", output, source) as run_id:
        with timed(tracker, run_id, "evaluate"):
            executed = load_executed(tracker, source)
            plans = evaluate_plans(study, executed, plans, output, tracker, run_id)
        log_plans(tracker, run_id, plans)
    log.info(last_screen(run_name(study), plans, places(study, tracker, run_id, output)))


def evaluate_plans(
    study: Study, executed: Executed, plans: PlanFile, output: Path, tracker: Tracker, run_id: str
) -> PlanFile:
    """Evaluate, compare, draw, log; says so where there is no test side.

    Returns:
        The plans with what the test side says of them.
    """
    if len(executed.split.test) == 0:
        log.warning("the validation ids name every problem: there is no test side to prove the plans on")
        return plans
    grid = grid_search([table.at(executed.split.test) for table in executed.tables])
    front = tuple(_tested(chosen, grid) for chosen in plans.front)
    singular = tuple(_tested(chosen, grid) for chosen in plans.singular)
    front = _with_savings(front, grid)
    plans = plans.with_plans(front, singular)
    keep(tracker, run_id, output / PLANS, plans.save)
    keep(
        tracker,
        run_id,
        output / "combinations_test.parquet",
        lambda path: combinations_table(grid, "test").to_parquet(path, index=False),
    )
    rows = slice(None) if plans.theta is None else grid.thetas.index(plans.theta)
    keep(
        tracker,
        run_id,
        output / "cost_accuracy_test.png",
        lambda path: cost_accuracy_figure(
            path,
            f"{run_name(study)}: test, {len(plans.test_ids)} problems",
            grid.usd_per_1k_queries[rows].ravel(),
            grid.accuracy[rows].ravel(),
            [c.test for c in front if c.test is not None],
            [c.test for c in singular if c.test is not None],
        ),
    )
    cascades = [c for c in front if len(c.plan.stages) > 1]
    savings = [c.saving for c in cascades if c.saving is not None]
    metrics = {
        "n_cascade_plans": float(len(cascades)),
        "n_empty_windows": float(len(cascades) - len(savings)),
    }
    if savings:
        metrics["mean_saving"] = float(np.mean(savings))
    tracker.log(run_id, metrics=metrics)
    if cascades:
        log.info(
            "mean cost saving of %d cascade plans on the test side: %s (%d more have no one-stage plan "
            "within ±1 point)",
            len(savings),
            f"{100 * np.mean(savings):.1f} %" if savings else "none to compare",
            len(cascades) - len(savings),
        )
    else:
        log.info("no cascade plan on the front: one model alone is best at every cost")
    return plans


def _tested(chosen: ChosenPlan, grid: GridResult) -> ChosenPlan:
    at = _index(grid, chosen.plan)
    return replace(chosen, test=Estimate(float(grid.usd_per_1k_queries[at]), float(grid.accuracy[at])))


def _index(grid: GridResult, plan: Plan) -> tuple[int, int]:
    """Where a plan stands in a grid; one-stage plans stand at any θ."""
    own = (grid.space.k == [o.k for o in plan.options]) & (grid.space.l == [o.l for o in plan.options])
    theta = grid.thetas.index(plan.theta) if len(plan.stages) > 1 else 0
    return theta, int(np.flatnonzero(own.all(axis=1))[0])


def _with_savings(front: tuple[ChosenPlan, ...], grid: GridResult) -> tuple[ChosenPlan, ...]:
    """The cascade plans of a tested front with what they save (paper section 5.1)."""
    one_stage = grid.space.one_stage
    tests = [chosen.test for chosen in front if chosen.test is not None]
    savings = cost_savings(
        np.array([test.usd_per_1k_queries for test in tests]),
        np.array([test.accuracy for test in tests]),
        grid.usd_per_1k_queries[0, one_stage],
        grid.accuracy[0, one_stage],
    )
    return tuple(
        replace(chosen, saving=float(saving))
        if len(chosen.plan.stages) > 1 and not np.isnan(saving)
        else chosen
        for chosen, saving in zip(front, savings, strict=True)
    )
