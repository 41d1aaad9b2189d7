"""Given plans against the grid, and the grid's size against its plans."""

from dataclasses import replace

import numpy as np
import pytest

from cascade.core.plans import SKIP, Growing, option_space
from cascade.search.grid import grid_search
from cascade.search.grid_size import MAX_GRID_PLANS, n_grid_plans, size_of_grid
from cascade.search.plan_list import listed_plans, one_stage_plans
from cascade.search.plan_results import plan_indices
from tests.made_up import OPTIONS, THETAS, made_up_tables

SMALL = option_space([0, 1, 3], [0, 2])


@pytest.mark.parametrize("per_stage_theta", [True, False])
@pytest.mark.parametrize("n_models", [1, 2, 3])
def test_given_plans_are_the_grid_s(n_models: int, per_stage_theta: bool) -> None:
    tables = made_up_tables(n_models, 7, SMALL, (0.0, 0.5, 1.0))
    grid = grid_search(tables, per_stage_theta=per_stage_theta)
    for t, theta in enumerate(grid.thetas):
        plans = [grid.space.plan(p, theta) for p in range(len(grid.space))]
        found = listed_plans(tables, *plan_indices(tables, plans))
        assert np.allclose(found.accuracy[0], grid.accuracy[t], atol=1e-12)
        assert np.allclose(found.usd_per_1k_queries[0], grid.usd_per_1k_queries[t], atol=1e-12)
        for n, plan in enumerate(plans):
            again = found.space.plan(n, float("nan"))
            assert again.options == plan.options
            # Every stage on the way has the plan's θ.
            assert [again.theta_at(i) for i, _ in plan.stages[:-1]] == [
                plan.theta_at(i) for i, _ in plan.stages[:-1]
            ]


def test_one_stage_plans_are_all_and_no_others() -> None:
    tables = made_up_tables(3, 4, SMALL)
    result = listed_plans(tables, one_stage_plans(tables), np.zeros((9, 3), dtype=np.int64))
    assert result.space.one_stage.all() and len({result.space.plan(i, 0).options for i in range(9)}) == 9
    assert sum(option != SKIP for option in result.space.plan(8, 0).options) == 1


@pytest.mark.parametrize("per_stage_theta", [True, False])
@pytest.mark.parametrize("growing", Growing)
def test_the_grid_is_as_large_as_it_is_said(per_stage_theta: bool, growing: Growing) -> None:
    options = option_space([0, 1, 3], [0, 2], growing)
    for n_models in (1, 2, 3):
        tables = made_up_tables(n_models, 2, options, (0.0, 0.5, 1.0))
        if growing is not Growing.off:
            tables = [replace(table, growing=(table.accept,) * 3) for table in tables]
        said = n_grid_plans([t.options for t in tables], 3, per_stage_theta=per_stage_theta)
        grid = grid_search(tables, per_stage_theta=per_stage_theta)
        assert said == grid.accuracy.size
        size = size_of_grid([options] * n_models, (0.0, 0.5, 1.0), 2, per_stage_theta=per_stage_theta)
        held = grid.accuracy.nbytes + grid.usd_per_1k_queries.nbytes + grid.space.choices.nbytes
        assert (size.n_plans, size.gigabytes) == (said, pytest.approx(held / 1e9))


def test_the_size_of_known_families() -> None:
    def n(n_models: int, per_stage_theta: bool) -> int:
        return n_grid_plans([OPTIONS] * n_models, 11, per_stage_theta=per_stage_theta)

    assert (n(3, False), n(4, False)) == (9009, 81180)
    assert (n(3, True), n(4, True)) == (72099, 6416820)
    five = size_of_grid([OPTIONS] * 5, THETAS, 164, per_stage_theta=True)
    assert five.n_plans == n(5, True) > MAX_GRID_PLANS and not five.feasible
    assert five.seconds > 0 and five.gigabytes == pytest.approx(26 * five.n_plans / 1e9)
    assert size_of_grid([OPTIONS] * 5, THETAS, 164, per_stage_theta=False).feasible


def test_a_model_without_tests_ends_every_plan_that_asks_it() -> None:
    with_tests, without = made_up_tables(2, 5, SMALL), made_up_tables(2, 5, (SMALL[0],))
    assert grid_search(without).accuracy.shape == (11, 2)
    assert grid_search([with_tests[0], without[1]]).accuracy.shape[1] == 3 + 1 + 2
