"""Stages run on samples: which solution a rule takes for the answer, how sure it is, and what was written.

All times that an option of a model is run, on all problems, stand in arrays along one axis R: once a draw, or
once a random subset (see `cascade.core.estimators`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cascade.core.draw_arrays import OutcomeArrays
from cascade.core.estimators import Estimator
from cascade.core.plans import EXIT, Option
from cascade.core.rules import Rule

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Runs that a rule judges at a time: what it computes on the way is several times as large as they are.
RUNS_AT_A_TIME = 4096
# Problems whose samples are held at a time: what stays of a run is a hundredth of what it looks at.
PROBLEMS_AT_A_TIME = 32


@dataclass(frozen=True)
class StageSamples:
    """What the runs of one option of one model look at: k solutions and k tests each (1 and 0 for an exit).

    Attributes:
        n_draws: int array (P,): how many draws of a problem the runs stand for.
        problem: int array (R,): a run's problem, rising.
        passes: bool array (R, k, k·l): a solution passes a line; false for lines that a test lacks.
        n_lines: int array (R,): how many lines there are.
        correct: bool array (R, k): a solution is right.
        tokens: int array (R,): what was written for the run.
    """

    n_draws: Ints
    problem: Ints
    passes: Bools
    n_lines: Ints
    correct: Bools
    tokens: Ints


def take_samples(
    outcomes: OutcomeArrays, option: Option, estimator: Estimator, rng_key: tuple[int, ...]
) -> StageSamples:
    """The samples of one option of one model, as often as the estimator wants them.

    Args:
        outcomes: of the model on P problems, whose samples must allow the option.
        option: any but skipping.
        estimator: which of a draw's samples are taken.
        rng_key: numbers of the model and the option, for the estimator.
    """
    if option == EXIT:
        n = len(outcomes.outcomes)
        greedy, none = outcomes.greedy, np.zeros(n, dtype=np.int64)
        return StageSamples(
            n_draws=np.ones(n, dtype=np.int64),
            problem=np.arange(n),
            passes=np.zeros((n, 1, 0), dtype=bool),
            n_lines=none,
            correct=greedy.correct[:, :1],
            tokens=greedy.solution_tokens[:, 0],
        )
    runs = outcomes.runs(option, estimator, rng_key)
    draws = outcomes.sampled if option.k > 1 else outcomes.greedy
    [taken] = draws.gather(runs.draw, runs.solutions, runs.tests, option.l, (option.k,))
    return StageSamples(runs.n_draws, runs.problem, *taken)


@dataclass(frozen=True)
class StageRuns:
    """What came of the runs of one option of one model under one rule.

    Attributes:
        k: how many solutions and tests a run has (1 for an exit, which has no tests).
        n_draws, problem, tokens: see `StageSamples`; whole numbers of 32 bits, of which there are many.
        right: bool array (R,): the answer is right.
        score, most: int arrays (R,), see `cascade.core.rules.Judgements`; `most` is 0 without a valid
            test line, and for an exit.
        passed, agreed, n_lines: int arrays (R,): of the answer, n_s lines that it passes and n_t, the most
            solutions that pass one of them (itself among them); and N_t, how many lines there are.
        n_right: int array (R,): how many of the run's solutions are right.
    """

    k: int
    n_draws: Ints
    problem: Ints
    tokens: Ints
    right: Bools
    score: Ints
    most: Ints
    passed: Ints
    agreed: Ints
    n_lines: Ints
    n_right: Ints

    @property
    def share_right(self) -> NDArray[np.float64]:
        """Float array (R,): the share of the run's solutions that is right."""
        return self.n_right / self.k

    @cached_property
    def n_runs(self) -> Ints:
        """Int array (P,): how often the option was run on a problem."""
        return np.bincount(self.problem, minlength=len(self.n_draws))

    @cached_property
    def weight(self) -> NDArray[np.float64]:
        """Float array (R,): every problem weighs the same, and every run of a problem; sums to 1."""
        return np.asarray(1 / (self.n_runs * len(self.n_draws)))[self.problem]

    def per_problem(self, values: Ints | Bools | NDArray[np.float64]) -> NDArray[np.float64]:
        """Means over a problem's runs, (P,), of numbers of shape (R,)."""
        return np.bincount(self.problem, values, len(self.n_draws)) / self.n_runs

    def errors(self, values: Ints | Bools | NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard errors of `per_problem`: 0 where the runs are draws that were looked at once each."""
        n = self.n_runs
        total = np.bincount(self.problem, values, len(n))
        values = values.astype(np.float64)  # a square of tokens may be more than 32 bits hold
        squares = np.bincount(self.problem, values * values, len(n))
        # Whole numbers up to here (but for shrunk tables), so that equal values have no spread.
        spread = np.maximum(n * squares - total * total, 0.0) / np.maximum(n - 1, 1)
        return np.where(n > self.n_draws, np.sqrt(spread) / n, 0.0)


def judge_samples(samples: StageSamples, rule: Rule) -> StageRuns:
    """Let a rule choose each run's answer."""
    n = len(samples.problem)
    answer, score, most, passed, agreed = np.zeros((5, n), dtype=np.int64)
    for start in range(0, n, RUNS_AT_A_TIME):
        part = slice(start, start + RUNS_AT_A_TIME)
        passes = samples.passes[part]
        judged = rule(passes, samples.n_lines[part])
        answer[part], score[part], most[part] = judged.answer, judged.score, judged.most
        passed_lines = passes[np.arange(len(passes)), judged.answer]
        passed[part] = passed_lines.sum(axis=1)
        agreed[part] = (passed_lines * passes.sum(axis=1)).max(axis=1, initial=0)
    return StageRuns(
        k=samples.correct.shape[1],
        n_draws=samples.n_draws,
        problem=narrow(samples.problem),
        tokens=narrow(samples.tokens),
        right=samples.correct[np.arange(n), answer],
        score=narrow(score),
        most=narrow(most),
        passed=narrow(passed),
        agreed=narrow(agreed),
        n_lines=narrow(samples.n_lines),
        n_right=narrow(samples.correct.sum(axis=1)),
    )


def narrow(values: Ints) -> Ints:
    """Whole numbers as 32 bits: a study may have a hundred million of them.

    Raises:
        OverflowError: one of them is larger.
    """
    if values.size and max(values.max(), -values.min()) > np.iinfo(np.int32).max:
        raise OverflowError(f"a run counts {values.max():,}: more than 32 bits hold")
    return values.astype(np.int32)


def joined(parts: Sequence[StageRuns]) -> StageRuns:
    """The runs of some groups of problems as those of all, the problems numbered one after the other."""
    begins = np.cumsum([0, *(len(part.n_draws) for part in parts)])
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("n_draws", "tokens", "right", "score", "most", "passed", "agreed", "n_lines", "n_right")
    }
    problem = np.concatenate(
        [part.problem + np.int32(begin) for part, begin in zip(parts, begins, strict=False)]
    )
    return StageRuns(k=parts[0].k, problem=problem, **columns)
