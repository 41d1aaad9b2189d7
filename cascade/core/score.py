"""The self-testing score and its threshold (paper section 3.1)."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

MOST_COUNTED = 1 << 20  # the largest number for which marks are laid out, but for larger arrays


def best_solutions(passes: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The answers of R stages: in each the solution with the highest n_s·n_t.

    n_s is the number of test lines that a solution passes; n_t is, over those lines, the largest
    number of solutions that pass one of them.

    Args:
        passes: bool array (R, solutions, test lines), at least one solution; duplicates of a line count.

    Returns:
        Int arrays (R,): the solution's index (the earliest on a tie, so the first where no pair passes)
        and its score.
    """
    n_s = passes.sum(axis=2)
    # Counts of solutions, in as few bytes as hold them: this is where a study's time goes.
    solves = passes.sum(axis=1, dtype=np.min_scalar_type(passes.shape[1]))
    n_t = (passes * solves[:, None, :]).max(axis=2, initial=0)
    scores = n_s * n_t.astype(np.int64)
    best = scores.argmax(axis=1)
    return best, scores.max(axis=1)


def exact_theta(theta: float) -> Fraction:
    """θ as the decimal number that was written (0.7 is 7/10), so that no threshold is missed by rounding."""
    return Fraction(repr(float(theta)))


def accepts(score: int, most: int, theta: Fraction, *, accept_without_tests: bool) -> bool:
    """Whether a stage's answer is taken: score ≥ θ·most, not rounded.

    Args:
        score: of the best solution; the paper's is n_s·n_t.
        most: what the score could be at most, the paper's k·N_t; 0 where there is no valid test line.
        theta: the threshold, see `exact_theta`.
        accept_without_tests: the answer where N_t = 0; the paper's is True (0 ≥ 0).
    """
    if most == 0:
        return accept_without_tests
    return score * theta.denominator >= theta.numerator * most


def distinct(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different ones of some non-negative whole numbers, rising, and where each stands among them."""
    most = int(values.max(initial=0))
    if most > MOST_COUNTED + values.size:
        found, index = np.unique(values, return_inverse=True)
        return found, index.ravel()
    # Small numbers are marked, not sorted: the time grows with how many there are.
    there = np.zeros(most + 1, dtype=bool)
    there[values] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[values]


def acceptances(
    score: NDArray[np.int64], most: NDArray[np.int64], thetas: Sequence[float], *, accept_without_tests: bool
) -> NDArray[np.bool_]:
    """Whether R stages' answers are taken at T thresholds, see `accepts`: bool array (T, R)."""
    base = int(most.max()) + 1
    pairs, index = distinct(score.astype(np.int64) * base + most)
    # One by one, because Python's whole numbers hold any θ; different pairs are few.
    of_pairs = [
        [
            accepts(int(pair) // base, int(pair) % base, theta, accept_without_tests=accept_without_tests)
            for pair in pairs
        ]
        for theta in map(exact_theta, thetas)
    ]
    return np.array(of_pairs, dtype=bool)[:, index]
