"""The measures of a choice: toys worked out by hand, and loops that say the same more slowly."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from cascade.core.bootstrap import Measured, problem_weights
from cascade.search.measures import (
    Sides,
    at_equal_accuracy,
    at_equal_accuracy_measured,
    by_target,
    by_target_measured,
    front_hypervolume,
    mean_gap,
    measures,
    paired_difference,
    regret,
    targets,
)

# Results are (accuracy, US dollars per 1,000 queries), a column a plan.
CASCADE = np.array([[0.5, 0.7, 0.9], [1.0, 2.0, 5.0]])
SINGLE = np.array([[0.5, 0.8], [1.0, 8.0]])
E = float(np.e)


def test_targets_by_hand() -> None:
    """Both fronts reach 0.5 to 0.8; the cascade changes at 0.7, the single model does not."""
    found = targets(CASCADE, SINGLE)
    assert found is not None
    assert found.share == pytest.approx([2 / 3, 1 / 3])
    assert found.accuracy == pytest.approx([0.7, 0.8])
    assert (found.cascade.tolist(), found.single.tolist()) == ([1, 2], [1, 1])


def test_by_target_by_hand() -> None:
    found = targets(CASCADE, SINGLE)
    assert found is not None
    test_cascade = np.array([[0.4, 0.6, 0.85], [1.0, 2.0, 4.0]])
    test_single = np.array([[0.5, 0.7], [1.0, 8.0]])
    saving, accuracy = by_target(found, test_cascade, test_single)
    # ln(2/8) for two thirds of the targets, ln(4/8) for one third
    assert saving == pytest.approx(1 - np.exp(2 / 3 * np.log(1 / 4) + 1 / 3 * np.log(1 / 2)))
    assert accuracy == pytest.approx(2 / 3 * -0.1 + 1 / 3 * 0.15)


def test_of_equally_cheap_plans_the_more_accurate_is_deployed() -> None:
    found = targets(np.array([[0.6, 0.8], [1.0, 1.0]]), np.array([[0.6, 0.8], [1.0, 1.0]]))
    assert found is not None and found.cascade.tolist() == [1]


def test_fronts_that_reach_one_accuracy_alone() -> None:
    found = targets(CASCADE, SINGLE[:, :1])
    assert found is not None
    assert (found.share.tolist(), found.accuracy.tolist()) == ([1.0], [0.5])
    assert (found.cascade.tolist(), found.single.tolist()) == ([0], [0])


@pytest.mark.parametrize("other", [np.add(CASCADE, [[0.5], [0.0]]), np.zeros((2, 0))])
def test_fronts_without_a_target_in_common(other: np.ndarray) -> None:
    assert targets(CASCADE, other) is None
    assert targets(other, CASCADE) is None
    assert np.isnan(at_equal_accuracy(CASCADE, other))


fronts = st.lists(st.tuples(st.integers(0, 49), st.integers(1, 40)), min_size=1, max_size=6).map(
    lambda points: np.array([[a / 49 for a, _ in points], [float(c) for _, c in points]])
)


@settings(deadline=None, max_examples=50)
@given(fronts, fronts)
def test_the_mean_over_targets_is_that_of_a_fine_grid(cascade: np.ndarray, single: np.ndarray) -> None:
    low = max(cascade[0].min(), single[0].min())
    high = min(cascade[0].max(), single[0].max())
    found = at_equal_accuracy(cascade, single)
    if low > high:
        assert np.isnan(found)
        return
    logs = []
    n = 4 * 49  # midpoints of cells that no level cuts
    levels = low + (high - low) * (np.arange(n * max(1, round(49 * (high - low)))) + 0.5) / (
        n * max(1, round(49 * (high - low)))
    )
    for level in levels:
        cheapest = [points[1][points[0] >= level - 1e-12].min() for points in (cascade, single)]
        logs.append(np.log(cheapest[0] / cheapest[1]))
    assert found == pytest.approx(1 - np.exp(np.mean(logs)), abs=1e-9)


def test_a_front_against_itself_saves_nothing() -> None:
    assert at_equal_accuracy(CASCADE, CASCADE) == pytest.approx(0.0)
    assert at_equal_accuracy(CASCADE * [[1.0], [0.5]], CASCADE) == pytest.approx(0.5)


def test_what_costs_nothing_counts_as_the_cheapest_that_costs() -> None:
    found = targets(SINGLE, SINGLE)
    assert found is not None
    free, half = np.array([[0.5, 0.8], [0.0, 0.0]]), np.array([[0.5, 0.8], [2.0, 4.0]])
    assert by_target(found, free, half)[0] == pytest.approx(0.0)
    assert by_target(found, free, free)[0] == pytest.approx(0.0)


def test_hypervolume_and_regret_by_hand() -> None:
    best = np.array([[0.5, 1.0], [1.0, E]])
    # 0.5 up to e, 1 from there to e²
    assert front_hypervolume(best, E**2) == pytest.approx(1.5)
    assert regret(best[:, :1], best, E**2) == pytest.approx(1 / 3)
    assert regret(best, best, E**2) == pytest.approx(0.0)


def test_regret_of_an_empty_front() -> None:
    """No plan misses everything that there is; where nothing is ever right there is nothing to miss."""
    best = np.array([[0.5, 1.0], [1.0, E]])
    assert regret(np.zeros((2, 0)), best, E**2) == 1.0
    assert regret(np.zeros((2, 0)), np.array([[0.0], [1.0]]), E**2) == 0.0


def test_mean_gap() -> None:
    assert mean_gap(CASCADE, CASCADE - [[0.1], [0.0]]) == pytest.approx(0.1)


def constant(cost: float, right: np.ndarray) -> np.ndarray:
    return np.stack([right, np.full(len(right), cost)])


FIRST = np.arange(100) < 50


def sides() -> Sides:
    """Two cascades, two single models; on the test side the dearer ones are right on 80 of 100."""
    right = [FIRST.astype(float), (np.arange(100) < 80).astype(float)]
    front = np.stack([constant(1.0, right[0]), constant(2.0, right[1])], axis=1)
    singular = np.stack([constant(1.0, right[0]), constant(8.0, right[1])], axis=1)
    return Sides(
        front=np.array([[0.5, 0.9], [1.0, 2.0]]),
        singular=np.array([[0.5, 0.9], [1.0, 8.0]]),
        front_test=front,
        singular_test=singular,
        is_cascade=np.array([False, True]),
        one_stage_test=np.concatenate([singular, singular[:, 1:] * [[[1.0]], [[0.5]]]], axis=1),
        one_stage_k=np.array([0, 0, 1]),
        best_front_test=front.mean(axis=2),
        reference_cost=8.0,
    )


def test_every_measure_of_one_choice() -> None:
    found = measures(sides())
    assert found.saving_by_target == pytest.approx(0.75)
    assert found.accuracy_by_target == pytest.approx(0.0)
    assert found.hypervolume == pytest.approx(0.5 * np.log(2) + 0.8 * np.log(4))
    assert found.regret == pytest.approx(0.0)
    assert found.saving_at_equal_accuracy == pytest.approx(0.75)
    assert found.generalization_gap == pytest.approx((0.0 + 0.1) / 2)
    # As written: 2 against the mean of 8 and 4. As printed: against 8; the greedy member saves nothing.
    assert found.mean_saving_as_written == pytest.approx(1 - 2 / 6)
    assert found.mean_saving_as_printed == pytest.approx((0.75 + 0.0) / 2)
    assert set(found.as_dict()) == set(type(found).__dataclass_fields__)


def ends(measured: Measured) -> tuple[float, float]:
    return measured.interval.low, measured.interval.high


def test_what_two_fronts_have_in_common_cancels_in_the_interval() -> None:
    """Each plan is ±10 points uncertain; the saving and the difference are known exactly."""
    both = by_target_measured(sides(), problem_weights(100, 500, seed=0), 0.95)
    assert both is not None
    saving, accuracy = both
    assert (saving.value, *ends(saving)) == pytest.approx((0.75, 0.75, 0.75))
    assert (accuracy.value, *ends(accuracy)) == pytest.approx((0.0, 0.0, 0.0))


def test_the_single_models_cost_is_part_of_the_interval_of_the_saving() -> None:
    """The same cascade against a model whose cost varies over problems by a factor of 16."""
    measured_sides = sides()
    varying = measured_sides.singular_test.copy()
    varying[1, 1] = np.where(FIRST, 1.0, 15.0)
    both = by_target_measured(
        replace(measured_sides, singular_test=varying), problem_weights(100, 4000, seed=0), 0.95
    )
    assert both is not None
    saving, _ = both
    assert saving.value == pytest.approx(0.75)
    # The model's mean cost is 8 ± 1.96 · 0.7: 2 dollars against 6.63 and 9.37.
    assert ends(saving) == pytest.approx((1 - 2 / 6.63, 1 - 2 / 9.37), abs=0.01)


def test_at_equal_accuracy_has_an_interval() -> None:
    found = at_equal_accuracy_measured(sides(), problem_weights(100, 200, seed=0), 0.95)
    assert found is not None and found.value == pytest.approx(0.75)
    assert ends(found) == pytest.approx((0.75, 0.75))


def test_fronts_without_a_common_target_have_no_headline() -> None:
    measured_sides = replace(sides(), front=np.array([[0.95, 0.97], [1.0, 2.0]]))
    assert np.isnan(measures(measured_sides).saving_by_target)
    assert by_target_measured(measured_sides, problem_weights(100, 100, seed=0), 0.95) is None


def test_paired_differences_over_splits() -> None:
    ours, others = np.array([0.3, 0.5, 0.4, np.nan]), np.array([0.2, 0.3, 0.4, 0.1])
    mean, n_larger = paired_difference(ours, others, 0.95)
    assert mean.value == pytest.approx(0.1) and n_larger == 2
    # Student's t with two degrees of freedom: 4.3027 standard errors of 0.1/√3.
    assert mean.interval.high - mean.value == pytest.approx(4.302653 * 0.1 / 3**0.5)
    assert np.isnan(paired_difference(ours[3:], others[3:], 0.95)[0].value)


def test_of_equally_cheap_plans_the_most_accurate_comes_first() -> None:
    """Both reach the target; the order of the plans in the front does not matter."""
    for columns in ([0, 1], [1, 0]):
        front = np.array([[0.6, 0.9], [1.0, 1.0]])[:, columns]
        found = targets(front, np.array([[0.6], [1.0]]))
        assert found is not None
        assert front[0][found.cascade].tolist() == [0.9]
