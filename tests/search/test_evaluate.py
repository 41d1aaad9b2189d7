"""What is said of chosen plans, on toys worked out by hand."""

import numpy as np
import pytest

from cascade.core.bootstrap import Interval, interval, problem_weights
from cascade.core.plans import EXIT, Plan
from cascade.search import ChosenPlan, Estimate
from cascade.search.evaluate import difference, estimates, generalization_gap, replaced, savings

WEIGHTS = problem_weights(100, 2000, seed=0)
HALF = np.tile([1.0, 0.0], 50)  # right on every second problem


def constant(cost: float, right: np.ndarray) -> np.ndarray:
    return np.stack([right, np.full(len(right), cost)])


def ends(one: Interval) -> tuple[float, float]:
    return one.low, one.high


def plans(*values: np.ndarray) -> np.ndarray:
    return np.stack(values, axis=1)


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


def random_sides(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three cascades and four one-stage plans whose cost and accuracy vary over 30 problems; weights."""
    rng = np.random.default_rng(seed)
    one_stage = np.stack([(rng.random((4, 30)) < 0.6) * 1.0, rng.gamma(1.0, 8.0, (4, 30))])
    cascades = np.stack([(rng.random((3, 30)) < 0.6) * 1.0, rng.gamma(1.0, 2.0, (3, 30))])
    return cascades, one_stage, problem_weights(30, 400, seed=1)


def test_intervals_of_savings_are_those_of_a_loop_over_replicates() -> None:
    """Every replicate draws problems for the cascades' and for the one-stage plans' cost and accuracy."""
    cascades, one_stage, weights = random_sides(3)
    each, mean = savings(cascades, one_stage, weights, 0.9, window=0.08)
    drawn: list[list[float]] = [[] for _ in range(3)]
    means = []
    for replicate in weights:
        found = []
        for p in range(3):
            right, usd = cascades[:, p] @ replicate
            equal = [
                c for a, c in zip(*(one_stage @ replicate), strict=True) if abs(a - right) <= 0.08 + 1e-9
            ]
            if equal:
                drawn[p].append(1 - usd / np.mean(equal))
                found.append(drawn[p][-1])
        if found:
            means.append(np.mean(found))
    for p, one in enumerate(each):
        assert one is not None
        assert ends(one.interval) == pytest.approx(ends(interval(np.array(drawn[p]), 0.9, 30)))
    assert mean is not None
    assert ends(mean.interval) == pytest.approx(ends(interval(np.array(means), 0.9, 30)))
    assert mean.value == pytest.approx(np.mean([one.value for one in each if one is not None]))


def test_intervals_of_a_difference_are_those_of_a_loop_over_replicates() -> None:
    """The other plan's cost, problem by problem, is part of the saving's interval."""
    cascades, one_stage, weights = random_sides(4)
    ours, other = cascades[:, 0], one_stage[:, 0]
    accuracy, saving = difference(ours, other, weights, 0.9)
    rights = [replicate @ ours[0] - replicate @ other[0] for replicate in weights]
    saved = [1 - (replicate @ ours[1]) / (replicate @ other[1]) for replicate in weights]
    for measured, drawn in ((accuracy, rights), (saving, saved)):
        assert ends(measured.interval) == pytest.approx(ends(interval(np.array(drawn), 0.9, 30)))
    # And where the other's cost is the same on every problem the interval is another one.
    flat = np.stack([other[0], np.full(30, other[1].mean())])
    _, of_flat = difference(ours, flat, weights, 0.9)
    assert of_flat.value == pytest.approx(saving.value)
    assert of_flat.interval.high - of_flat.interval.low < 0.9 * (saving.interval.high - saving.interval.low)


def test_the_gap_is_uncertain_on_both_sides() -> None:
    """Each side's problems are drawn with that side's weights; the smaller side sets the interval's width."""
    rng = np.random.default_rng(5)
    validation = plans(*(constant(1.0, (rng.random(40) < 0.7) * 1.0) for _ in range(3)))
    test = plans(*(constant(1.0, (rng.random(90) < 0.6) * 1.0) for _ in range(3)))
    weights = problem_weights(40, 500, seed=1), problem_weights(90, 500, seed=2)
    gap = generalization_gap(validation, test, weights, 0.9)
    drawn = weights[0] @ validation[0].mean(axis=0) - weights[1] @ test[0].mean(axis=0)
    assert ends(gap.interval) == pytest.approx(ends(interval(drawn, 0.9, 40)))
    known = plans(*(constant(1.0, np.ones(n)) for n in (1,) * 3)).repeat(40, axis=2)
    # What is certain on one side leaves the other side's uncertainty.
    one_sided = generalization_gap(known, test, weights, 0.9)
    other_sided = generalization_gap(validation, known.repeat(3, axis=2)[..., :90], weights, 0.9)
    assert one_sided.interval.high - one_sided.interval.low > 0.05
    assert other_sided.interval.high - other_sided.interval.low > 0.05
