"""What a referee holds of an object that stays with the candidate: all that is done with it is done there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# An operation (see `candidate.OPERATIONS`), the object and other operands; the result.
Exchange = Callable[..., Any]
# Names between underscores that may be asked for; by others libraries look for memory, copies and pickles.
_NAMES = frozenset(("__name__", "__qualname__", "__dict__", "__mro__", "__bases__", "__defaults__"))
# Programs that differ in what a data set's test cannot see count as equal: lines of code, say.
_NAMES_OF_LINES = _NAMES | {"__code__", "__wrapped__"}


@dataclass
class Held:
    """An object of the candidate's.

    Attributes:
        ask: does something with it.
        kind: function, iterator or object.
        number: what the candidate knows it by.
        trusting: whether it is believed.
        base: the plain type that its class derives from, if any.
        label: the program's name for it; empty where it has none.
    """

    ask: Exchange
    kind: str
    number: int
    trusting: bool
    base: type | None = None
    label: str = ""


class Remote:
    # A function, an iterator or an object of the candidate's. Calling a function and taking an iterator's
    # items gives plain data, which the referee compares. Whether any other object is equal to something would
    # be the candidate's word: in a data set's test it is equal to itself only, true, in no order, and no
    # number to reckon with. A model's own line believes it, as in one process.

    __slots__ = ("_held",)
    _held: Held
    # What every class has: the object's own.
    __doc__ = property(lambda self: self._held.ask("getattr", self, "__doc__"))
    __module__ = property(lambda self: self._held.ask("getattr", self, "__module__"))
    __annotations__ = property(lambda self: self._held.ask("getattr", self, "__annotations__"))

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        if not self._held.trusting:
            return Remote
        return self._held.base or self._held.ask("type", self)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._held.ask("call", self, *arguments, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in (_NAMES_OF_LINES if self._held.trusting else _NAMES):
            raise AttributeError(name)
        return self._held.ask("getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._held.ask("setattr", self, name, value)

    def __instancecheck__(self, value: Any) -> bool:
        return self._held.ask("isinstance", self, value) is True

    def __subclasscheck__(self, value: Any) -> bool:
        return self._held.ask("issubclass", self, value) is True

    def __eq__(self, other: object) -> Any:
        if not self._held.trusting:
            return self is other
        return self._held.ask("eq", self, other)

    def __ne__(self, other: object) -> Any:
        return self._held.ask("ne", self, other) if self._held.trusting else self is not other

    def __hash__(self) -> int:
        return int(self._held.ask("hash", self)) if self._held.trusting else id(self)

    def __bool__(self) -> bool:
        return self._held.ask("bool", self) is True if self._held.trusting else True

    def __contains__(self, item: Any) -> bool:
        if not self._held.trusting:
            return any(one is item or one == item for one in self._held.ask("iter", self))
        return self._held.ask("contains", self, item) is True

    def __format__(self, how: str) -> str:
        return str(self._held.ask("format", self, how))


def remote(held: Held) -> Remote:
    """An object of the candidate's."""
    made = object.__new__(Remote)
    object.__setattr__(made, "_held", held)
    return made


def _forward(operation: str, takes_values: bool = False, swapped: bool = False) -> Any:
    def method(self: Remote, *operands: Any) -> Any:
        if takes_values and not self._held.trusting:
            return NotImplemented
        return self._held.ask(operation, *((*operands, self) if swapped else (self, *operands)))

    return method


for _name in ("lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _forward(_name, takes_values=True))
for _name in (
    *("len", "iter", "next", "repr", "str", "int", "float", "complex", "index", "bytes", "reversed"),
    *("neg", "pos", "abs", "invert", "round", "getitem", "setitem", "delitem"),
):
    setattr(Remote, f"__{_name}__", _forward(_name))
for _name in (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "divmod", "matmul", "lshift", "rshift"),
    *("and", "or", "xor"),
):
    _operation = f"{_name}_" if _name in ("and", "or") else _name
    setattr(Remote, f"__{_name}__", _forward(_operation, takes_values=True))
    setattr(Remote, f"__r{_name}__", _forward(_operation, takes_values=True, swapped=True))


class _TypeOf(type):
    def __call__(cls, *values: Any) -> Any:
        return values[0].__class__ if len(values) == 1 and type(values[0]) is Remote else type(*values)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, type) or (
            type(value) is Remote and value._held.ask("isinstance", type, value) is True
        )


class _Type(metaclass=_TypeOf):
    pass


# What a model's own line finds instead of builtins that look at an object and not at its methods.
STAND_INS: dict[str, Any] = {
    "type": _Type,
    "vars": lambda value: value.__dict__ if type(value) is Remote else vars(value),
}
