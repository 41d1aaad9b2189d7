"""Options, stages and plans, and the space of all plans of a family (paper section 3.2)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


class ThetaChoice(Enum):
    """How θ is chosen.

    `best`: the θ with the best front (the paper's way); `near`: one front over that θ and its two neighbours;
    `pooled`: one front over all θ; `stage`: every stage that looks at a θ has its own, and one front is taken
    over them all.
    """

    best = "best"
    near = "near"
    pooled = "pooled"
    stage = "stage"

    @property
    def per_stage(self) -> bool:
        """Whether the space has a θ for every stage."""
        return self is ThetaChoice.stage


class Growing(Enum):
    """Whether stages may grow (`cascade.core.growing`): never, beside the others, or wherever k > 1."""

    off = "off"
    also = "also"
    only = "only"


@dataclass(frozen=True, order=True)
class Option:
    """(k, l) of one model: k solutions and k tests of which l lines are looked at.

    k = 0 (then l = 0) is one greedy solution without tests, which ends the plan; k = 1 is the
    greedy solution and the greedy test; k > 1 are sampled. A growing option asks the greedy pair first and
    stops as soon as its tests convince it, at k samples at the latest (`cascade.core.growing`).
    """

    k: int
    l: int  # noqa: E741 - the paper's own letter
    growing: bool = False

    @property
    def tests(self) -> bool:
        """Whether the option tests its solutions, so that a plan can go on after it."""
        return self.k > 0

    def __str__(self) -> str:
        most = "≤" if self.growing else ""
        return "skip" if self == SKIP else f"{most}{self.k}:{self.l}" if self.tests else "greedy"


SKIP = Option(-1, -1)
EXIT = Option(0, 0)


def option_space(
    k: Sequence[int],
    l: Sequence[int],  # noqa: E741
    growing: Growing = Growing.off,
) -> tuple[Option, ...]:
    """Every option of one model for the given values of k and l; skipping is not among them.

    Values of -1 in `k` and of 0 in `l` add nothing of their own: every model may be skipped, and
    l = 0 if and only if k = 0 (paper section 3.2).

    Args:
        k: how many solutions and tests a stage takes.
        l: how many lines of each test.
        growing: whether the growing form of every option with k > 1 is added, or put in its place.

    Returns:
        The greedy exit first, where there is one; then by k and l; growing options last.
    """
    exits = (EXIT,) if 0 in k else ()
    testing = tuple(Option(a, b) for a in sorted(set(k)) if a > 0 for b in sorted(set(l)) if b > 0)
    grown = tuple(replace(option, growing=True) for option in testing if option.k > 1)
    if growing is Growing.off:
        return exits + testing
    kept = testing if growing is Growing.also else tuple(option for option in testing if option.k == 1)
    return exits + kept + grown


@dataclass(frozen=True)
class Plan:
    """One plan: an option for every model of the family (or `SKIP`), and its θ.

    Attributes:
        options: one a model.
        theta: one θ for all stages, or one a model (that of skipped models is never looked at, nor that of
            a last stage that does not grow).
    """

    options: tuple[Option, ...]
    theta: float | tuple[float, ...]

    def theta_at(self, model: int) -> float:
        """The θ of a model's stage."""
        return self.theta[model] if isinstance(self.theta, tuple) else self.theta

    @property
    def stages(self) -> tuple[tuple[int, Option], ...]:
        """(model index, option) of the stages that are not skipped, in order."""
        return tuple((i, option) for i, option in enumerate(self.options) if option != SKIP)

    @property
    def uses_theta(self) -> bool:
        """Whether a threshold is ever looked at: several stages, or one that grows until it is reached."""
        return len(self.stages) > 1 or self.stages[-1][1].growing

    def describe(self, models: Sequence[str]) -> str:
        """The plan in one line; θ only where it matters.

        One θ: ``7B 5:4 → 34B greedy, θ=0.8``; one a stage: ``7B 5:4 θ=0.8 → 34B greedy``.
        """
        if not isinstance(self.theta, tuple):
            stages = " → ".join(f"{models[i]} {option}" for i, option in self.stages)
            return f"{stages}, θ={self.theta:g}" if self.uses_theta else stages
        last = self.stages[-1][0]
        return " → ".join(
            f"{models[i]} {option}" + (f" θ={self.theta[i]:g}" if i != last or option.growing else "")
            for i, option in self.stages
        )


@dataclass(frozen=True)
class PlanSpace:
    """Every plan of a family.

    Attributes:
        options: for each model in family order, the options that its choices mean.
        thetas: the same for θ where every stage has its own (NaN for a last stage); None where θ is
            one for the whole plan, and not part of the space.
        choices: int array (plans, models): index into the model's choices, -1 where it is skipped.
            The search relies on `plan_space`'s order.
    """

    options: tuple[tuple[Option, ...], ...]
    thetas: tuple[tuple[float, ...], ...] | None
    choices: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.choices)

    def plan(self, index: int, theta: float) -> Plan:
        """The plan at `index`; with threshold `theta` where the space has none of its own."""
        row = self.choices[index]
        options = tuple(SKIP if c < 0 else self.options[i][c] for i, c in enumerate(row))
        if self.thetas is None:
            return Plan(options, theta)
        stage_thetas = [math.nan if c < 0 else self.thetas[i][c] for i, c in enumerate(row)]
        # Equal plans compare equal: what is never looked at is 0.
        return Plan(options, tuple(0.0 if math.isnan(value) else value for value in stage_thetas))

    @cached_property
    def one_stage(self) -> NDArray[np.bool_]:
        """Bool array (plans,): the plans of a single stage that does not grow, so that no θ is looked at."""
        return np.asarray(((self.choices >= 0).sum(axis=1) == 1) & ~self.growing.any(axis=1))

    @cached_property
    def k(self) -> NDArray[np.int64]:
        """Int array (plans, models) of k, -1 where the model is skipped."""
        return self._columns([[o.k for o in options] for options in self.options], -1)

    @cached_property
    def l(self) -> NDArray[np.int64]:  # noqa: E743 - the paper's own letter
        """Int array (plans, models) of l, -1 where the model is skipped."""
        return self._columns([[o.l for o in options] for options in self.options], -1)

    @cached_property
    def growing(self) -> NDArray[np.bool_]:
        """Bool array (plans, models): the model's stage grows."""
        return self._columns([[o.growing for o in options] for options in self.options], False)

    @cached_property
    def theta(self) -> NDArray[np.float64] | None:
        """Float array (plans, models) of θ, NaN where it is not looked at; None where θ is one a plan."""
        return None if self.thetas is None else self._columns(self.thetas, math.nan)

    def at(self, plans: NDArray[np.int64]) -> "PlanSpace":
        """The space of some of the plans only, by index."""
        return PlanSpace(self.options, self.thetas, self.choices[plans])

    def _columns(self, values: Sequence[Sequence[Any]], skipped: Any) -> NDArray[Any]:
        # The value for "skip" stands last, where the index -1 finds it.
        columns = [np.array([*v, skipped])[self.choices[:, i]] for i, v in enumerate(values)]
        return np.stack(columns, axis=1)


def plan_space(options: Sequence[Sequence[Option]], thetas: Sequence[float] | None = None) -> PlanSpace:
    """All plans of a family: any testing options on the way, any option as the last stage.

    Args:
        options: the options each model has, in family order; an empty entry leaves a model out.
        thetas: None for one θ a plan; otherwise the grid from which every stage that looks at one takes its
            own (beyond the paper): all but the last, and the last where it grows.

    Returns:
        819 plans for three models and 7,380 for four with the paper's nine options each; with
        eleven θ a stage 72,099 and 6,416,820. Order: by the last stage's model, then by prefix, then by the
        last stage's option; prefixes are the empty one, then those of the earlier models in the
        same manner.
    """
    n = len(options)
    prefixes = np.full((1, n), -1, dtype=np.int16)
    blocks, all_options, all_thetas = [], [], []
    for i, model_options in enumerate(options):
        testing = [j for j, option in enumerate(model_options) if option.tests]
        choice_options, choice_thetas = list(model_options), [math.nan] * len(model_options)
        ends = list(range(len(model_options)))
        if thetas is not None:
            # A choice is an option with its θ; as last stages those have none that do not grow.
            choice_options += [model_options[j] for j in testing for _ in thetas]
            choice_thetas += [theta for _ in testing for theta in thetas]
            testing = list(range(len(model_options), len(choice_options)))
            ends = [j for j in ends if not model_options[j].growing]
            ends += [j for j in testing if choice_options[j].growing]
        blocks.append(_extend(prefixes, i, ends))
        all_options.append(tuple(choice_options))
        all_thetas.append(tuple(choice_thetas))
        if i < n - 1:
            prefixes = np.concatenate([prefixes, _extend(prefixes, i, testing)])
    return PlanSpace(
        tuple(all_options), None if thetas is None else tuple(all_thetas), np.concatenate(blocks)
    )


def _extend(prefixes: NDArray[np.int16], model: int, choices: Sequence[int]) -> NDArray[np.int16]:
    extended = np.repeat(prefixes, len(choices), axis=0)
    extended[:, model] = np.tile(np.array(choices, dtype=np.int16), len(prefixes))
    return extended
