"""The step: one named operation on a value, with its wordings and its Python styles."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

Kind = Literal["numbers", "text", "words", "number", "table"]
Param = int | str | None
Value = list[int] | str | list[str] | int | dict[str, int]

#: The Python type of each kind, as a header prints it.
TYPES: dict[Kind, str] = {
    "numbers": "list[int]",
    "text": "str",
    "words": "list[str]",
    "number": "int",
    "table": "dict[str, int]",
}
_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Step:
    """One operation, from a value of kind `takes` to one of kind `gives`.

    Attributes:
        name: unique in the catalogue; a composition's signature is made of these.
        phrases: imperative wordings; ``{k}`` stands for the parameter, ``{kw}`` for its number word.
        styles: Python texts. The first is an expression and defines what the step means. Others are
            expressions, or blocks of statements that bind ``{o}``; in all of them ``{v}`` is the
            input and ``{k}`` the parameter.
        params: the parameter values to draw from; empty for a step without one.
    """

    name: str
    takes: Kind
    gives: Kind
    phrases: tuple[str, ...]
    styles: tuple[str, ...]
    params: tuple[int | str, ...] = ()


def fill(template: str, *, k: Param, v: str = "", o: str = "") -> str:
    """`template` with its marks replaced (str.format would trip over Python's own braces)."""
    word = _NUMBER_WORDS[k] if isinstance(k, int) and 0 <= k < len(_NUMBER_WORDS) else str(k)
    return template.replace("{v}", v).replace("{o}", o).replace("{kw}", word).replace("{k}", str(k))


def is_block(style: str) -> bool:
    """Whether a style is a block of statements rather than an expression."""
    return "{o}" in style


@cache
def meaning(step: Step, k: Param) -> Callable[[Value], Value]:
    """The function that the step's first style stands for."""
    function: Callable[[Value], Value] = eval(f"lambda v: {fill(step.styles[0], k=k, v='v')}")
    return function


# Item names and accumulators of the three kinds that are walked item by item.
_ITEM: dict[Kind, str] = {"numbers": "x", "text": "c", "words": "w"}


def _gather(kind: Kind, lines: str) -> str:
    """A loop over ``{v}`` whose `lines` add to ``{o}`` (marked ADD(...) for each added item)."""
    empty, add = ("''", "{o} += ") if kind == "text" else ("[]", "{o}.append(")
    body = lines.replace("ADD(", add)
    if kind == "text":
        body = "\n".join(line[:-1] if add in line else line for line in body.split("\n"))
    indented = "\n".join("    " + line for line in body.split("\n"))
    return f"{{o}} = {empty}\nfor {_ITEM[kind]} in {{v}}:\n{indented}"


def _comprehension(kind: Kind, inner: str) -> str:
    return f"''.join({inner})" if kind == "text" else f"[{inner}]"


def mapped(kind: Kind, name: str, item: str, *phrases: str, params: tuple[int | str, ...] = ()) -> Step:
    """A step that replaces each item by the expression `item`."""
    name_ = _ITEM[kind]
    styles = (_comprehension(kind, f"{item} for {name_} in {{v}}"), _gather(kind, f"ADD({item})"))
    return Step(name, kind, kind, phrases, styles, params)


def kept(kind: Kind, name: str, condition: str, *phrases: str, params: tuple[int | str, ...] = ()) -> Step:
    """A step that keeps the items for which `condition` holds."""
    item = _ITEM[kind]
    styles = (
        _comprehension(kind, f"{item} for {item} in {{v}} if {condition}"),
        _gather(kind, f"if {condition}:\n    ADD({item})"),
    )
    return Step(name, kind, kind, phrases, styles, params)


def chosen(
    kind: Kind, name: str, condition: str, yes: str, no: str, *phrases: str,
    params: tuple[int | str, ...] = (),
) -> Step:  # fmt: skip
    """A step that replaces each item by `yes` where `condition` holds and by `no` elsewhere."""
    item = _ITEM[kind]
    styles = (
        _comprehension(kind, f"{yes} if {condition} else {no} for {item} in {{v}}"),
        _gather(kind, f"if {condition}:\n    ADD({yes})\nelse:\n    ADD({no})"),
    )
    return Step(name, kind, kind, phrases, styles, params)


def counted(kind: Kind, name: str, condition: str, *phrases: str, params: tuple[int | str, ...] = ()) -> Step:
    """A step that counts the items for which `condition` holds."""
    item = _ITEM[kind]
    styles = (
        f"len([{item} for {item} in {{v}} if {condition}])",
        f"{{o}} = 0\nfor {item} in {{v}}:\n    if {condition}:\n        {{o}} += 1",
    )
    return Step(name, kind, "number", phrases, styles, params)
