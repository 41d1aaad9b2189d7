"""Fenced blocks in a text, of every sort that models write."""

import re
from dataclasses import dataclass

# A line may begin with a list's or quotation's mark, or with prose, before a fence opens.
_FENCE = re.compile(r"(?P<before>[^\n`~]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<rest>[^\n]*)")
_LANGUAGE = re.compile(
    r"(?:\{?\.?[\w+#.-]+\}?)?(?::[^\s`]+)?(?:[ \t]+[\w-]+=[^\n]*|[ \t]*\{[^\n]*\})?[ \t]*\r?$"
)
_PYTHON = re.compile(r"(?:python3?|py3?)\b[ \t]+", re.IGNORECASE)
# What stands behind a fence on its own line is about the block, unless it begins code.
_CODE = re.compile(
    r"(?:async def|def|class|import|from|return|assert|for|while|if|with|try|print)\b|@\w|#|[\w.]+ = "
    r"|[\w.]+\(.*\)$"
)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        text: what is inside.
        start: where that begins in the whole text.
        fence: where the opening fence's line begins.
        end: behind the closing fence, or the text's end.
        closed: whether there is a closing fence.
    """

    text: str
    start: int
    fence: int
    end: int
    closed: bool


def may_have(text: str) -> bool:
    """Whether a text has what a fence is made of: without, nothing has to be looked for."""
    return "```" in text or "~~~" in text


def blocks(text: str) -> list[Block]:
    """The fenced blocks in order; one that is not closed reaches to the next opening fence or the end."""
    found: list[Block] = []
    if not may_have(text):
        return found
    opened: tuple[str, int, int] | None = None  # the fence, where its line begins, where the inside begins
    at = 0
    for line in text.split("\n"):
        behind = at + len(line) + 1
        match = _FENCE.match(line)
        if opened is None:
            if match is not None and match["fence"] not in match["rest"]:
                inside = _inside_begins(match, at, behind)
                if inside is not None:
                    opened = match["fence"], at, inside
        elif (close := _closes(line, opened[0])) is not None:
            found.append(
                Block(text[opened[2] : at + close], opened[2], opened[1], min(behind, len(text)), True)
            )
            opened = None
        elif match is not None and _opens_another(match, opened[0]):
            found.append(Block(text[opened[2] : at], opened[2], opened[1], at, False))
            opened = match["fence"], at, behind
        at = behind
    if opened is not None and opened[2] <= len(text):
        found.append(Block(text[opened[2] :], opened[2], opened[1], len(text), False))
    return found


def first_line(text: str) -> int:
    """Where the first line with a fence begins; the text's length without one."""
    match = re.search(r"^[ \t]*(?:`{3,}|~{3,})", text, re.MULTILINE)
    return len(text) if match is None else match.start()


def _opens_another(match: re.Match[str], fence: str) -> bool:
    """Whether a line inside a block opens one with a language: the block before was never closed."""
    language = match["rest"].strip() and _LANGUAGE.match(match["rest"])
    return bool(language) and not match["before"].strip() and match["fence"][0] == fence[0]


def _inside_begins(match: re.Match[str], at: int, behind: int) -> int | None:
    """Where the inside begins: on the next line, or on the fence's own behind its language."""
    rest = match["rest"]
    if _LANGUAGE.match(rest):
        return behind
    if match["before"].strip():
        return None
    python = _PYTHON.match(rest)
    code = python.end() if python else 0
    return at + match.start("rest") + code if _CODE.match(rest, code) else behind


def _closes(line: str, fence: str) -> int | None:
    """Where in the line a block's inside ends, if the line closes it."""
    stripped = line.strip()
    if stripped.startswith(fence) and not stripped.strip(fence[0]):
        return 0
    mark = re.compile(rf"^[ \t>]*{re.escape(fence)}(?![`~\w])")
    if mark.match(line):
        return 0
    tail = line.rstrip()
    return len(tail) - len(fence) if tail.endswith(fence) and '"""' not in line else None
