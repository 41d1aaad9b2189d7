"""Stage tables: what every option of a model does on every problem (METHOD, From samples to tables)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cascade.core.estimators import Estimator, FirstK
from cascade.core.model_runs import ModelRuns, model_runs
from cascade.core.outcomes import ProblemOutcome
from cascade.core.plans import EXIT, Option
from cascade.core.pricing import usd_per_1k_queries
from cascade.core.rules import Rule, paper
from cascade.core.stage_acceptance import Acceptance, ByProbability, ByScore
from cascade.core.stage_runs import StageRuns

FIRST_K = FirstK()
Floats = NDArray[np.float64]


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
        fixed = [np.broadcast_to(values[:, None, :], shape) for values in (self.correct, self.usd)] + [ones]
        if self.growing is not None:
            grows = np.array([option.growing for option in self.options])[:, None, None]
            fixed = [np.where(grows, new, old) for new, old in zip(self.growing, fixed, strict=True)]
        correct, usd, rounds = fixed
        return correct, usd, rounds

    def at(self, problems: NDArray[np.int64]) -> "StageTable":
        """The same table for some of the problems, by index."""
        arrays = {name: getattr(self, name)[..., problems] for name in ARRAYS}
        growing = None if self.growing is None else tuple(values[..., problems] for values in self.growing)
        return replace(self, growing=growing, **arrays)

    def with_problems(self, other: "StageTable") -> "StageTable":
        """The same table with the problems of another one, of the same options and θ, behind its own."""

        def joined(mine: Floats, theirs: Floats) -> Floats:
            return np.concatenate([mine, theirs], axis=-1)

        growing = None
        if self.growing is not None and other.growing is not None:
            growing = tuple(joined(*both) for both in zip(self.growing, other.growing, strict=True))
        arrays: dict[str, Any] = {name: joined(getattr(self, name), getattr(other, name)) for name in ARRAYS}
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
            else tuple(values[list(options)][:, list(thetas)] for values in self.growing),
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
            float(np.sqrt((errors**2).sum(axis=1)).max()) / n_problems
            for errors in (self.correct_error, self.usd_error)
        )
        return accuracy, usd_per_1k_queries(usd)


ARRAYS = ("accept", "accept_correct", "correct", "usd", "correct_error", "usd_error")


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
    runs = model_runs(outcomes, options, estimator, model, rule)
    return table_of_runs(runs, thetas, usd_per_token, ByScore(accept_without_tests))


def table_of_runs(
    runs: ModelRuns,
    thetas: Sequence[float],
    usd_per_token: float,
    accept: Acceptance,
    beliefs: ByProbability | None = None,
) -> StageTable:
    """The table of one model from the runs of its options; see `stage_table`.

    Args:
        runs: of every option of the model on all P problems.
        thetas: the grid of thresholds, T of them.
        usd_per_token: price of one generated token in US dollars.
        accept: which of a round's answers are accepted, at every θ.
        beliefs: where given, an answer's correctness counts half, and half the probability of being right
            that a calibrator gives it which was not fitted on its problem. So a plan's accuracy is shrunk
            half way towards what the evidence of its stages says: of few problems and many plans the best
            look less lucky (beyond the paper; docs/search.md).
    """
    shape = (len(runs.options), len(thetas), len(runs.rounds[0][0].n_draws))
    arrays = {name: np.full(shape if name in ARRAYS[:2] else (shape[0], shape[2]), np.nan) for name in ARRAYS}
    grown = np.full((3, *shape), np.nan)
    greedy = None if beliefs is None else _greedy_belief(runs, beliefs)
    for o, (option, rounds) in enumerate(zip(runs.options, runs.rounds, strict=True)):
        first, last = rounds[0], rounds[-1]
        if option == EXIT:
            # Without a test of its own a greedy answer is believed by what its greedy pair shows.
            answers = last.right if greedy is None else (last.right + greedy[last.problem]) / 2
            arrays["accept"][o] = 1.0
            arrays["accept_correct"][o] = last.per_problem(answers)
            _fixed(last, answers, arrays, o, usd_per_token)
            continue
        taken = np.stack([accept(one, thetas) for one in rounds])
        accepted = np.asarray(taken.any(axis=0))
        # The first round that is accepted, or the last of all.
        stop = np.where(accepted, taken.argmax(axis=0), len(rounds) - 1)
        each = np.arange(stop.shape[1])
        every = np.stack([_shrunk(one, beliefs) for one in rounds])
        right = every[stop, each]
        arrays["accept"][o] = [first.per_problem(row) for row in accepted]
        arrays["accept_correct"][o] = [first.per_problem(row) for row in accepted * right]
        if not option.growing:
            _fixed(last, every[-1], arrays, o, usd_per_token)
            continue
        tokens = np.stack([one.tokens for one in rounds])[stop, each]
        for i, (values, unit) in enumerate(((right, 1.0), (tokens, usd_per_token), (stop + 1, 1.0))):
            grown[i, o] = [unit * first.per_problem(row) for row in values]
        arrays["correct_error"][o] = np.max([first.errors(row) for row in right], axis=0)
        arrays["usd_error"][o] = usd_per_token * np.max([first.errors(row) for row in tokens], axis=0)
    growing = tuple(grown) if any(option.growing for option in runs.options) else None
    return StageTable(runs.options, tuple(thetas), growing=growing, **arrays)


def _shrunk(runs: StageRuns, beliefs: ByProbability | None) -> NDArray[np.bool_] | Floats:
    """How right each run's answer counts, (R,)."""
    return runs.right if beliefs is None else (runs.right + beliefs.probability(runs)) / 2


def _greedy_belief(runs: ModelRuns, beliefs: ByProbability) -> Floats | None:
    """Float array (P,): the probability that the greedy pair with the most lines gives its answer."""
    pairs = [o for o, option in enumerate(runs.options) if option.k == 1]
    if not pairs:
        return None
    [pair] = runs.rounds[max(pairs, key=lambda o: runs.options[o].l)]
    return pair.per_problem(beliefs.probability(pair))


def _fixed(
    runs: StageRuns,
    right: NDArray[np.bool_] | Floats,
    arrays: dict[str, Floats],
    o: int,
    usd_per_token: float,
) -> None:
    """Put what a fixed option costs and how often it is right in its row of the arrays."""
    arrays["correct"][o], arrays["correct_error"][o] = runs.per_problem(right), runs.errors(right)
    arrays["usd"][o] = usd_per_token * runs.per_problem(runs.tokens)
    arrays["usd_error"][o] = usd_per_token * runs.errors(runs.tokens)
