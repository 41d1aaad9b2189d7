"""Uncertainty: the paired bootstrap over problems, intervals, and how stable a front is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from cascade.core.pareto import on_front

Floats = NDArray[np.float64]
MAX_NUMBERS = 2**24  # of one part of the replicates


@dataclass(frozen=True)
class Interval:
    """An interval of the bootstrap."""

    low: float
    high: float


@dataclass(frozen=True)
class Measured:
    """A number with its interval."""

    value: float
    interval: Interval


def problem_weights(n_problems: int, n_replicates: int, seed: int) -> Floats:
    """Weights of the problems in every replicate of a paired bootstrap.

    A replicate draws as many problems as there are, with replacement; every plan is judged on the
    same draw, so that what plans have in common cancels in their differences.

    Args:
        n_problems: P.
        n_replicates: B.
        seed: of the draws.

    Returns:
        Float array (B, P); rows sum to 1.
    """
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n_problems, np.full(n_problems, 1 / n_problems), size=n_replicates)
    return np.asarray(counts / n_problems)


def tail_share(confidence: float, n_problems: int) -> float:
    """The share of replicates beyond either end of an interval (Hesterberg 2015, expanded percentiles).

    Plain percentiles are too narrow with few problems: the bootstrap's spread is that of a sample, by
    √((n − 1)/n), and its tails are normal. For a mean these are as wide as Student's interval.
    """
    if n_problems < 2:
        return 0.0
    half = np.sqrt(n_problems / (n_problems - 1)) * stdtrit(n_problems - 1, (1 + confidence) / 2)
    return float(ndtr(-half))


def interval(values: Floats, confidence: float, n_problems: int) -> Interval:
    """The expanded percentile interval of some replicates (along the first axis), NaN left out.

    Args:
        values: float array (replicates,).
        confidence: of the interval.
        n_problems: that the replicates were drawn from; of two independent samples those of the smaller.
    """
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return Interval(np.nan, np.nan)
    tail = tail_share(confidence, n_problems)
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(float(low), float(high))


def intervals(replicates: Floats, confidence: float, n_problems: int) -> Floats:
    """Expanded percentile intervals of many numbers at once, see `interval`.

    Args:
        replicates: float array (replicates, numbers).
        confidence: of the intervals.
        n_problems: that the replicates were drawn from.

    Returns:
        Float array (2, numbers): low and high ends.
    """
    tail = tail_share(confidence, n_problems)
    n = len(replicates)
    # The two order statistics alone: a whole sort of every column would take ten times as long.
    low, high = int(np.floor(tail * (n - 1))), int(np.ceil((1 - tail) * (n - 1)))
    ends = np.partition(replicates.T, (low, high), axis=1)[:, [low, high]]
    return np.asarray(ends.T)


def replicates(outcomes: Floats, weights: Floats) -> Iterator[Floats]:
    """Mean results of N plans in every replicate, in parts of bounded memory.

    Args:
        outcomes: float array (2, N, P), see `cascade.search.plan_results`.
        weights: float array (B, P), see `problem_weights`.

    Yields:
        Float arrays (2, part of B, N): accuracy, and US dollars per 1,000 queries.
    """
    step = max(1, MAX_NUMBERS // max(1, 2 * outcomes.shape[1]))
    for start in range(0, len(weights), step):
        part = weights[start : start + step]
        yield np.stack([part @ values.T for values in outcomes])


def replicate_means(outcomes: Floats, weights: Floats) -> Floats:
    """The same for few plans, in one array (2, B, N)."""
    return np.stack([weights @ values.T for values in outcomes])


def mean_of_studies(values: Floats, confidence: float) -> Measured:
    """The mean over studies with Student's interval, which tells how far it depends on the split.

    Args:
        values: float array (studies,); the interval of a single one is NaN.
        confidence: of the interval.
    """
    n, mean = len(values), float(values.mean())
    half = np.nan
    if n > 1:
        half = float(stdtrit(n - 1, (1 + confidence) / 2) * values.std(ddof=1) / np.sqrt(n))
    return Measured(mean, Interval(mean - half, mean + half))


def wilson_lower_bound(shares: Floats, n_problems: int, confidence: float) -> Floats:
    """One-sided lower bounds of shares of problems (Wilson's).

    The bootstrap is certain where every problem is right; this is not. For expected outcomes
    between 0 and 1, whose variance is smaller, it is on the safe side.

    Args:
        shares: float array of any shape, 0..1.
        n_problems: how many problems each is a share of.
        confidence: with which a true share lies above its bound, between 0 and 1.

    Returns:
        Float array of the same shape.
    """
    z = ndtri(confidence)
    centre = shares + z**2 / (2 * n_problems)
    half = z * np.sqrt(shares * (1 - shares) / n_problems + (z / (2 * n_problems)) ** 2)
    return np.asarray((centre - half) / (1 + z**2 / n_problems))


@dataclass(frozen=True)
class FrontStability:
    """How stable a front is, over the replicates.

    Attributes:
        frequency: float array (N,): share of the replicates in which a plan is on the front.
        cost: float array (G,): US dollars per 1,000 queries, the grid of the band.
        band: float array (2, G): interval of the best accuracy for at most that cost (0 where no
            plan is that cheap).
    """

    frequency: Floats
    cost: Floats
    band: Floats


def front_stability(
    outcomes: Floats, weights: Floats, cost_grid: Floats, confidence: float
) -> FrontStability:
    """How often each of N plans is on the front of all of them, and the band that the front moves in.

    Args:
        outcomes: float array (2, N, P) of every plan that the front is taken from.
        weights: float array (B, P).
        cost_grid: float array (G,), ascending.
        confidence: of the band.
    """
    frequency = np.zeros(outcomes.shape[1])
    best = []
    for accuracy, cost in (
        replicate for part in replicates(outcomes, weights) for replicate in zip(*part, strict=True)
    ):
        members = on_front(cost, accuracy)
        frequency += members
        order = np.flatnonzero(members)[np.argsort(cost[members])]
        at = np.searchsorted(cost[order], cost_grid, side="right") - 1
        best.append(np.where(at >= 0, accuracy[order[at]], 0.0))
    ends = intervals(np.stack(best), confidence, outcomes.shape[2])
    return FrontStability(frequency / len(weights), cost_grid, ends)
