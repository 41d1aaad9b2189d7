"""What is said of chosen plans, on toys worked out by hand."""

import numpy as np
import pytest

from cascade.core.bootstrap import problem_weights
from cascade.core.plans import EXIT, Plan
from cascade.search.evaluate import difference, estimates, generalization_gap, replaced, savings
from cascade.search.plan_file import ChosenPlan, Estimate

WEIGHTS = problem_weights(100, 2000, seed=0)
HALF = np.tile([1.0, 0.0], 50)  # right on every second problem


def constant(cost: float, right: np.ndarray) -> np.ndarray:
    return np.stack([right, np.full(len(right), cost)])


def plans(*own: np.ndarray) -> np.ndarray:
    return np.stack(own, axis=1)


def test_estimates() -> None:
    [known] = estimates(plans(constant(3.0, HALF)), WEIGHTS, 0.95)
    assert (known.accuracy, known.usd_per_1k_queries) == (0.5, 3.0)
    assert known.usd_interval is not None and known.accuracy_interval is not None
    assert known.usd_interval.low == pytest.approx(3.0)
    # ±1.96 standard errors of a fair coin on 100 problems
    assert known.accuracy_interval.low == pytest.approx(0.402, abs=0.015)
    assert known.accuracy_interval.high == pytest.approx(0.598, abs=0.015)


def test_what_is_common_to_two_plans_cancels() -> None:
    """Both are ±10 points uncertain; their difference is known exactly."""
    better = HALF.copy()
    accuracy, saving = difference(constant(2.0, better), constant(8.0, HALF), WEIGHTS, 0.95)
    assert (accuracy.value, accuracy.interval.low, accuracy.interval.high) == (0.0, 0.0, 0.0)
    assert saving.value == pytest.approx(0.75)
    assert saving.interval.low == pytest.approx(0.75) and saving.interval.high == pytest.approx(0.75)
    better[1] = 1.0
    accuracy, _ = difference(constant(2.0, better), constant(8.0, HALF), WEIGHTS, 0.95)
    assert accuracy.value == pytest.approx(0.01)
    assert 0.0 == accuracy.interval.low < 0.01 < accuracy.interval.high <= 0.05


def test_savings_and_empty_windows() -> None:
    one_stage = plans(constant(8.0, HALF), constant(4.0, 1 - HALF))
    alone = np.ones(100)
    each, mean = savings(plans(constant(3.0, HALF), constant(1.0, alone)), one_stage, WEIGHTS, 0.9)
    # (8 + 4) / 2 = 6: half is saved; nobody else is right everywhere.
    assert each[0] is not None and each[0].value == pytest.approx(0.5)
    # A replicate has both in the window, or only the one that is as accurate because it is the same.
    assert each[0].interval.low >= 0.5 - 1e-9 and each[0].interval.high == pytest.approx(1 - 3 / 8)
    assert each[1] is None
    assert mean is not None and mean.value == pytest.approx(0.5)
    assert savings(plans(constant(1.0, alone)), one_stage, WEIGHTS, 0.9) == ([None], None)


def test_generalization_gap() -> None:
    validation, test = plans(constant(1.0, np.ones(100))), plans(constant(1.0, HALF))
    lost = generalization_gap(validation, test, (WEIGHTS, WEIGHTS), 0.95)
    assert lost.value == pytest.approx(0.5)
    assert lost.interval.low == pytest.approx(0.4, abs=0.02)


def test_the_plan_that_is_replaced() -> None:
    def chosen(cost: float, accuracy: float) -> ChosenPlan:
        return ChosenPlan(Plan((EXIT,), 0.0), Estimate(cost, accuracy))

    singular = [chosen(1, 0.5), chosen(2, 0.6), chosen(4, 0.7)]
    assert [replaced(chosen(1, a), singular) for a in (0.4, 0.55, 0.6, 0.7, 0.9)] == [0, 1, 1, 2, 2]
