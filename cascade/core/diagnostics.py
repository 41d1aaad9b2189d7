"""Diagnostics: how good a model's options are, how far their score can be trusted, and who solves what.

They describe the samples of a study and choose nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cascade.core.outcomes import ProblemOutcome
from cascade.core.score import acceptances, distinct
from cascade.core.stage_runs import StageRuns

MIN_ACCURACY = 0.10  # models below it should not be in a family (paper section 5.1)
N_BINS = 10
MAX_SUBSETS = 20  # random subsets of a problem's samples that a diagnosis looks at


@dataclass(frozen=True)
class Quality:
    """How good an option is, and how far its score can be trusted.

    Attributes:
        accuracy: share of problems whose answer is right, as a last stage gives it.
        pass_at_1: share of its solutions that are right: what an answer picked at random would reach.
        oracle_pass_at_k: share of problems with a right solution among the k: what perfect tests would reach.
        without_tests: share of problems without a valid test line; the figures below leave them out.
        auc: probability that a right answer scores above a wrong one, ties counting half (0.5: the score
            says nothing); NaN where all answers are right or all wrong.
        calibration_error: mean distance between the score (as a share of the most) and the share of right
            answers, over ten bins of the score.
        brier: mean squared distance between the score and the truth (0 or 1).
    """

    accuracy: float
    pass_at_1: float
    oracle_pass_at_k: float
    without_tests: float
    auc: float
    calibration_error: float
    brier: float


def quality(runs: StageRuns) -> Quality:
    """The figures of one option."""
    judged = runs.most > 0
    weight, right = runs.weight[judged], runs.right[judged]
    confidence = runs.score[judged] / runs.most[judged]
    bins = reliability(runs)
    total = weight.sum()
    return Quality(
        accuracy=float(runs.weight @ runs.right),
        pass_at_1=float(runs.weight @ runs.share_right),
        oracle_pass_at_k=float(runs.weight @ (runs.share_right > 0)),
        without_tests=float(runs.weight @ ~judged),
        auc=_auc(runs.score[judged], runs.most[judged], right, weight),
        calibration_error=sum(b.share * abs(b.confidence - b.right) for b in bins) if bins else float("nan"),
        brier=float(weight @ (confidence - right) ** 2 / total) if total else float("nan"),
    )


def _auc(
    score: NDArray[np.int64], most: NDArray[np.int64], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> float:
    """Weighted probability that a right one scores a higher share of the most than a wrong one; ties half."""
    if right.all() or not right.any():
        return float("nan")
    base = int(most.max()) + 1
    pairs, index = distinct(score.astype(np.int64) * base + most)
    _, of_pair = np.unique((pairs // base) / (pairs % base), return_inverse=True)
    level = of_pair[index]
    rights, wrongs = (np.bincount(level, weight * side, level.max() + 1) for side in (right, ~right))
    below = np.cumsum(wrongs) - wrongs
    return float(rights @ (below + wrongs / 2) / (rights.sum() * wrongs.sum()))


@dataclass(frozen=True)
class Bin:
    """The runs whose score, as a share of the most, lies in [low, high); the last bin has its end.

    Attributes:
        low, high: the bin.
        share: of all runs with a valid test line, the weight that lies in it.
        confidence: mean score.
        right: share of right answers.
    """

    low: float
    high: float
    share: float
    confidence: float
    right: float


def reliability(runs: StageRuns) -> tuple[Bin, ...]:
    """Calibration of the score against truth, over the bins that hold any run."""
    judged = runs.most > 0
    weight, right = runs.weight[judged], runs.right[judged]
    score, most = runs.score[judged], runs.most[judged]
    # In whole numbers: 0.7 belongs to the bin that begins there, whatever floats say.
    index = np.minimum(score.astype(np.int64) * N_BINS // most, N_BINS - 1) if score.size else score
    return _bins(index, score / most, right, weight)


def probability_bins(
    probability: NDArray[np.float64], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[Bin, ...]:
    """Calibration of probabilities against truth, over the bins that hold any.

    Args:
        probability, right, weight: arrays (R,).
    """
    return _bins(np.minimum((probability * N_BINS).astype(int), N_BINS - 1), probability, right, weight)


def _bins(
    index: NDArray[np.int64],
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    weight: NDArray[np.float64],
) -> tuple[Bin, ...]:
    found = []
    for b in np.unique(index):
        in_bin = index == b
        mass = weight[in_bin].sum()
        found.append(
            Bin(
                float(b / N_BINS),
                float((b + 1) / N_BINS),
                float(mass / weight.sum()),
                float(weight[in_bin] @ confidence[in_bin] / mass),
                float(weight[in_bin] @ right[in_bin] / mass),
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class Acceptance:
    """What a threshold does to an option's answers, as shares of all problems.

    Attributes:
        accepted: the answer was taken.
        accepted_wrong: it was taken and was wrong.
        escalated_right: it was right and the next model was asked needlessly.
    """

    accepted: float
    accepted_wrong: float
    escalated_right: float


def acceptance(runs: StageRuns, thetas: Sequence[float], *, accept_without_tests: bool) -> list[Acceptance]:
    """What each θ does to an option's answers.

    Args:
        runs: of one option of a model, over the problems that count.
        thetas: the thresholds, 0..1.
        accept_without_tests: whether an answer without any valid test line is accepted.

    Returns:
        For each θ shares of all answers: taken, taken and wrong, escalated and right.
    """
    return [
        Acceptance(
            float(runs.weight @ taken),
            float(runs.weight @ (taken & ~runs.right)),
            float(runs.weight @ (~taken & runs.right)),
        )
        for taken in acceptances(runs.score, runs.most, thetas, accept_without_tests=accept_without_tests)
    ]


def first_answers(outcomes: Sequence[ProblemOutcome]) -> NDArray[np.bool_]:
    """Bool array (problems,): the greedy solution is right; without one, the first sample of all."""
    return np.array([(o.greedy or o.draws[0]).correct[0] for o in outcomes], dtype=bool)


def who_solves_what(solved: NDArray[np.bool_]) -> dict[tuple[bool, ...], NDArray[np.int64]]:
    """Which problems are solved by exactly which models (paper Figure 2).

    Args:
        solved: bool array (models, problems).

    Returns:
        By pattern (one flag a model) the indices of its problems; patterns that occur, most frequent first.
    """
    patterns, index = np.unique(solved.T, axis=0, return_inverse=True)
    found = [
        (tuple(bool(flag) for flag in pattern), np.flatnonzero(index.ravel() == i))
        for i, pattern in enumerate(patterns)
    ]
    return dict(sorted(found, key=lambda entry: (-len(entry[1]), entry[0])))


def advice(models: Sequence[str], accuracy: Sequence[float]) -> list[str]:
    """What the paper would say to a family (sections 4.1 and 5.1).

    Args:
        models: names from small to large.
        accuracy: of each model's greedy solutions, 0..1.

    Returns:
        One line for each model under 10 % and for each that is worse than a smaller one.
    """
    lines = [
        f"{model} solves {100 * share:.1f} % of the problems: the paper advises to leave models under "
        f"{MIN_ACCURACY:.0%} out of a family"
        for model, share in zip(models, accuracy, strict=True)
        if share < MIN_ACCURACY
    ]
    for i, share in enumerate(accuracy):
        better = max(range(i), key=lambda j: accuracy[j], default=i)
        if accuracy[better] > share:
            lines.append(
                f"{models[i]} solves {100 * share:.1f} % of the problems and the smaller {models[better]} "
                f"{100 * accuracy[better]:.1f} %: a family should get better with size; leave {models[i]} out"
            )
    return lines


def price_advice(models: Sequence[str], usd_per_1m_tokens: Sequence[float]) -> list[str]:
    """One line for each model whose tokens cost more than those of a larger one.

    Args:
        models: names from small to large.
        usd_per_1m_tokens: their prices.
    """
    lines = []
    for i, price in enumerate(usd_per_1m_tokens):
        cheaper = [j for j in range(i + 1, len(models)) if usd_per_1m_tokens[j] < price]
        if cheaper:
            larger = cheaper[0]
            lines.append(
                f"{models[i]} costs {price:.3g} $ per million tokens and the larger {models[larger]} "
                f"{usd_per_1m_tokens[larger]:.3g} $: was it measured on a busy machine or in small batches? "
                "See docs/cost-model.md"
            )
    return lines
