"""What a referee holds of an object that stays with the candidate: all that is done with it is done there."""

from collections.abc import Callable
from typing import Any

# An operation (see `candidate.OPERATIONS`), the object and other operands; the result.
Ask = Callable[..., Any]


class Remote:
    # A function, an iterator or an object of the candidate's. Calling a function and taking an iterator's
    # items gives plain data, which the referee compares. Whether any other object is equal to something would
    # be the candidate's word: in a data set's test it is equal to itself only, true, and in no order.

    __doc__ = property(lambda self: self._ask("getattr", self, "__doc__"))

    def __init__(self, ask: Ask, kind: str, number: int, label: str, trusting: bool) -> None:
        set_ = object.__setattr__
        set_(self, "_ask", ask)
        set_(self, "_kind", kind)
        set_(self, "_number", number)
        set_(self, "_label", label)
        set_(self, "_trusting", trusting)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._ask("call", self, *arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return self._ask("getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("setattr", self, name, value)

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, Remote) and self._ask("isinstance", self, value) is True

    def __eq__(self, other: object) -> Any:
        if not self._trusting:
            return isinstance(other, Remote) and other._number == self._number
        return self._ask("eq", self, other)

    def __ne__(self, other: object) -> Any:
        return self._ask("ne", self, other) if self._trusting else not self == other

    def __hash__(self) -> int:
        return int(self._ask("hash", self)) if self._trusting else id(self)

    def __bool__(self) -> bool:
        return self._ask("bool", self) is True if self._trusting else True

    def __contains__(self, item: Any) -> bool:
        if not self._trusting:
            return any(one is item or one == item for one in self._ask("iter", self))
        return self._ask("contains", self, item) is True


def _forward(operation: str, is_verdict: bool = False, swapped: bool = False) -> Any:
    def method(self: Remote, *operands: Any) -> Any:
        if is_verdict and not self._trusting:
            return NotImplemented
        return self._ask(operation, *((*operands, self) if swapped else (self, *operands)))

    return method


for _name in ("lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _forward(_name, is_verdict=True))
for _name in (
    "len",
    "iter",
    "next",
    "repr",
    "str",
    "int",
    "float",
    "index",
    "bytes",
    "reversed",
    "neg",
    "pos",
):
    setattr(Remote, f"__{_name}__", _forward(_name))
for _name in ("abs", "invert", "getitem", "setitem", "delitem"):
    setattr(Remote, f"__{_name}__", _forward(_name))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor"):
    _operation = f"{_name}_" if _name in ("and", "or") else _name
    setattr(Remote, f"__{_name}__", _forward(_operation))
    setattr(Remote, f"__r{_name}__", _forward(_operation, swapped=True))
