"""Pairs of input and output that stand under labels: ``Input:`` and ``Output:``, fenced or not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cascade.generate import fences
from cascade.generate.pair_values import Pair, written

# What may stand in front of a label: a list's or quotation's mark, a heading's, a rule's, bold.
_BEFORE = r"[ \t>]*(?:(?:[-*+•]|\d+[.)])[ \t]+)*(?:\#+[ \t]*)?[-=*_ \t]*"
_NUMBER = r"[ \t_-]*(?:case)?[ \t_-]*\#?\d*[ \t]*(?:\([^()\n]*\))?"
_LABEL = re.compile(
    rf"""^{_BEFORE}["'`]?
    (?P<words>(?:(?:sample|example|test|custom|additional|edge|the|program|case|expected|correct|your|std
        |standard|actual)[ \t_-]+(?:case[ \t_-]*)?\d*[ \t_-]*)*)
    (?P<name>inputs?|stdin|in|outputs?|stdout|out|answer|result|expected
        |explanation|reason(?:ing)?|notes?|description|purpose|scenario|category|comment)(?![a-z])
    (?:[ _]?(?:data|text|string|value|str|lines?))?{_NUMBER}["'`]?[ \t]*
    (?P<sign>\**[ \t]*(?::|=(?!=)|：)[ \t]*[*_]*|[-=*_ \t]*$)[ \t]*(?P<rest>.*)$""",
    re.IGNORECASE | re.VERBOSE,
)
_CASE = re.compile(
    rf"""^{_BEFORE}(?:(?:sample|example|edge|basic|simple|custom)[ \t]+)*
    (?:test|case|example|sample|pair|assertion)(?:[ \t]*case)?[ \t]*\#?(?P<number>\d+)?
    [ \t]*(?:\([^()\n]*\))?[ \t]*\**[ \t]*(?::[ \t*]*|[-–—.][ \t*]+|\**[ \t]*$)(?P<rest>.*)$""",
    re.IGNORECASE | re.VERBOSE,
)
# An output that stands on its input's line.
_INLINE = re.compile(
    r"""[ \t]*(?:[,;|/]|-{1,2}>|=>|→|⇒)?[ \t]*[*_`]*(?:expected[ \t_]*)?
    (?:output|stdout|answer|result|expected)[*_`]*[ \t]*(?::|=(?!=))[*_ \t]*""",
    re.IGNORECASE | re.VERBOSE,
)
_ENDS = re.compile(r"^[ \t]*(?:-{3,}|={3,}|\*{3,}|_{3,}|#+[ \t].*|\*\*[^*\n]+\*\*:?)[ \t]*$")
_UNDERLINE = re.compile(r"^[ \t]*(?:-{2,}|={2,})[ \t]*$")
_QUOTE = re.compile(r"""[ \t]*[rfb]?(\"{3}|'{3})(.*)$""")
_INPUTS = ("input", "inputs", "stdin", "in")
_OUTPUTS = ("output", "outputs", "stdout", "out", "answer", "result", "expected")
_ALONE = (*("input", "inputs", "stdin", "output", "outputs", "stdout"), *("explanation", "note", "notes"))
_BLOCK = re.compile(r"[|>][-+]?[ \t]*$")  # YAML's sign for a text on the lines below
_PROGRAM = re.compile(r"^(?:def|class|import|from|for|while|print|if)\b", re.MULTILINE)
_INFO = re.compile(r"^[ \t>]*(?:[-*+•][ \t]+)?(?:`{3,}|~{3,})[ \t]*(?P<info>\S*)[^\n]*$")


@dataclass
class _Section:
    """What stands under a label.

    Attributes:
        kind: ``in``, ``out``, ``case`` (a heading, perhaps with an input) or ``other``.
        lines: its lines.
        end: where they end.
        begun: where its label's line ends.
        fenced: whether they stand in a fence.
        settled: whether nothing that follows could change them.
    """

    kind: str
    lines: list[str] = field(default_factory=list)
    end: int = 0
    begun: int = 0
    fenced: bool = False
    settled: bool = False

    def add(self, line: str, end: int) -> None:
        self.lines.append(line)
        if line.strip():
            self.end = end

    @property
    def filled(self) -> bool:
        return self.fenced or any(line.strip() for line in self.lines)

    def goes_on(self) -> bool:
        """Whether a line that looks like a case's heading belongs to this output."""
        before = next((line for line in reversed(self.lines) if line.strip()), None)
        heading = before is not None and not self.fenced and _CASE.match(before) is not None
        return self.kind == "out" and (before is None or heading)

    @property
    def text(self) -> str:
        raw = "\n".join(self.lines)
        return raw.strip("\n") if self.fenced else written(raw)


def labelled(text: str) -> list[Pair]:
    """Inputs and outputs under labels, in whatever dress: bold, headings, lists, fences, YAML, numbered."""
    found: list[Pair] = []
    given: _Section | None = None
    for section in _sections(text):
        if section.kind == "in":
            if given is not None and given.kind == "in":
                found.append(Pair(given.text, None, given.end, settled=section.begun < len(text)))
            given = section
        elif section.kind == "case":
            if given is not None and given.kind == "in":
                found.append(Pair(given.text, None, given.end, settled=section.begun < len(text)))
            given = section if section.filled else None
        elif section.kind == "out":
            before = given.text if given is not None and (given.kind == "in" or given.filled) else None
            found.append(Pair(before, section.text, section.end, section.settled))
            given = None
    if given is not None and given.kind == "in":
        found.append(Pair(given.text, None, given.end, settled=False))
    return found


def _sections(text: str) -> Iterator[_Section]:
    """The labelled parts of a text, in order."""
    section: _Section | None = None
    fence: str | None = None
    at = 0
    lines = text.split("\n")
    for number, line in enumerate(lines):
        end, last = at + len(line), number == len(lines) - 1
        at = end + 1
        info = _INFO.match(line)
        if fence is not None and section is not None and section.fenced:
            if (closed := _closed(line, fence)) is None:
                section.add(line, end)
                continue
            if closed:
                section.lines.append(closed)
            section.settled, section.end = True, end
            yield section
            section, fence = None, None
            continue
        if info is not None:
            opening = line.strip(" \t>-*+•")[:3]
            kind = _kind_of(info["info"])
            if fence is not None and _closes(line, fence):
                fence = None
                if section is not None and section.filled:
                    section.settled = True
                    yield section
                    section = None
                continue
            if kind or (section is not None and not section.filled and section.kind != "other"):
                if kind and section is not None:
                    yield section
                section = section if section is not None and not kind else _Section(kind, begun=end)
                section.fenced, fence = True, opening
                section.lines.clear()
                section.end = end
                continue
            if section is not None:
                section.settled = True
                yield section
                section = None
            fence = opening
            continue
        label = _label(line)
        if label is not None and label[0] == "case" and section is not None and section.goes_on():
            label = None  # "Case #1: 2" is what such a program prints
        if label is not None:
            if section is not None:
                section.settled = True
                yield section
            yield from (parts := _begun(label, line, end, last))[:-1]
            section = parts[-1]
            opened = _QUOTE.match(section.lines[0]) if section.lines else None
            if opened is not None and opened[1] not in opened[2]:  # a text of Python's over several lines
                section.fenced, fence, section.lines = True, opened[1], [opened[2]]
            continue
        if section is None:
            continue
        blank = not line.strip()
        if section.filled and section.kind != "in" and (blank or _ENDS.match(line)):
            section.settled = not last
            yield section
            section = None
        elif section.filled and _ENDS.match(line) and fence is None:
            section.settled = True
            yield section
            section = None
        elif section.filled or not _UNDERLINE.match(line):
            section.add(line, end)
    if section is not None:
        yield section


def _begun(label: tuple[str, str], line: str, end: int, last: bool) -> list[_Section]:
    """The parts that a labelled line begins: an input, and perhaps its output on the same line."""
    kind, rest = label
    section = _Section(kind, end=end, begun=end)
    if (
        kind in ("in", "case")
        and (output := _INLINE.search(rest)) is not None
        and rest[: output.start()].strip()
    ):
        before, behind = rest[: output.start()].rstrip(" \t,;|*"), rest[output.end() :]
        inner = _label(before) if kind == "case" else None
        section.kind = "in"
        section.add(before if inner is None else inner[1], end)
        section.settled = True
        following = _Section("out", end=end)
        following.add(behind, end)
        return [section, following]
    if kind == "case" and (inner := _label(rest)) is not None and inner[0] != "case":
        return [section, *_begun(inner, line, end, last)]
    if rest.strip() and not _BLOCK.fullmatch(rest):
        section.add(rest, end)
    return [section]


def _label(line: str) -> tuple[str, str] | None:
    """What a line's label begins, and what stands behind it."""
    match = _LABEL.match(line)
    if match is not None:
        name, rest = match["name"].lower(), match["rest"]
        kind = _kind_of(name)
        alone = not set(match["sign"]) & set(":=：")
        if alone and name not in _ALONE:
            return None
        if not kind:
            return "other", rest
        rest = rest.rstrip().removesuffix("**") if rest.count("**") == 1 else rest
        return kind, rest
    case = _CASE.match(line)
    if case is not None and (case["number"] or not case["rest"].strip() or _label(case["rest"]) is not None):
        return "case", case["rest"]
    return None


def _kind_of(name: str) -> str:
    name = name.lower()
    return "in" if name in _INPUTS else "out" if name in _OUTPUTS else ""


def _closed(line: str, fence: str) -> str | None:
    """What stands in front of the fence or quotes that a line ends with; None where it goes on."""
    if fence[0] in "`~":
        return "" if _closes(line, fence) else None
    before, found, _ = line.partition(fence)
    return before if found else None


def _closes(line: str, fence: str) -> bool:
    stripped = line.strip(" \t>")
    return stripped.startswith(fence) and not stripped.strip(fence[0])


def untitled(text: str) -> list[Pair]:
    """Fenced blocks without labels: an input, its output, an input, its output."""
    blocks = fences.blocks(text)
    found: list[Pair] = []
    if any(_PROGRAM.search(block.text) for block in blocks):
        return found
    for given, expected in zip(blocks[::2], blocks[1::2], strict=False):
        found.append(Pair(given.text.strip("\n"), expected.text.strip("\n"), expected.end, expected.closed))
    return found
