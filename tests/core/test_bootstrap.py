"""The bootstrap: against scipy, against loops, and on cases that can be worked out by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from cascade.core import bootstrap as stats
from cascade.core.bootstrap import (
    front_stability,
    interval,
    intervals,
    mean_of_studies,
    problem_weights,
    replicate_means,
    replicates,
    wilson_lower_bound,
)
from cascade.core.pareto import on_front


def test_the_interval_of_a_mean_is_as_wide_as_student_s() -> None:
    """With 49 problems the plain percentiles are 3 % too narrow."""
    values = np.random.default_rng(2).standard_normal(49)
    ours = interval(problem_weights(49, 200_000, seed=1) @ values, 0.95, 49)
    student = 2 * 2.0106 * values.std(ddof=1) / 7
    assert ours.high - ours.low == pytest.approx(student, rel=0.01)


def test_weights_are_draws_with_replacement() -> None:
    weights = problem_weights(7, 500, seed=0)
    assert weights.sum(axis=1) == pytest.approx(np.ones(500))
    assert np.array_equal(weights * 7, np.round(weights * 7))
    assert np.array_equal(weights, problem_weights(7, 500, seed=0))
    assert not np.array_equal(weights, problem_weights(7, 500, seed=1))


def test_the_interval_is_scipy_s() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(60)
    theirs = bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=rng).confidence_interval
    ours = interval(problem_weights(60, 4000, seed=1) @ values, 0.95, 60)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.01)


def test_intervals_of_many_numbers_lie_around_numpy_s() -> None:
    values = np.random.default_rng(0).random((1000, 5))
    low, high = intervals(values, 0.9, 10**6)
    assert low == pytest.approx(np.quantile(values, 0.05, axis=0), abs=0.005)
    assert high == pytest.approx(np.quantile(values, 0.95, axis=0), abs=0.005)
    assert ((values >= low) & (values <= high)).mean() >= 0.9


def test_an_interval_of_nothing_is_unknown() -> None:
    assert np.isnan(interval(np.full(9, np.nan), 0.9, 9).low)
    assert interval(np.array([1.0, np.nan, 1.0]), 0.9, 3) == stats.Interval(1.0, 1.0)


@pytest.mark.parametrize(("right", "n"), [(0, 9), (5, 9), (49, 49), (30, 49)])
def test_the_lower_bound_is_scipy_s(right: int, n: int) -> None:
    # Its two-sided 80 % interval begins where the one-sided 90 % bound lies.
    theirs = binomtest(right, n).proportion_ci(0.8, method="wilson").low
    assert wilson_lower_bound(np.array([right / n]), n, 0.9)[0] == pytest.approx(theirs, abs=1e-12)


def test_the_mean_of_studies_by_hand() -> None:
    found = mean_of_studies(np.array([0.1, 0.2, 0.3]), 0.95)
    # Student's t with two degrees of freedom: 4.3027 standard errors of 0.1/√3.
    assert found.value == pytest.approx(0.2)
    assert found.interval.high - found.value == pytest.approx(4.302653 * 0.1 / 3**0.5)
    assert found.value - found.interval.low == pytest.approx(found.interval.high - found.value)
    alone = mean_of_studies(np.array([0.1]), 0.95)
    assert alone.value == 0.1 and np.isnan([alone.interval.low, alone.interval.high]).all()


def test_replicates_in_parts_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = np.random.default_rng(0).random((2, 6, 9))
    weights = problem_weights(9, 11, seed=0)
    monkeypatch.setattr(stats, "MAX_NUMBERS", 30)
    parts = list(replicates(outcomes, weights))
    assert len(parts) > 1
    assert np.allclose(np.concatenate(parts, axis=1), replicate_means(outcomes, weights))


def test_front_stability_is_what_a_loop_counts() -> None:
    rng = np.random.default_rng(4)
    outcomes, weights = rng.random((2, 8, 12)), problem_weights(12, 200, seed=0)
    grid = np.linspace(0.3, 0.9, 7)
    ours = front_stability(outcomes, weights, grid, 0.8)
    frequency, best = np.zeros(8), []
    for replicate_weights in weights:
        accuracy, cost = outcomes @ replicate_weights
        members = on_front(cost, accuracy)
        frequency += members / 200
        best.append([max(accuracy[cost <= c], default=0.0) for c in grid])
    assert ours.frequency == pytest.approx(frequency)
    assert np.allclose(ours.band, intervals(np.array(best), 0.8, 12))


def test_certain_fronts() -> None:
    # A plan that is cheaper and right wherever the other is, is on every front alone.
    outcomes = np.array([[[1.0, 1, 0, 1], [1, 0, 0, 1]], [[1.0, 1, 1, 1], [2, 2, 2, 2]]])
    ours = front_stability(outcomes, problem_weights(4, 100, seed=0), np.array([0.5, 3.0]), 0.9)
    assert ours.frequency.tolist() == [1.0, 0.0]
    assert ours.band[:, 0].tolist() == [0.0, 0.0]


def test_one_problem_says_nothing_about_the_tails() -> None:
    """The interval is then all that the replicates show."""
    assert interval(np.array([1.0, 2.0, 5.0]), 0.9, 1) == stats.Interval(1.0, 5.0)
