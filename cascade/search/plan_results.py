"""What single plans do on single problems: the rows that every statistic over problems starts from."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cascade.core import SKIP, Plan, StageTable, usd_per_1k_queries
from cascade.search.grid import Combinations, GridResult

Indices = NDArray[np.int64]


def plan_outcomes(tables: Sequence[StageTable], plans: Sequence[Plan]) -> NDArray[np.float64]:
    """Expected result of N plans on each of P problems.

    Args:
        tables: one table a model in family order, over the same problems.
        plans: whose options and θ are in the tables.

    Returns:
        Float array (2, N, P): probability of a right answer, and US dollars per 1,000 queries.

    Raises:
        ValueError: an option or a θ is not in the tables.
    """
    return outcomes_at(tables, *plan_indices(tables, plans))


def plan_indices(tables: Sequence[StageTable], plans: Sequence[Plan]) -> tuple[Indices, Indices]:
    """Int arrays (N, models): each plan's options (-1: skipped) and θ by their indices in the tables."""
    options = np.full((len(plans), len(tables)), -1)
    thetas = np.zeros((len(plans), len(tables)), dtype=np.int64)
    for n, plan in enumerate(plans):
        for i, table in enumerate(tables):
            if plan.options[i] != SKIP:
                options[n, i] = table.options.index(plan.options[i])
                # The θ of a last stage that does not grow is never looked at, and may be any number.
                if i != plan.stages[-1][0] or plan.options[i].growing:
                    thetas[n, i] = table.thetas.index(plan.theta_at(i))
    return options, thetas


def combination_outcomes(
    tables: Sequence[StageTable], grid: GridResult, combinations: Combinations
) -> NDArray[np.float64]:
    """The same for combinations of a grid, by their indices.

    Args:
        tables: as `plan_outcomes` takes them; on the grid's problems or on others.
        grid: the grid that the indices are of.
        combinations: N of them.

    Returns:
        Float array (2, N, P), see `plan_outcomes`.
    """
    choices = grid.space.choices[combinations.plan].astype(np.int64)
    if grid.space.thetas is None:
        options = choices
        thetas = np.repeat(combinations.theta[:, None], len(tables), axis=1)
    else:
        # A choice is an option with its θ; what skips a model or ends a plan looks at none.
        option_indices = [
            np.array([table.options.index(option) for option in choice_options] + [-1])
            for table, choice_options in zip(tables, grid.space.options, strict=True)
        ]
        at = [
            np.array([0 if np.isnan(theta) else table.thetas.index(theta) for theta in choice_thetas] + [0])
            for table, choice_thetas in zip(tables, grid.space.thetas, strict=True)
        ]
        options = np.stack(
            [choice_options[choices[:, i]] for i, choice_options in enumerate(option_indices)], axis=1
        )
        thetas = np.stack([choice_thetas[choices[:, i]] for i, choice_thetas in enumerate(at)], axis=1)
    return outcomes_at(tables, options, thetas)


def outcomes_at(tables: Sequence[StageTable], options: Indices, thetas: Indices) -> NDArray[np.float64]:
    """The same for plans by their indices in the tables.

    Args:
        tables: as `plan_outcomes` takes them.
        options: int array (N, models): index into the model's options, -1 where it is skipped.
        thetas: int array (N, models): index into the tables' θ; a last stage looks at it only where it grows.

    Returns:
        Float array (2, N, P), see `plan_outcomes`.
    """
    n_problems = tables[0].correct.shape[1]
    result = np.zeros((2, len(options), n_problems))
    reach = np.ones((len(options), n_problems))
    last = len(tables) - 1 - (options[:, ::-1] >= 0).argmax(axis=1)
    for i, table in enumerate(tables):
        correct, usd, _ = table.by_theta
        ends = np.flatnonzero(last == i)
        at = options[ends, i], thetas[ends, i]
        result[0, ends] += reach[ends] * correct[at]
        result[1, ends] += reach[ends] * usd[at]
        way = np.flatnonzero((last > i) & (options[:, i] >= 0))
        at = options[way, i], thetas[way, i]
        result[0, way] += reach[way] * table.accept_correct[at]
        result[1, way] += reach[way] * usd[at]
        reach[way] *= 1.0 - table.accept[at]
    result[1] = usd_per_1k_queries(result[1])
    return result


def expected_rounds(tables: Sequence[StageTable], plan: Plan) -> float:
    """Rounds of generation that a query waits for, one after the other, in the mean over problems.

    A stage that does not grow is one round; a growing one has a round for every size of its pool.
    """
    [options], [thetas] = plan_indices(tables, [plan])
    reach, rounds = np.ones(tables[0].correct.shape[1]), 0.0
    for i, _ in plan.stages:
        at = options[i], thetas[i]
        rounds += float((reach * tables[i].by_theta[2][at]).mean())
        reach = reach * (1.0 - tables[i].accept[at])
    return rounds


class StageShare(NamedTuple):
    """What a stage of a plan does, as shares of all problems.

    Attributes:
        model: index in the family.
        asked: how many reach it.
        answered: how many end with its answer.
        right: how many end with its answer and are right.
    """

    model: int
    asked: float
    answered: float
    right: float


def stage_shares(tables: Sequence[StageTable], plan: Plan) -> list[StageShare]:
    """How far problems go in a plan (paper section 3.1), stage by stage."""
    shares = []
    reach = np.ones(tables[0].correct.shape[1])
    last = plan.stages[-1][0]
    for i, option in plan.stages:
        o = tables[i].options.index(option)
        if i == last:
            t = tables[i].thetas.index(plan.theta_at(i)) if option.growing else 0
            accept, right = np.ones_like(reach), tables[i].by_theta[0][o, t]
        else:
            t = tables[i].thetas.index(plan.theta_at(i))
            accept, right = tables[i].accept[o, t], tables[i].accept_correct[o, t]
        shares.append(
            StageShare(i, float(reach.mean()), float((reach * accept).mean()), float((reach * right).mean()))
        )
        reach = reach * (1.0 - accept)
    return shares
