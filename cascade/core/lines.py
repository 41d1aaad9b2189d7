"""Test lines: which lines of a generated test are looked at, and which of them count (METHOD, Options)."""

import ast
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

# A statement that runs over more physical lines than this is not a test line but a runaway text.
MAX_LINES_PER_STATEMENT = 40
# CPython's parser needs time and C stack for very long lines; no real test line comes near.
MAX_STATEMENT_CHARS = 20_000
# Lines whose parse is kept: a study reads each test twice, and its samples repeat each other's lines.
KEPT_LINES, KEPT_CHARS = 2**16, 200


class LineKind(Enum):
    """What a looked-at line is."""

    ASSERT = "assert"  # counts as a test line
    BROKEN = "broken"  # begins with `assert` but is not Python
    OTHER = "other"  # anything else: blank, comment, other code


@dataclass(frozen=True)
class Line:
    """One logical line of a test sample; `text` keeps the line breaks inside a statement."""

    text: str
    kind: LineKind


def _parse(text: str) -> tuple[bool, bool]:
    """Whether `text` is one assert statement, and whether more lines could make it one."""
    return _parsed_once(text) if len(text) <= KEPT_CHARS else _parsed(text)


def _parsed(text: str) -> tuple[bool, bool]:
    if len(text) > MAX_STATEMENT_CHARS:
        return False, False
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        message = error.msg or ""
        unfinished = "never closed" in message or "EOF" in message or "unterminated triple" in message
        return False, unfinished
    except (ValueError, RecursionError, MemoryError):  # NUL bytes, lone surrogates, nesting
        return False, False
    return len(body) == 1 and isinstance(body[0], ast.Assert), False


_parsed_once = lru_cache(KEPT_LINES)(_parsed)


def split_lines(text: str, limit: int, *, physical: bool = False) -> list[Line]:
    """The first `limit` logical lines of a test sample, in order.

    A physical line that begins with ``assert`` is one logical line if it parses on its own; if it
    is unfinished, the following physical lines belong to it as soon as they complete one
    statement. Every other physical line is a logical line that does not count, blank ones too.

    Args:
        text: the generated test.
        limit: how many logical lines are looked at (the option's l).
        physical: every physical line is a logical line, as the author counts them (setting rule.lines).
    """
    rows = text.split("\n")
    lines: list[Line] = []
    at = 0
    while at < len(rows) and len(lines) < limit:
        if not rows[at].startswith("assert"):
            lines.append(Line(rows[at], LineKind.OTHER))
            at += 1
            continue
        statement, end = rows[at], at + 1
        complete, unfinished = _parse(statement)
        unfinished = unfinished and not physical
        while unfinished and end < len(rows) and end - at < MAX_LINES_PER_STATEMENT:
            statement, end = f"{statement}\n{rows[end]}", end + 1
            complete, unfinished = _parse(statement)
        if complete:
            lines.append(Line(statement.rstrip(), LineKind.ASSERT))
            at = end
        else:
            lines.append(Line(rows[at], LineKind.BROKEN))
            at += 1
    return lines
