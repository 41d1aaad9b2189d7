"""Stage tables: what every option of a model does on every problem (METHOD, From samples to tables)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cascade.core.estimators import Estimator, FirstK
from cascade.core.growing import GrowingTable, growing_table
from cascade.core.outcomes import ProblemOutcome
from cascade.core.plans import EXIT, Option
from cascade.core.pricing import usd_per_1k_queries
from cascade.core.rules import Rule, paper
from cascade.core.score import acceptances
from cascade.core.stage_runs import StageRuns, judge_samples, take_samples

FIRST_K = FirstK()


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
        growing: where options grow, float arrays (O, T, P) of their g, c and expected rounds, which depend
            on θ (NaN for other options); their rows of `correct` and `usd` are NaN. `by_theta` has both.
    """

    options: tuple[Option, ...]
    thetas: tuple[float, ...]
    accept: NDArray[np.float64]
    accept_correct: NDArray[np.float64]
    correct: NDArray[np.float64]
    usd: NDArray[np.float64]
    correct_error: NDArray[np.float64]
    usd_error: NDArray[np.float64]
    growing: tuple[NDArray[np.float64], ...] | None = None

    @cached_property
    def by_theta(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Float arrays (O, T, P): g, c and the expected rounds of every option at every θ."""
        shape = self.accept.shape
        ones = np.broadcast_to(np.ones(1), shape)
        fixed = [np.broadcast_to(own[:, None, :], shape) for own in (self.correct, self.usd)] + [ones]
        if self.growing is not None:
            grows = np.array([option.growing for option in self.options])[:, None, None]
            fixed = [np.where(grows, new, old) for new, old in zip(self.growing, fixed, strict=True)]
        correct, usd, rounds = fixed
        return correct, usd, rounds

    def at(self, problems: NDArray[np.int64]) -> "StageTable":
        """The same table for some of the problems, by index."""
        arrays = {name: getattr(self, name)[..., problems] for name in ARRAYS}
        growing = None if self.growing is None else tuple(own[..., problems] for own in self.growing)
        return replace(self, growing=growing, **arrays)

    def part(self, options: Sequence[int], thetas: Sequence[int]) -> "StageTable":
        """The same table for some of the options and θ, by index."""
        of_both = {name: getattr(self, name)[options][:, thetas] for name in ARRAYS[:2]}
        of_options = {name: getattr(self, name)[options] for name in ARRAYS[2:]}
        return replace(
            self,
            options=tuple(self.options[i] for i in options),
            thetas=tuple(self.thetas[i] for i in thetas),
            growing=None
            if self.growing is None
            else tuple(own[list(options)][:, list(thetas)] for own in self.growing),
            **of_both,
            **of_options,
        )

    def costing(self, factor: float) -> "StageTable":
        """The same table with every cost times a factor: tokens stay, their price changes."""
        growing = self.growing
        if growing is not None:
            correct, usd, rounds = growing
            growing = (correct, usd * factor, rounds)
        return replace(self, usd=self.usd * factor, usd_error=self.usd_error * factor, growing=growing)

    def monte_carlo_error(self) -> tuple[float, float]:
        """Standard errors of the least certain option's accuracy (0..1) and US dollars per 1,000 queries."""
        n_problems = self.correct.shape[1]
        accuracy, usd = (
            float(np.sqrt((own**2).sum(axis=1)).max()) / n_problems
            for own in (self.correct_error, self.usd_error)
        )
        return accuracy, usd_per_1k_queries(usd)


ARRAYS = ("accept", "accept_correct", "correct", "usd", "correct_error", "usd_error")


def rng_key(model: int, option: Option) -> tuple[int, ...]:
    """What an option's random subsets are drawn by: the same in every search space that has it.

    Args:
        model: the model's number in its family.
        option: one of its options.
    """
    return model, option.k, option.l, int(option.growing)


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
        usd_per_token: the model's price, see `cascade.core.pricing`.
        accept_without_tests: whether a stage without a valid test line accepts (setting rule.no_tests).
        estimator: which of a draw's samples a stage with k > 1 takes.
        model: the model's number in its family; each has random numbers of its own.
        rule: which solution is the answer and how sure the stage is, see `cascade.core.rules`.
    """
    fixed = [o for o, option in enumerate(options) if not option.growing]
    runs = [
        judge_samples(take_samples(outcomes, options[o], estimator, rng_key(model, options[o])), rule)
        for o in fixed
    ]
    own = [options[o] for o in fixed]
    table = table_of_runs(runs, own, thetas, usd_per_token, accept_without_tests=accept_without_tests)
    if len(fixed) == len(options):
        return table
    grown = {
        o: growing_table(
            outcomes,
            option,
            thetas,
            accept_without_tests=accept_without_tests,
            estimator=estimator,
            rng_key=rng_key(model, option),
            rule=rule,
        )
        for o, option in enumerate(options)
        if option.growing
    }
    return _joined(table, fixed, grown, options, usd_per_token)


def _joined(
    table: StageTable,
    fixed: Sequence[int],
    grown: Mapping[int, GrowingTable],
    options: Sequence[Option],
    usd_per_token: float,
) -> StageTable:
    """The table of all options, from that of the fixed ones and those of each growing one."""
    shape = (len(options), len(table.thetas), table.accept.shape[2])
    arrays = {name: np.full(shape if name in ARRAYS[:2] else (shape[0], shape[2]), np.nan) for name in ARRAYS}
    for name in ARRAYS:
        arrays[name][fixed] = getattr(table, name)
    growing = tuple(np.full((3, *shape), np.nan))
    for o, own in grown.items():
        arrays["accept"][o], arrays["accept_correct"][o] = own.accept, own.accept_correct
        arrays["correct_error"][o] = own.correct_error
        arrays["usd_error"][o] = own.token_error * usd_per_token
        growing[0][o], growing[1][o], growing[2][o] = own.correct, own.tokens * usd_per_token, own.rounds
    return StageTable(tuple(options), table.thetas, growing=growing, **arrays)


def table_of_runs(
    runs: Sequence[StageRuns],
    options: Sequence[Option],
    thetas: Sequence[float],
    usd_per_token: float,
    *,
    accept_without_tests: bool,
) -> StageTable:
    """The table of one model from the runs of its options, one for each; see `stage_table`."""
    shape = (len(options), len(thetas), len(runs[0].n_draws))
    accept, accept_correct = np.zeros(shape), np.zeros(shape)
    correct, tokens, correct_error, token_error = np.zeros((4, shape[0], shape[2]))
    for o, (option, own) in enumerate(zip(options, runs, strict=True)):
        correct[o], correct_error[o] = own.per_problem(own.right), own.errors(own.right)
        tokens[o], token_error[o] = own.per_problem(own.tokens), own.errors(own.tokens)
        taken = acceptances(own.score, own.most, thetas, accept_without_tests=accept_without_tests)
        if option == EXIT:
            taken[:] = True
        accept[o] = [own.per_problem(one) for one in taken]
        accept_correct[o] = [own.per_problem(one & own.right) for one in taken]
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
