"""Which function a prompt asks for: a Python header with its docstring, or a function named in the text."""

import ast
import re
import warnings
from itertools import islice

from cascade.base import CascadeError
from cascade.execute import is_pure
from cascade.problems import Problem, pose, preamble_of

NEEDED = (
    "no function to write was found in the prompt; give a Python header with a docstring "
    "(def name(arguments): ...), or name it in the text: a function called `name(arguments)`"
)
_FENCE = re.compile(
    r"^[ \t]*(?:```|~~~)[ \t]*([\w+.-]*)[^\n]*\n(.*?)(?:^[ \t]*(?:```|~~~)[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_HEADER = re.compile(r"^(?:async[ \t]+)?def[ \t]+[A-Za-z_]\w*[ \t]*\(", re.MULTILINE)
_TYPE = r"[\w.]+(?:\[[\w\[\], .|]*\])?"
_DEF_IN_TEXT = re.compile(rf"\bdef\s+([A-Za-z_]\w*)\s*(\([^()\n]*\))(\s*->\s*{_TYPE})?")
_NAMED = re.compile(
    r"\b(?:function|method|routine)\s+(?:that\s+is\s+)?(?:called|named)?\s*[`'\"*]*"
    r"([A-Za-z_]\w*)\s*(\([^()\n]*\))?[`'\"*]*"
)
_QUOTED = re.compile(r"[`]([A-Za-z_]\w*)\s*(\([^()\n]*\))[`]")
# Words that follow "function" in English and are no names.
_WORDS = frozenset(
    "that which to for in with and or is it of the a an as from on called named returns returning takes "  # noqa: SIM905
    "taking should must will can given whose where by using without only below above body name".split()
)
# Places in a prompt that are tried as the beginning of a source, and as a name.
_MOST_TRIES = 8


class PromptError(CascadeError):
    """A prompt that cannot be answered; `code` says why in one word."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def problem_of(prompt: str, *, pure_only: bool) -> Problem:
    """The problem that a request's prompt poses.

    Args:
        prompt: a Python source that ends with the function's header and docstring (as HumanEval's do), the
            same in a fenced block with text around it, or a text that names the function.
        pure_only: whether code in the prompt may only reach its own objects (see `cascade.execute.purity`).

    Raises:
        PromptError: it holds NUL bytes, no function, or code that it may not hold.
    """
    if "\0" in prompt:
        raise PromptError("the prompt holds NUL bytes; send text", "nul_bytes")
    if not prompt.isprintable():
        prompt = prompt.replace("\r\n", "\n").replace("\r", "\n")
        if any("\ud800" <= character <= "\udfff" for character in prompt):
            raise PromptError("the prompt holds lone surrogates; send UTF-8 text", "bad_text")
    found = _of_source(prompt) or _of_fences(prompt) or _of_source_behind_text(prompt)
    found = found or _of_text(prompt)
    if found is None:
        raise PromptError(NEEDED, "no_function")
    source, name = found
    tree = _tree(source)
    if pure_only and (tree is None or not is_pure(tree) or not _only_defines(tree)):
        raise PromptError(
            "the code in the prompt does more than define: only imports of harmless modules, functions, "
            "classes and constants may stand there",
            "prompt_code",
        )
    return Problem("request", source, name, preamble_of(source, name), "")


def _tree(source: str) -> ast.Module | None:
    """The syntax tree; of a source that ends in a header, as if its body were there."""
    for ending in ("", "\n    pass\n", "\n        pass\n"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(source.rstrip() + ending if ending else source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _of_source(text: str) -> tuple[str, str] | None:
    """A Python source whose last function is still to be written (or whose last function at all)."""
    if _HEADER.search(text) is None or (tree := _tree(text)) is None:
        return None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if not functions:
        return None
    unwritten = [node for node in functions if _is_unwritten(node)]
    wanted = (unwritten or functions)[-1]
    source = text if text.endswith("\n") else text + "\n"
    if wanted is not functions[-1] or wanted.end_lineno is None:
        return source, wanted.name
    # What a completion continues ends with the docstring: `pass` and `...` are places for the body.
    end = _header_end(wanted)
    first = wanted.body[0]
    if _is_unwritten(wanted) and first.lineno == wanted.lineno and not _is_docstring(first):
        lines = source.splitlines(keepends=True)
        header = lines[end - 1].encode()[: first.col_offset].decode().rstrip()
        return "".join(lines[: end - 1]) + header + "\n", wanted.name
    rest = source.splitlines(keepends=True)[end:]
    if _is_unwritten(wanted) and all(line.strip() in ("", "pass", "...") or _comment(line) for line in rest):
        source = "".join(source.splitlines(keepends=True)[:end])
    return source, wanted.name


def _comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _header_end(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The last line of the docstring, or of the header where there is none."""
    first = node.body[0]
    if _is_docstring(first):
        return first.end_lineno or first.lineno
    return first.lineno - 1 if first.lineno > node.lineno else node.lineno


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_unwritten(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function has a docstring, `pass` or `...` only."""
    return all(
        isinstance(part, ast.Pass) or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
        for part in node.body
    )


def _of_fences(text: str) -> tuple[str, str] | None:
    """The last fenced block that holds a header; the text around it goes into a docstring that lacks."""
    for block in list(_FENCE.finditer(text))[: -_MOST_TRIES - 1 : -1]:
        if block[1].lower() in ("", "py", "python", "python3"):
            inside = block[2]
            if (found := _of_source(inside)) is not None:
                around = f"{text[: block.start()]}\n{text[block.end() :]}".strip()
                return _with_description(*found, around)
    return None


def _of_source_behind_text(text: str) -> tuple[str, str] | None:
    """A header at the beginning of a line, with a text before it."""
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    for number in starts[:_MOST_TRIES]:
        start = number
        while start and re.match(r"from\s|import\s|@|\s*$", lines[start - 1]):
            start -= 1
        if (found := _of_source("".join(lines[start:]).lstrip("\n"))) is not None:
            return _with_description(*found, "".join(lines[:start]).strip())
    return None


def _with_description(source: str, name: str, text: str) -> tuple[str, str]:
    """The source with a text as the function's docstring, where it has none."""
    tree = _tree(source)
    nodes = [] if tree is None else tree.body
    node = next((n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == name), None)
    if node is None or not text or _is_docstring(node.body[0]):
        return source, name
    lines = source.splitlines(keepends=True)
    end = _header_end(node)
    header = "".join(lines[node.lineno - 1 : end]).strip()
    if not header.endswith(":"):
        return source, name
    return "".join(lines[: node.lineno - 1]) + pose(header, text), name


def _of_text(text: str) -> tuple[str, str] | None:
    """A function that the text names, posed with the text as its docstring."""
    for pattern in (_DEF_IN_TEXT, _NAMED, _QUOTED):
        for match in islice(pattern.finditer(text), _MOST_TRIES):
            name, arguments = match[1], match[2]
            if name.lower() in _WORDS or (pattern is _NAMED and not _is_name(match, text)):
                continue
            returns = (match[3] or "").rstrip(" .,") if pattern is _DEF_IN_TEXT else ""
            for header in (f"def {name}{arguments or '(*args)'}{returns}:", f"def {name}(*args):"):
                source = pose(header, text)
                if _tree(source) is not None:
                    return source, name
    return None


def _is_name(match: "re.Match[str]", text: str) -> bool:
    """Whether a word behind "function" is a name: quoted, called so, or no word of English."""
    around = text[match.start() : match.end() + 1]
    return bool(match[2] or re.search(r"called|named|[`'\"*]", around) or re.search(r"[_\d]", match[1]))


def _only_defines(tree: ast.Module) -> bool:
    """Whether the top of a source runs nothing but definitions, and assignments of plain constants."""

    def is_plain(node: ast.expr | None) -> bool:
        return node is None or not any(
            isinstance(part, ast.Call | ast.Lambda | ast.comprehension | ast.Await | ast.BinOp)
            for part in ast.walk(node)
        )

    for node in tree.body:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Pass():
                continue
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(value=value) | ast.AnnAssign(value=value):
                if not is_plain(value):
                    return False
            case ast.FunctionDef(decorator_list=[], args=arguments):
                if not all(map(is_plain, [*arguments.defaults, *arguments.kw_defaults])):
                    return False
            case ast.ClassDef(decorator_list=[], body=body):
                if not _only_defines(ast.Module(body, [])):
                    return False
            case _:
                return False
    return True
