"""Certified plans: "at least this accuracy, at most this cost", over new problems, with a confidence.

Learn then test (Angelopoulos et al., arXiv 2110.01052) along a fixed order: the validation side says in which
order plans are tested, the test side tests one after the other, each at the whole error rate, until the first
that fails. The chance that any plan that passed breaks its promise is then at most 1 − confidence, whatever
the distribution, if new problems are drawn as the test problems were. Every test is a finite-sample bound for
means of values in [0, 1] by betting (Waudby-Smith and Ramdas, arXiv 2010.09686).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from cascade.core import Floats, Option, Plan, usd_per_1k_queries, usd_per_token
from cascade.search.chosen_plans import Certificate

BETS = np.array([0.01, 0.02, 0.04, 0.07, 0.11, 0.16, 0.23, 0.32, 0.43, 0.55, 0.7, 0.85, 0.95, 0.99])
ENOUGH_PROBLEMS = 10_000_000  # a promise that needs more is as good as broken


@dataclass(frozen=True)
class Promise:
    """What is to hold, with which confidence; either of the first two may be None.

    Attributes:
        accuracy: the least accuracy, 0..1.
        usd_per_1k: the most that 1,000 queries may cost on average, in US dollars.
        confidence: with which every certified plan keeps both.
    """

    accuracy: float | None = None
    usd_per_1k: float | None = None
    confidence: float = 0.95


def log_wealth(values: Floats, least: float, times: float = 1.0) -> Floats:
    """How much bets against "the mean is at most `least`" have won, a constant part of the wealth each.

    A bet b multiplies the wealth by 1 + b·(value − least)/least; its expectation is at most 1 where the
    mean is at most `least`, so by Markov's inequality 1/wealth of equal parts on all bets is a p-value. The
    order of the values does not matter.

    Args:
        values: float array (…, n), each in [0, 1].
        least: in (0, 1).
        times: as if every value had been seen so often.

    Returns:
        Float array (…): the logarithm of the wealth.
    """
    won = np.log1p(BETS[:, None] * (values[..., None, :] - least) / least).sum(axis=-1)
    return np.asarray(logsumexp(times * won, axis=-1) - np.log(len(BETS)))


def evidence(outcomes: Floats, cost_bounds: Floats, promise: Promise, times: float = 1.0) -> Floats:
    """The weaker evidence of the two parts of a promise, for N plans.

    Args:
        outcomes: float array (2, N, P).
        cost_bounds: float array (N,): the most that 1,000 queries like any one problem can cost.
        promise: what is to hold.
        times: as if every problem had been seen so often.

    Returns:
        Float array (N,): log wealth; −∞ where a part cannot be kept at all.
    """
    found = []
    if promise.accuracy is not None:
        found.append(_evidence(outcomes[0], promise.accuracy, times))
    if promise.usd_per_1k is not None:
        bounds = np.maximum(cost_bounds, outcomes[1].max(axis=1))
        spared = 1 - outcomes[1] / np.where(bounds > 0, bounds, 1.0)[:, None]
        parts = zip(spared, bounds, strict=True)
        found.append(
            np.array(
                [
                    _evidence(plan_spared, 1 - promise.usd_per_1k / b if b else 0.0, times)
                    for plan_spared, b in parts
                ]
            )
        )
    return np.asarray(np.min(found, axis=0))


def _evidence(values: Floats, least: float, times: float) -> Floats:
    if least <= 0:  # what can never be broken
        return np.full(values.shape[:-1], np.inf)
    if least >= 1:
        return np.full(values.shape[:-1], -np.inf)
    return log_wealth(np.clip(values, 0.0, 1.0), least, times)


def certify(
    plans: Sequence[Plan], validation: Floats, test: Floats, cost_bounds: Floats, promise: Promise
) -> Certificate:
    """The plans of a front that keep a promise, or how many problems it would take.

    Args:
        plans: N of them.
        validation, test: outcomes (2, N, problems) on either side.
        cost_bounds: see `evidence`.
        promise: what is to hold.
    """
    enough = -np.log(1 - promise.confidence)
    order = np.argsort(-evidence(validation, cost_bounds, promise), kind="stable")
    passed = evidence(test, cost_bounds, promise)[order] >= enough
    certified = order[: len(order) if passed.all() else int(passed.argmin())]
    by_cost = certified[np.argsort(test[1].mean(axis=1)[certified], kind="stable")]
    n = test.shape[2]
    parts = []
    if promise.accuracy is not None:
        parts.append(f"an accuracy of at least {100 * promise.accuracy:g} %")
    if promise.usd_per_1k is not None:
        parts.append(f"a cost of at most {promise.usd_per_1k:g} $ per 1,000 queries")
    wanted = " and ".join(parts)
    if len(certified):
        keep = (
            "1 plan of the front keeps"
            if len(certified) == 1
            else f"{len(certified)} plans of the front keep"
        )
        said = (
            f"With {100 * promise.confidence:g} % confidence, {keep} {wanted} on new problems of this kind "
            f"(certified on {n} test problems)."
        )
    else:
        said = f"{wanted[0].upper()}{wanted[1:]} cannot be certified with {n} test problems; " + _needed(
            test, cost_bounds, promise, enough
        )
    return Certificate(
        promise.accuracy,
        promise.usd_per_1k,
        promise.confidence,
        n,
        tuple(plans[i] for i in by_cost),
        said,
    )


def _needed(test: Floats, cost_bounds: Floats, promise: Promise, enough: float) -> str:
    """How many problems would do if they went on like these."""
    n = test.shape[2]
    low, high = 1.0, ENOUGH_PROBLEMS / n
    if evidence(test, cost_bounds, promise, high).max() < enough:
        return "no number of problems would do: no plan of the front keeps it on these."
    # Wealth of a plan that keeps the promise grows with every problem.
    while high / low > 1.01:
        middle = np.sqrt(low * high)
        reached = evidence(test, cost_bounds, promise, middle).max() >= enough
        low, high = (low, middle) if reached else (middle, high)
    return f"about {float(f'{high * n:.2g}'):,.0f} would do, if they go on like these."


def plan_cost_bound(plan: Plan, usd_per_1m_tokens: Sequence[float], max_new_tokens: int) -> float:
    """The most that 1,000 queries can cost: every stage asked, every sample as long as the family allows.

    Args:
        plan: any plan.
        usd_per_1m_tokens: price of every model, in family order.
        max_new_tokens: the longest that a sample gets.

    Returns:
        US dollars per 1,000 queries.
    """
    n_tokens = {i: max_new_tokens * _most_samples(option) for i, option in plan.stages}
    return usd_per_1k_queries(sum(usd_per_token(usd_per_1m_tokens[i]) * n for i, n in n_tokens.items()))


def _most_samples(option: Option) -> int:
    """The most samples that a stage can ask for: a growing one asks the greedy pair before its pool."""
    if not option.tests:
        return 1
    return 2 * option.k + (2 if option.growing else 0)
