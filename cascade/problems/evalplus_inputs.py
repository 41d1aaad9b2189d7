"""MBPP+'s inputs as Python values: JSON has no tuples, sets and complex numbers, so the file lost them."""

from collections.abc import Callable
from typing import Any

# Which arguments are what, by problem. Source: https://github.com/evalplus/evalplus, evalplus/data/mbpp.py
# (Apache-2.0). "Items" are the items of a list.
TUPLES = {2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726}
TUPLES |= {740, 744, 809}
ITEMS_ARE_TUPLES = {63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780}
ITEMS_OF_FIRST_ARE_TUPLES = {75, 413, 444, 753}
FIRST_IS_TUPLE = {250, 307, 405, 446, 617, 720, 763, 808}
SECOND_IS_TUPLE = {106, 750}
TUPLES_OF_TUPLES = {259, 401, 445}
ALL_LISTS_ARE_TUPLES = {580, 615, 791}


def mbpp_inputs(task_id: str, inputs: list[Any]) -> list[Any]:
    """The argument lists of a problem, from what JSON kept of them.

    Args:
        task_id: ``Mbpp/<number>``.
        inputs: argument lists.
    """
    number = int(task_id.rpartition("/")[2])
    if number in _SPECIAL:
        return [_SPECIAL[number](arguments) for arguments in inputs]
    for numbers, read in _KINDS:
        if number in numbers:
            return [read(arguments) for arguments in inputs]
    return inputs


def _tuples(values: Any) -> list[Any]:
    return [tuple(value) for value in values]


def _first(read: Callable[[Any], Any]) -> Callable[[list[Any]], list[Any]]:
    return lambda arguments: [read(arguments[0]), *arguments[1:]]


def _all_tuples(value: Any) -> Any:
    return tuple(map(_all_tuples, value)) if isinstance(value, list) else value


_KINDS: tuple[tuple[set[int], Callable[[list[Any]], list[Any]]], ...] = (
    (TUPLES, _tuples),
    (ITEMS_ARE_TUPLES, lambda arguments: [_tuples(value) for value in arguments]),
    (ITEMS_OF_FIRST_ARE_TUPLES, _first(_tuples)),
    (FIRST_IS_TUPLE, _first(tuple)),
    (SECOND_IS_TUPLE, lambda arguments: [arguments[0], tuple(arguments[1])]),
    (TUPLES_OF_TUPLES, lambda arguments: [tuple(_tuples(value)) for value in arguments]),
    (ALL_LISTS_ARE_TUPLES, lambda arguments: [_all_tuples(value) for value in arguments]),
)
_SPECIAL: dict[int, Callable[[list[Any]], list[Any]]] = {
    115: _first(lambda value: [set(item) if isinstance(item, list) and item else {} for item in value]),
    124: lambda arguments: [float(arguments[0]), complex(arguments[1])],
    252: lambda arguments: [complex(arguments[0])],
    278: _first(lambda value: tuple(tuple(item) if isinstance(item, list) else item for item in value)),
    722: _first(lambda value: {key: tuple(item) for key, item in value.items()}),
}
