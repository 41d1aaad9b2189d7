"""Every run of every option of a model: what stage tables are made of, whatever decides on acceptance.

An option's runs are judged after every round: a fixed option has one round, a growing one several
(`cascade.core.growing`). They do not depend on θ, prices, the split or a calibration, so that a study's
tables can be made again from them without its samples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cascade.core.draw_arrays import OutcomeArrays
from cascade.core.estimators import Estimator
from cascade.core.growing import growing_rounds, pool_sizes
from cascade.core.outcomes import ProblemOutcome
from cascade.core.plans import Option
from cascade.core.rules import Rule
from cascade.core.stage_runs import PROBLEMS_AT_A_TIME, StageRuns, joined, judge_samples, take_samples

# The arrays of a run, in the order in which a file keeps them.
COLUMNS = ("problem", "tokens", "right", "score", "most", "passed", "agreed", "n_lines", "n_right")
Rounds = tuple[StageRuns, ...]


@dataclass(frozen=True)
class ModelRuns:
    """One model's runs.

    Attributes:
        options: its O options, exit included.
        rounds: for each option its runs after every round, in the same order; tokens are all so far.
    """

    options: tuple[Option, ...]
    rounds: tuple[Rounds, ...]

    def part(self, options: Sequence[Option]) -> "ModelRuns":
        """The runs of some of the options, in the given order."""
        at = [self.options.index(option) for option in options]
        return ModelRuns(tuple(options), tuple(self.rounds[i] for i in at))

    def at(self, problems: NDArray[np.int64]) -> "ModelRuns":
        """The runs on some of the problems, which are numbered anew in the given order."""
        return ModelRuns(
            self.options, tuple(tuple(_at(one, problems) for one in rounds) for rounds in self.rounds)
        )

    def with_problems(self, other: "ModelRuns") -> "ModelRuns":
        """The runs with those of the same options on other problems behind them."""
        rounds = tuple(
            tuple(_joined(*both) for both in zip(mine, theirs, strict=True))
            for mine, theirs in zip(self.rounds, other.part(self.options).rounds, strict=True)
        )
        return ModelRuns(self.options, rounds)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As arrays for a file; `from_arrays` reads them."""
        arrays: dict[str, NDArray[Any]] = {
            "options": np.array([(o.k, o.l, o.growing) for o in self.options]),
            "n_draws": np.stack([rounds[0].n_draws for rounds in self.rounds]),
        }
        for o, rounds in enumerate(self.rounds):
            for r, one in enumerate(rounds):
                columns = [getattr(one, name) for name in COLUMNS]
                arrays[f"{o}.{r}"] = np.stack(columns).astype(np.int32)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "ModelRuns":
        """Read what `to_arrays` made.

        Raises:
            KeyError, ValueError: it is something else.
        """
        options = tuple(Option(int(k), int(l), bool(g)) for k, l, g in arrays["options"])  # noqa: E741
        every = []
        for o, option in enumerate(options):
            sizes = (1, *pool_sizes(option.k)) if option.growing else (max(option.k, 1),)
            rounds = []
            for r, k in enumerate(sizes):
                columns = dict(zip(COLUMNS, arrays[f"{o}.{r}"].astype(np.int32), strict=True))
                columns["right"] = columns["right"].astype(bool)
                rounds.append(StageRuns(k=k, n_draws=arrays["n_draws"][o], **columns))
            every.append(tuple(rounds))
        return cls(options, tuple(every))


def rng_key(model: int, option: Option) -> tuple[int, ...]:
    """What an option's random subsets are drawn by: the same in every search space that has it.

    Args:
        model: the model's number in its family.
        option: one of its options.
    """
    return model, option.k, option.l, int(option.growing)


def model_runs(
    outcomes: Sequence[ProblemOutcome],
    options: Sequence[Option],
    estimator: Estimator,
    model: int,
    rule: Rule,
) -> ModelRuns:
    """Run every option of a model.

    Args:
        outcomes: the model's outcome for each of the P problems.
        options: options that every problem's samples allow, see `available_options`.
        estimator: which of a draw's samples a stage with k > 1 takes.
        model: the model's number in its family; each has random numbers of its own.
        rule: which solution is the answer, see `cascade.core.rules`.
    """
    parts: list[list[Rounds]] = [[] for _ in options]
    for first in range(0, len(outcomes), PROBLEMS_AT_A_TIME):
        some = OutcomeArrays(outcomes[first : first + PROBLEMS_AT_A_TIME], first)
        for option, of_option in zip(options, parts, strict=True):
            key = rng_key(model, option)
            if option.growing:
                of_option.append(growing_rounds(some, option, estimator, key, rule))
            else:
                of_option.append((judge_samples(take_samples(some, option, estimator, key), rule),))
    rounds = [tuple(map(joined, zip(*of_option, strict=True))) for of_option in parts]
    return ModelRuns(tuple(options), tuple(rounds))


def _at(runs: StageRuns, problems: NDArray[np.int64]) -> StageRuns:
    number = np.full(len(runs.n_draws), -1)
    number[problems] = np.arange(len(problems))
    kept = np.flatnonzero(number[runs.problem] >= 0)
    kept = kept[np.argsort(number[runs.problem[kept]], kind="stable")]
    columns = {name: getattr(runs, name)[kept] for name in COLUMNS[1:]}
    return replace(runs, n_draws=runs.n_draws[problems], problem=number[runs.problem[kept]], **columns)


def _joined(first: StageRuns, second: StageRuns) -> StageRuns:
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in COLUMNS[1:]
    }
    problem = np.concatenate([first.problem, len(first.n_draws) + second.problem])
    return replace(first, n_draws=np.concatenate([first.n_draws, second.n_draws]), problem=problem, **columns)
