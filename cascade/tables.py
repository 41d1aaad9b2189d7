"""Stage tables: what every option of a model does on every problem (METHOD, From samples to tables)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cascade.estimators import Estimator, FirstK
from cascade.plans import EXIT, Option
from cascade.rules import Rule, paper
from cascade.score import accepts, exact_theta

FIRST_K = FirstK()


@dataclass(frozen=True)
class DrawOutcome:
    """One draw of one model for one problem after execution: K solutions, M valid test lines.

    Attributes:
        passes: bool array (K, M): solution i passes test line j.
        line_sample: int array (M,): index of the test sample that a line comes from.
        line_position: int array (M,): the line's place among its sample's logical lines, from 1.
        correct: bool array (K,): the solution passes the reference tests.
        solution_tokens: int array (K,): generated tokens, EOS not counted.
        test_tokens: by l, int array (K,): generated tokens of each test up to its l-th line.
            Empty where the model has no tests.
    """

    passes: NDArray[np.bool_]
    line_sample: NDArray[np.int64]
    line_position: NDArray[np.int64]
    correct: NDArray[np.bool_]
    solution_tokens: NDArray[np.int64]
    test_tokens: Mapping[int, NDArray[np.int64]]


@dataclass(frozen=True)
class ProblemOutcome:
    """One model on one problem: the greedy block, if there is one, and the sampled draws."""

    greedy: DrawOutcome | None
    draws: tuple[DrawOutcome, ...]

    def blocks(self, option: Option) -> tuple[DrawOutcome, ...]:
        """The blocks that realise an option; empty where the samples do not allow it."""
        if option.k > 1:
            blocks = tuple(draw for draw in self.draws if len(draw.correct) >= option.k)
        else:
            blocks = tuple(draw for draw in (self.greedy,) if draw is not None)
        return tuple(b for b in blocks if not option.tests or option.l in b.test_tokens)


@dataclass(frozen=True)
class StageTable:
    """One model's options (O) at every θ (T) on every problem (P), averaged over draws or subsets.

    Attributes:
        options: the O options, exit (k = 0) included.
        thetas: the T thresholds.
        accept: float array (O, T, P), a: probability that the stage's answer is accepted (1 for exit).
        accept_correct: float array (O, T, P), q: probability of accepted and correct.
        correct: float array (O, P), g: probability that the stage's answer is correct.
        usd: float array (O, P), c: expected cost of the stage in US dollars per query.
        correct_error, usd_error: float arrays (O, P): Monte-Carlo standard errors of the two above;
            0 where nothing was drawn at random.
    """

    options: tuple[Option, ...]
    thetas: tuple[float, ...]
    accept: NDArray[np.float64]
    accept_correct: NDArray[np.float64]
    correct: NDArray[np.float64]
    usd: NDArray[np.float64]
    correct_error: NDArray[np.float64]
    usd_error: NDArray[np.float64]

    def at(self, problems: NDArray[np.int64]) -> "StageTable":
        """The same table for some of the problems, by index."""
        arrays = {name: getattr(self, name)[..., problems] for name in ARRAYS}
        return replace(self, **arrays)

    def part(self, options: Sequence[int], thetas: Sequence[int]) -> "StageTable":
        """The same table for some of the options and θ, by index."""
        of_both = {name: getattr(self, name)[options][:, thetas] for name in ARRAYS[:2]}
        of_options = {name: getattr(self, name)[options] for name in ARRAYS[2:]}
        return replace(
            self,
            options=tuple(self.options[i] for i in options),
            thetas=tuple(self.thetas[i] for i in thetas),
            **of_both,
            **of_options,
        )

    def monte_carlo_error(self) -> tuple[float, float]:
        """Standard errors of the least certain option's accuracy (0..1) and US dollars per 1,000 queries."""
        n_problems = self.correct.shape[1]
        accuracy, usd = (
            float(np.sqrt((own**2).sum(axis=1)).max()) / n_problems
            for own in (self.correct_error, self.usd_error)
        )
        return accuracy, 1000 * usd


ARRAYS = ("accept", "accept_correct", "correct", "usd", "correct_error", "usd_error")


def available_options(outcomes: Sequence[ProblemOutcome], options: Sequence[Option]) -> tuple[Option, ...]:
    """The options that a model's samples allow on every problem, in the given order."""
    return tuple(option for option in options if all(o.blocks(option) for o in outcomes))


def stage_table(
    outcomes: Sequence[ProblemOutcome],
    options: Sequence[Option],
    thetas: Sequence[float],
    usd_per_token: float,
    *,
    accept_without_tests: bool,
    estimator: Estimator = FIRST_K,
    model: int = 0,
    rule: Rule = paper,
) -> StageTable:
    """The table of one model.

    Args:
        outcomes: the model's outcome for each of the P problems.
        options: options that every problem's samples allow, see `available_options`.
        thetas: the grid of thresholds.
        usd_per_token: the model's price, see `cascade.pricing`.
        accept_without_tests: whether a stage without a valid test line accepts (setting rule.no_tests).
        estimator: which of a draw's samples a stage with k > 1 takes.
        model: the model's number in its family; each has random numbers of its own.
        rule: which solution is the answer and how sure the stage is, see `cascade.rules`.
    """
    exact = [exact_theta(theta) for theta in thetas]
    shape = (len(options), len(thetas), len(outcomes))
    accept, accept_correct = np.zeros(shape), np.zeros(shape)
    correct, tokens, correct_error, token_error = np.zeros((4, shape[0], shape[2]))
    for o, option in enumerate(options):
        for p, outcome in enumerate(outcomes):
            runs = run_stage(outcome, option, estimator, (model, o, p), rule)
            share = 1 / len(runs)
            correct[o, p] = share * sum(run.right for run in runs)
            tokens[o, p] = share * sum(run.tokens for run in runs)
            if len(runs) > len(outcome.blocks(option)):
                rights, own = np.array([(run.right, run.tokens) for run in runs], dtype=float).T
                correct_error[o, p] = rights.std(ddof=1) / np.sqrt(len(runs))
                token_error[o, p] = own.std(ddof=1) / np.sqrt(len(runs))
            for (right, score, most), n in Counter((r.right, r.score, r.most) for r in runs).items():
                for t, theta in enumerate(exact):
                    if option == EXIT or accepts(
                        score, most, theta, accept_without_tests=accept_without_tests
                    ):
                        accept[o, t, p] += share * n
                        accept_correct[o, t, p] += share * n * right
    return StageTable(
        tuple(options),
        tuple(thetas),
        accept,
        accept_correct,
        correct,
        tokens * usd_per_token,
        correct_error,
        token_error * usd_per_token,
    )


class StageRun(NamedTuple):
    """One stage on some samples.

    Attributes:
        right: whether its answer is right.
        score, most: see `cascade.rules.Judgements`; `most` is 0 without a valid test line, and for an exit.
        tokens: what was written for it.
        n_right: how many of its solutions are right.
    """

    right: bool
    score: int
    most: int
    tokens: int
    n_right: int


def run_stage(
    outcome: ProblemOutcome, option: Option, estimator: Estimator, place: tuple[int, ...], rule: Rule
) -> list[StageRun]:
    """A stage on one problem, as often as the estimator wants it; `place` as `Estimator.subsets` takes it."""
    blocks = outcome.blocks(option)
    if option == EXIT:
        return [
            StageRun(bool(b.correct[0]), 0, 0, int(b.solution_tokens[0]), int(b.correct[0])) for b in blocks
        ]
    runs: list[StageRun] = []
    for number, block in enumerate(blocks):
        tokens = block.test_tokens[option.l]
        solutions, tests = estimator.subsets(
            len(block.correct), len(tokens), option.k, len(blocks), (*place, number)
        )
        taken = np.zeros((len(tests), len(tokens) + 1), dtype=bool)
        np.put_along_axis(taken, tests, True, axis=1)
        # A line that is not looked at belongs to no test: the index -1, which is never taken.
        lines = taken[:, np.where(block.line_position <= option.l, block.line_sample, -1)]
        spent = block.solution_tokens[solutions].sum(axis=1) + tokens[tests].sum(axis=1)
        correct = block.correct[solutions]
        n_right = correct.sum(axis=1)
        judged = rule(block.passes[solutions] & lines[:, None, :], lines.sum(axis=1))
        right = np.take_along_axis(correct, judged.answer[:, None], axis=1)[:, 0]
        columns = (right, judged.score, judged.most, spent, n_right)
        runs += map(StageRun._make, zip(*(column.tolist() for column in columns), strict=True))
    return runs
