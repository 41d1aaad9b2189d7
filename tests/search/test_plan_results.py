"""What single plans do on single problems, by hand."""

import numpy as np
import pytest

from cascade.core.plans import EXIT, SKIP, Option, Plan
from cascade.core.stage_tables import StageTable
from cascade.search.grid import Combinations, grid_search
from cascade.search.plan_results import (
    combination_outcomes,
    expected_rounds,
    plan_indices,
    plan_outcomes,
    stage_shares,
)
from tests.made_up import made_up_tables

TESTED, OTHER = Option(1, 2), Option(3, 2)
THETAS = (0.0, 0.5)


def table(usd: float) -> StageTable:
    """A model without the greedy exit on four problems; at θ = 0.5 it accepts half, half of them wrongly."""
    accept = np.array([[[1, 1, 1, 1], [1, 1, 0, 0]], [[1, 1, 1, 1], [1, 0, 0, 0]]], dtype=float)
    correct = np.array([[1, 0, 1, 0], [1, 1, 1, 0]], dtype=float)
    cost, none = np.full((2, 4), usd), np.zeros((2, 4))
    return StageTable((TESTED, OTHER), THETAS, accept, accept * correct[:, None], correct, cost, none, none)


TABLES = [table(1e-3), table(3e-3)]


def test_a_plan_whose_first_option_is_on_the_way() -> None:
    """No option is the exit: the tables' first option tests, escalates and answers like any other."""
    plan = Plan((TESTED, OTHER), 0.5)
    right, usd = plan_outcomes(TABLES, [plan])[:, 0]
    # Two problems are accepted, one of them right; the others go on, where problem 2 is right.
    assert right.tolist() == [1, 0, 1, 0]
    assert usd == pytest.approx([1, 1, 4, 4])


def test_indices_name_options_and_the_thetas_that_are_looked_at() -> None:
    options, thetas = plan_indices(TABLES, [Plan((TESTED, OTHER), 0.5), Plan((SKIP, TESTED), 0.5)])
    assert options.tolist() == [[0, 1], [-1, 0]]
    # The last stage looks at none.
    assert thetas.tolist() == [[1, 0], [0, 0]]
    with pytest.raises(ValueError, match="not in"):
        plan_indices(TABLES, [Plan((EXIT, SKIP), 0.5)])


@pytest.mark.parametrize("per_stage_theta", [False, True])
def test_combinations_of_a_grid_without_exits(per_stage_theta: bool) -> None:
    grid = grid_search(TABLES, per_stage_theta=per_stage_theta)
    n_thetas, n_plans = grid.accuracy.shape
    every = Combinations(np.repeat(np.arange(n_thetas), n_plans), np.tile(np.arange(n_plans), n_thetas))
    found = combination_outcomes(TABLES, grid, every)
    assert np.array_equal(found, plan_outcomes(TABLES, grid.plans(every)))
    assert found[0].mean(axis=1) == pytest.approx(grid.accuracy[every.theta, every.plan])
    assert found[1].mean(axis=1) == pytest.approx(grid.usd_per_1k_queries[every.theta, every.plan])


def test_shares_by_hand() -> None:
    first, last = stage_shares(TABLES, Plan((TESTED, OTHER), 0.5))
    assert (first.model, first.asked, first.answered, first.right) == (0, 1.0, 0.5, 0.25)
    assert (last.model, last.asked, last.answered, last.right) == (1, 0.5, 0.5, 0.25)
    [alone] = stage_shares(TABLES, Plan((SKIP, OTHER), 0.5))
    assert (alone.model, alone.asked, alone.answered, alone.right) == (1, 1.0, 1.0, 0.75)


def test_shares_sum_to_the_plan() -> None:
    tables = made_up_tables(3, 9)
    plan = Plan((Option(3, 2), Option(1, 4), EXIT), 0.4)
    shares = stage_shares(tables, plan)
    assert sum(one.answered for one in shares) == pytest.approx(1.0)
    assert sum(one.right for one in shares) == pytest.approx(plan_outcomes(tables, [plan])[0].mean())
    assert expected_rounds(tables, plan) == pytest.approx(sum(one.asked for one in shares))
