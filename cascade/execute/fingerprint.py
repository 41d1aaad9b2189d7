"""The state of a program by value: whether it is still as it was when its definitions had run.

Compared are the program's names and all that they lead to, over a closed list of types; whatever is not on
the list cannot be compared, and such a program gets a new process for each test.
"""

import collections
import re
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

PROGRAM_MODULE, PROGRAM_FILE = "candidate", "<program>"
MAX_STATE = 20_000
ORDERED, UNORDERED, UNKNOWN = "ordered", "unordered", "unknown"
_ATOMS = frozenset((int, str, bool, bytes, type(None), type(Ellipsis), type(NotImplemented)))
_BY_TEXT = frozenset((float, complex, Decimal, Fraction))
_MAPPINGS = frozenset((dict, collections.Counter, collections.OrderedDict, collections.defaultdict))
_CHANGING = _MAPPINGS | {list, tuple, set, bytearray, collections.deque}
_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE
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


class Same:
    """An object in a state that is compared by which it is; held, so that none gets its place in memory."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is Same and self._value is other._value


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
            if kind is Fraction:
                out.append(repr(value))  # which its attributes can change
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
        elif kind in _MAPPINGS:
            out.append(len(value))
            if kind is collections.defaultdict:
                todo.append(value.default_factory)
            for key, held in value.items():
                todo += (key, held)
        elif kind is types.FunctionType and not _is_foreign(value):
            if not identities and value.__code__.co_filename != PROGRAM_FILE:
                raise UnknownStateError  # a test's, which may ask
            out += (Same(value.__code__), Same(value.__globals__), value.__name__)
            todo += (value.__defaults__, value.__kwdefaults__, value.__dict__, value.__doc__)
            todo.append(
                [cell.cell_contents if _is_filled(cell) else None for cell in value.__closure__ or ()]
            )
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
        elif kind is type and not _is_foreign(value):
            out += (Same(value), value.__name__)
            todo += value.__bases__
            for name, held in vars(value).items():
                if name not in _OF_EVERY_CLASS:
                    todo += (name, held)
        elif (
            (isinstance(value, type | types.FunctionType) and _is_foreign(value))
            or (kind is types.ModuleType or kind in _STATELESS)
            or (kind.__module__ == "typing" and _is_foreign(kind))
        ):
            parts, inside = _foreign(value)
            out += parts
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


def _is_foreign(value: Any) -> bool:
    """Whether a class or function is found by its name in a module that is not the program."""
    module, name = value.__module__, value.__qualname__
    if type(module) is not str or type(name) is not str or module == PROGRAM_MODULE:
        return False
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


def _foreign(value: Any) -> tuple[list[object], list[object]]:
    """An object that is not the program's: itself, what could be hung on it, and of that what can change."""
    found: list[object] = [Same(value)]
    inside: list[object] = []
    if isinstance(value, types.ModuleType):
        return found, inside
    todo: list[Any] = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, type) and one.__flags__ & _IMMUTABLE_TYPE:
            continue
        if isinstance(one, type | types.FunctionType):
            found.append(one.__name__)
        for name, held in tuple(getattr(one, "__dict__", {}).items()):
            found += (name, Same(held))
            if name == "__origin__" or type(held) is types.FunctionType:
                todo.append(held)  # what is set on such a name is set there
            elif type(held) in _CHANGING or type(held).__module__ == PROGRAM_MODULE:
                inside.append(held)
    return found, inside


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
                    parts, inside = _foreign(value)
                    out += parts
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
