"""task=select: the front, the singular front and θ, from the validation side of an executed study."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cascade import report, tracking
from cascade.config import AccuracyOf, AllowedPlans, PromiseOf, Study
from cascade.core import RULES, FrontStability, StageTable, answered_by, front_stability, problem_weights
from cascade.report import EXAMPLES, Example, explain_plan, last_screen, load_examples
from cascade.search import (
    PLANS,
    STAGE_TABLES,
    ChosenPlan,
    Combinations,
    Executed,
    GridResult,
    ModelCalibration,
    PlanFile,
    at_cost,
    calibration_reports,
    combination_outcomes,
    constrained_plan,
    corrected,
    estimates,
    expected_rounds,
    expected_stages,
    falling_growing,
    falling_k,
    front_optimism,
    near_front,
    nested_savings,
    select,
    with_counted_singles,
    with_unlabelled,
)
from cascade.tasks.common import EXECUTED, hash_tags, open_tracker, study_run
from cascade.tasks.context import RunContext
from cascade.tasks.continuing import SELECT_TAKES, as_settings_want, find_source, load_executed, next_command
from cascade.tasks.more_problems import with_more_problems
from cascade.tasks.searching import check_size, save_combinations, search_plans

log = logging.getLogger(__name__)

MAX_CANDIDATES = 10_000  # how many plans every replicate's front is taken from: those nearest to the front
BAND_POINTS = 100
NESTED_SPLITS = 40


def main(study: Study, output: Path) -> None:
    """Choose plans from the newest executed run of this study, or from `run_id`, in a new run."""
    tracker = open_tracker(study)
    what = "an executed study (task=study or task=run)"
    source = find_source(study, tracker, {EXECUTED: "true"}, what, SELECT_TAKES)
    executed = as_settings_want(study, load_executed(tracker, source.run_id), source)
    executed = with_more_problems(study, executed)
    with study_run(study, "select", output, goes_on=(tracker, source.executed_id)) as context:
        # What was chosen from stands beside it: task=evaluate goes on from the same tables.
        context.save_and_log(STAGE_TABLES, executed.save)
        size = check_size(study, len(executed.task_ids))
        if source.changes("search", "hardware", "select.more_problems") and size.feasible:
            save_combinations(context, executed)
        with context.timed("select"):
            plans = choose_plans(context, executed)
        tracking.log_plans(tracker, context.run_id, plans)
        with tempfile.TemporaryDirectory() as folder:
            examples = load_examples(tracker.fetch(source.run_id, EXAMPLES, Path(folder)))
        explain_cascades(context, executed, plans, examples)
        context.catch_up()
    log.info(last_screen(context.name, plans, context.links()))
    log.info("chosen; to evaluate the plans: %s", next_command(study.overrides, "evaluate", context.run_id))


def explain_cascades(
    context: RunContext, executed: Executed, plans: PlanFile, examples: Sequence[Example]
) -> None:
    """Show one cascade plan at work on a handful of problems: the cheapest with the most stages."""
    cascades = [chosen.plan for chosen in plans.front if len(chosen.plan.stages) > 1]
    if not cascades:
        return
    plan = max(cascades, key=lambda plan: len(plan.stages))
    calibrators = (
        None if executed.calibration is None else [one.calibrators[0] for one in executed.calibration]
    )
    explained = [
        (
            example,
            explain_plan(
                plan,
                plans.models,
                example,
                plans.provenance.usd_per_1m_tokens,
                RULES[answered_by(context.study.rule)],
                accept_without_tests=context.study.accept_without_tests,
                calibrators=calibrators,
            ),
        )
        for example in examples
    ]
    tracking.log_traces(context.tracker, context.run_id, plan.describe(plans.models), explained)


def choose_plans(context: RunContext, executed: Executed) -> PlanFile:
    """Search, select, log; what is drawn is put off."""
    study = context.study
    metrics: dict[str, float] = {}
    tables = [table.at(executed.split.validation) for table in executed.tables]
    judged = tables  # by which plans are chosen
    if study.accuracy_of is AccuracyOf.shrunk:
        shrunk = executed.shrunk_tables(study.seed, without_tests=study.accept_without_tests)
        judged = [table.at(executed.split.validation) for table in shrunk]
    searched = with_unlabelled(judged, executed.unlabelled)
    grid = with_counted_singles(search_plans(context, executed.models, searched), tables)
    allowed, how, nested = _allowed(study, judged, grid)
    metrics |= {f"nested_saving.{name}": saving for name, saving in nested.items()}
    chosen = select(grid, study.theta_choice, allowed)
    candidates = near_front(grid, chosen.candidates, MAX_CANDIDATES)
    optimism, singular_optimism = front_optimism(judged, tables, grid, candidates, study.seed)
    if study.promise_of is PromiseOf.corrected:
        grid = corrected(grid, optimism, singular_optimism)
        chosen = select(grid, study.theta_choice, allowed)
        candidates = near_front(grid, chosen.candidates, MAX_CANDIDATES)
    weights = problem_weights(len(executed.split.validation), study.replicates, study.seed)
    outcomes = _outcomes(executed, tables, grid, candidates)
    stability = _certainty(study, outcomes, weights)
    frequency = {
        (int(t), int(p)): float(share)
        for t, p, share in zip(candidates.theta, candidates.plan, stability.frequency, strict=True)
    }

    served = executed.served_tables()

    def with_estimates(some: Combinations) -> tuple[ChosenPlan, ...]:
        found = _chosen(study, tables, grid, _outcomes(executed, tables, grid, some), some, weights)
        expected = [expected_stages(served, one.plan, executed.models) for one in found]
        return tuple(replace(one, expected=stages) for one, stages in zip(found, expected, strict=True))

    front = with_estimates(chosen.front)
    front = tuple(
        replace(one, on_front=frequency[int(t), int(p)])
        for one, t, p in zip(front, chosen.front.theta, chosen.front.plan, strict=True)
    )
    one_plan = None
    if study.constraints.is_set:
        promised = grid.accuracy[candidates.theta, candidates.plan]
        which = np.array([constrained_plan(study.constraints, outcomes, weights, promised)])
        [one_plan] = with_estimates(candidates[which])
        one_plan = replace(one_plan, on_front=float(stability.frequency[which[0]]))
    ids = executed.task_ids
    plans = PlanFile(
        models=executed.models,
        theta=chosen.theta,
        hypervolume=chosen.hypervolume,
        front=front,
        singular=with_estimates(chosen.singular),
        constrained=one_plan,
        band=tuple(zip(stability.cost.tolist(), *stability.band.tolist(), strict=True)),
        validation_ids=tuple(ids[i] for i in executed.split.validation),
        test_ids=tuple(ids[i] for i in executed.split.test),
        selection={
            "theta": study.theta_choice.value,
            "plans": how,
            "budget_usd_per_1k": study.constraints.budget_usd_per_1k,
            "min_accuracy": study.constraints.min_accuracy,
            "confidence": study.constraints.confidence,
            "accuracy": study.accuracy_of.value,
            "promise": study.promise_of.value,
            "replicates": study.replicates,
            "interval": study.confidence,
            "more_problems": study.more_problems,
            "n_unlabelled": executed.unlabelled[0].correct.shape[1] if executed.unlabelled else 0,
        },
        optimism=optimism,
        provenance=executed.provenance,
        calibration=_calibration(executed),
        singular_optimism=singular_optimism,
    )
    if plans.calibration:
        log_calibration(context, plans)
    context.save_and_log(PLANS, plans.save)
    context.put_off(lambda: _draw(context, plans, grid, candidates))
    metrics |= {f"hypervolume.theta_{theta:g}": volume for theta, volume in chosen.hypervolume.items()}
    metrics |= {"hypervolume": chosen.pooled_hypervolume, "n_front": float(len(front))}
    metrics |= {"optimism": plans.optimism}
    if chosen.theta is not None:
        metrics |= {"theta": chosen.theta, "hypervolume": chosen.hypervolume[chosen.theta]}
    context.log(metrics=metrics, tags=hash_tags(plans) | {tracking.SELECTED: "true"})
    log.info(
        "%d plans on the front, %d with one model; cross-validation on the validation side: the accuracies "
        "that its cascades were chosen by are about %.1f points too high",
        len(plans.front),
        len(plans.singular),
        100 * plans.optimism,
    )
    return plans


def _allowed(
    study: Study, tables: Sequence[StageTable], grid: GridResult
) -> tuple[NDArray[np.bool_] | None, str, dict[str, float]]:
    """The plans that may be chosen, what they are called, and what nested splits said of them."""
    if study.allowed is AllowedPlans.all:
        return None, "all", {}
    falling = falling_k(grid.space)
    if study.allowed is AllowedPlans.falling_k:
        return falling, "falling_k", {}
    if study.allowed is AllowedPlans.growing:
        return falling_growing(grid.space), "growing", {}
    sets = {"all": np.ones(len(grid.space), dtype=bool), "falling_k": falling}
    nested = nested_savings(
        tables,
        sets,
        theta_choice=study.theta_choice,
        n_splits=NESTED_SPLITS,
        seed=study.seed,
    )
    how = max(nested, key=lambda name: nested[name])
    log.info(
        "halves of the validation side: %s; plans: %s",
        ", ".join(f"{name} saves {100 * saving:.1f} %" for name, saving in nested.items()),
        how,
    )
    return sets[how], how, nested


def _calibration(executed: Executed) -> tuple[ModelCalibration, ...]:
    if executed.calibration is None:
        return ()
    return calibration_reports(
        executed.models, executed.calibration, executed.runs, executed.split.validation, "validation"
    )


def log_calibration(context: RunContext, plans: PlanFile) -> None:
    """Log how well the probabilities are calibrated on held-out problems; drawn later."""
    context.put_off(
        lambda: context.save_and_log(
            "calibration.png", lambda path: report.reliability_figure(path, context.name, plans.calibration)
        )
    )
    metrics: dict[str, float] = {}
    for calibrated in plans.calibration:
        if calibrated.brier is None or calibrated.calibration_error is None:
            log.info("%s: no answer was tested, so no probability can be judged", calibrated.model)
            continue
        log.info(
            "%s: probabilities on %d held-out problems (%s): Brier score %.3f, calibration error %.3f",
            calibrated.model,
            calibrated.n_held_out,
            calibrated.held_out,
            calibrated.brier,
            calibrated.calibration_error,
        )
        metrics[f"brier.{calibrated.model}"] = calibrated.brier
        metrics[f"expected_calibration_error.{calibrated.model}"] = calibrated.calibration_error
    context.log(metrics=metrics)


def _certainty(study: Study, outcomes: NDArray[np.float64], weights: NDArray[np.float64]) -> FrontStability:
    usd = np.maximum(outcomes[1].mean(axis=1), 1e-12)
    cost_grid = np.geomspace(usd.min(), usd.max(), BAND_POINTS)
    return front_stability(outcomes, weights, cost_grid, study.confidence)


def _outcomes(
    executed: Executed, tables: Sequence[StageTable], grid: GridResult, combinations: Combinations
) -> NDArray[np.float64]:
    """Outcomes on the validation side; mean costs are those that problems without references share in."""
    found = combination_outcomes(tables, grid, combinations)
    if not executed.unlabelled:
        return found
    return at_cost(found, grid.usd_per_1k_queries[combinations.theta, combinations.plan])


def _chosen(
    study: Study,
    tables: Sequence[StageTable],
    grid: GridResult,
    outcomes: NDArray[np.float64],
    combinations: Combinations,
    weights: NDArray[np.float64],
) -> tuple[ChosenPlan, ...]:
    known = estimates(outcomes, weights, study.confidence)
    plans = grid.plans(combinations)
    promised = grid.accuracy[combinations.theta, combinations.plan]
    return tuple(
        ChosenPlan(plan, estimate, rounds=expected_rounds(tables, plan), promise=float(promise))
        for plan, estimate, promise in zip(plans, known, promised, strict=True)
    )


def _draw(context: RunContext, plans: PlanFile, grid: GridResult, candidates: Combinations) -> None:
    title = f"{context.name}: validation, {len(plans.validation_ids)} problems"
    context.save_and_log(
        "cost_accuracy_validation.png",
        # All plans at the chosen θ, as the paper draws them; over all θ where the front is.
        lambda path: report.cost_accuracy_figure(
            path,
            title,
            grid.usd_per_1k_queries[candidates.theta, candidates.plan],
            grid.accuracy[candidates.theta, candidates.plan],
            [c.validation for c in plans.front],
            [c.validation for c in plans.singular],
            plans.band,
        ),
    )
