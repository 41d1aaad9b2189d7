"""What a program can hang on objects of Python's library: attributes of its classes, functions, typing names.

Such an object is shared by all that names it, and outlives a test. What hung on it before any program ran is
remembered once; whatever is not that is the program's, and its state too.
"""

import collections
import contextlib
import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

from cascade.execute.purity import MODULES

PROGRAM_MODULE = "candidate"
_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE
_CHANGING = frozenset(
    (
        *(dict, collections.Counter, collections.OrderedDict, collections.defaultdict, collections.deque),
        *(list, tuple, set, bytearray),
    )
)
_METHODS = frozenset((staticmethod, classmethod, property))
# By id; held, so that nothing else gets it.
_known: dict[int, object] = {}


class Same:
    """An object in a state that is compared by which it is; held, so that none gets its place in memory."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is Same and self._value is other._value


def is_of_library(value: Any) -> bool:
    """Whether a class or function is found by its name in a module that is not the program."""
    module, name = value.__module__, value.__qualname__
    if type(module) is not str or type(name) is not str or module == PROGRAM_MODULE:
        return False
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


def remember() -> None:
    """Take what hangs on all that a pure program may name for the library's own."""
    for module, names in MODULES.items():
        held = vars(importlib.import_module(module))
        for name in names & held.keys():
            for one in _reached(held[name]):
                for _, value in _attributes(one):
                    _known[id(value)] = value


def hung_on(value: Any) -> tuple[list[object], list[object]]:
    """A library's object: itself and what hangs on it by identity, and of that what can change or is new."""
    found: list[object] = [Same(value)]
    inside: list[object] = []
    for one in _reached(value):
        if isinstance(one, type | types.FunctionType):
            found.append(one.__name__)
        attributes = _attributes(one)
        found.append(len(attributes))
        for name, held in attributes:
            found += (name, Same(held))
            if id(held) not in _known or type(held) in _CHANGING:
                inside.append(held)
    return found, inside


def _reached(value: Any) -> Iterator[Any]:
    """A library's object and those of its parts that attributes can be hung on, one after another."""
    todo: list[Any] = [value]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, type):
            if one.__flags__ & _IMMUTABLE_TYPE:
                continue
            todo += one.__mro__  # what is inherited is found by its name, too
        yield one
        if type(one) in _METHODS:
            todo += (one.fget, one.fset, one.fdel) if type(one) is property else (one.__func__,)
        for name, held in _attributes(one):
            if name == "__origin__" or type(held) is types.FunctionType or type(held) in _METHODS:
                todo.append(held)


def _attributes(one: Any) -> list[tuple[str, object]]:
    """What hangs on an object, by name: in its dictionary and in slots."""
    if isinstance(one, types.ModuleType):
        return []
    found = [*getattr(one, "__dict__", {}).items()]
    if type(one).__module__ == "typing" and not isinstance(one, type):
        for kind in type(one).__mro__:
            for name, slot in tuple(vars(kind).items()):
                if type(slot) is types.MemberDescriptorType:
                    with contextlib.suppress(AttributeError):  # an empty one
                        found.append((name, slot.__get__(one)))
    return found
