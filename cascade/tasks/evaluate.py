"""task=evaluate: the chosen plans on the test side, once, against one-stage plans of equal accuracy."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cascade import report, tracking
from cascade.config import Study
from cascade.core import Measured, StageTable, ThetaChoice, problem_weights
from cascade.report import last_screen
from cascade.search import (
    PLANS,
    STAGE_TABLES,
    Certificate,
    ChosenPlan,
    Executed,
    GridResult,
    PlanFile,
    Proof,
    Replacement,
    Sides,
    at_equal_accuracy_measured,
    by_target_measured,
    calibration_reports,
    certify,
    combinations_table,
    difference,
    estimates,
    generalization_gap,
    measures,
    plan_cost_bound,
    plan_outcomes,
    recommend,
    replaced,
    savings,
    select,
    wrong_after_all,
)
from cascade.tasks.common import EVALUATED, hash_tags, open_tracker, study_run
from cascade.tasks.context import RunContext
from cascade.tasks.continuing import EVALUATE_TAKES, find_source, load_executed, made_by, next_command
from cascade.tasks.searching import search_again
from cascade.tasks.select import choose_plans, log_calibration

log = logging.getLogger(__name__)

MEASURED = (
    "saving_by_target",
    "accuracy_by_target",
    "saving_at_equal_accuracy",
    "generalization_gap",
    "mean_saving",
)


def main(study: Study, output: Path) -> None:
    """Prove the plans of the newest run of this study that chose some, or of `run_id`, in a new run."""
    tracker = open_tracker(study)
    what = "a study with chosen plans (task=select)"
    source = find_source(study, tracker, {tracking.SELECTED: "true"}, what, EVALUATE_TAKES)
    executed = load_executed(tracker, source.run_id)
    executed = replace(executed, provenance=made_by(study, executed.provenance))
    with study_run(study, "evaluate", output, goes_on=(tracker, source.executed_id)) as context:
        context.save_and_log(STAGE_TABLES, executed.save)
        if source.changes("bootstrap"):
            # The intervals of the validation side rest on it too, and a plan that is to be sure of something.
            plans = choose_plans(context, executed)
        else:
            with tempfile.TemporaryDirectory() as folder:
                plans = PlanFile.load(tracker.fetch(source.run_id, PLANS, Path(folder)))
            plans = replace(plans, provenance=executed.provenance)
        with context.timed("evaluate"):
            plans = evaluate_plans(context, executed, plans)
        tracking.log_plans(tracker, context.run_id, plans)
        context.catch_up()
    links = context.links() | {"to run the plan": next_command(study.overrides, "serve", context.run_id)}
    log.info(last_screen(context.name, plans, links))


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
    base_tables = [table.at(executed.split.test) for table in executed.base_tables]
    plans, saving, sides = _proved(study, plans, tables, base_tables, grid, weights)
    plans = replace(plans, proof=_proof(study, executed, plans, saving, sides, weights))
    plans = replace(
        plans,
        recommended=recommend(plans, tables, weights, study.confidence, plans.provenance.settings),
        certificate=None if study.promise is None else _certificate(study, executed, plans),
    )
    proof = plans.proof
    assert proof is not None
    if executed.calibration is not None:
        judged = calibration_reports(
            executed.models, executed.calibration, executed.runs, executed.split.test, "test"
        )
        plans = replace(plans, calibration=judged)
        log_calibration(context, plans)
    context.save_and_log(PLANS, plans.save)
    context.put_off(lambda: _describe(context, plans, grid))
    metrics = {
        "n_cascade_plans": float(proof.n_cascades),
        "n_empty_windows": float(proof.n_empty_windows),
        "regret": proof.regret,
        "test_hypervolume": proof.hypervolume,
        "promise_gap": proof.promise_gap,
    }
    for name in MEASURED:
        if (measured := getattr(proof, name)) is not None:
            metrics |= _metrics(name, measured)
    for name in ("mean_saving_as_written", "mean_saving_as_printed"):
        if (value := getattr(proof, name)) is not None:
            metrics[name] = value
    assert plans.recommended is not None
    metrics |= _wrong_after_all_metrics(plans.recommended.chosen)
    if plans.certificate is not None:
        metrics["n_certified_plans"] = float(len(plans.certificate.plans))
    context.log(metrics=metrics, tags=hash_tags(plans) | {EVALUATED: "true"})
    return plans


def _describe(context: RunContext, plans: PlanFile, grid: GridResult) -> None:
    """The table of all plans on the test side, and pictures."""
    context.save_and_log(
        "combinations_test.parquet",
        lambda path: combinations_table(grid, "test").to_parquet(path, index=False),
    )
    rows = slice(None) if plans.theta is None else [grid.thetas.index(plans.theta)]
    context.save_and_log(
        "cost_accuracy_test.png",
        lambda path: report.cost_accuracy_figure(
            path,
            f"{context.name}: test, {len(plans.test_ids)} problems",
            grid.usd_per_1k_queries[rows].ravel(),
            grid.accuracy[rows].ravel(),
            [c.test for c in plans.front if c.test is not None],
            [c.test for c in plans.singular if c.test is not None],
        ),
    )
    if (curves := report.target_curves(plans)) is not None:
        context.save_and_log(
            "targets_test.png",
            lambda path: report.target_figure(path, f"{context.name}: by target", curves),
        )


def _proved(
    study: Study,
    plans: PlanFile,
    tables: Sequence[StageTable],
    base_tables: Sequence[StageTable],
    grid: GridResult,
    weights: NDArray[np.float64],
) -> tuple[PlanFile, Measured | None, Sides]:
    """The plans with what the test side says of them, the mean saving, and what the other measures read."""

    def tested(some: Sequence[ChosenPlan]) -> tuple[tuple[ChosenPlan, ...], NDArray[np.float64]]:
        outcomes = plan_outcomes(tables, [one.plan for one in some])
        known = estimates(outcomes, weights, study.confidence)
        found = [replace(one, test=test) for one, test in zip(some, known, strict=True)]
        if base_tables:
            found = [
                replace(one, wrong_after_all=wrong_after_all(plans.models, base_tables, tables, one.plan))
                for one in found
            ]
        return tuple(found), outcomes

    constrained = () if plans.constrained is None else (plans.constrained,)
    some, outcomes = tested([*plans.front, *constrained])
    singular, single_outcomes = tested(plans.singular)
    is_cascade = np.array([one.plan.uses_theta for one in some])
    at = np.flatnonzero(grid.space.one_stage)
    every_one_stage = plan_outcomes(tables, [grid.plan(0, int(i)) for i in at])
    k = grid.space.k[at].max(axis=1)
    baseline = every_one_stage if study.saving.baseline_k1 else every_one_stage[:, k != 1]
    each, _ = savings(outcomes[:, is_cascade], baseline, weights, study.confidence, study.saving.window)
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
    of_front = outcomes[:, :n] if study.saving.whole_front else outcomes[:, :n][:, is_cascade[:n]]
    mean = None
    if of_front.shape[1]:
        mean = savings(of_front, baseline, weights, study.confidence, study.saving.window)[1]
    test_front = select(grid, ThetaChoice(plans.selection["theta"])).front
    sides = Sides(
        _promises(plans.front),
        _promises(plans.singular),
        outcomes[:, :n],
        single_outcomes,
        is_cascade[:n],
        every_one_stage,
        k,
        # The front that the same choice among all executed plans would have made on the test side.
        np.stack(
            [
                grid.accuracy[test_front.theta, test_front.plan],
                grid.usd_per_1k_queries[test_front.theta, test_front.plan],
            ]
        ),
        float(grid.usd_per_1k_queries.max()),
        np.array([one.validation.accuracy for one in plans.front]),
    )
    with_constrained = replace(plans, constrained=proved[n] if constrained else None)
    return replace(with_constrained, front=tuple(proved[:n]), singular=singular), mean, sides


def _promises(some: Sequence[ChosenPlan]) -> NDArray[np.float64]:
    """Float array (2, plans): promised accuracy and cost."""
    return np.array([[one.promised for one in some], [one.validation.usd_per_1k_queries for one in some]])


def _proof(
    study: Study,
    executed: Executed,
    plans: PlanFile,
    saving: Measured | None,
    sides: Sides,
    weights: NDArray[np.float64],
) -> Proof:
    """Every measure of the chosen plans, with its interval where it has one."""
    cascades = [c for c in plans.front if c.plan.uses_theta]
    known = measures(sides)
    headline = by_target_measured(sides, weights, study.confidence)
    validation = [table.at(executed.split.validation) for table in executed.tables]
    before = plan_outcomes(validation, [one.plan for one in plans.front])
    validation_weights = problem_weights(len(executed.split.validation), study.replicates, study.seed + 1)
    return Proof(
        mean_saving=saving,
        n_cascades=len(cascades),
        n_empty_windows=sum(c.saving is None for c in cascades),
        generalization_gap=generalization_gap(
            before, sides.front_test, (validation_weights, weights), study.confidence
        ),
        regret=known.regret,
        saving_by_target=None if headline is None else headline[0],
        accuracy_by_target=None if headline is None else headline[1],
        saving_at_equal_accuracy=at_equal_accuracy_measured(sides, weights, study.confidence),
        hypervolume=known.hypervolume,
        mean_saving_as_written=_known(known.mean_saving_as_written),
        mean_saving_as_printed=_known(known.mean_saving_as_printed),
        promise_gap=known.promise_gap,
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _certificate(study: Study, executed: Executed, plans: PlanFile) -> Certificate:
    assert study.promise is not None
    front = [one.plan for one in plans.front]
    validation, test = (
        plan_outcomes([table.at(side) for table in executed.tables], front)
        for side in (executed.split.validation, executed.split.test)
    )
    prices = [plans.provenance.usd_per_1m_tokens[model] for model in plans.models]
    bounds = [plan_cost_bound(plan, prices, study.family.max_new_tokens) for plan in front]
    found = certify(front, validation, test, np.array(bounds), study.promise)
    log.info("%s", found.sentence)
    return found


def _wrong_after_all_metrics(chosen: ChosenPlan) -> dict[str, float]:
    """Expected numbers of test problems, of the plan to use; none where it was proved as it was chosen."""
    if not chosen.wrong_after_all:
        return {}
    by_model = {f"wrong_after_all.{stage.model}": stage.wrong for stage in chosen.wrong_after_all}
    return {"wrong_after_all": sum(by_model.values())} | by_model


def _metrics(name: str, measured: Measured) -> dict[str, float]:
    ends = {f"{name}_low": measured.interval.low, f"{name}_high": measured.interval.high}
    return {name: measured.value} | {key: end for key, end in ends.items() if not np.isnan(end)}
