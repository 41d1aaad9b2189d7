"""Certified plans: the bets by hand, and promises that are broken in at most 5 % of many draws."""

import numpy as np
import pytest

from cascade.core.plans import EXIT, SKIP, Option, Plan
from cascade.search.certify import BETS, Promise, certify, evidence, log_wealth, plan_cost_bound

PLANS = [Plan((Option(3, 2), EXIT), theta / 10) for theta in range(5)]


def outcomes(right: np.ndarray, usd: np.ndarray) -> np.ndarray:
    return np.stack([right, usd])


def test_wealth_by_hand() -> None:
    # One value of 1 against a mean of 0.5: every bet b doubles its stake, 1 + b.
    assert log_wealth(np.array([1.0]), 0.5) == pytest.approx(np.log(1 + BETS.mean()))
    assert log_wealth(np.array([1.0, 0.0]), 0.5) == pytest.approx(np.log((1 - BETS**2).mean()))


def test_wealth_is_fair_where_the_mean_is_the_promise() -> None:
    """Its expectation over all 2^10 draws of fair coins is 1: by Markov, 1/wealth is a p-value."""
    coins = (np.arange(1024)[:, None] >> np.arange(10)) & 1
    assert np.exp(log_wealth(coins.astype(float), 0.5)).mean() == pytest.approx(1.0)


def test_both_parts_of_a_promise_must_hold() -> None:
    sure = outcomes(np.ones((1, 100)), np.ones((1, 100)))
    bound = np.array([10.0])
    both = evidence(sure, bound, Promise(0.8, 5.0, 0.95))
    parts = [evidence(sure, bound, Promise(*bounds, 0.95)) for bounds in ((0.8, None), (None, 5.0))]
    assert both == min(parts)
    assert evidence(sure, bound, Promise(None, 20.0, 0.95)) == np.inf


def test_testing_stops_at_the_first_plan_that_fails() -> None:
    """The order is the validation side's: a plan behind one that fails is not tested any more."""
    validation = outcomes(np.repeat([[0.9], [0.8], [0.7]], 50, axis=1), np.ones((3, 50)))
    test = outcomes(
        np.repeat([[0.9], [0.5], [0.95]], 200, axis=1), np.repeat([[3.0], [2.0], [1.0]], 200, axis=1)
    )
    found = certify(PLANS[:3], validation, test, np.full(3, 9.0), Promise(0.6, None, 0.95))
    assert found.plans == (PLANS[0],)
    assert found.sentence.startswith("With 95 % confidence, 1 plan of the front keeps an accuracy of")


def test_how_many_problems_would_do() -> None:
    half = np.tile([1.0, 1.0, 1.0, 0.0], 5)[None]
    few = outcomes(half, np.ones((1, 20)))
    found = certify(PLANS[:1], few, few, np.array([9.0]), Promise(0.65, None, 0.95))
    assert found.plans == () and "cannot be certified with 20 test problems; about " in found.sentence
    n = int(found.sentence.split("about ")[1].split(" ")[0].replace(",", ""))
    more = np.tile(few, -(-int(1.06 * n) // 20))
    assert certify(PLANS[:1], more, more, np.array([9.0]), Promise(0.65, None, 0.95)).plans
    # And no fewer: the number is the least one, to the two digits that are said.
    enough = -np.log(0.05)
    almost, over = (
        evidence(few, np.array([9.0]), Promise(0.65, None, 0.95), share * n / 20)[0] for share in (0.93, 1.06)
    )
    assert almost < enough <= over
    never = certify(PLANS[:1], few, few, np.array([9.0]), Promise(0.8, None, 0.95))
    assert "no number of problems would do" in never.sentence


def test_coverage_over_a_thousand_draws_of_a_known_population() -> None:
    """Plans just below and just above the promise: a broken promise is certified in at most 5 % of draws."""
    rng = np.random.default_rng(0)
    true_accuracy, true_usd = np.array([0.72, 0.74, 0.75, 0.78, 0.85]), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    broken, found = 0, 0
    for _ in range(1000):
        sides = []
        for n in (49, 115):
            right = (rng.random((5, n)) < true_accuracy[:, None]).astype(float)
            usd = rng.gamma(2.0, true_usd[:, None] / 2, (5, n)).clip(max=40.0)
            sides.append(outcomes(right, usd))
        certified = certify(PLANS, *sides, np.full(5, 40.0), Promise(0.75, None, 0.95)).plans
        kept = [true_accuracy[PLANS.index(plan)] >= 0.75 for plan in certified]
        broken += not all(kept)
        found += bool(certified)
    assert broken <= 50
    assert found > 150  # and it is not by never certifying anything


def test_the_most_that_a_plan_can_cost() -> None:
    plan = Plan((Option(3, 2), SKIP, EXIT), 0.5)
    # Three solutions and three tests, then one solution, 1,000 tokens each.
    assert plan_cost_bound(plan, [1.0, 5.0, 10.0], 1000) == pytest.approx(
        1000 * (6 * 1.0 + 10.0) * 1000 / 1e6
    )
