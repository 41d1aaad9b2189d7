"""Which loops of a program can be watched while they run, and what in them decides nothing."""

import ast
import collections
from typing import NamedTuple

_SIMPLE = (ast.If, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Assert, ast.Pass, ast.Delete)


class Loop(NamedTuple):
    """A loop that can be watched.

    Attributes:
        first: its first line.
        last: its last line.
        sinks: variables that the loop only adds to and never reads: what they hold decides nothing; None
            for a `for` loop, whose iterator hides its state.
    """

    first: int
    last: int
    sinks: tuple[str, ...] | None


def loops(tree: ast.Module) -> dict[int, Loop]:
    """Where loops can be watched, by line.

    Such a line begins a statement that every turn of the loop comes by, with nothing half evaluated.
    """
    found = {}
    with_classes = any(isinstance(node, ast.ClassDef) for node in ast.walk(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.While | ast.For) or node.body[0].lineno == node.lineno:
            continue
        first: ast.stmt | ast.expr = node.body[0]
        if isinstance(node, ast.While) and not isinstance(node.test, ast.Constant):
            first = node.test
        begin = first.test if isinstance(first, ast.If) else first
        if isinstance(first, (ast.expr, *_SIMPLE)) and begin.lineno == begin.end_lineno:
            sinks = None if isinstance(node, ast.For) else () if with_classes else _sinks(node)
            found[first.lineno] = Loop(node.lineno, node.end_lineno or node.lineno, sinks)
    return found


def _sinks(loop: ast.While) -> tuple[str, ...]:
    """See `Loop`: `name += …`, `name -= …` and `name.append(…)` are all that is done with them."""
    uses, adding = collections.Counter[str](), collections.Counter[str]()
    for node in ast.walk(loop):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                uses[name] += 1
        match node:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add() | ast.Sub()):
                adding[name] += 1
            case ast.Expr(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), keywords=[])
            ):
                adding[name] += 1
    return tuple(name for name in adding if adding[name] == uses[name])
