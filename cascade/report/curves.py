"""The curves of the paper's Figures 1 and 6, as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from cascade.core import Option, Plan, StageTable
from cascade.search import Estimate, equal_cost, plan_outcomes

Floats = NDArray[np.float64]
N_POINTS = 200


@dataclass(frozen=True)
class SavingCurve:
    """What equal accuracy costs with a cascade and with one model (paper Figure 1).

    Attributes:
        accuracy: float array (200,): the accuracies that both curves have, evenly apart.
        cascade, one_model: float arrays (200,): US dollars per 1,000 queries.
        saving: mean share of cost between the curves.
        cascade_plans, one_model_plans: float arrays (2, plans): cost and accuracy that the curves go through.
    """

    accuracy: Floats
    cascade: Floats
    one_model: Floats
    saving: float
    cascade_plans: Floats
    one_model_plans: Floats


def saving_curve(
    cost: Floats, accuracy: Floats, one_stage_cost: Floats, one_stage_accuracy: Floats
) -> SavingCurve | None:
    """PCHIP through the chosen plans, and through the cost-averaged one-stage plans.

    A one-stage plan stands at the mean cost of all one-stage plans within ±1 point of its accuracy, as
    the paper compares (section 5.1). The curves are drawn through ln(cost).

    Args:
        cost, accuracy: float arrays (plans,) of the chosen plans: US dollars per 1,000 queries, and 0..1.
        one_stage_cost, one_stage_accuracy: of all one-stage plans, on the same problems.

    Returns:
        None where the two have no range of accuracies in common.
    """
    averaged = equal_cost(one_stage_accuracy, one_stage_cost, one_stage_accuracy)
    ours, others = _through(accuracy, cost), _through(one_stage_accuracy, averaged)
    if ours is None or others is None:
        return None
    low, high = max(ours.x[0], others.x[0]), min(ours.x[-1], others.x[-1])
    if low >= high:
        return None
    at = np.linspace(low, high, N_POINTS)
    cascade, one_model = np.exp(ours(at)), np.exp(others(at))
    return SavingCurve(
        at,
        cascade,
        one_model,
        float(np.mean(1 - cascade / one_model)),
        np.stack([np.exp(ours(ours.x)), ours.x]),
        np.stack([np.exp(others(others.x)), others.x]),
    )


def _through(accuracy: Floats, cost: Floats) -> PchipInterpolator | None:
    """ln(cost) as a function of accuracy; of equal accuracies the mean."""
    positive = cost > 0
    levels, level = np.unique(np.round(accuracy[positive], 9), return_inverse=True)
    if len(levels) < 2:
        return None
    logs = np.bincount(level, np.log(cost[positive])) / np.bincount(level)
    return PchipInterpolator(levels, logs)


def theta_sweep(tables: Sequence[StageTable], options: tuple[Option, ...]) -> tuple[Floats, Floats]:
    """One plan's options at every θ (paper Figure 6).

    Args:
        tables: one a model, with those options.
        options: one a model, or `SKIP`.

    Returns:
        Float arrays (thetas,): US dollars per 1,000 queries, and accuracy 0..1.
    """
    outcomes = plan_outcomes(tables, [Plan(options, theta) for theta in tables[0].thetas])
    accuracy, cost = outcomes.mean(axis=2)
    return cost, accuracy


@dataclass(frozen=True)
class Band:
    """What several studies' chosen plans reach for at most so much.

    Attributes:
        cost: float array (points,): US dollars per 1,000 queries, ascending.
        low, median, high: float arrays (points,): 10th, 50th and 90th percentile of the best accuracy.
    """

    cost: Floats
    low: Floats
    median: Floats
    high: Floats


def band_of(fronts: Sequence[Sequence[Estimate]]) -> Band:
    """The band of several fronts, from where half of the studies have a plan that is so cheap.

    Args:
        fronts: one a study; cost and accuracy of its chosen plans on one side.
    """
    costs = np.array([e.usd_per_1k_queries for front in fronts for e in front if e.usd_per_1k_queries > 0])
    grid = np.geomspace(costs.min(), costs.max(), N_POINTS)
    best = np.full((len(fronts), N_POINTS), np.nan)
    for row, front in zip(best, fronts, strict=True):
        for e in front:
            row[grid >= e.usd_per_1k_queries * (1 - 1e-9)] = np.fmax(
                row[grid >= e.usd_per_1k_queries * (1 - 1e-9)], e.accuracy
            )
    some = (~np.isnan(best)).mean(axis=0) >= 0.5
    low, median, high = np.nanquantile(best[:, some], [0.1, 0.5, 0.9], axis=0)
    return Band(grid[some], low, median, high)
