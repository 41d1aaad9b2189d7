"""From what a model wrote to the program or the test lines in it: by fences first, then by parsing."""

import ast
import re
import warnings
from collections.abc import Iterator

FENCE = "```"
# A line that begins code where an answer has no fences; prose in front of it is passed over.
_CODE_BEGINS = re.compile(r"^(?:def |async def |class |import |from \w|@\w)", re.MULTILINE)
Function = ast.FunctionDef | ast.AsyncFunctionDef
# What may follow the function that is asked for: helpers that it calls. Anything else is an example of use.
_DEFINITIONS = (*Function.__args__, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)


def completed(prompt: str, text: str, entry_point: str) -> str:
    """A completion, cut after the function that its prompt begins.

    Definitions behind the function stay (it may call them); statements that use it go, and what is
    not Python. Where nothing can be parsed the text stays as it is: executing it gives the verdict.
    """
    kept = _trimmed(prompt + text, entry_point)
    return text if kept is None or not kept.startswith(prompt) else kept[len(prompt) :]


def answered(text: str, entry_point: str) -> str:
    """The program in an answer: the fenced block that defines the function, else the code in the prose."""
    blocks = list(fenced_blocks(text))
    defining = re.compile(rf"^(?:async )?def {re.escape(entry_point)}\b", re.MULTILINE)
    source = next((block for block in blocks if defining.search(block)), blocks[0] if blocks else text)
    if not blocks and (begin := _CODE_BEGINS.search(source)) is not None:
        source = source[begin.start() :]
    kept = _trimmed(source, entry_point)
    return source if kept is None else kept


def test_lines(text: str) -> tuple[int, int]:
    """Where the test lines of a generated test stand: (start, end) in the text.

    A fence that opens before the first assertion opens them, the next fence ends them.
    """
    fences = [match.start() for match in re.finditer(r"^[ \t]*```", text, re.MULTILINE)]
    first = re.search(r"^assert\b", text, re.MULTILINE)
    opening = [at for at in fences if first is None or at < first.start()]
    if not opening:
        return 0, fences[0] if fences else len(text)
    # Of several blocks the one before the first assertion holds it; of none that assert, the first.
    at = opening[0] if first is None else opening[-1]
    start = text.find("\n", at) + 1 or len(text)
    return start, next((fence for fence in fences if fence >= start), len(text))


def answer_ends(text: str) -> int | None:
    """Where the first fenced block that holds code is closed: the end of an answer; None where it is open."""
    fences = list(re.finditer(r"^[ \t]*```[^\n]*", text, re.MULTILINE))
    return fences[1].end() if len(fences) > 1 else None


def fenced_blocks(text: str) -> Iterator[str]:
    """The insides of fenced blocks, in order; one that is not closed reaches to the end."""
    inside: list[str] | None = None
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith(FENCE):
            if inside is not None:
                yield "".join(inside)
            inside = [] if inside is None else None
        elif inside is not None:
            inside.append(line)
    if inside is not None:
        yield "".join(inside)


def _trimmed(source: str, entry_point: str) -> str | None:
    """The longest beginning that is Python, without what only uses the function; None if there is none."""
    lines = source.splitlines(keepends=True)
    while lines:
        text = "".join(lines)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                body = ast.parse(text).body
        except SyntaxError as error:
            # Cut before the top-level line in or before which the parser gave up; inside a function
            # nothing is cut, because a broken body must not become a right one.
            at = min(error.lineno or 1, len(lines)) - 1
            while at and lines[at][0].isspace():
                at -= 1
            lines = lines[:at]
            continue
        except (ValueError, RecursionError, MemoryError):  # NUL bytes, surrogates, nesting
            return None
        defined = [
            i for i, node in enumerate(body) if isinstance(node, Function) and node.name == entry_point
        ]
        if not defined:
            return None
        behind = [node for node in body[defined[-1] + 1 :] if not isinstance(node, _DEFINITIONS)]
        if not behind:
            return text
        gone = {n for node in behind for n in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
        return "".join(line for number, line in enumerate(lines, 1) if number not in gone)
    return None
