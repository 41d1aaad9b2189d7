"""Input values: small enough to be followed in one's head, varied enough to tell functions apart."""

from collections.abc import Callable
from functools import cache
from random import Random
from typing import TypeVar

from training.mini.steps import Kind, Value

_WORDS = [
    "cat", "dog", "sun", "map", "tree", "bird", "fish", "note", "apple", "stone", "light", "cloud", "tea",
    "box", "ice", "oak", "pea", "toast", "seat", "test", "area", "moss", "otto", "eve", "sea", "toe",
    "oat", "ash", "east", "tot", "soap", "state", "aunt", "east", "rose", "taste",
]  # fmt: skip
_KEYS = ("a", "b", "c", "d", "e", "ab", "to", "sea", "oak", "box")
#: How many values `probes` gives for a kind.
PROBES = 28
#: The chance that an item of a list is a copy, where the function is about copies and elsewhere. A
#: model that sees none elsewhere does not write [1, 1, 1] when it takes the likeliest token each time.
MANY_REPEATS, FEW_REPEATS, NO_REPEATS = 0.4, 0.1, 0.0

_Item = TypeVar("_Item")


def _integer(rng: Random) -> int:
    pick = rng.random()
    if pick < 0.8:
        return rng.randint(0, 9)
    return rng.randint(-9, -1) if pick < 0.9 else rng.randint(10, 20)


def _items(rng: Random, sizes: tuple[int, ...], repeats: float, draw: Callable[[], _Item]) -> list[_Item]:
    """Items, as many as one of `sizes` (weights of 0, 1, 2 and so on).

    Each is a copy of one before it with chance `repeats`, as long as no other is.
    """
    items: list[_Item] = []
    for _ in range(rng.choices(range(len(sizes)), sizes)[0]):
        if items and len(set(items)) == len(items) and rng.random() < repeats:
            items.append(rng.choice(items))
            continue
        item = draw()
        while item in items:
            item = draw()
        items.append(item)
    return items


def _numbers(rng: Random, repeats: float) -> list[int]:
    return _items(rng, (4, 12, 28, 34, 16, 6), repeats, lambda: _integer(rng))


def _word(rng: Random, longest: int = 5) -> str:
    if rng.random() < 0.3:
        return "".join(rng.choice("aeotsbnr") for _ in range(rng.randint(1, longest)))
    return rng.choice(_WORDS)[:longest]


def _case(rng: Random, word: str) -> str:
    pick = rng.random()
    if pick < 0.6:
        return word
    if pick < 0.85:
        return word.capitalize()
    return word.upper() if pick < 0.93 else "".join(c.upper() if rng.random() < 0.5 else c for c in word)


def _text(rng: Random) -> str:
    pick = rng.random()
    if pick < 0.05:
        return ""
    if pick < 0.6:
        return _case(rng, _word(rng))
    return " ".join(_case(rng, _word(rng, 4)) for _ in range(2))


def _words(rng: Random, repeats: float) -> list[str]:
    return _items(rng, (4, 14, 38, 32, 12), repeats, lambda: _case(rng, _word(rng, 4)))


def _number(rng: Random) -> int:
    pick = rng.random()
    if pick < 0.35:
        return rng.randint(0, 9)
    if pick < 0.8:
        return rng.randint(10, 30)
    return rng.randint(31, 99) if pick < 0.94 else rng.randint(-20, -1)


def _table(rng: Random) -> dict[str, int]:
    size = rng.choices(range(5), (4, 16, 40, 30, 10))[0]
    return {key: max(_integer(rng), -3) for key in rng.sample(_KEYS, size)}


def draw_value(rng: Random, kind: Kind, repeats: float) -> Value:
    """One input value of a kind; `repeats` is the chance that a list's item is a copy of one before it."""
    if kind == "numbers":
        return _numbers(rng, repeats)
    if kind == "words":
        return _words(rng, repeats)
    if kind == "text":
        return _text(rng)
    return _number(rng) if kind == "number" else _table(rng)


@cache
def probes(kind: Kind) -> tuple[Value, ...]:
    """The fixed `PROBES` distinct values on which the behaviour of functions of a kind is compared."""
    rng = Random(f"probes/{kind}")
    values: dict[str, Value] = {}
    while len(values) < PROBES:
        value = draw_value(rng, kind, MANY_REPEATS if len(values) % 2 else NO_REPEATS)
        values.setdefault(repr(value), value)
    return tuple(values.values())


def opening(value: Value) -> str:
    """The first character inside a value's brackets or quotes, or its first digit or sign."""
    return repr(value).lstrip("[{'")[:1]


def is_edge(value: Value) -> bool:
    """Whether a value is empty, zero or negative, or has one item: the cases that tests forget."""
    return value <= 0 if isinstance(value, int) else len(value) <= 1


def is_small(value: Value) -> bool:
    """Whether a value is short enough for a test line (and for a small model's head)."""
    if isinstance(value, int):
        return abs(value) <= 400
    if isinstance(value, str):
        return len(value) <= 20
    if isinstance(value, dict):
        return len(value) <= 8 and all(abs(n) <= 400 and len(key) <= 12 for key, n in value.items())
    return len(value) <= 10 and all(is_small(item) for item in value)
