"""A program that reads its input and prints, as the source of a function of the input."""

import ast
import json


def as_function(program: str, name: str) -> str:
    """A program that reads standard input and prints, as the source of a function of its input.

    A program that defines the function already stays as it is. Each call runs the program anew as
    ``__main__``. Its input is at ``sys.stdin`` (and ``.buffer``), ``input()`` and descriptor 0;
    its output is what it writes to ``sys.stdout`` (and ``.buffer``). ``exit()`` with no code or
    0 ends it as a success; any exception is the call's.
    """
    try:
        body = ast.parse(program).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return program
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    return program if name in defined else _WRAPPER.format(name=name, source=json.dumps(program))


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
