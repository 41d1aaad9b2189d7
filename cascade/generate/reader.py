"""The one reader: from a text, recorded, live or served, to the program or the test lines in it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from cascade.core import LineKind, split_lines
from cascade.generate import fences, source
from cascade.generate.pairs import read_pairs
from cascade.generate.repairs import REPAIRS
from cascade.generate.thoughts import BOM, answer_span, clean, first_turn
from cascade.problems import Problem, takes_input

# What a list, a table, a quotation, an interpreter or a page's line number puts in front of an assertion.
_MARKS = r"(?:(?:[-*+•|>]|>>>|\.\.\.|\d+[.):|]?)[ \t]+)*"
_ASSERT = re.compile(rf"^[ \t]*{_MARKS}`{{0,3}}assert\b", re.MULTILINE)
_MARKED = re.compile(rf"^[ \t]*(?:{_MARKS})(?P<ticks>`{{0,3}})(?P<line>assert\b.*)$")
_FLUSH = re.compile(rf"^{_MARKS}`{{0,3}}assert\b", re.MULTILINE)
# Signs that Python does not know, a page's, a special token: such a line may be mended.
_ODD = re.compile(r"[^\x00-\x7f]|&#?\w+;|</?\w+>|<\|")


class TextKind(Enum):
    """What a text is, and so how its program is found.

    auto: a reply, or a completion where there is only a function's body; completion: it continues the
    problem's prompt (or repeats it); reply: a program with what may stand around it; program: it is one
    already and is taken unchanged; continuation: it continues the prompt and is taken unchanged.
    """

    auto = "auto"
    completion = "completion"
    reply = "reply"
    program = "program"
    continuation = "continuation"


@dataclass(frozen=True)
class Program:
    """A program as it was read.

    Attributes:
        text: Python source, or what was found in its place.
        completion: whether it continues the problem's prompt.
        mends: what had to be done to the text before it was a program: ``indentation``, and the names of
            `REPAIRS`.
    """

    text: str
    completion: bool = False
    mends: tuple[str, ...] = ()


@lru_cache(maxsize=source.MOST_REPEATED)
def read_program(text: str, problem: Problem, kind: TextKind, *, mend: bool = True) -> Program:
    """The program that a text stands for; the text itself where there is none to be found.

    Nothing is invented: what is broken inside the function stays broken, and executing it gives the verdict.

    Args:
        text: what a model wrote.
        problem: what it was asked.
        kind: what the text is.
        mend: whether a text that is no program as it stands is repaired (see `REPAIRS` and
            `indentation.py`).
    """
    read = FORMATS[kind](text, problem, False)
    if kind in VERBATIM:
        return read
    turn = first_turn(text)
    if turn != text:
        first = FORMATS[kind](turn, problem, False)
        if _usable(first, problem) and source.complete(first.text, problem.entry_point):
            return first
    if mend and not _usable(read, problem):
        return _mended(clean(text), problem, kind, read)
    return read


def _mended(text: str, problem: Problem, kind: TextKind, as_it_is: Program) -> Program:
    """The first reading that is usable, of more and more repairs; the text as it is where none is."""
    read = FORMATS[kind](text, problem, True)
    if _usable(read, problem):
        return replace(read, mends=("indentation",))
    done: list[str] = []
    for name, repair in REPAIRS.items():
        repaired = repair(text)
        if repaired == text:
            continue
        text, done = repaired, [*done, name]
        for ways in (done, [*done, "indentation"]):
            read = FORMATS[kind](text, problem, ways is not done)
            if _usable(read, problem):
                return replace(read, mends=tuple(ways))
    return as_it_is


def _usable(read: Program, problem: Problem) -> bool:
    """Whether a program defines what is asked for; a completion has to begin its body, too."""
    program = problem.program(read.text, completion=read.completion)
    if (
        read.completion
        and source.continued(problem.prompt, read.text, problem.entry_point, mend=False) is None
    ):
        return False
    return source.defines(program, problem.entry_point)


def _program(text: str, problem: Problem, mend: bool) -> Program:
    return Program(text)


def _continuation(text: str, problem: Problem, mend: bool) -> Program:
    return Program(text, completion=True)


def _auto(text: str, problem: Problem, mend: bool) -> Program:
    answer = clean(text)
    name = problem.entry_point
    bare = not fences.blocks(answer) and not source.begins_with_definition(answer, name)
    if _first_line(answer)[:1].isspace() and bare and not problem.reads_stdin:
        body = source.continued(problem.prompt, answer, name, mend=mend)
        if body is not None:
            return Program(body, completion=True)
    read = _reply(text, problem, mend)
    if read.completion or source.defines(read.text, name) or problem.reads_stdin:
        return read
    body = source.continued(problem.prompt, answer, name, mend=mend)
    return read if body is None else Program(body, completion=True)


def _completion(text: str, problem: Problem, mend: bool) -> Program:
    if problem.pairs:  # what follows the prompt's docstring is the program
        return _reply(text, problem, mend)
    answer = clean(text)
    name = problem.entry_point
    first = _first_line(answer)
    within = problem.prompt[problem.prompt.rfind("\n") + 1 :].isspace()  # the prompt ends in its first blanks
    flush = (
        not first[:1].isspace()
        and not within
        and (fences.blocks(answer) or source.opens_definition(answer, name))
    )
    flush = flush or fences.first_line(first) == 0
    if flush or source.begins_with_definition(answer, name):
        read = _reply(answer, problem, mend)
        if read.completion or source.defines(read.text, name):
            return read
    body = source.continued(problem.prompt, answer, name, mend=mend)
    if body is None:
        # What follows a body may be a fence's end and prose.
        cut = answer[: fences.first_line(answer)]
        body = source.continued(problem.prompt, cut, name, mend=mend)
    if body is None and (read := _reply(answer, problem, mend)).completion:
        return read  # prose in front of it
    return Program(answer if body is None else body, completion=True)


def _first_line(text: str) -> str:
    """The first line that is not blank."""
    return next((line for line in text.split("\n") if line.strip()), "")


def _reply(text: str, problem: Problem, mend: bool) -> Program:
    """Of several programs the last complete one that defines the function, with the helpers it needs."""
    answer = clean(text)
    blocks = [block.text for block in fences.blocks(answer)]
    inside = [source.dedented(block, mend=mend) for block in blocks]
    name = problem.entry_point
    if problem.reads_stdin:
        return Program(_stdin_program(answer, inside, problem))
    if (found := source.last_complete(inside, name)) is not None:
        return Program(found)
    # Of a body only what the prompt's header left to be written has to be there.
    if (body := _last_body(blocks, problem, mend)) is not None:
        return body
    if (found := source.in_prose(answer, name)) is not None:
        return Program(found)
    if not inside and (body := _last_body([*source.indented(answer), answer], problem, mend)) is not None:
        return body
    for found in (
        source.last_complete(inside, name, whole=False),
        source.in_prose(answer, name, whole=False),
    ):
        if found is not None:
            return Program(found)
    if inside:
        defining = [block for block in inside if source.opens_definition(block, name)]
        return Program((defining or inside)[-1])
    return Program(source.from_first_code(answer))


def _last_body(texts: Sequence[str], problem: Problem, mend: bool) -> Program | None:
    """The last of some texts that is the function's body alone."""
    for text in reversed(texts):
        if source.is_body(source.dedented(text, mend=mend)):
            body = source.continued(problem.prompt, text, problem.entry_point, mend=mend)
            if body is not None:
                return Program(body, completion=True)
    return None


def _stdin_program(answer: str, inside: list[str], problem: Problem) -> str:
    """A program that reads its input, or the function from input to output that it defines."""
    name = problem.entry_point

    def is_function(text: str) -> bool:
        return takes_input(text, name, program_first=problem.pairs)

    programs = [block for block in inside if source.is_python(block)]
    acting = [one for one in programs if source.reads_or_prints(one) or is_function(one)]
    found = (acting or programs or inside)[-1] if inside else source.longest_in_prose(answer)
    return (source.trimmed(found, name) if is_function(found) else None) or found


FORMATS: Mapping[TextKind, Callable[[str, Problem, bool], Program]] = {
    TextKind.auto: _auto,
    TextKind.completion: _completion,
    TextKind.reply: _reply,
    TextKind.program: _program,
    TextKind.continuation: _continuation,
}
# Kinds whose texts are taken as they are.
VERBATIM = frozenset({TextKind.program, TextKind.continuation})


@dataclass(frozen=True)
class TestText:
    """A test's lines as they were read.

    Attributes:
        text: the lines.
        ends: of each logical line, where it ends in the text that was read.
        closed: whether no more will come, or is wanted: a fence ends the lines, or the pairs are all there.
    """

    __test__ = False
    text: str
    ends: tuple[int, ...]
    closed: bool = False


def read_test_lines(
    text: str, limit: int, kind: TextKind = TextKind.auto, *, pairs: bool = False
) -> TestText:
    """The first `limit` logical lines of a generated test: without thoughts, fences and prose.

    A fence that opens before the first assertion opens them, the next one ends them; where several blocks
    assert, their assertions follow one another. Assertions inside a test function count as its lines.
    With `pairs` the lines are those of pairs of input and output, however they are written (see `pairs.py`).
    """
    if pairs:
        found = read_pairs(text, limit)
        return TestText("\n".join(found.lines), found.ends, found.settled >= limit)
    if kind is TextKind.program:
        spans, closed, fenced = [(0, len(text))], False, False
    else:
        spans, closed, fenced = _test_spans(text)
    physical: list[tuple[str, int]] = []
    for start, end in spans:
        lines, at = [], start
        for line in text[start:end].split("\n"):
            lines.append((_assertion(line.rstrip("\r")), at + len(line)))
            at += len(line) + 1
        if fenced and lines and not lines[-1][0].strip():
            lines.pop()
        physical += _from_first_assertion(lines, fenced) if kind is not TextKind.program else lines
    if not physical or not any(line.strip() for line, _ in physical):
        return TestText("", (), closed)
    joined = "\n".join(line for line, _ in physical)
    ends, kept, at = [], 0, 0
    for logical in split_lines(joined, limit):
        at = kept + logical.text.count("\n")
        ends.append(physical[at][1])
        kept = at + 1
    return TestText("\n".join(line for line, _ in physical[:kept]), tuple(ends), closed)


def all_test_lines(text: str, kind: TextKind = TextKind.auto, *, pairs: bool = False) -> TestText:
    """All lines of a generated test; see `read_test_lines`."""
    return read_test_lines(text, len(text) if pairs else text.count("\n") + 1, kind, pairs=pairs)


def _test_spans(text: str) -> tuple[list[tuple[int, int]], bool, bool]:
    """Where the lines stand, whether a fence ended them, and whether one opened them."""
    start, end = answer_span(text)
    answer = text[start:end]
    blank = len(answer) - len(answer.lstrip("\r\n")) if start else answer.startswith(BOM)
    start, answer = start + blank, answer[blank:]
    inside = fences.blocks(answer)
    first = _ASSERT.search(answer)
    if not inside:
        return [(start, end)], False, False
    if first is not None and first.start() < inside[0].fence:
        return [(start, start + inside[0].fence)], True, False
    asserting = [block for block in inside if _ASSERT.search(block.text)] or inside[:1]
    # Beside blocks of assertions, those inside of a function are its own.
    asserting = [block for block in asserting if _FLUSH.search(block.text)] or asserting
    spans = [(start + block.start, start + block.start + len(block.text)) for block in asserting]
    return spans, asserting[-1].closed, True


def _assertion(line: str) -> str:
    """A line without marks in front of its assertion, and mended where odd signs break it."""
    marked = _MARKED.match(line)
    if marked is None:
        return line
    before = line[: marked.start("line")]
    if before.strip():
        line = (
            marked["line"].rstrip("| \t").removesuffix(marked["ticks"]) if marked["ticks"] else marked["line"]
        )
        before = ""
    mended = line.strip()
    if _ODD.search(line) and not _asserts(mended):
        for repair in REPAIRS.values():
            mended = repair(mended).strip()
            if _asserts(mended):
                return before + mended
    return line


def _asserts(line: str) -> bool:
    """Whether a line is one assertion."""
    return [one.kind for one in split_lines(line, 2)] == [LineKind.ASSERT]


def _from_first_assertion(lines: list[tuple[str, int]], fenced: bool) -> list[tuple[str, int]]:
    """Without what a model says first, and without the indentation of a test function around them."""
    at = next((i for i, (line, _) in enumerate(lines) if _ASSERT.match(line)), None)
    if at is None:
        return lines
    heading = source.tree("\n".join(line for line, _ in lines[:at]))
    if heading is not None and not (fenced and heading.body):
        at = 0  # comments and blank lines are lines that are looked at
    kept = lines[at:]
    indent = next((line[: len(line) - len(line.lstrip())] for line, _ in kept if _ASSERT.match(line)), "")
    return [(line.removeprefix(indent), end) for line, end in kept] if indent else kept
