"""Draws side by side in arrays, so that an option is run on many problems in a few steps of numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cascade.core.estimators import Estimator
from cascade.core.outcomes import DrawOutcome, ProblemOutcome
from cascade.core.plans import Option

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Taken = tuple[Bools, Ints, Bools, Ints]  # a part of `StageSamples.passes`, `n_lines`, `correct`, `tokens`


@dataclass(frozen=True)
class DrawArrays:
    """D draws, filled up to the largest of them: K solutions, T tests of up to L lines, M lines in all.

    Attributes:
        passes: bool array (D, K, M + 1): a solution passes a line; nobody passes the last one.
        lines: int array (D, T, L): the index of every test's lines; M where it has none.
        correct: bool array (D, K).
        solution_tokens: int array (D, K).
        test_tokens: by l, int array (D, T); 0 where a draw has no count.
    """

    passes: Bools
    lines: Ints
    correct: Bools
    solution_tokens: Ints
    test_tokens: Mapping[int, Ints]

    @classmethod
    def of(cls, draws: Sequence[DrawOutcome]) -> "DrawArrays":
        """Lay them out."""
        l_values = sorted({l for draw in draws for l in draw.test_tokens})  # noqa: E741 - the paper's letter
        n_draws = len(draws)
        n_solutions = max((len(draw.correct) for draw in draws), default=0)
        n_lines = max((len(draw.line_sample) for draw in draws), default=0)
        n_tests = max((len(tokens) for draw in draws for tokens in draw.test_tokens.values()), default=0)
        longest = max((int(draw.line_position.max(initial=0)) for draw in draws), default=0)
        passes = np.zeros((n_draws, n_solutions, n_lines + 1), dtype=bool)
        lines = np.full((n_draws, n_tests, max([longest, *l_values])), n_lines)
        correct = np.zeros((n_draws, n_solutions), dtype=bool)
        tokens = np.zeros((n_draws, n_solutions), dtype=np.int64)
        test_tokens = {l: np.zeros((n_draws, n_tests), dtype=np.int64) for l in l_values}  # noqa: E741
        for d, draw in enumerate(draws):
            k, m = draw.passes.shape
            passes[d, :k, :m] = draw.passes
            correct[d, :k], tokens[d, :k] = draw.correct, draw.solution_tokens
            if draw.test_tokens:
                lines[d, draw.line_sample, draw.line_position - 1] = np.arange(m)
            for l, counts in draw.test_tokens.items():  # noqa: E741
                test_tokens[l][d, : len(counts)] = counts
        return cls(passes, lines, correct, tokens, test_tokens)

    def gather(
        self,
        of: Ints,
        solutions: Ints,
        tests: Ints,
        l: int,  # noqa: E741 - the paper's own letter
        sizes: Sequence[int],
    ) -> list[Taken]:
        """What the runs see that take these solutions and tests (R, k) of the draws `of` (R,), up to line l.

        Returns:
            For each of the sizes, what is seen of the first so many solutions and tests.
        """
        k, at = tests.shape[1], of[:, None]
        lines = self.lines[at, tests, :l].reshape(len(tests), k * l)
        passes = self.passes[of[:, None, None], solutions[:, :, None], lines[:, None, :]]
        there, correct = lines < self.passes.shape[2] - 1, self.correct[at, solutions]
        spent = (self.solution_tokens[at, solutions] + self.test_tokens[l][at, tests]).cumsum(axis=1)
        return [
            (
                passes[:, :size, : size * l],
                there[:, : size * l].sum(axis=1),
                correct[:, :size],
                spent[:, size - 1],
            )
            for size in sizes
        ]


@dataclass(frozen=True)
class OptionRuns:
    """How often an option is run on P problems, and on what.

    Attributes:
        n_draws: int array (P,): the draws of each problem that allow the option.
        problem: int array (R,): a run's problem, rising.
        draw: int array (R,): its draw, among all that the problems have of that kind.
        solutions, tests: int arrays (R, k): what the estimator takes of the draw.
    """

    n_draws: Ints
    problem: Ints
    draw: Ints
    solutions: Ints
    tests: Ints


class OutcomeArrays:
    """A model's outcomes on some problems, laid out once for all options.

    Attributes:
        outcomes: one a problem.
        first: the number of the first of the problems among all, for the estimator.
    """

    def __init__(self, outcomes: Sequence[ProblemOutcome], first: int = 0) -> None:
        """Lay nothing out yet."""
        self.outcomes, self.first = outcomes, first

    @cached_property
    def greedy(self) -> DrawArrays:
        """The greedy blocks, one a problem that has one."""
        return DrawArrays.of([outcome.greedy for outcome in self.outcomes if outcome.greedy is not None])

    @cached_property
    def sampled(self) -> DrawArrays:
        """All draws of all problems."""
        return DrawArrays.of([draw for outcome in self.outcomes for draw in outcome.draws])

    def runs(self, option: Option, estimator: Estimator, rng_key: tuple[int, ...]) -> OptionRuns:
        """What an option with tests is run on.

        Args:
            option: any with tests that the samples of every problem allow.
            estimator: which of a draw's samples are taken.
            rng_key: numbers of the model and the option, for the estimator.
        """
        n_draws, owners, solutions, tests = [], [], [], []
        begins = 0
        for p, outcome in enumerate(self.outcomes):
            blocks = outcome.blocks(option)
            every = outcome.draws if option.k > 1 else blocks
            place = {id(draw): begins + i for i, draw in enumerate(every)}
            n_draws.append(len(blocks))
            for number, draw in enumerate(blocks):
                key = (*rng_key, self.first + p, number)
                n_tests = len(draw.test_tokens[option.l])
                taken = estimator.subsets(len(draw.correct), n_tests, option.k, len(blocks), key)
                owners.append((p, place[id(draw)], len(taken[0])))
                solutions.append(taken[0])
                tests.append(taken[1])
            begins += len(every)
        problems, places, counts = np.array(owners).reshape(-1, 3).T
        return OptionRuns(
            np.array(n_draws),
            np.repeat(problems, counts),
            np.repeat(places, counts),
            np.concatenate(solutions),
            np.concatenate(tests),
        )
