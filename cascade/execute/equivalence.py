"""Which programs and which test lines must behave alike, so that they need to run only once."""

import ast
import dis
import hashlib
import inspect
import marshal
import sys
import types
from typing import Any

# Nobody writes programs this long by hand; parsing them is not worth the memory.
MAX_CHARS = 100_000
# A program that mentions one of these may look at its own documentation.
READS_DOCSTRINGS = ("__doc__", "doctest", "inspect", "help(")

_SEQUENCES = (ast.Tuple, ast.List, ast.Set)
# What takes no time around a call of a program's function, if its result is nothing odd.
_QUICK = (
    *(
        ast.Call,
        ast.Name,
        ast.Attribute,
        ast.Constant,
        ast.Tuple,
        ast.List,
        ast.Set,
        ast.Dict,
        ast.expr_context,
    ),
    *(ast.UnaryOp, ast.unaryop, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is),
    ast.IsNot,
)


def canonical(program: str, code: types.CodeType) -> str:
    """A text that two programs share only if they do the same: without comments, layout and docstrings.

    Args:
        program: the source.
        code: what it compiles to; equal instructions on equal constants do the same.
    """
    documented = any(word in program for word in READS_DOCSTRINGS)
    return hashlib.sha256(marshal.dumps(_bare(code, documented), 2)).hexdigest()


def _bare(code: types.CodeType, documented: bool) -> tuple[Any, ...]:
    """All of a code object that its behaviour depends on, but for its line numbers and perhaps docstrings."""
    constants = list(code.co_consts)
    if not documented and _has_docstring(code):
        constants[0] = None
    return (
        *(code.co_code, code.co_exceptiontable, code.co_names, code.co_varnames, code.co_cellvars),
        *(code.co_freevars, code.co_name, code.co_flags, code.co_stacksize, code.co_argcount),
        *(code.co_posonlyargcount, code.co_kwonlyargcount),
        *(_bare(c, documented) if isinstance(c, types.CodeType) else (c,) for c in constants),
    )


def _has_docstring(code: types.CodeType) -> bool:
    """Whether a function's first constant is its docstring and nothing else."""
    if code.co_name.startswith("<") or not code.co_flags & inspect.CO_NEWLOCALS or not code.co_consts:
        return False
    if sys.version_info >= (3, 13) and not code.co_flags & inspect.CO_HAS_DOCSTRING:
        return False
    load_first = bytes((dis.opmap["LOAD_CONST"], 0))
    pairs = range(0, len(code.co_code), 2)
    return isinstance(code.co_consts[0], str) and all(code.co_code[i : i + 2] != load_first for i in pairs)


def first_call(tree: ast.Module) -> str | None:
    """The call that a test makes before anything else that takes time; None if not clear.

    Where that call does not return in time after some program, no test that begins with it does. A test
    is an assert, or a function that gets the program's and is called with it (`check(candidate)`).
    """
    match tree.body:
        case [ast.Assert(test=test)]:
            call = _first(test)
            return ast.dump(call) if isinstance(call, ast.Call) else None
        case [
            *before,
            ast.FunctionDef(
                name=name,
                args=ast.arguments(
                    posonlyargs=[],
                    args=[ast.arg(arg=parameter, annotation=None)],
                    vararg=None,
                    kwonlyargs=[],
                    kwarg=None,
                    defaults=[],
                ),
                decorator_list=[],
                returns=None,
                body=body,
            ),
            ast.Expr(value=ast.Call(func=ast.Name(id=called), args=[ast.Name() as given], keywords=[])),
        ] if name == called and all(map(_is_constant, before)):
            match [one for one in body if not _is_constant(one)]:
                case [ast.Assert(test=test), *_]:
                    match _first(test):
                        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]) if (
                            function == parameter
                            and not any(isinstance(n, ast.Name) for one in arguments for n in ast.walk(one))
                        ):
                            return ast.dump(ast.Call(given, arguments, []))
    return None


def only_calls(tree: ast.Module) -> bool:
    """Whether a test's first call is all in it that takes time, so that being late says that of the call."""
    match tree.body:
        case [ast.Assert(test=test)]:
            nodes = list(ast.walk(test))
            calls = sum(isinstance(node, ast.Call) for node in nodes)
            return calls == 1 and all(isinstance(node, _QUICK) for node in nodes)
    return False


def _is_constant(statement: ast.stmt) -> bool:
    """Whether a statement does next to nothing: a docstring, or a name for a table of constants."""
    match statement:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name()], value=value):
            return all(
                isinstance(node, ast.Constant | ast.Dict | ast.List | ast.Tuple | ast.Load)
                for node in ast.walk(value)
            )
    return False


def _first(node: ast.AST) -> ast.AST | None:
    """The first call in evaluation order; None if there is none, the node itself if that is not clear."""
    if isinstance(node, ast.Constant | ast.Name):
        return None
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return None
    for child in _operands(node):
        if (found := _first(child)) is not None:
            return found
    # Everything inside is plain: a container is plain too, a call is the one, all else takes time.
    return None if isinstance(node, (*_SEQUENCES, ast.Dict, ast.Attribute)) else node


def _operands(node: ast.AST) -> list[ast.AST]:
    """The parts that are always evaluated before the node itself, in order."""
    match node:
        case ast.Call():
            return [node.func, *node.args, *(k.value for k in node.keywords)]
        case ast.Compare():
            return [node.left, *node.comparators[:1]]
        case ast.BoolOp():
            return [node.values[0]]
        case ast.UnaryOp():
            return [node.operand]
        case ast.BinOp():
            return [node.left, node.right]
        case ast.Tuple() | ast.List() | ast.Set():
            return list(node.elts)
        case ast.Dict():
            return [
                part
                for key, value in zip(node.keys, node.values, strict=True)
                for part in (key, value)
                if part is not None
            ]
        case ast.Attribute() | ast.Starred():
            return [node.value]
        case ast.Subscript():
            return [node.value, node.slice]
    return []
