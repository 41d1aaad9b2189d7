"""Hangs something on every object of Python's library that a pure program may name: where is it not seen?

python -m tests.execute.hanging
"""

import contextlib
import importlib
import json
from collections.abc import Iterator
from typing import Any

from cascade.execute.fingerprint import UnknownStateError, state_of
from cascade.execute.library import remember
from cascade.execute.purity import MODULES


def named(path: str) -> Any:
    """What a name of a module stands for; None where this Python has none."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name, None)


def reachable(value: Any) -> Iterator[Any]:
    """An object, and what its attributes without underscores lead to."""
    yield value
    for name in dir(value):
        if not name.startswith("_"):
            with contextlib.suppress(AttributeError, TypeError):
                yield getattr(value, name)


def state(value: Any) -> list[object] | None:
    """The state of what is named; None where none is believed."""
    try:
        return state_of([value])
    except UnknownStateError:
        return None


def unseen(path: str) -> list[str]:
    """On which objects something was hung that is not seen from the name that leads there."""
    found = []
    value = named(path)
    for one in reachable(value):
        if (before := state(value)) is None:
            break
        for hung in (0, iter([1])):
            try:
                one.hung = hung
            except (AttributeError, TypeError):
                continue
            after = state(value)
            if after == before or (hung != 0 and after is not None):
                found.append(f"{path}: {one!r}")
            del getattr(one, "__origin__", one).hung  # a typing name hands on what is set, and nothing else
            if state(value) != before:
                found.append(f"{path}: {one!r}, deleted")
    return found


if __name__ == "__main__":
    remember()
    names = [f"{module}.{name}" for module, some in sorted(MODULES.items()) for name in sorted(some)]
    print(json.dumps([text for path in names for text in unseen(path)]))
