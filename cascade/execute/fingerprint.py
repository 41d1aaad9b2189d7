"""The state of a program by value: whether it is still as it was when its definitions had run.

Compared are the program's names and all that they lead to, over a closed list of types; whatever is not on
the list cannot be compared, and such a program gets a new process for each test.
"""

import collections
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from cascade.execute.library import PROGRAM_MODULE, Same, hung_on, is_of_library

PROGRAM_FILE = "<program>"
MAX_STATE = 20_000
ORDERED, UNORDERED, UNKNOWN = "ordered", "unordered", "unknown"
_ATOMS = frozenset((int, str, bool, bytes, type(None), type(Ellipsis), type(NotImplemented)))
_BY_TEXT = frozenset((float, complex, Decimal))
# Whatever a program makes of the methods of classes that can be changed.
_ITEMS: dict[type, Any] = {
    dict: dict.items,
    collections.Counter: dict.items,
    collections.OrderedDict: collections.OrderedDict.items,
    collections.defaultdict: dict.items,
}
_WITH_ATTRIBUTES = frozenset((collections.Counter, collections.OrderedDict))
_PARTS = tuple(vars(Fraction)[name].__get__ for name in ("_numerator", "_denominator"))
# Functions that hold nothing; what they are bound to, if anything, is a module or a class.
_STATELESS = frozenset(
    (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
)
# What every class has that holds no state of the program.
_OF_EVERY_CLASS = frozenset(("__dict__", "__weakref__", "__doc__", "__module__", "__annotations__"))
_COPIED = _OF_EVERY_CLASS | {"__name__", "__qualname__", "__wrapped__"}
# What a module has that no pure program names.
_OF_EVERY_MODULE = frozenset(("__annotations__", "__annotate__", "__conditional_annotations__"))


class UnknownStateError(Exception):
    """A state that cannot be compared."""


def state_of(values: Iterable[object], sets: str = ORDERED, identities: bool = True) -> list[object]:
    """Everything that some values hold and lead to, as a flat list: equal only if nothing differs.

    Objects that can change are in it by value; where one is met again, its place is.

    Args:
        values: the values.
        sets: how sets are compared: in the order that they give (`ORDERED`), sets of ints by what they hold
            (`UNORDERED`), or not at all (`UNKNOWN`).
        identities: whether an equal number or text in the place of another is a difference: a program can
            see it by `is`. If not, the program must not ask, and what is no number (whose equality is its
            identity wherever a list or dictionary looks) is unknown.

    Raises:
        UnknownStateError: they lead to something that may hide its state, or to too much.
    """
    out: list[object] = []
    seen: dict[int, int] = {}
    alive: list[object] = []  # some are made here: no two may have one id
    todo: list[Any] = [*values]
    while todo:
        value = todo.pop()
        kind = type(value)
        out.append(kind)
        if len(out) > MAX_STATE:
            raise UnknownStateError
        if kind in _ATOMS or kind in _BY_TEXT:
            out.append(Same(value) if identities else _by_value(value))
            continue
        if id(value) in seen:
            out.append(seen[id(value)])
            continue
        seen[id(value)] = len(seen)
        alive.append(value)
        if kind is list or kind is tuple:
            out.append(len(value))
            todo.extend(value)
        elif kind is range or kind is slice:
            todo += (value.start, value.stop, value.step)
        elif kind is collections.deque:
            out += (len(value), value.maxlen)
            todo.extend(value)
        elif kind is set or kind is frozenset:
            out.append(len(value))
            if sets == ORDERED:
                todo.extend(value)
            elif sets == UNORDERED and all(type(one) is int for one in value):
                out += sorted(value)
            else:
                raise UnknownStateError
        elif kind in _ITEMS:
            items = _ITEMS[kind](value)
            out.append(len(items))
            if kind is collections.defaultdict:
                todo.append(value.default_factory)
            elif kind in _WITH_ATTRIBUTES:
                todo.append(value.__dict__)
            for key, held in items:
                todo += (key, held)
        elif kind is Fraction:
            if identities:
                out.append(Same(value))
            todo += (part(value) for part in _PARTS)  # which can be set
        elif kind is types.FunctionType and not is_of_library(value):
            if not identities and value.__code__.co_filename != PROGRAM_FILE:
                raise UnknownStateError  # a test's, which may ask
            out += (Same(value.__code__), Same(value.__globals__), value.__name__)
            todo += (value.__defaults__, value.__kwdefaults__, value.__dict__, value.__doc__)
            cells = value.__closure__ or ()
            out += [_is_filled(cell) for cell in cells]
            todo += [cell.cell_contents for cell in cells if _is_filled(cell)]
        elif kind is types.MethodType:
            todo += (value.__func__, value.__self__)
        elif kind in (staticmethod, classmethod):
            todo += [value.__func__, *_hung_on(value)]
        elif kind is property:
            out.append(getattr(value, "__name__", None))
            todo += (value.fget, value.fset, value.fdel)
        elif kind is re.Pattern:
            out.append(value.flags)
            todo.append(value.pattern)
        elif kind is types.GenericAlias:
            todo += (value.__origin__, value.__args__)
        elif kind is type and not is_of_library(value):
            out += (Same(value), value.__name__, len(value.__bases__), len(vars(value)))
            todo += value.__bases__
            for name, held in vars(value).items():
                if name not in _OF_EVERY_CLASS:
                    todo += (name, held)
        elif (
            (isinstance(value, type | types.FunctionType) and is_of_library(value))
            or (kind is types.ModuleType or kind in _STATELESS)
            or (kind.__module__ == "typing" and is_of_library(kind))
        ):
            parts, inside = hung_on(value)
            out += (*parts, len(inside))
            todo += inside
        elif kind is types.BuiltinFunctionType and isinstance(value.__self__, types.ModuleType):
            out.append(Same(value))
        elif type(kind) is type and _has_only_a_dict(kind):
            todo += (value.__dict__, kind)
        else:
            raise UnknownStateError
    return out


def _by_value(value: Any) -> object:
    if type(value) in _ATOMS:
        return value
    text = repr(value)
    if "nan" in text.lower():
        raise UnknownStateError
    return text


def _hung_on(value: Any) -> list[object]:
    """What was set on a method's wrapper, which has copies of what its function has."""
    held = {name: one for name, one in vars(value).items() if name not in _COPIED}
    return [held, vars(value).get("__name__")]


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _has_only_a_dict(kind: type) -> bool:
    """Whether all of an object's state is in its dictionary: a class of the program's, without slots."""
    return all(
        one is object or (one.__module__ == PROGRAM_MODULE and "__slots__" not in vars(one))
        for one in kind.__mro__
    ) and hasattr(kind, "__dict__")


@dataclass
class Fingerprint:
    """The state after loading.

    Attributes:
        state: see `state_of`.
        prelude: names that the prelude bound.
        used: names that the program uses.
    """

    state: list[object]
    prelude: Mapping[str, object]
    used: frozenset[str]

    @classmethod
    def of(
        cls, space: Mapping[str, Any], prelude: Mapping[str, object], used: frozenset[str]
    ) -> "Fingerprint | None":
        """The state of a program; None where it cannot be compared.

        Args:
            space: its names.
            prelude: the names that stood there before it.
            used: the names and attributes that its text has.
        """
        try:
            found = cls([], prelude, used)
            found.state = found.now(space)
        except (UnknownStateError, RuntimeError, RecursionError):
            return None
        return found

    def now(self, space: Mapping[str, Any]) -> list[object]:
        """The state as it is.

        Raises:
            UnknownStateError: it cannot be compared.
        """
        values: list[object] = []
        out: list[object] = []
        for name, value in space.items():
            if name in _OF_EVERY_MODULE:
                continue
            out.append(name)
            if name in self.prelude and value is self.prelude[name]:
                if name in self.used:
                    parts, inside = hung_on(value)
                    out += (*parts, len(inside))
                    values += inside
                    values += self._of_module(value)
                continue
            values.append(value)
            values += self._of_module(value)
        return [*out, *state_of(values)]

    def _of_module(self, value: object) -> list[object]:
        """What the program can name of a module."""
        if not isinstance(value, types.ModuleType):
            return []
        return [part for n in sorted(vars(value).keys() & self.used) for part in (n, vars(value)[n])]

    def holds(self, space: Mapping[str, Any]) -> bool:
        """Whether nothing has changed since."""
        try:
            return self.now(space) == self.state
        except (UnknownStateError, RuntimeError, RecursionError):
            return False
