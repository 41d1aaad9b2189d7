"""Calibration: how probable it is that an answer is right, from what its stage knows (beyond the paper).

One logistic regression a model, with a ridge penalty, fitted on validation problems only. Every problem
weighs the same, and within it every number of samples, so that many runs of one problem are no more evidence
than one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cascade.core.score import distinct
from cascade.core.stage_runs import StageRuns

FEATURES = ("score_share", "passed_share", "agreed_share", "ln_lines", "all_pass", "no_lines", "ln_k")
RIDGE = 1.0  # penalty on the squared coefficients of standardised features, in problems
N_FOLDS = 5  # of the cross-fit
_STEPS = 50  # of Newton's method, which needs about six

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibrator:
    """A model's regression.

    Attributes:
        coefficients: float array (1 + F,): intercept and one for each of `FEATURES`, of their logit.
        n_problems: that it was fitted on.
    """

    coefficients: Floats
    n_problems: int


def features(runs: StageRuns) -> Floats:
    """Float array (R, F): what a stage knows of its answer, see `FEATURES`.

    The share of the score, n_s/N_t, n_t/k, ln N_t, whether the answer passes all lines, whether there is no
    line at all (then the first four are 0), and ln k.
    """
    lines = np.maximum(runs.n_lines, 1)
    none = runs.n_lines == 0
    return np.stack(
        [
            runs.score / np.maximum(runs.most, 1),
            runs.passed / lines,
            runs.agreed / runs.k,
            np.log(lines),
            (runs.passed == runs.n_lines) & ~none,
            none,
            np.full(len(none), np.log(runs.k)),
        ],
        axis=1,
    )


def probabilities(coefficients: Floats, runs: StageRuns) -> Floats:
    """Float array (R,): how probable it is that each run's answer is right.

    Args:
        coefficients: float array (R, 1 + F) or (1 + F,), see `Calibrator`.
        runs: of one model.
    """
    return np.asarray(expit(coefficients[..., 0] + (features(runs) * coefficients[..., 1:]).sum(axis=1)))


class Answer(NamedTuple):
    """What a stage knows of one answer: its score of the most, n_s, n_t, N_t and k; see `StageRuns`."""

    k: int
    score: int
    most: int
    passed: int
    agreed: int
    n_lines: int


def answer_probability(calibrator: Calibrator, answer: Answer) -> float:
    """How probable it is that one answer is right."""
    zero_row = np.zeros(1, dtype=np.int64)
    known = {
        name: zero_row + getattr(answer, name) for name in ("score", "most", "passed", "agreed", "n_lines")
    }
    runs = StageRuns(
        k=answer.k,
        n_draws=zero_row + 1,
        problem=zero_row,
        tokens=zero_row,
        right=zero_row > 0,
        n_right=zero_row,
        **known,
    )
    return float(probabilities(calibrator.coefficients, runs)[0])


@dataclass(frozen=True)
class Evidence:
    """What a model's regression is fitted on: equal runs of a problem are one row.

    Attributes:
        problem: int array (N,).
        features: float array (N, F).
        weight: float array (N,); those of a problem sum to 1.
        right: float array (N,): the share of right answers.
    """

    problem: NDArray[np.int64]
    features: Floats
    weight: Floats
    right: Floats


def evidence(every: Sequence[StageRuns]) -> Evidence:
    """The rows of a model.

    Args:
        every: the runs of its testing options after every round, over the same problems.
    """
    known = ("problem", "n_lines", "score", "most", "passed", "agreed")
    columns = [np.concatenate([getattr(runs, name) for runs in every]) for name in known]
    columns.append(np.concatenate([np.full(len(runs.problem), runs.k) for runs in every]))
    row = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:  # numbered anew after each column, so that no product of their sizes overflows
        row = distinct(row * (int(column.max(initial=0)) + 1) + column)[1]
    weights = [1 / (runs.n_runs[runs.problem] * len(every)) for runs in every]
    weight = np.bincount(row, np.concatenate(weights))
    right = np.bincount(
        row,
        np.concatenate([run_weights * runs.right for run_weights, runs in zip(weights, every, strict=True)]),
    )
    first = np.zeros(len(weight), dtype=np.int64)
    first[row[::-1]] = np.arange(len(row))[::-1]  # of several runs of a row the first one is written last
    x = np.concatenate([features(runs) for runs in every])[first]
    return Evidence(columns[0][first], x, np.asarray(weight), np.asarray(right / weight))


def fit_calibrator(known: Evidence, problems: NDArray[np.int64], ridge: float = RIDGE) -> Calibrator:
    """Fit one model's regression.

    Args:
        known: of the model.
        problems: indices of the problems to fit on.
        ridge: the penalty.
    """
    seen = np.isin(known.problem, problems)
    fitted = _logistic(known.features[seen], known.right[seen], known.weight[seen], ridge)
    return Calibrator(fitted, len(problems))


def _logistic(x: Floats, y: Floats, weight: Floats, ridge: float) -> Floats:
    """Weighted ridge regression of a logit by Newton's method; coefficients of the features as they are."""
    centre = weight @ x / weight.sum()
    scale = np.sqrt(weight @ (x - centre) ** 2 / weight.sum())
    scale = np.where(scale > 1e-9, scale, 1.0)
    design = np.column_stack([np.ones(len(x)), (x - centre) / scale])
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 1e-3  # where all answers are right the intercept must end somewhere
    beta = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        p = expit(design @ beta)
        gradient = design.T @ (weight * (y - p)) - penalty * beta
        curvature = (design.T * (weight * p * (1 - p))) @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        # A step is cut where the probabilities saturate, so that Newton's method cannot run away.
        beta = beta + step / max(1.0, float(np.abs(step).max()) / 2)
        if np.abs(step).max() < 1e-10:
            break
    slopes = beta[1:] / scale
    return np.concatenate([[beta[0] - slopes @ centre], slopes])
