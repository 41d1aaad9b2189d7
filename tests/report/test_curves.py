"""The curves of the paper's Figures 1 and 6, against numbers by hand and the whole grid."""

import numpy as np
import pytest

from cascade.core.plans import EXIT, SKIP, Option
from cascade.report.curves import saving_curve, theta_sweep
from cascade.search.grid import grid_search
from tests.made_up import THETAS, made_up_tables


def test_half_the_cost_at_every_accuracy() -> None:
    accuracy = np.array([0.5, 0.7, 0.9])
    found = saving_curve(np.array([1.0, 2.0, 8.0]), accuracy, np.array([2.0, 4.0, 16.0]), accuracy)
    assert found is not None and found.saving == pytest.approx(0.5)
    assert found.accuracy[[0, -1]] == pytest.approx([0.5, 0.9])
    assert found.cascade == pytest.approx(found.one_model / 2)
    assert (np.diff(found.cascade) > 0).all()


def test_one_model_stands_at_the_mean_cost_of_equal_accuracy() -> None:
    # Two plans within a point of each other cost 2 and 4: both stand at 3.
    one_cost, one_accuracy = np.array([2.0, 4.0, 9.0]), np.array([0.500, 0.505, 0.8])
    found = saving_curve(np.array([3.0, 9.0]), np.array([0.5, 0.8]), one_cost, one_accuracy)
    assert found is not None
    assert pytest.approx(np.array([[3.0, 0.500], [3.0, 0.505], [9.0, 0.8]])) == found.one_model_plans.T
    assert found.one_model[0] == pytest.approx(3.0) and found.cascade[0] == pytest.approx(3.0)


def test_plans_of_equal_accuracy_are_one_point() -> None:
    """Their mean in ln(cost): the mean of 1 and 4 is 2."""
    found = saving_curve(
        np.array([1.0, 4.0, 9.0]), np.array([0.5, 0.5, 0.8]), np.array([2.0, 9.0]), np.array([0.5, 0.8])
    )
    assert found is not None and found.saving == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("accuracy", "one_accuracy"), [([0.5, 0.6], [0.7, 0.8]), ([0.5], [0.4, 0.8]), ([0.5, 0.8], [0.6, 0.6])]
)
def test_no_accuracy_in_common(accuracy: list[float], one_accuracy: list[float]) -> None:
    cost = np.array([1.0, 2.0])
    assert (
        saving_curve(
            cost[: len(accuracy)], np.array(accuracy), cost[: len(one_accuracy)], np.array(one_accuracy)
        )
        is None
    )


def test_every_theta_is_the_grids() -> None:
    tables = made_up_tables(3, 17)
    grid = grid_search(tables)
    options = (Option(3, 2), SKIP, EXIT)
    cost, accuracy = theta_sweep(tables, options)
    plan = next(i for i in range(len(grid.space)) if grid.plan(0, i).options == options)
    assert len(cost) == len(THETAS)
    assert accuracy == pytest.approx(grid.accuracy[:, plan])
    assert cost == pytest.approx(grid.usd_per_1k_queries[:, plan])
