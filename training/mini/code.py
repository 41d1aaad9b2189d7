"""Reference code: a composition as the body of a Python function, in one of many styles."""

import ast
from random import Random

from training.mini.compose import Composition
from training.mini.steps import Kind, fill, is_block

_INDENT = "    "
_NEST_SHARE = 0.3
#: Parameter names of a header, by the kind of the input; the first is also the kind's local name.
NAMES: dict[Kind, tuple[str, ...]] = {
    "numbers": ("nums", "values", "xs", "data"),
    "text": ("text", "s", "line", "string"),
    "words": ("words", "names", "parts", "tokens"),
    "number": ("n", "num", "value", "number"),
    "table": ("table", "counts", "d", "mapping"),
}
_RESULTS: dict[Kind, str] = {
    "numbers": "out", "text": "result", "words": "out", "number": "total", "table": "result",
}  # fmt: skip


def _atomic(expression: str) -> str:
    """`expression`, in brackets unless it can be indexed, multiplied and compared as it stands."""
    node = ast.parse(expression, mode="eval").body
    simple = (ast.Name, ast.Call, ast.Subscript, ast.List, ast.ListComp, ast.DictComp, ast.Constant)
    return expression if isinstance(node, simple) else f"({expression})"


def write_body(rng: Random, composition: Composition, parameter: str) -> str:
    """The indented body of a function of `parameter` that computes the composition, with its newline.

    Each step takes one of its styles (the first most often). An expression is nested into the next
    step's now and then, as people do where it stays readable.
    """
    last = len(composition.parts) - 1
    styles = [
        rng.choices(step.styles, [2] + [1] * (len(step.styles) - 1))[0] for step, _ in composition.parts
    ]
    lines: list[str] = []
    name, kind, current = parameter, composition.takes, parameter
    for index, ((step, k), style) in enumerate(zip(composition.parts, styles, strict=True)):
        if step.gives != kind:
            kind = step.gives
            name = NAMES[kind][0]
        if is_block(style):
            out = _RESULTS[kind]
            lines += fill(style, k=k, v=current, o=out).split("\n")
            lines.append(f"return {out}" if index == last else f"{name} = {out}")
            current = name
            continue
        expression = fill(style, k=k, v=_atomic(current))
        if index == last:
            lines.append(f"return {expression}")
        elif styles[index + 1].count("{v}") == 1 and rng.random() < _NEST_SHARE:
            current = expression
        else:
            lines.append(f"{name} = {expression}")
            current = name
    return "".join(f"{_INDENT}{line}\n" for line in lines)
