"""Fronts and hypervolumes against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from cascade.core.pareto import front, hypervolume, on_front

# Few distinct values, so that ties and duplicates come up all the time.
points = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=0, max_size=30)


def arrays(drawn: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    cost = np.array([float(c) for c, _ in drawn])
    return cost, np.array([a / 6 for _, a in drawn])


@given(points)
def test_on_front_is_the_definition(drawn: list[tuple[int, int]]) -> None:
    cost, accuracy = arrays(drawn)
    expected = [
        not any(
            c <= cost[i] and a >= accuracy[i] and (c < cost[i] or a > accuracy[i])
            for c, a in zip(cost, accuracy, strict=True)
        )
        for i in range(len(cost))
    ]
    assert on_front(cost, accuracy).tolist() == expected


@given(points)
def test_front_rises_and_has_no_duplicates(drawn: list[tuple[int, int]]) -> None:
    cost, accuracy = arrays(drawn)
    members = front(cost, accuracy)
    assert (np.diff(cost[members]) > 0).all()
    assert (np.diff(accuracy[members]) > 0).all()
    mask = on_front(cost, accuracy)
    assert {(c, a) for c, a in zip(cost[mask], accuracy[mask], strict=True)} == {
        (cost[i], accuracy[i]) for i in members
    }


def test_hypervolume_by_hand() -> None:
    cost, accuracy = np.array([1.0, math.e, math.e**2]), np.array([0.2, 0.5, 0.4])
    # From 1 to e one unit of ln cost at 0.2; from e to e^3 two units at 0.5; 0.4 is dominated.
    assert hypervolume(cost, accuracy, math.e**3) == pytest.approx(0.2 + 1.0)
    # A reference below a point cuts it off.
    assert hypervolume(cost, accuracy, math.e) == pytest.approx(0.2)


@given(points.filter(bool))
def test_hypervolume_is_the_integral_of_the_best_affordable_accuracy(drawn: list[tuple[int, int]]) -> None:
    cost, accuracy = arrays(drawn)
    reference = 7.0
    grid = np.linspace(0, math.log(reference), 20001)
    middle = (grid[1:] + grid[:-1]) / 2
    best = np.array([max(accuracy[np.log(cost) <= x], default=0.0) for x in middle[::20]])
    assert hypervolume(cost, accuracy, reference) == pytest.approx(best.mean() * grid[-1], abs=0.02)


def test_hypervolume_of_no_points_and_of_points_behind_the_reference() -> None:
    empty = np.zeros(0)
    assert hypervolume(empty, empty, 5.0) == 0.0
    # Both are dearer than the reference: nothing is dominated, and no width is negative.
    assert hypervolume(np.array([6.0, 8.0]), np.array([0.5, 0.9]), 5.0) == 0.0
    assert hypervolume(np.array([2.0, 8.0]), np.array([0.5, 0.9]), 4.0) == pytest.approx(0.5 * math.log(2))


def test_sums_in_another_order_are_no_difference() -> None:
    cost, accuracy = np.array([1.0, 2.0]), np.array([0.3, 0.1 + 0.2])
    assert on_front(cost, accuracy).tolist() == [True, False]
