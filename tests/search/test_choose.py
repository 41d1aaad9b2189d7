"""The choice of θ and the savings, on hand-computed toys."""

import numpy as np
import pytest

from cascade.core.plans import EXIT, Option, ThetaChoice, plan_space
from cascade.search.choose import falling_k, near_front, select
from cascade.search.grid import Combinations, GridResult

# Two models with exit and one testing option each; the space's order is
# [0] A greedy, [1] A 1:2, [2] B greedy, [3] B 1:2, [4] A 1:2 → B greedy, [5] A 1:2 → B 1:2
SPACE = plan_space([(EXIT, Option(1, 2))] * 2)
ONE_STAGE = [(1.0, 0.3), (2.0, 0.3), (8.0, 0.6), (9.0, 0.6)]


def grid(*cascades: list[tuple[float, float]]) -> GridResult:
    """One row a θ: the (cost, accuracy) of the two cascade plans."""
    points = np.array([[*ONE_STAGE, *points_of_theta] for points_of_theta in cascades])
    thetas = tuple(i / 10 for i in range(len(cascades)))
    return GridResult(SPACE, thetas, points[..., 1].copy(), points[..., 0].copy())


def pairs(some: Combinations) -> list[tuple[int, int]]:
    return list(zip(some.theta.tolist(), some.plan.tolist(), strict=True))


def test_space_order() -> None:
    assert SPACE.one_stage.tolist() == [True, True, True, True, False, False]


def test_the_largest_hypervolume_wins() -> None:
    chosen = select(grid([(4.0, 0.4), (9.5, 0.6)], [(4.0, 0.55), (9.5, 0.6)]), ThetaChoice.best)
    assert chosen.theta == 0.1
    assert pairs(chosen.front) == [(1, 0), (1, 4), (1, 2)]
    assert pairs(chosen.singular) == [(0, 0), (0, 2)]
    # ln 4 of width at 0.3, ln 2 at 0.55, and from 8 to the dearest plan of any θ (9.5) at 0.6
    expected = 0.3 * np.log(4) + 0.55 * np.log(2) + 0.6 * np.log(9.5 / 8)
    assert chosen.hypervolume[0.1] == pytest.approx(expected)
    assert chosen.hypervolume[0.0] < expected


def test_a_tie_goes_to_the_wider_cost_range() -> None:
    # At θ=0.1 the plan of 9.5 $ has a higher accuracy, but lies on the reference and adds no area.
    chosen = select(grid([(4.0, 0.5), (9.5, 0.6)], [(4.0, 0.5), (9.5, 0.9)]), ThetaChoice.best)
    assert chosen.hypervolume[0.0] == pytest.approx(chosen.hypervolume[0.1])
    assert chosen.theta == 0.1


def test_pooled_takes_one_front_over_all_thetas() -> None:
    chosen = select(grid([(4.0, 0.4), (3.0, 0.45)], [(4.0, 0.55), (9.5, 0.6)]), ThetaChoice.pooled)
    assert chosen.theta is None
    # One-stage plans stand there once, from the first θ.
    assert pairs(chosen.front) == [(0, 0), (0, 5), (1, 4), (0, 2)]
    assert chosen.pooled_hypervolume >= max(chosen.hypervolume.values())


def test_only_allowed_plans_are_chosen() -> None:
    both = grid([(4.0, 0.4), (9.5, 0.6)], [(4.0, 0.55), (9.5, 0.65)])
    allowed = np.array([True, True, True, True, False, True])
    chosen = select(both, ThetaChoice.best, allowed)
    assert pairs(chosen.front) == [(1, 0), (1, 2), (1, 5)]
    assert 4 not in chosen.candidates.plan
    assert chosen.hypervolume[0.1] < select(both, ThetaChoice.best).hypervolume[0.1]


def test_candidates_are_distinct() -> None:
    both = grid([(4.0, 0.4), (9.5, 0.6)], [(4.0, 0.55), (9.5, 0.65)])
    assert len(select(both, ThetaChoice.pooled).candidates) == 4 + 2 * 2
    assert len(select(both, ThetaChoice.best).candidates) == 6


def test_falling_k() -> None:
    # k = 1 twice does not fall; k = 1 before the greedy exit (k = 0) does.
    assert falling_k(SPACE).tolist() == [True, True, True, True, True, False]
    three = plan_space([(EXIT, Option(3, 2), Option(5, 4))] * 3)
    for plan, falls in zip(range(len(three)), falling_k(three), strict=True):
        k = [option.k for _, option in three.plan(plan, 0.0).stages]
        assert falls == (k == sorted(set(k), reverse=True))


def test_near_front_keeps_the_front_first() -> None:
    rng = np.random.default_rng(0)
    points = GridResult(SPACE, (0.0, 0.1), rng.random((2, 6)), rng.random((2, 6)))
    every = select(points, ThetaChoice.pooled).candidates
    kept = near_front(points, every, 5)
    assert len(kept) == 5
    assert set(pairs(select(points, ThetaChoice.pooled).front)) <= set(pairs(kept))
    assert near_front(points, every, 100) is every


def test_near_front_keeps_the_front_among_many_equals() -> None:
    # Five plans are as accurate as the cheapest; the dearest alone is better.
    flat = GridResult(SPACE, (0.0,), np.array([[0.5] * 5 + [0.6]]), np.arange(1.0, 7.0)[None])
    assert pairs(near_front(flat, select(flat, ThetaChoice.pooled).candidates, 2)) == [(0, 0), (0, 5)]


def test_a_tie_in_area_and_in_range_goes_to_the_smaller_theta() -> None:
    rows = [(4.0, 0.5), (9.5, 0.6)]
    chosen = select(grid([(4.0, 0.4), (9.5, 0.6)], rows, rows, rows), ThetaChoice.best)
    assert chosen.hypervolume[0.1] == chosen.hypervolume[0.3] > chosen.hypervolume[0.0]
    assert chosen.theta == 0.1


def test_areas_that_differ_in_the_last_bits_are_a_tie() -> None:
    one, other = grid([(4.0, 0.1 + 0.2), (9.5, 0.6)]), grid([(4.0, 0.3), (9.5, 0.6)])
    both = GridResult(
        SPACE,
        (0.0, 0.1),
        np.concatenate([other.accuracy, one.accuracy]),
        np.concatenate([other.usd_per_1k_queries, one.usd_per_1k_queries]),
    )
    assert select(both, ThetaChoice.best).theta == 0.0


def test_the_reference_point_is_the_dearest_plan_of_any_theta_chosen_or_not() -> None:
    """20 $ are spent at the other θ alone, by a plan that nobody may choose: every area reaches to there."""
    both = grid([(4.0, 0.4), (9.5, 0.6)], [(4.0, 0.55), (20.0, 0.1)])
    allowed = np.array([True, True, True, True, True, False])
    chosen = select(both, ThetaChoice.best, allowed)
    expected = 0.3 * np.log(4) + 0.4 * np.log(2) + 0.6 * np.log(20 / 8)
    assert chosen.hypervolume[0.0] == pytest.approx(expected)
    assert chosen.pooled_hypervolume == pytest.approx(expected + (0.55 - 0.4) * np.log(2))


def test_plans_that_cost_nothing_count_as_the_cheapest_that_costs() -> None:
    free = grid([(0.0, 0.4), (9.0, 0.6)])
    assert select(free, ThetaChoice.best).hypervolume[0.0] == pytest.approx(
        0.4 * np.log(8) + 0.6 * np.log(9 / 8)
    )
    nothing = GridResult(SPACE, (0.0,), np.full((1, 6), 0.5), np.zeros((1, 6)))
    assert select(nothing, ThetaChoice.best).hypervolume[0.0] == 0.0


def test_the_cost_range_is_the_ratio_of_its_ends() -> None:
    """Equal areas: at θ = 0.1 the front begins at 1 $ and ends at 9.5, at θ = 0 it ends at 8."""
    flat = GridResult(
        SPACE,
        (0.0, 0.1),
        np.array([[0.0, 0.0, 0.5, 0.5, 0.0, 0.5], [0.0, 0.0, 0.0, 0.0, 0.5, 0.5]]),
        np.array([[4.0, 4.0, 4.0, 8.0, 5.0, 16.0], [4.0, 4.0, 4.0, 8.0, 4.0, 16.0]]),
    )
    assert select(flat, ThetaChoice.best).theta == 0.0


def test_near_front_prefers_the_more_accurate_of_equal_costs() -> None:
    equal = GridResult(SPACE, (0.0,), np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]]), np.ones((1, 6)))
    kept = near_front(equal, select(equal, ThetaChoice.pooled).candidates, 2)
    assert kept.plan.tolist() == [4, 5]
