"""Which loops of a program can be watched while they run, and what in them decides nothing."""

import ast
import collections
from typing import NamedTuple

from cascade.execute.purity import nodes_of

_SIMPLE = (ast.If, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Assert, ast.Pass, ast.Delete)

MAX_TAIL = 8
# What may be done with a set, so that its order is never seen; the calls are of builtins.
ORDERLESS_CALLS = frozenset(["set", "len", "min", "max", "abs", "sum", "sorted", "range", "bool", "int"])
_ORDERLESS_METHODS = frozenset(["add", "remove", "discard", "append", "clear"])


class Loop(NamedTuple):
    """A loop that can be watched.

    Attributes:
        first: its first line.
        last: its last line.
        sinks: variables that the loop only adds to: what they hold decides nothing, but for so many of the
            last items, which it reads; None where states cannot be compared: in a `for` loop, whose iterator
            hides its own, and where the program may see in what place of memory something new is.
        unordered: whether nothing in the program sees in which order a set of ints holds them.
    """

    first: int
    last: int
    sinks: tuple[tuple[str, int], ...] | None
    unordered: bool


def loops(tree: ast.Module, provable: bool = True) -> dict[int, Loop]:
    """Where loops can be watched, by line.

    Such a line begins a statement that every turn of the loop comes by, with nothing half evaluated.

    Args:
        tree: a pure program.
        provable: whether names mean one thing in it (see `purity.is_provable`); else only whole states are
            compared.
    """
    found: dict[int, Loop] = {}
    if not any(isinstance(node, ast.While | ast.For) for node in nodes_of(tree)):
        return found
    with_classes = any(isinstance(node, ast.ClassDef) for node in nodes_of(tree))
    whole = with_classes or not provable
    unordered = not whole and _sees_no_order(tree)
    by_state = not _sees_addresses(tree) and not any(map(_asks_identity, nodes_of(tree)))
    for node in nodes_of(tree):
        if not isinstance(node, ast.While | ast.For) or node.body[0].lineno == node.lineno:
            continue
        first: ast.stmt | ast.expr = node.body[0]
        if isinstance(node, ast.While) and not isinstance(node.test, ast.Constant):
            first = node.test
        begin = first.test if isinstance(first, ast.If) else first
        if isinstance(first, (ast.expr, *_SIMPLE)) and begin.lineno == begin.end_lineno:
            sinks = None if isinstance(node, ast.For) else () if whole else _sinks(node)
            sinks = sinks if by_state else None
            if provable or sinks is not None:
                found[first.lineno] = Loop(node.lineno, node.end_lineno or node.lineno, sinks, unordered)
    return found


def _sinks(loop: ast.While) -> tuple[tuple[str, int], ...]:
    """See `Loop`: `name += …`, `name -= …`, `name.append(…)`, `name[-1]` are all that is done with them."""
    uses, known, tails = collections.Counter[str](), collections.Counter[str](), collections.Counter[str]()
    for node in ast.walk(loop):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name):
                uses[name] += 1
        match node:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add() | ast.Sub()):
                known[name] += 1
            case ast.Expr(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), keywords=[])
            ):
                known[name] += 1
            case ast.Subscript(
                value=ast.Name(id=name),
                slice=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(back))),
                ctx=ast.Load(),
            ) if 0 < back <= MAX_TAIL:
                known[name] += 1
                tails[name] = max(tails[name], back)
    return tuple((name, tails[name]) for name in known if known[name] == uses[name])


# What makes objects that are hashed, shown and ordered by their place in memory, and what shows or hashes.
_MAKERS = frozenset(("map", "filter", "zip", "iter", "reversed", "enumerate"))
_SHOWING = frozenset(("str", "repr", "ascii", "format", "print", "set", "frozenset", "dict"))
# What takes an iterator's items and nothing else of it.
_USING = frozenset(("sum", "any", "all", "max", "min", "sorted", "list", "tuple", "len", "join", "extend"))


def _sees_addresses(tree: ast.Module) -> bool:
    """Whether a program could see where in memory an object is: the only state that no state holds."""
    nodes = nodes_of(tree)
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    if names & {"hash", "object", "id"}:
        return True
    if not (names & _SHOWING or any(map(_shows, nodes))):
        return False
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    if any(isinstance(n, ast.FunctionDef) and n is not f for f in functions for n in ast.walk(f)):
        return True
    used_up = {id(one) for node in nodes for one in _used_up(node)}
    called = {id(n.func) for n in nodes if isinstance(n, ast.Call) and id(n) in used_up}
    for node in nodes:
        match node:
            case ast.ClassDef():
                return True
            case ast.Lambda() | ast.GeneratorExp() if id(node) not in used_up:
                return True
            case ast.Name(id=name) if name in _MAKERS and id(node) not in called:
                return True
    return False


def _asks_identity(node: ast.AST) -> bool:
    """Whether a program sees which of several equal numbers or texts something is."""
    if not isinstance(node, ast.Compare):
        return False
    sides = (node.left, *node.comparators)
    return any(
        isinstance(op, ast.Is | ast.IsNot) and not (_is_unique(one) or _is_unique(other))
        for one, op, other in zip(sides, node.ops, sides[1:], strict=False)
    )


def _is_unique(side: ast.expr) -> bool:
    """Whether nothing else is equal to a constant."""
    return isinstance(side, ast.Constant) and (side.value is None or isinstance(side.value, bool))


def _shows(node: ast.AST) -> bool:
    """Whether an expression may make a text of any object, or hash it."""
    match node:
        case ast.BinOp(op=ast.Mod(), right=right):
            return not isinstance(right, ast.Constant)
        case ast.Attribute(attr=name):
            return name == "format"
    return isinstance(node, ast.JoinedStr | ast.Set | ast.SetComp | ast.Dict | ast.DictComp)


def _used_up(node: ast.AST) -> list[ast.expr]:
    """Expressions of which nothing but the items, or the results of calls, is ever looked at."""
    match node:
        case ast.For(iter=source) | ast.comprehension(iter=source):
            return [source]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if name in _USING:
            return [*args, *(one.value for one in node.keywords if one.arg == "key")]
    return []


def _sees_no_order(tree: ast.Module) -> bool:
    """Whether a program only does with sets of ints what comes out the same in any order."""
    functions = {node.name for node in nodes_of(tree) if isinstance(node, ast.FunctionDef)}
    called = ORDERLESS_CALLS | functions
    if functions & ORDERLESS_CALLS:
        return False
    for node in nodes_of(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                if name in called:
                    return False
            case ast.For(target=target, iter=source) | ast.comprehension(target=target, iter=source):
                match target, source:
                    case ast.Name(), ast.Call(func=ast.Name(id="range" | "sorted")):
                        continue
                return False
            case ast.Call(func=ast.Name(id=name), keywords=[]) if name in called:
                pass
            case ast.Call(func=ast.Attribute(attr=name), keywords=[]) if name in _ORDERLESS_METHODS:
                pass
            case ast.Call() | ast.Starred() | ast.JoinedStr() | ast.YieldFrom():
                return False
            case ast.Assign(targets=targets):
                if not all(isinstance(target, ast.Name) for target in targets):
                    return False
            case ast.AugAssign(value=value) | ast.BinOp(op=ast.Mod(), right=value):
                if not isinstance(value, ast.Constant):
                    return False  # a list could take in a set, a text could show one
    return True
