"""Lines of which it is plain that they run out of time in one call, if at all: then all that make it do."""

import ast
import builtins

from cascade.execute.purity import bound_names, nodes_of

# What takes no time on plain data.
_QUICK = frozenset(("abs", "round", "len", "bool", "isinstance"))
_TYPES = frozenset(("int", "float", "bool", "str", "list", "tuple", "dict", "set"))


def gives_plain_data(tree: ast.Module) -> bool:
    """Whether what a pure program's calls give is compared in no time, and builtins are Python's own."""
    return not any(isinstance(node, ast.ClassDef) for node in nodes_of(tree)) and set(
        bound_names(tree)
    ).isdisjoint(dir(builtins))


def only_call(tree: ast.Module) -> str:
    """The call with literal arguments that an assertion begins with, all else being quick; else empty."""
    match tree.body:
        case [ast.Assert(test=found, msg=None | ast.Constant())]:
            call = _first(found)
            return "" if call is None else ast.unparse(call)
    return ""


def _first(node: ast.expr) -> ast.Call | None:
    match node:
        case ast.Compare(left=left, comparators=[other, *others]) if all(map(_is_quick, others)):
            if _is_quick(other):
                return _first(left)
            return _first(other) if _is_literal(left) else None
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=inner):
            return _first(inner)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right) if _is_literal(right):
            return _first(left)
        case ast.Call(args=[first, *others], keywords=keywords) if _calls_quick(node):
            return _first(first) if all(map(_is_quick, [*others, *(k.value for k in keywords)])) else None
        case ast.Call(func=ast.Name(), args=arguments, keywords=keywords):
            return node if all(map(_is_literal, [*arguments, *(k.value for k in keywords)])) else None
    return None


def _calls_quick(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id=name):
            return name in _QUICK
        case ast.Attribute(value=ast.Name(id="math"), attr="isclose"):
            return True
    return False


def _is_quick(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name):
            return name in _TYPES
        case ast.Call(args=arguments, keywords=[]) if _calls_quick(node):
            return all(map(_is_quick, arguments))
    return _is_literal(node)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
