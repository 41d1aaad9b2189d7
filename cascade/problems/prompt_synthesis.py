"""How a problem without a ready prompt is posed: a function's header and a docstring."""

import ast
import warnings

INDENT = "    "


def pose(header: str, description: str) -> str:
    """A prompt: the header line, then the description as docstring; a completion goes on below.

    The docstring reads back as the description, indented and without white space at its ends,
    whatever quotes, backslashes or control characters it holds.
    """
    return f"{header}\n{docstring(description, INDENT)}"


def docstring(description: str, indent: str = "") -> str:
    """A docstring that reads back as the description; see `pose`."""
    text = "".join(_escape(character) for character in description.replace("\r\n", "\n"))
    lines = text.replace('"""', '\\"\\"\\"').strip().split("\n")
    body = "\n".join(indent + line if line.strip() else "" for line in lines)
    return f'{indent}"""\n{body}\n{indent}"""\n'


def parse(source: str) -> ast.Module:
    """The syntax tree of a data set's source, without Python's warnings on its style."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def header_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The function's ``def`` line, annotations and defaults kept, decorators and body dropped."""
    returns = f" -> {ast.unparse(function.returns)}" if function.returns is not None else ""
    keyword = "async def" if isinstance(function, ast.AsyncFunctionDef) else "def"
    return f"{keyword} {function.name}({ast.unparse(function.args)}){returns}:"


def names_in(*trees: ast.AST | None) -> set[str]:
    """Every variable name that occurs in the trees."""
    return {
        node.id for tree in trees if tree is not None for node in ast.walk(tree) if isinstance(node, ast.Name)
    }


def _escape(character: str) -> str:
    """A character as it may stand in a string literal of Python source that is UTF-8."""
    if character == "\\":
        return "\\\\"
    unsafe = (character < " " and character not in "\n\t") or "\ud800" <= character <= "\udfff"
    return character.encode("unicode_escape").decode("ascii") if unsafe else character
