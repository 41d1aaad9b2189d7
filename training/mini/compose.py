"""Compositions: chains of steps that do something, each with a signature and a behaviour."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from training.mini.inputs import MANY_REPEATS, NO_REPEATS, draw_value, is_edge, is_small, opening, probes
from training.mini.steps import CATALOGUE, Kind, Param, Step, Value, meaning

#: An input and the result for it.
Case = tuple[Value, Value]
#: How often a problem has 1, 2, 3, 4 and 5 steps.
LENGTH_WEIGHTS = (10, 28, 28, 20, 14)
_KIND_WEIGHTS: dict[Kind, int] = {"numbers": 40, "text": 22, "words": 14, "number": 12, "table": 12}
_MAX_LARGE_SHARE = 0.3
# Steps that do nothing to a list without equal items.
_ABOUT_REPEATS = {"dedupe", "distinct", "tally", "dedupe_words", "word_table"}
_BY_INPUT: dict[Kind, tuple[Step, ...]] = {
    kind: tuple(step for step in CATALOGUE.values() if step.takes == kind) for kind in _KIND_WEIGHTS
}
# What changes the kind is rarer in the middle, so that chains on lists and strings stay the rule.
_MIDDLE_WEIGHTS: dict[Kind, tuple[float, ...]] = {
    kind: tuple(1.0 if step.gives == kind else 0.7 for step in steps) for kind, steps in _BY_INPUT.items()
}


def _comparable(value: Value) -> str:
    """A text that is equal for equal values (dictionaries compare without their order)."""
    return repr(sorted(value.items())) if isinstance(value, dict) else repr(value)


@dataclass(frozen=True)
class Composition:
    """Steps with their parameters, applied from the first to the last."""

    parts: tuple[tuple[Step, Param], ...]

    @property
    def takes(self) -> Kind:
        """The kind of the input."""
        return self.parts[0][0].takes

    @property
    def gives(self) -> Kind:
        """The kind of the result."""
        return self.parts[-1][0].gives

    @property
    def signature(self) -> tuple[str, ...]:
        """The names of the steps: all parameter values of a step are one class, wording plays no part."""
        return tuple(step.name for step, _ in self.parts)

    def run(self, value: Value) -> Value | None:
        """The result for `value`, or None where it or a value on the way is too large (`is_small`)."""
        for step, k in self.parts:
            value = meaning(step, k)(value)
            if not is_small(value):
                return None
        return value

    @cached_property
    def results(self) -> tuple[str | None, ...]:
        """The results on the probes of the input's kind, as comparable texts; None where too large."""
        results = (self.run(value) for value in probes(self.takes))
        return tuple(None if result is None else _comparable(result) for result in results)

    @property
    def behaviour(self) -> tuple[str | None, ...]:
        """What tells two functions apart: the input's kind and the results on its probes."""
        return (self.takes, *self.results)

    def without(self, index: int) -> "Composition":
        """The chain without one step, which must keep the kind."""
        return Composition(self.parts[:index] + self.parts[index + 1 :])


def is_sound(composition: Composition) -> bool:
    """Whether the function is worth asking for.

    It gives small values, varies with its input, changes it, and each step that keeps the kind
    changes the result on at least a quarter of the probes.
    """
    results = composition.results
    known = [result for result in results if result is not None]
    if len(known) < len(results) * (1 - _MAX_LARGE_SHARE):
        return False
    counts = Counter(known)
    if len(counts) < 4 or max(counts.values()) > len(known) * 0.5:
        return False
    simpler: list[Sequence[str | None]] = [
        composition.without(index).results
        for index, (step, _) in enumerate(composition.parts)
        if step.takes == step.gives and len(composition.parts) > 1
    ]
    if composition.takes == composition.gives:
        simpler.append([_comparable(value) for value in probes(composition.takes)])
    return all(
        sum(a != b for a, b in zip(results, other, strict=True) if a is not None) >= len(known) * 0.25
        for other in simpler
    )


def _candidate(rng: Random, length: int) -> Composition:
    kind = rng.choices(list(_KIND_WEIGHTS), list(_KIND_WEIGHTS.values()))[0]
    parts: list[tuple[Step, Param]] = []
    for _ in range(length):
        step = rng.choices(_BY_INPUT[kind], _MIDDLE_WEIGHTS[kind])[0]
        parts.append((step, rng.choice(step.params) if step.params else None))
        kind = step.gives
    return Composition(tuple(parts))


@dataclass(frozen=True)
class HeldOut:
    """What training must not show: signatures, and behaviours under any other signature."""

    signatures: frozenset[tuple[str, ...]] = frozenset()
    behaviours: frozenset[tuple[str | None, ...]] = frozenset()

    @classmethod
    def of(cls, compositions: Iterable[Composition]) -> "HeldOut":
        """Hold out `compositions` and everything that behaves like one of them on the probes."""
        kept = list(compositions)
        return cls(frozenset(c.signature for c in kept), frozenset(c.behaviour for c in kept))

    def forbids(self, composition: Composition) -> bool:
        """Whether a composition is held out."""
        return composition.signature in self.signatures or composition.behaviour in self.behaviours


def draw_composition(rng: Random, held_out: HeldOut) -> Composition:
    """A sound composition that is not held out."""
    length = rng.choices(range(1, len(LENGTH_WEIGHTS) + 1), LENGTH_WEIGHTS)[0]
    while True:
        composition = _candidate(rng, length)
        if is_sound(composition) and not held_out.forbids(composition):
            return composition


def draw_cases(
    rng: Random,
    composition: Composition,
    count: int,
    *,
    before: Iterable[Case] = (),
    apart: bool = False,
    repeats: float = NO_REPEATS,
) -> list[Case]:
    """`count` distinct inputs with their results; at most one in four inputs is an edge case.

    Args:
        rng: the source of randomness.
        composition: the function.
        count: how many cases.
        before: cases whose inputs must not occur again.
        apart: whether inputs must differ in their first character (`opening`) already, so that a
            model learns to write a new input by never beginning as it did before.
        repeats: how often an item of a list is a copy, where the function is not about copies.
    """
    if _ABOUT_REPEATS.intersection(composition.signature):
        repeats = MANY_REPEATS
    key: Callable[[Value], str] = opening if apart else repr
    seen = {key(value) for value, _ in before}
    cases: list[Case] = []
    edges = 0
    while len(cases) < count:
        value = draw_value(rng, composition.takes, repeats)
        if key(value) in seen or (is_edge(value) and edges >= max(1, count // 4)):
            continue
        result = composition.run(value)
        if result is None:
            continue
        seen.add(key(value))
        edges += is_edge(value)
        cases.append((value, result))
    return cases
