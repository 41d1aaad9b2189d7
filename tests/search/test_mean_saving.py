"""The paper's measure, worked out by hand as its text has it and as its table was made."""

import numpy as np
import pytest

from cascade.search.mean_saving import AS_PRINTED, AS_WRITTEN, SavingMeasure, cost_savings, mean_saving


def test_savings_by_hand() -> None:
    cost, accuracy = np.array([6.0, 3.0, 20.0]), np.array([0.60, 0.45, 0.305])
    one_cost, one_accuracy = np.array([8.0, 12.0, 4.0, 10.0]), np.array([0.59, 0.61, 0.30, 0.30])
    savings = cost_savings(cost, accuracy, one_cost, one_accuracy)
    # ±1 point, both ends included: the mean of 8 and 12 is 10, of 4 and 10 it is 7.
    assert savings[0] == pytest.approx(0.4)
    assert np.isnan(savings[1])
    assert savings[2] == pytest.approx((7 - 20) / 7)


# accuracy, cost: two cascades and a one-stage plan; the one-stage plans of k = 0, 1, 3
FRONT = np.array([[0.60, 0.70, 0.80], [6.0, 9.0, 20.0]])
IS_CASCADE = np.array([True, True, False])
ONE_STAGE = np.array([[0.604, 0.608, 0.80], [8.0, 16.0, 20.0]])
K = np.array([0, 1, 3])


@pytest.mark.parametrize(
    ("how", "saving"),
    [
        # The first cascade against the mean of 8 and 16; the second has nobody within a point.
        (AS_WRITTEN, 0.5),
        # Without k = 1 against 8 alone; the one-stage member of the front saves nothing against itself.
        (AS_PRINTED, (0.25 + 0.0) / 2),
        (SavingMeasure(0.01, whole_front=True, baseline_k1=True), (0.5 + 0.0) / 2),
        (SavingMeasure(0.005, whole_front=False, baseline_k1=True), 0.25),
        (SavingMeasure(0.01, whole_front=False, baseline_k1=False), 0.25),
    ],
)
def test_mean_savings_by_hand(how: SavingMeasure, saving: float) -> None:
    assert mean_saving(how, FRONT, IS_CASCADE, ONE_STAGE, K) == pytest.approx(saving)


def test_a_front_that_nobody_can_be_compared_with_has_no_mean_saving() -> None:
    assert np.isnan(mean_saving(AS_WRITTEN, FRONT[:, 1:2], IS_CASCADE[1:2], ONE_STAGE, K))
    assert np.isnan(mean_saving(AS_WRITTEN, FRONT[:, 2:], IS_CASCADE[2:], ONE_STAGE, K))
