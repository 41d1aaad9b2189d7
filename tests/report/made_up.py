"""Evaluated studies of made-up models, as the page's parts take them, without a run."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from cascade.core.bootstrap import Interval, Measured, front_stability, problem_weights
from cascade.core.plans import ThetaChoice
from cascade.core.pricing import Throughput
from cascade.core.split import Split
from cascade.report.content import Evaluated, RunRecord
from cascade.report.diagnostics import solved_table
from cascade.search import ChosenPlan, PlanFile, Proof, Replacement
from cascade.search.artifacts import Executed
from cascade.search.choose import select
from cascade.search.evaluate import difference, estimates, generalization_gap, replaced, savings
from cascade.search.grid import GridResult, grid_search
from cascade.search.plan_results import combination_outcomes, plan_outcomes
from cascade.search.provenance import Provenance
from tests.made_up import made_up_tables

CONFIDENCE, REPLICATES, N_PROBLEMS = 0.9, 50, 40
NAMES = ("tiny", "small", "medium", "large", "huge")
HASHES = {"config": "c0", "prices": "c1", "problems": "c2", "samples": "c3"}
YAML = "task:\n  _target_: <study> & co\n"


def evaluated(n_models: int = 3, seed: int = 0, *, theta: str = "best", **names: str) -> Evaluated:
    """A study whose plans were chosen on one side and proved on the other, as the tasks do it.

    Args:
        n_models, seed: how many models, and the split's seed.
        theta: best, pooled or stage.
        names: of the family, data set or hardware that it is said to be of.
    """
    tables = made_up_tables(n_models, N_PROBLEMS)
    order = np.random.default_rng(seed).permutation(N_PROBLEMS)
    split = Split(np.sort(order[:15]), np.sort(order[15:]))
    models = NAMES[:n_models]
    ids = tuple(f"P/{i}" for i in range(N_PROBLEMS))
    provenance = Provenance(
        family="made_up",
        dataset="numbers",
        hardware="abacus",
        seed=seed,
        estimator="first_k",
        prices={model: Throughput(1, 7.2, 0.5 * 4**i, None) for i, model in enumerate(models)},
        hashes=HASHES,
    )
    provenance = replace(provenance, **names)  # type: ignore[arg-type]
    executed = Executed(models, ids, tuple(tables), split, provenance)
    solved = np.random.default_rng(n_models).random((n_models, N_PROBLEMS)) < 0.5
    study = Evaluated(
        f"made up, seed={seed}",
        executed,
        _plans(executed, theta),
        {"who_solves_what": solved_table(models, solved, ids)},
        "paper",
        RunRecord(
            f"run{seed}",
            f"run{seed}",
            datetime(2024, 5, 1, 12, 30, tzinfo=UTC),
            f"python run.py seed={seed}",
            f"python run.py task=serve run_id={'0123456789abcdef' * 2} seed={seed}",
            "0.1.0",
            None,
            {"execute": 1.25},
            YAML,
        ),
    )
    return study


def grids(study: Evaluated) -> dict[str, GridResult]:
    """All plans on either side."""
    per_stage = study.plans.selection["theta"] == "stage"
    return {side: grid_search(study.side(side), per_stage_theta=per_stage) for side in ("validation", "test")}


def _plans(executed: Executed, theta: str) -> PlanFile:
    split = executed.split
    tables = [table.at(split.validation) for table in executed.tables]
    grid = grid_search(tables, per_stage_theta=theta == "stage")
    chosen = select(grid, ThetaChoice(theta))
    outcomes = combination_outcomes(tables, grid, chosen.front)
    weights = problem_weights(len(split.validation), REPLICATES, 0)
    costs = np.geomspace(outcomes[1].mean(axis=1).min(), outcomes[1].mean(axis=1).max(), 20)
    stability = front_stability(outcomes, weights, costs, CONFIDENCE)
    front = [
        ChosenPlan(plan, estimate, on_front=float(share))
        for plan, estimate, share in zip(
            grid.plans(chosen.front),
            estimates(outcomes, weights, CONFIDENCE),
            stability.frequency,
            strict=True,
        )
    ]
    alone = estimates(combination_outcomes(tables, grid, chosen.singular), weights, CONFIDENCE)
    singular = [
        ChosenPlan(plan, estimate) for plan, estimate in zip(grid.plans(chosen.singular), alone, strict=True)
    ]
    plans = PlanFile(
        models=executed.models,
        theta=chosen.theta,
        hypervolume=chosen.hypervolume,
        front=tuple(front),
        singular=tuple(singular),
        constrained=None,
        band=tuple(zip(stability.cost.tolist(), *stability.band.tolist(), strict=True)),
        validation_ids=tuple(executed.task_ids[i] for i in split.validation),
        test_ids=tuple(executed.task_ids[i] for i in split.test),
        selection={
            "theta": theta,
            "plans": "all",
            "budget_usd_per_1k": None,
            "min_accuracy": None,
            "replicates": REPLICATES,
            "interval": CONFIDENCE,
        },
        optimism=0.01,
        provenance=executed.provenance,
    )
    return _proved(executed, plans)


def _proved(executed: Executed, plans: PlanFile) -> PlanFile:
    seed = executed.provenance.seed
    tables = [table.at(executed.split.test) for table in executed.tables]
    weights = problem_weights(len(executed.split.test), REPLICATES, 1)

    def tested(some: tuple[ChosenPlan, ...]) -> tuple[list[ChosenPlan], np.ndarray]:
        outcomes = plan_outcomes(tables, [one.plan for one in some])
        known = estimates(outcomes, weights, CONFIDENCE)
        return [replace(one, test=test) for one, test in zip(some, known, strict=True)], outcomes

    front, outcomes = tested(plans.front)
    singular, alone = tested(plans.singular)
    saved = []
    for i, one in enumerate(front):
        if len(one.plan.stages) > 1:
            [saving], _ = savings(outcomes[:, [i]], alone, weights, CONFIDENCE)
            saved.append(saving)
            instead = replaced(one, singular)
            better, cheaper = difference(outcomes[:, i], alone[:, instead], weights, CONFIDENCE)
            front[i] = replace(
                one,
                saving=None if saving is None else saving.value,
                saving_interval=None if saving is None else saving.interval,
                replaces=Replacement(singular[instead].plan, better, cheaper),
            )
    validation = plan_outcomes(
        [table.at(executed.split.validation) for table in executed.tables], [one.plan for one in front]
    )
    validation_weights = problem_weights(len(executed.split.validation), REPLICATES, 2)
    values = [saving.value for saving in saved if saving is not None]
    proof = Proof(
        Measured(float(np.mean(values)), Interval(min(values), max(values))) if values else None,
        len(saved),
        len(saved) - len(values),
        generalization_gap(validation, outcomes, (validation_weights, weights), CONFIDENCE),
        0.05,
        saving_by_target=Measured(0.3 - 0.01 * seed, Interval(0.1, 0.4)),
        accuracy_by_target=Measured(-0.01, Interval(-0.03, 0.01)),
        hypervolume=3.5,
    )
    return replace(plans, front=tuple(front), singular=tuple(singular), proof=proof)
