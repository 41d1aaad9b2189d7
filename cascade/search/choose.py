"""Choosing plans on the validation side: fronts and θ (METHOD, Choosing)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cascade.core import PlanSpace, ThetaChoice, front, hypervolume
from cascade.search.grid import Combinations, GridResult


@dataclass(frozen=True)
class Selection:
    """The plans chosen on one grid.

    Attributes:
        theta: the chosen θ, or None where one front was taken over several.
        candidates: what the front was taken from: every distinct combination that was allowed.
        front: the Pareto-optimal combinations by rising cost.
        singular: the same among one-stage plans.
        hypervolume: for every θ of the grid its front's hypervolume in (ln cost, accuracy); empty
            where every stage has a θ of its own.
        pooled_hypervolume: of the front over all θ.
    """

    theta: float | None
    candidates: Combinations
    front: Combinations
    singular: Combinations
    hypervolume: dict[float, float]
    pooled_hypervolume: float


def select(
    grid: GridResult, theta_choice: ThetaChoice, allowed: NDArray[np.bool_] | None = None
) -> Selection:
    """The front of the best θ (or over all θ) and the singular front.

    The best θ has the largest hypervolume in (ln cost, accuracy) up to the dearest plan of any θ;
    a tie goes to the wider cost range, then to the smaller θ. The paper chooses by eye: "the most
    Pareto-efficient behavior while offering the best cost coverage" (section 3.3).

    Args:
        grid: every combination on the validation side.
        theta_choice: `best` is the paper's; over a grid with one θ a stage there is one front alone.
        allowed: bool array (plans,): the plans that may be chosen, see `falling_k`; None for all.
    """
    cost, accuracy = _positive(grid.usd_per_1k_queries), grid.accuracy
    per_stage = grid.space.thetas is not None
    plans = np.arange(len(grid.space)) if allowed is None else np.flatnonzero(allowed)
    dearest = float(cost.max())
    one_stage = np.flatnonzero(grid.space.one_stage)
    rows = np.arange(len(grid.thetas))
    # A front over several θ has no members but those of their own fronts.
    fronts = [plans[front(cost[t, plans], accuracy[t, plans])] for t in rows]
    volumes = [
        hypervolume(cost[t, indices], accuracy[t, indices], dearest) for t, indices in enumerate(fronts)
    ]
    over_all = _joined(grid, rows, fronts)
    theta = None
    if theta_choice in (ThetaChoice.best, ThetaChoice.near) and not per_stage:
        best = max(rows, key=lambda t: _merit(volumes[t], cost[t, fronts[t]]))
        if theta_choice is ThetaChoice.near:
            rows = rows[max(best - 1, 0) : best + 2]
        else:
            theta, rows = grid.thetas[best], np.array([best])
    members = _joined(grid, rows, [fronts[t] for t in rows])
    singles = Combinations(np.zeros_like(one_stage), one_stage)
    return Selection(
        theta,
        _joined(grid, rows, [plans for _ in rows]),
        members[front(cost[members.theta, members.plan], accuracy[members.theta, members.plan])],
        singles[front(cost[0, one_stage], accuracy[0, one_stage])],
        {} if per_stage else dict(zip(grid.thetas, volumes, strict=True)),
        hypervolume(cost[over_all.theta, over_all.plan], accuracy[over_all.theta, over_all.plan], dearest),
    )


def _joined(grid: GridResult, rows: NDArray[np.int64], plans: Sequence[NDArray[np.int64]]) -> Combinations:
    """Plans of every row; one-stage plans are the same at every θ, and the first row stands for them."""
    theta, plan = np.repeat(rows, [len(row_plans) for row_plans in plans]), np.concatenate(plans)
    one_stage = grid.space.one_stage[plan]
    theta[one_stage] = rows[0]
    keep = ~one_stage
    at_one_stage = np.flatnonzero(one_stage)
    keep[at_one_stage[np.unique(plan[at_one_stage], return_index=True)[1]]] = True
    return Combinations(theta, plan)[keep]


def _merit(volume: float, cost: NDArray[np.float64]) -> tuple[float, float]:
    # Sums of the same areas in another order differ in the last bits: that is no difference.
    return round(volume, 12), round(float(np.log(cost[-1] / cost[0])), 12)


def one_stage(grid: GridResult) -> Combinations:
    """Every one-stage plan of fixed k, from which the singular front is taken."""
    alone = np.flatnonzero(grid.space.one_stage)
    return Combinations(np.zeros_like(alone), alone)


def falling_k(space: PlanSpace) -> NDArray[np.bool_]:
    """The plans whose k falls from stage to stage, as a larger model's samples are dearer (beyond the paper).

    Returns:
        Bool array (plans,); one-stage plans are among them.
    """
    falls = np.ones(len(space), dtype=bool)
    before = np.full(len(space), np.iinfo(np.int64).max)
    for model_k in space.k.T:
        asked = model_k >= 0
        falls &= ~asked | (model_k < before)
        before = np.where(asked, model_k, before)
    return falls


def falling_growing(space: PlanSpace) -> NDArray[np.bool_]:
    """Of the plans whose k falls those whose stages grow where k > 1.

    A growing stage costs less than the fixed one of the same k, which mostly adds plans to be lucky.
    """
    return np.asarray(falling_k(space) & (space.growing | (space.k <= 1)).all(axis=1))


def near_front(grid: GridResult, some: Combinations, most: int) -> Combinations:
    """At most so many combinations: those whose accuracy is nearest to the best that their cost buys.

    Args:
        grid: where their cost and accuracy stand.
        some: the combinations to take from.
        most: how many at most.
    """
    if len(some) <= most:
        return some
    at = some.theta, some.plan
    cost, accuracy = grid.usd_per_1k_queries[at], grid.accuracy[at]
    order = np.lexsort((-accuracy, cost))
    best = np.maximum.accumulate(accuracy[order])
    behind = best - accuracy[order]
    # Plans that are as accurate as a cheaper one are no distance behind either: the front goes first.
    behind[np.flatnonzero(np.diff(best, prepend=-1.0) > 0)] = -1.0
    return some[np.sort(order[np.argpartition(behind, most)[:most]])]


def _positive(cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Costs for the logarithm: a plan that wrote nothing at all counts as the cheapest that did."""
    positive = cost[cost > 0]
    return np.maximum(cost, positive.min() if positive.size else 1.0)
