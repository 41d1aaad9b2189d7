"""Pairs of input and output that are written as values: tags, JSON, Python, assertions, tables, arrows."""

import ast
import json
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

INPUTS = (
    "input",
    "stdin",
    "in",
    "test_input",
    "sample_input",
    "standard_input",
    "inp",
    "given",
    "input_data",
)
OUTPUTS = (
    *("output", "expected_output", "expected", "stdout", "out", "test_output", "sample_output", "answer"),
    *("expected_stdout", "result", "expected_result", "standard_output", "output_data"),
)
EMPTY = frozenset(("(empty)", "<empty>", "(no input)", "(none)", "[empty]", "(no output)", "(empty string)"))
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([A-Za-z_]+)(?:\s[^<>]*)?>")
_ARROW = re.compile(r"^(?P<given>.*?\S)[ \t]*(?:-{1,2}>|=>|→|⇒|⟶)[ \t]*(?P<expected>\S.*)$")
_MARK = re.compile(r"^[ \t]*(?:[-*+•>][ \t]+|\d+[.)][ \t]+)*")
_ASSERTION = re.compile(
    r"^[ \t]*(?:(?:[-*+•>]|>>>|\d+[.)])[ \t]+)*(?P<code>(?:self\.)?assert(?:Equals?)?\b.*)$", re.MULTILINE
)
# An input's key whose object never ends: the limit of tokens cut it.
_BEGUN = re.compile(rf"[\"'](?:{'|'.join(INPUTS)})s?[\"']\s*:")
_SIGNS = re.compile(r"\"\"\"|'''|[\"'\[\](){}]")
_SESSION = re.compile(r"^[ \t]*>>> (?P<call>.*)\n[ \t]*(?!>>>)(?P<value>\S.*)$", re.MULTILINE)
MOST_LINES = 60  # of one assertion
MOST_OPEN = 50  # brackets that are never closed, in one text


@dataclass(frozen=True)
class Pair:
    """A pair of input and expected output.

    Attributes:
        given: the whole input; None where there is an output alone.
        expected: the whole output; None where there is an input alone.
        end: where it ends in the text.
        settled: whether nothing that follows in the text could change it.
        within: whether it stands inside of a list or program, which a fence's end completes.
    """

    given: str | None
    expected: str | None
    end: int
    settled: bool = True
    within: bool = False

    @property
    def whole(self) -> bool:
        """Whether it has both."""
        return self.given is not None and self.expected is not None


def as_text(value: Any) -> str | None:
    """A value as the text of an input or output: lists are its lines. None for what is no such value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    if value is None:
        return ""
    if isinstance(value, list | tuple) and all(isinstance(item, str | int | float) for item in value):
        return "\n".join(map(str, value))
    return None


def written(raw: str) -> str:
    """The text of an input or output as it is written in prose: quotes, backticks and escapes undone."""
    text = textwrap.dedent(raw).strip("\n")
    one = text.strip()
    if one.lower() in EMPTY:
        return ""
    ticks = re.fullmatch(r"(`{1,2})(?!`)(.*?)(?<!`)\1", one, re.DOTALL)
    if ticks is not None:
        text = one = ticks[2].strip() if ticks[1] == "``" else ticks[2]
    if one[:1] in "\"'" or one[:2] in ("f'", 'f"', "r'", 'r"', "b'", 'b"'):
        value = _literal(one)
        if isinstance(value, str):
            return value
    text = _BREAK.sub("\n", text)
    if "\n" not in text and "\\n" in text:
        text = text.replace("\\n", "\n")
    return "\n".join(line.rstrip() for line in text.split("\n"))


def tagged(text: str) -> list[Pair]:
    """``<input>1 2</input><output>3</output>``."""
    found: list[Pair] = []
    opened: dict[str, int] = {}
    given: tuple[str, int] | None = None
    for tag in _TAG.finditer(text):
        name = tag[2].lower()
        kind = "in" if name in INPUTS else "out" if name in OUTPUTS else ""
        if not kind:
            continue
        if not tag[1]:
            opened[kind] = tag.end()
            if kind == "in" and given is not None:
                found.append(Pair(given[0], None, given[1]))
                given = None
        elif kind in opened:
            content = written(text[opened.pop(kind) : tag.start()])
            if kind == "in":
                given = content, tag.end()
            else:
                found.append(Pair(None if given is None else given[0], content, tag.end()))
                given = None
    if given is not None:
        found.append(Pair(given[0], None, given[1], settled=False))
    return found


def objects(text: str) -> list[Pair]:
    """Objects of JSON or Python with an input and an output, or with lists of both (APPS's own form)."""
    found: list[Pair] = []
    for _, end, value in _groups(text, "{"):
        if not isinstance(value, dict):
            continue
        keys = {str(key).lower().replace(" ", "_"): item for key, item in value.items()}
        inputs, outputs = _many(keys, INPUTS), _many(keys, OUTPUTS)
        if isinstance(inputs, list) and isinstance(outputs, list):
            both = zip(inputs, outputs, strict=False)
            found += [Pair(as_text(one), as_text(other), end, within=True) for one, other in both]
            continue
        given, expected = (_one(keys, names) for names in (INPUTS, OUTPUTS))
        if given is not None or expected is not None:
            found.append(Pair(given, expected, end, within=True))
    if _BEGUN.search(text, found[-1].end if found else 0) is not None:
        found.append(Pair("", None, len(text), settled=False, within=True))
    return found


def _one(keys: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((as_text(keys[name]) for name in names if name in keys), None)


def _many(keys: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((keys[f"{name}s"] for name in names if f"{name}s" in keys), None)


def asserted(text: str) -> list[Pair]:
    """Assertions about a call with the input as its one text: ``assert solution("1 2") == "3"``."""
    found: list[Pair] = []
    behind = 0
    for match in _ASSERTION.finditer(text):
        if match.start() < behind:
            continue
        statement, end, settled = _statement(text, match.start("code"))
        behind = end
        given, expected = _asserted(statement)
        found.append(Pair(given, expected, end, settled, within=True))
    return found


def _statement(text: str, start: int) -> tuple[ast.stmt | None, int, bool]:
    """The statement that begins there, over as many lines as it takes, its end, and whether it is settled.

    None where there is no statement.
    """
    first = end = text.find("\n", start) if "\n" in text[start:] else len(text)
    for _ in range(MOST_LINES):
        body = _parsed(text[start:end].rstrip().rstrip("`"))
        if body is not None and len(body) == 1:
            return body[0], end, end < len(text)
        if end >= len(text):
            return None, first, False
        following = text.find("\n", end + 1)
        end = len(text) if following < 0 else following
    return None, first, True


def _asserted(statement: ast.stmt | None) -> tuple[str | None, str | None]:
    """Input and output of an assertion; None for what it does not say."""
    sides: list[ast.expr] = []
    if isinstance(statement, ast.Assert):
        test = statement.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.Is):
            sides = [test.left, test.comparators[0]]
        elif isinstance(test, ast.Call):
            sides = _arguments(test)
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        sides = _arguments(statement.value)
    if len(sides) < 2:
        return None, None
    left, right = sides[:2]
    if (given := _given(left)) is None:
        left, right = right, left
        given = _given(left)
    return given, _constant(right)


def _arguments(call: ast.Call) -> list[ast.expr]:
    """A call's arguments: ``check(solution("1 2"), "3")``."""
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _given(node: ast.expr) -> str | None:
    """The one text that a call in an expression is given: ``solution("1 2").strip()``."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and len(arguments := _arguments(part)) == 1:
            text = _constant(arguments[0], strings=True)
            if text is not None and not (isinstance(part.func, ast.Attribute) and part.func.attr == "join"):
                return text
    return None


def _constant(node: ast.expr, *, strings: bool = False) -> str | None:
    """The text of a constant expression; joined lists and methods that strip are among them."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        before = _constant(node.func.value, strings=True)
        if before is not None and node.func.attr in ("strip", "rstrip", "encode") and not node.args:
            return before
        if before is not None and node.func.attr == "join" and len(node.args) == 1:
            items = _value(node.args[0])
            return before.join(map(str, items)) if isinstance(items, list | tuple) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = _constant(node.left, strings=True), _constant(node.right, strings=True)
        return None if parts[0] is None or parts[1] is None else parts[0] + parts[1]
    value = _value(node)
    if value is None or (strings and not isinstance(value, str)):
        return None
    return as_text(value)


def sessions(text: str) -> list[Pair]:
    """An interpreter's session: ``>>> solution("1 2")`` and its value on the next line."""
    found: list[Pair] = []
    for match in _SESSION.finditer(text):
        body = _parsed(match["call"].strip())
        given = _given(body[0].value) if body and isinstance(body[0], ast.Expr) else None
        if given is not None:
            expected = written(match["value"])
            found.append(Pair(given, expected, match.end(), settled=match.end() < len(text), within=True))
    return found


def sequences(text: str) -> list[Pair]:
    """Lists of two texts each: ``[("1 2", "3"), ("4 5", "9")]`` or ``check("1 2", "3")``."""
    found: list[Pair] = []
    for start, end, value in _groups(text, "[("):
        if _ASSERTION.match(text, text.rfind("\n", 0, start) + 1):
            continue  # it belongs to an assertion that is none about a program
        if isinstance(value, list | tuple) and len(value) == 2 and isinstance(value[0], str):
            given, expected = as_text(value[0]), as_text(value[1])
            if given is not None and expected is not None:
                found.append(Pair(given, expected, end, within=True))
    return found


def rows(text: str) -> list[Pair]:
    """Rows of a table with the columns input and output, and lines ``1 2 -> 3``."""
    found: list[Pair] = []
    columns: tuple[int, int] | None = None
    at = 0
    for line in text.split("\n"):
        end = at + len(line)
        if "|" in line:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            names = [re.sub(r"[^a-z]+", "_", cell.lower()).strip("_") for cell in cells]
            given = next((i for i, name in enumerate(names) if name in INPUTS), None)
            expected = next((i for i, name in enumerate(names) if name in OUTPUTS), None)
            if given is not None and expected is not None:
                columns = given, expected
            elif columns is not None and set(line) - set("|-: \t") and len(cells) > max(columns):
                values = [written(cells[column]) for column in columns]
                found.append(Pair(values[0], values[1], end, settled=end < len(text)))
        elif (arrow := _ARROW.match(_MARK.sub("", line))) is not None:
            given_text, expected_text = written(arrow["given"]), written(arrow["expected"])
            found.append(Pair(given_text, expected_text, end, settled=end < len(text)))
        at = end + 1
    return found


def _groups(text: str, opening: str) -> Iterator[tuple[int, int, Any]]:
    """Values in brackets: (where it begins, where it ends, the value); what is no value is looked into.

    A list of values is looked into as well: each of its items is one.
    """
    brackets = re.compile(f"[{re.escape(opening)}]")
    at = n_open = 0
    while (bracket := brackets.search(text, at)) is not None and n_open < MOST_OPEN:
        at = bracket.start()
        end = _closing(text, at)
        n_open += end is None
        value = None if end is None else _literal(text[at:end])
        if end is not None and value is not None and not _holds_groups(value, opening):
            yield at, end, value
            at = end
        else:
            at += 1


def _holds_groups(value: Any, opening: str) -> bool:
    """Whether a value is a list of such values (or an object that holds one), and so looked into."""
    kind = dict if opening == "{" else (list, tuple)
    if isinstance(value, dict):
        inner = [item for part in value.values() if isinstance(part, list) for item in part]
        return any(isinstance(item, dict) for item in inner)
    return isinstance(value, list | tuple) and any(isinstance(item, kind) for item in value)


def _closing(text: str, start: int) -> int | None:
    """Behind the bracket that closes the one at `start`; None where there is none."""
    depth, at = 0, start
    while (sign := _SIGNS.search(text, at)) is not None:
        at = sign.end()
        if sign[0][0] in "\"'":
            ends = re.compile(rf"(?:[^\\]|\\.)*?{sign[0]}", re.DOTALL).match(text, at)
            if ends is None:
                return None
            at = ends.end()
            continue
        depth += 1 if sign[0] in "[{(" else -1
        if depth == 0:
            return at
    return None


def _literal(source: str) -> Any:
    """A value of JSON (line breaks in texts allowed) or of Python; None where it is neither."""
    try:
        return json.loads(source, strict=False)
    except (ValueError, RecursionError):
        pass
    body = _parsed(source.strip())
    if body is None or len(body) != 1 or not isinstance(body[0], ast.Expr):
        return None
    return _value(body[0].value)


def _value(node: ast.expr) -> Any:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _parsed(source: str) -> list[ast.stmt] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
