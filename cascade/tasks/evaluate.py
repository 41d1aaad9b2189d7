"""task=evaluate: the chosen plans on the test side, once, against one-stage plans of equal accuracy."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cascade.config import Study
from cascade.core import Measured, StageTable, ThetaChoice, problem_weights
from cascade.report import cost_accuracy_figure, last_screen
from cascade.search import (
    PLANS,
    ChosenPlan,
    Executed,
    GridResult,
    PlanFile,
    Proof,
    Replacement,
    combinations_table,
    difference,
    drop,
    estimates,
    plan_outcomes,
    regret,
    replaced,
    savings,
    select,
)
from cascade.tasks.common import EVALUATED, SOURCE, open_tracker, study_run, study_tags
from cascade.tasks.context import RunContext
from cascade.tasks.searching import search_again
from cascade.tasks.select import load_executed
from cascade.tracking import SELECTED, log_plans

log = logging.getLogger(__name__)


def main(study: Study, output: Path) -> None:
    """Prove the plans of the newest run of this study that chose some, or of `run_id`, in a new run."""
    tracker = open_tracker(study)
    wanted = study_tags(study) | {SELECTED: "true"}
    found = tracker.find(wanted, study.run_id, "a study with chosen plans (task=select)")
    source = tracker.client.get_run(found).data.tags.get(SOURCE, found)
    with tempfile.TemporaryDirectory() as folder:
        plans = PlanFile.load(tracker.fetch(found, PLANS, Path(folder)))
    with study_run(study, tracker, "evaluate", output, source) as context:
        with context.timed("evaluate"):
            plans = evaluate_plans(context, load_executed(tracker, source), plans)
        log_plans(tracker, context.run_id, plans)
    log.info(last_screen(context.name, plans, context.links()))


def evaluate_plans(context: RunContext, executed: Executed, plans: PlanFile) -> PlanFile:
    """Evaluate, compare, draw, log; says so where there is no test side.

    Returns:
        The plans with what the test side says of them.
    """
    if len(executed.split.test) == 0:
        log.warning("the validation ids name every problem: there is no test side to prove the plans on")
        return plans
    study = context.study
    theta_choice = ThetaChoice(plans.selection["theta"])
    tables = [table.at(executed.split.test) for table in executed.tables]
    grid = search_again(tables, [one.plan for one in plans.front], per_stage_theta=theta_choice.per_stage)
    weights = problem_weights(len(executed.split.test), study.replicates, study.seed)
    plans, saving = _proved(study, plans, tables, grid, weights)
    cascades = [c for c in plans.front if len(c.plan.stages) > 1]
    proof = Proof(
        saving,
        len(cascades),
        sum(c.saving is None for c in cascades),
        _drop(study, executed, plans, weights),
        _regret(plans, grid),
    )
    plans = replace(plans, proof=proof)
    context.save_and_log(PLANS, plans.save)
    context.save_and_log(
        "combinations_test.parquet",
        lambda path: combinations_table(grid, "test").to_parquet(path, index=False),
    )
    rows = slice(None) if plans.theta is None else [grid.thetas.index(plans.theta)]
    context.save_and_log(
        "cost_accuracy_test.png",
        lambda path: cost_accuracy_figure(
            path,
            f"{context.name}: test, {len(plans.test_ids)} problems",
            grid.usd_per_1k_queries[rows].ravel(),
            grid.accuracy[rows].ravel(),
            [c.test for c in plans.front if c.test is not None],
            [c.test for c in plans.singular if c.test is not None],
        ),
    )
    metrics = {
        "n_cascade_plans": float(proof.n_cascades),
        "n_empty_windows": float(proof.n_empty_windows),
        "regret": proof.regret,
        **_metrics("drop", proof.drop),
        **({} if saving is None else _metrics("mean_saving", saving)),
    }
    context.log(metrics=metrics, tags={EVALUATED: "true"})
    return plans


def _proved(
    study: Study,
    plans: PlanFile,
    tables: Sequence[StageTable],
    grid: GridResult,
    weights: NDArray[np.float64],
) -> tuple[PlanFile, Measured | None]:
    """The plans with what the test side says of them, and the mean saving."""

    def tested(some: Sequence[ChosenPlan]) -> tuple[tuple[ChosenPlan, ...], NDArray[np.float64]]:
        outcomes = plan_outcomes(tables, [one.plan for one in some])
        known = estimates(outcomes, weights, study.confidence)
        return tuple(replace(one, test=test) for one, test in zip(some, known, strict=True)), outcomes

    constrained = () if plans.constrained is None else (plans.constrained,)
    some, outcomes = tested([*plans.front, *constrained])
    singular, single_outcomes = tested(plans.singular)
    is_cascade = np.array([len(one.plan.stages) > 1 for one in some])
    at = np.flatnonzero(grid.space.one_stage)
    every_one_stage = plan_outcomes(tables, [grid.plan(0, int(i)) for i in at])
    each, _ = savings(outcomes[:, is_cascade], every_one_stage, weights, study.confidence)
    proved = list(some)
    for i, saved in zip(np.flatnonzero(is_cascade), each, strict=True):
        instead = replaced(some[i], singular)
        accuracy, cheaper = difference(outcomes[:, i], single_outcomes[:, instead], weights, study.confidence)
        proved[i] = replace(
            some[i],
            saving=None if saved is None else saved.value,
            saving_interval=None if saved is None else saved.interval,
            replaces=Replacement(singular[instead].plan, accuracy, cheaper),
        )
    n = len(plans.front)
    of_front = outcomes[:, :n][:, is_cascade[:n]]
    mean = savings(of_front, every_one_stage, weights, study.confidence)[1] if of_front.shape[1] else None
    with_constrained = replace(plans, constrained=proved[n] if constrained else None)
    return replace(with_constrained, front=tuple(proved[:n]), singular=singular), mean


def _drop(study: Study, executed: Executed, plans: PlanFile, weights: NDArray[np.float64]) -> Measured:
    chosen = [one.plan for one in plans.front]
    sides = executed.split.validation, executed.split.test
    validation, test = (plan_outcomes([t.at(side) for t in executed.tables], chosen) for side in sides)
    own = problem_weights(len(sides[0]), study.replicates, study.seed + 1)
    return drop(validation, test, (own, weights), study.confidence)


def _regret(plans: PlanFile, grid: GridResult) -> float:
    """Against the front that the same choice among all executed plans would have made on the test side."""
    own = select(grid, ThetaChoice(plans.selection["theta"])).front
    known = [one.test for one in plans.front if one.test is not None]
    return regret(
        np.array([[test.accuracy for test in known], [test.usd_per_1k_queries for test in known]]),
        np.stack([grid.accuracy[own.theta, own.plan], grid.usd_per_1k_queries[own.theta, own.plan]]),
        float(grid.usd_per_1k_queries.max()),
    )


def _metrics(name: str, measured: Measured) -> dict[str, float]:
    ends = {f"{name}_low": measured.interval.low, f"{name}_high": measured.interval.high}
    return {name: measured.value} | {key: end for key, end in ends.items() if not np.isnan(end)}
