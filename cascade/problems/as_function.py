"""A program that reads its input and prints, as the source of a function of the input."""

import ast
import json
import re
import warnings
from collections.abc import Iterator

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_READS = re.compile(r"\binput\s*\(|\bsys\.stdin\b")
_WHOLE = ("buffer", "read", "readline", "decode", "strip", "rstrip")


def as_function(program: str, name: str, *, program_first: bool = False) -> str:
    """A program that reads standard input and prints, as the source of a function of its input.

    A program that defines the function already (see `takes_input`) stays as it is. Each call runs the
    program anew as ``__main__``. Its input is at ``sys.stdin`` (and ``.buffer``), ``input()`` and
    descriptor 0; its output is what it writes to ``sys.stdout`` (and ``.buffer``). ``exit()`` with no
    code or 0 ends it as a success; any exception is the call's.

    Args:
        program: its source.
        name: the function's.
        program_first: whether a program that reads its input is one, whatever it defines.
    """
    parsed = _tree(program)
    if parsed is None or not parsed.body or takes_input(program, name, program_first=program_first):
        return program
    return _WRAPPER.format(name=name, source=json.dumps(program))


def takes_input(program: str, name: str, *, program_first: bool = False) -> bool:
    """Whether a program defines the function of one argument that the whole input is given to.

    Not so where it is a program that only uses the name: the function needs more or less than one
    argument, or what is read outside of it is taken apart first (``int(input())``); with `program_first`, or
    it reads its input itself.
    """
    if program_first and _READS.search(program) is not None:
        return False
    parsed = _tree(program)
    for node in parsed.body if parsed is not None else ():
        if isinstance(node, FUNCTIONS) and node.name == name:
            assert parsed is not None
            n_arguments = len(node.args.posonlyargs + node.args.args)
            needed = n_arguments - len(node.args.defaults)
            fits = needed == 1 or (needed == 0 and (n_arguments > 0 or node.args.vararg is not None))
            reads = _READS.search(program) is not None
            return fits and (needed == 1 or not reads) and not _takes_apart(parsed, node)
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in node.targets
        ):
            return isinstance(node.value, ast.Lambda | ast.Name)
    return False


def _takes_apart(program: ast.Module, function: ast.AST) -> bool:
    """Whether code outside the function reads input and does not hand it on as it is."""
    inner = list(_outside(program, function))
    parents = {child: node for node in inner for child in ast.iter_child_nodes(node)}
    for node in inner:
        if not _is_input(node):
            continue
        above = parents[node]
        # A chain of calls that leaves the text as it is: sys.stdin.buffer.read().decode().strip().
        while (isinstance(above, ast.Attribute) and above.attr in _WHOLE) or (
            isinstance(above, ast.Call) and above.func is node
        ):
            node, above = above, parents[above]
        handed = isinstance(above, ast.Call) and isinstance(above.func, ast.Name)
        if not isinstance(above, ast.Assign | ast.AnnAssign) and not (
            handed and above.func.id == getattr(function, "name", None)  # type: ignore[attr-defined]
        ):
            return True
    return False


def _is_input(node: ast.AST) -> bool:
    return (isinstance(node, ast.Name) and node.id == "input") or (
        isinstance(node, ast.Attribute) and node.attr == "stdin"
    )


def _outside(node: ast.AST, function: ast.AST) -> Iterator[ast.AST]:
    """Every node but the function and those inside it."""
    yield node
    for child in ast.iter_child_nodes(node):
        if child is not function:
            yield from _outside(child, function)


def _tree(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


# JSON's string literal is Python's, lone surrogates included.
_WRAPPER = """\
def {name}(stdin):
    import io, os, sys, tempfile
    space = {{"__name__": "__main__", "__builtins__": __builtins__}}
    code = compile({source}, "<program>", "exec", dont_inherit=True)
    try:
        os.fstat(0)
    except OSError:  # an earlier call closed it: hold its place, or the next file would take it
        os.open(os.devnull, os.O_RDONLY)
    with tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        os.dup2(given.fileno(), 0)
    kept = sys.stdin, sys.stdout
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    sys.stdin, sys.stdout = open(0, encoding="utf-8", closefd=False), out
    try:
        exec(code, space)
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise
    finally:
        sys.stdin, sys.stdout = kept
    out.flush()
    return out.buffer.getvalue().decode()
"""
