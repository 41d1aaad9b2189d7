"""When a stage's answer is taken: by its score (the paper), or by the probability that it is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cascade.core.calibration import FEATURES, N_FOLDS, Calibrator, evidence, fit_calibrator, probabilities
from cascade.core.model_runs import ModelRuns
from cascade.core.score import acceptances
from cascade.core.stage_runs import StageRuns


class Acceptance(Protocol):
    """Decides about the runs of one model."""

    def __call__(self, runs: StageRuns, thetas: Sequence[float]) -> NDArray[np.bool_]:
        """Bool array (T, R): whether each run's answer is taken at each threshold."""


@dataclass(frozen=True)
class ByScore:
    """The paper's: score ≥ θ · most.

    Attributes:
        without_tests: whether a stage without a valid test line accepts (setting rule.no_tests).
    """

    without_tests: bool

    def __call__(self, runs: StageRuns, thetas: Sequence[float]) -> NDArray[np.bool_]:
        return acceptances(runs.score, runs.most, thetas, accept_without_tests=self.without_tests)


@dataclass(frozen=True)
class ByProbability:
    """Calibrated: the probability that the answer is right ≥ τ, which stands in θ's place.

    Attributes:
        calibrators: of the model; the first was fitted on all validation problems, the others on all but
            one fold.
        of_problem: int array (P,): which of them decides about a problem: no problem is decided by one that
            was fitted on it, unless there are too few for folds.
        without_tests: whether a stage without a valid test line may accept (setting rule.no_tests).
    """

    calibrators: tuple[Calibrator, ...]
    of_problem: NDArray[np.int64]
    without_tests: bool

    def served(self, n_problems: int) -> "ByProbability":
        """What decides in service: the calibrator of all validation problems, about any problem."""
        return ByProbability(self.calibrators[:1], np.zeros(n_problems, dtype=np.int64), self.without_tests)

    def probability(self, runs: StageRuns) -> NDArray[np.float64]:
        """Float array (R,): how probable it is that each run's answer is right."""
        rows = np.stack([one.coefficients for one in self.calibrators])[self.of_problem][runs.problem]
        return probabilities(rows, runs)

    def __call__(self, runs: StageRuns, thetas: Sequence[float]) -> NDArray[np.bool_]:
        taken = self.probability(runs)[None, :] >= np.array(thetas)[:, None]
        return np.asarray(taken & (self.without_tests | (runs.n_lines > 0)))


def calibrate(
    runs: ModelRuns, validation: NDArray[np.int64], seed: int, *, without_tests: bool
) -> ByProbability:
    """Fit a model's calibrators on the validation side, cross-fitted for its own problems.

    Args:
        runs: of the model on all problems; answers outside the validation side are not looked at.
        validation: indices of the validation problems.
        seed: of the folds, which are the same for every model of a family.
        without_tests: see `ByProbability`.
    """
    every = [
        one
        for option, rounds in zip(runs.options, runs.rounds, strict=True)
        if option.tests
        for one in rounds
    ]
    of_problem = np.zeros(len(runs.rounds[0][0].n_draws), dtype=np.int64)
    if not every:
        return ByProbability((Calibrator(np.zeros(1 + len(FEATURES)), 0),), of_problem, without_tests)
    known = evidence(every)
    calibrators = [fit_calibrator(known, validation)]
    folds = np.array_split(np.random.default_rng(seed).permutation(validation), N_FOLDS)
    if len(validation) >= 2 * N_FOLDS:
        for number, fold in enumerate(folds, 1):
            of_problem[fold] = number
            calibrators.append(fit_calibrator(known, np.setdiff1d(validation, fold)))
    return ByProbability(tuple(calibrators), of_problem, without_tests)
