"""Python source as models write it: what of it is a program, cut and indented so that it can run."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from types import CodeType

from cascade.generate.indentation import body_indent, reindented
from cascade.generate.names import names_bound, names_changed, names_read
from cascade.problems import put_in_front

Function = ast.FunctionDef | ast.AsyncFunctionDef
_CODE_BEGINS = re.compile(r"^[ \t]*(?:def |async def |class |import \w|from [\w.]+ import|@\w)", re.MULTILINE)
_STATEMENT_BEGINS = re.compile(
    r"^(?:def |async def |class |import \w|from [\w.]+ import|@\w|[\w, *\[\]]+ ?=|\w+\("
    r"|for |while |if |try:|with |#)"
)
# What may stand behind the function that is asked for without being an example of its use.
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_DEFINITIONS = (*_NAMED, ast.Import, ast.ImportFrom)
# Statements that may give a name its value.
_GIVING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.While, ast.If, ast.Try, ast.With, ast.Expr)
_DEEPER = "sys.setrecursionlimit("
MOST_STARTS = 200
MOST_REPEATED = 512  # texts whose reading is kept: the samples of one problem are often the same


@lru_cache(maxsize=64)
def tree(text: str) -> ast.Module | None:
    """The syntax tree, which nobody changes; None for what is not Python.

    One reply is looked at many times in a row, so the last trees are kept.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # NUL bytes, surrogates, nesting
        return None


def is_python(text: str) -> bool:
    """Whether the text parses."""
    return tree(text) is not None


def compiled(text: str) -> CodeType | None:
    """The text's code; None where it is no program: not Python, or a ``return`` in no function, say."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compile(text, "<program>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def defined_in_code(code: CodeType, name: str) -> bool:
    """Whether a module's code holds a function or class of that name that stands in none."""
    return any(isinstance(one, CodeType) and one.co_name == name for one in code.co_consts)


def names_in_code(code: CodeType) -> set[str]:
    """The names of code and of all code within it that are no locals, attributes among them."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= names_in_code(constant)
    return found


def defines(text: str, name: str) -> bool:
    """Whether the text is Python that defines a name, if only as a method of ``class Solution``."""
    parsed = tree(text)
    return parsed is not None and any(_defined(node, name) for node in _statements(parsed.body))


def opens_definition(text: str, name: str) -> bool:
    """Whether a line begins the definition of a function, be the rest Python or not."""
    return re.search(rf"^[ \t]*(?:async )?def {re.escape(name)}\b", text, re.MULTILINE) is not None


def begins_with_definition(text: str, name: str) -> bool:
    """Whether the first line of code, comments, imports and decorators left out, begins the function."""
    lines = (line.strip() for line in text.split("\n"))
    code = (line for line in lines if line and not line.startswith(("#", "@", "import ", "from ")))
    return opens_definition(next(code, ""), name)


def is_body(text: str) -> bool:
    """Whether the text is a function's body alone: it returns or yields outside any function."""
    parsed = tree(textwrap.dedent(text))
    return parsed is not None and any(isinstance(node, ast.Return) for node in _outside_functions(parsed))


def dedented(text: str, *, mend: bool = True) -> str:
    """A block without the indentation that all of it has; if `mend`, also where its first line lost some."""
    plain = text if is_python(text) else textwrap.dedent(text)
    if is_python(plain) or not mend:
        return plain
    return next(filter(is_python, reindented(text, "")), plain)


def last_complete(sources: Sequence[str], name: str, *, whole: bool = True) -> str | None:
    """Of several sources the last with a definition of the function, trimmed, with its helpers.

    If `whole`, one whose definition does something: not only a docstring, ``pass`` or an ellipsis.
    """
    trims = [trimmed(one, name) for one in sources]
    found = [i for i, one in enumerate(trims) if one is not None and (not whole or complete(one, name))]
    if not found:
        return None
    chosen = trims[found[-1]] or ""
    return put_in_front(_helpers(sources[: found[-1]], sources[found[-1] + 1 :], chosen, name), chosen)


def in_prose(text: str, name: str, *, whole: bool = True) -> str | None:
    """The last program without a fence that defines the function; None where there is none."""
    return last_complete([*_parts(text, _CODE_BEGINS)], name, whole=whole)


def indented(text: str) -> Iterator[str]:
    """The stretches of a text that are indented, as prose sets code apart; none where it defines anything."""
    if re.search(r"^(?:async def|def|class) ", text, re.MULTILINE):
        return
    for match in re.finditer(
        r"(?:\A|(?<=\n\n))(?:^(?: {4}|\t)[^\n]*(?:\n|$)|^[ \t]*\n)+", text, re.MULTILINE
    ):
        if match[0].strip():
            yield match[0]


def longest_in_prose(text: str) -> str:
    """The longest program without a fence, or the text where there is none."""
    return max(_parts(text, _STATEMENT_BEGINS), key=len, default=text)


def from_first_code(text: str) -> str:
    """The text from the first line that begins code on."""
    begin = _CODE_BEGINS.search(text)
    return text if begin is None else text[begin.start() :]


@lru_cache(maxsize=MOST_REPEATED)
def continued(prompt: str, text: str, name: str, *, mend: bool = True) -> str | None:
    """A completion cut after the function that its prompt begins; None where it is no body for it.

    Definitions behind the function stay (it may call them), statements that use it go. Where the text does
    not fit as it stands, the indentation that stripping or tabs cost it is given back, if `mend`.
    """
    returns = re.search(r"^\s*(?:return|yield|raise)\b", text, re.MULTILINE) is not None
    head = prompt[prompt.rfind("\n") + 1 :]  # of the line that the text goes on with
    for candidate in (text, *(_refitted(text, prompt, head) if returns and mend else ())):
        kept = trimmed(prompt + candidate, name, first=True)
        if kept is not None and kept.startswith(prompt) and _grew(prompt, kept, name):
            return kept[len(prompt) :]
    return None


def _refitted(text: str, prompt: str, head: str) -> Iterator[str]:
    """The text with other indentations, as it fits behind the prompt's last line."""
    for one in reindented(text, body_indent(prompt)):
        if head.strip():
            yield f"\n{one}"
        elif head:
            yield one.removeprefix(head)
        else:
            yield one


@lru_cache(maxsize=MOST_REPEATED)
def trimmed(text: str, name: str, *, first: bool = False) -> str | None:
    """The longest beginning that is Python, without what only uses the function; None without that.

    Behind the function only definitions stay, and what gives values that a function reads; in front of it
    everything but what asks for input that no function reads.

    Args:
        text: Python source, and what may stand behind it.
        name: the function's.
        first: whether its first definition counts, as where a completion runs on and writes it again; there
            must be no ``return`` outside of functions.
    """
    kept = _longest(text)
    parsed = tree(kept)
    assert parsed is not None
    at = [i for i, node in enumerate(parsed.body) if any(_defined(one, name) for one in _statements([node]))]
    if not at or (first and any(isinstance(node, ast.Return) for node in _outside_functions(parsed))):
        return None
    again = parsed.body[at[0] + 1 :] if first and len(at) > 1 and _works(parsed.body[at[0]]) else []
    again = [node for node in again if isinstance(node, Function) and node.name == name]
    at = [i for i in at if parsed.body[i] not in again]
    asked = [node for node in parsed.body[: at[-1]] if _asks(node)]
    behind = parsed.body[at[-1] + 1 :]
    if not asked and not again and all(isinstance(node, _DEFINITIONS) for node in behind):
        return kept  # as most are: what the function reads does not matter
    read = _read_by(parsed.body, name)
    gone = [node for node in asked if not names_changed(node) & read]
    gone += [
        node
        for node in behind
        if node in again or (not isinstance(node, _DEFINITIONS) and not _gives(node, read, name))
    ]
    if not gone:
        return kept
    lines = {n for node in gone for n in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    lines -= {
        n
        for node in parsed.body
        if node not in gone
        for n in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return "".join(line for n, line in enumerate(_lines(kept), 1) if n not in lines)


def reads_or_prints(text: str) -> bool:
    """Whether a program reads input or writes output."""
    return re.search(r"\binput\s*\(|\bstdin\b|\bprint\s*\(|\bstdout\b|\bopen\s*\(\s*0\b", text) is not None


def _lines(text: str) -> list[str]:
    """Lines as the parser counts them."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _longest(text: str) -> str:
    """The longest beginning that parses, cut before a top-level line: a broken body stays broken."""
    if tree(text) is not None:
        return text
    lines = _lines(text)
    while lines:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse("".join(lines))
            return "".join(lines)
        except SyntaxError as error:
            at = min(error.lineno or 1, len(lines)) - 1
            while at and lines[at][0].isspace():
                at -= 1
            # A decorator belongs to what it stands before.
            while at and lines[at - 1].startswith("@"):
                at -= 1
            lines = lines[:at]
        except (ValueError, RecursionError, MemoryError):
            return ""
    return ""


def _parts(text: str, begins: re.Pattern[str]) -> Iterator[str]:
    """The stretches of a text that are Python, from each line on that may begin one."""
    lines, at, starts = _lines(text), 0, 0
    while at < len(lines) and starts < MOST_STARTS:
        if begins.match(lines[at]) is None:
            at += 1
            continue
        starts += 1
        depth = _depth(lines[at])
        end = next(
            (i for i in range(at + 1, len(lines)) if lines[i].strip() and _depth(lines[i]) < depth), None
        )
        part = _longest(textwrap.dedent("".join(lines[at:end])))
        size = len(_lines(part))
        if size:
            yield part
        at += size or 1


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """A module's statements, those under its conditions and the like among them."""
    for node in body:
        yield node
        if not isinstance(node, _NAMED):
            for inner in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, inner, []))
            for handler in getattr(node, "handlers", []):
                yield from _statements(handler.body)


def _defined(node: ast.stmt, name: str) -> bool:
    if isinstance(node, _NAMED):
        inside = node.body if isinstance(node, ast.ClassDef) and node.name == "Solution" else []
        return node.name == name or any(isinstance(one, Function) and one.name == name for one in inside)
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return False
    if isinstance(node, ast.Import | ast.ImportFrom):
        # Examples of use import it from somewhere; only under another name is it given its own here.
        return any(alias.asname == name != alias.name for alias in node.names)
    return isinstance(node, ast.Assign | ast.AnnAssign) and name in names_bound([node])


def _bodies(text: str, name: str) -> list[list[ast.stmt]]:
    """The bodies of the function's definitions, docstrings left out."""
    parsed = tree(text)
    found = []
    for top in parsed.body if parsed is not None else ():
        for node in (top, *(top.body if isinstance(top, ast.ClassDef) else ())):
            if isinstance(node, Function) and node.name == name:
                docstring = ast.get_docstring(node, clean=False) is not None
                found.append(node.body[1:] if docstring else node.body)
    return found


def complete(text: str, name: str) -> bool:
    """Whether the last definition does something: not only a docstring, ``pass`` or the like."""
    bodies = _bodies(text, name)
    return not bodies or any(not _idle(node) for node in bodies[-1])


def _works(node: ast.stmt) -> bool:
    """Whether a function's definition does something."""
    return isinstance(node, Function) and any(not _idle(one) for one in node.body)


def _idle(node: ast.stmt) -> bool:
    if isinstance(node, ast.Raise):
        return any(isinstance(one, ast.Name) and one.id == "NotImplementedError" for one in ast.walk(node))
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _grew(prompt: str, whole: str, name: str) -> bool:
    """Whether the function got a body, or the prompt is none that begins one."""
    bodies = _bodies(whole, name)
    return not bodies or any(not isinstance(node, _DEFINITIONS) for node in bodies[0])


def _asks(node: ast.stmt) -> bool:
    """Whether a statement asks for input."""
    return not isinstance(node, _DEFINITIONS) and any(
        isinstance(one, ast.Name) and one.id == "input" for one in ast.walk(node)
    )


def _read_by(body: Sequence[ast.stmt], name: str) -> set[str]:
    """The names from outside that a function reads, itself or through what it uses; modules left out."""
    read, modules = {name}, names_bound(node for node in body if isinstance(node, ast.Import))
    while True:
        more = read.union(*(names_read(node) for node in body if names_bound([node]) & read))
        if more == read:
            return read - modules
        read = more


def _gives(node: ast.stmt, read: set[str], name: str) -> bool:
    """Whether a statement behind the function gives a value that it reads, and is no use of the function."""
    if not isinstance(node, _GIVING):
        return False
    used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    uses = used & {name, "input", "print", "__name__"} - names_bound([node])
    return not uses and (bool(names_changed(node) & read) or _DEEPER in ast.unparse(node))


def _helpers(before: Sequence[str], after: Sequence[str], chosen: str, name: str) -> str:
    """Statements from other blocks that give the names which the program uses and nobody in it gives."""
    program = tree(chosen)
    if program is None:
        return ""
    needed = names_read(program) - names_bound(program.body)
    found: list[str] = []
    for block in (*reversed(before), *after):
        parsed = tree(block)
        taken: list[ast.stmt] = []
        for node in reversed(parsed.body) if parsed is not None else ():
            if names_changed(node) & needed and (
                isinstance(node, _DEFINITIONS) or _gives(node, needed, name)
            ):
                taken.append(node)
                needed |= names_read(node)
        found += map(ast.unparse, taken)
        needed -= names_bound(taken)
    return "".join(f"{part}\n\n\n" for part in reversed(found))


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (*_NAMED, ast.Lambda)):
            yield from _outside_functions(child)
