"""Problems without references change costs and acceptance, and no accuracy: by hand and by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from cascade.core import EXIT, SKIP, Option, StageTable
from cascade.search import at_cost, grid_search, plan_outcomes, with_unlabelled

PAIR = Option(1, 2)


def table(accept: list[float], right: list[float], usd: tuple[list[float], list[float]]) -> StageTable:
    """A model with an exit and the greedy pair, at one θ; `usd` of either."""
    n, a, q = len(accept), np.array(accept), np.array(right)
    ones, zeros = np.ones(n), np.zeros((2, n))
    return StageTable(
        (EXIT, PAIR),
        (0.5,),
        np.stack([ones, a])[:, None],
        np.stack([q, a * q])[:, None],
        np.stack([q, q]),
        np.array(usd),
        zeros,
        zeros,
    )


def test_costs_are_of_all_problems_and_accuracies_of_those_with_references() -> None:
    small = table([1.0, 0.0], [1.0, 0.0], ([1, 1], [2, 4]))
    large = table([1.0, 1.0], [1.0, 0.5], ([10, 20], [30, 40]))
    # Two of today, whose tests nobody has: the small model accepts one time in two, and is dearer.
    small_today = table([0.5, 0.5], [1.0, 1.0], ([1, 3], [6, 8]))
    large_today = table([1.0, 1.0], [1.0, 1.0], ([30, 40], [50, 60]))
    grid = grid_search(with_unlabelled([small, large], [small_today, large_today]))
    n = len(grid.space)
    plans = {grid.plan(0, p).options: (grid.accuracy[0, p], grid.usd_per_1k_queries[0, p]) for p in range(n)}
    assert plans[EXIT, SKIP] == pytest.approx((0.5, 1000 * (1 + 1 + 1 + 3) / 4))
    # Right: the first by the small model, the second by the large one half the times.
    accuracy = (1.0 + 0.5) / 2
    usd = (2 + (4 + 20) + (6 + 0.5 * 30) + (8 + 0.5 * 40)) / 4
    assert plans[PAIR, EXIT] == pytest.approx((accuracy, 1000 * usd))
    alone = grid_search([small, large])
    [p] = [p for p in range(n) if alone.plan(0, p).options == (PAIR, EXIT)]
    assert (alone.accuracy[0, p], alone.usd_per_1k_queries[0, p]) == pytest.approx((accuracy, 13_000))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(0, 5))
def test_any_plans_mean_is_that_of_its_outcomes(seed: int, n: int, n_more: int) -> None:
    rng = np.random.default_rng(seed)

    def drawn(n_problems: int) -> StageTable:
        return table(*rng.random((2, n_problems)).tolist(), tuple(rng.random((2, n_problems)).tolist()))

    tables, more = [drawn(n), drawn(n)], [drawn(n_more), drawn(n_more)]
    grid = grid_search(with_unlabelled(tables, more if n_more else ()))
    for p in range(len(grid.space)):
        plan = grid.plan(0, p)
        known = plan_outcomes(tables, [plan])[:, 0]
        today = plan_outcomes(more, [plan])[:, 0] if n_more else np.zeros((2, 0))
        assert grid.accuracy[0, p] == pytest.approx(known[0].mean(), abs=1e-12)
        usd = np.concatenate([known[1], today[1]]).mean()
        assert grid.usd_per_1k_queries[0, p] == pytest.approx(usd, rel=1e-12)
        moved = at_cost(known[:, None], np.array([usd]))
        assert moved[1].mean() == pytest.approx(usd)
        assert np.array_equal(moved[0, 0], known[0])
