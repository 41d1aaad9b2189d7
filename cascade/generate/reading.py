"""From generated token ids to what is kept: where a text ends, and how many tokens it cost up to there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cascade.core import Line, LineKind, split_lines
from cascade.generate.extracting import answer_ends, test_lines

Decode = Callable[[Sequence[int]], str]

# How many physical lines a statement that is broken off may still take to become complete.
SPARE_LINES = 4


@dataclass(frozen=True)
class Written:
    """One sample as it is kept in the store.

    Attributes:
        text: of a solution what was written up to its end, of a test its lines.
        tokens: generated tokens up to there, EOS not counted.
        tokens_at: of a test, tokens up to the end of its l-th line, by l.
        seconds: share of the batch's wall time.
    """

    text: str
    tokens: int
    tokens_at: Mapping[int, int]
    seconds: float | None = None


def solution_end(text: str, stop: Sequence[str], *, completion: bool) -> int | None:
    """Where a solution ends in what is written so far: before a stop text, or behind an answer's fence.

    Returns None where it may go on.
    """
    ends = [at for word in stop if (at := text.find(word)) >= 0]
    if not completion and (closed := answer_ends(text)) is not None:
        ends.append(closed)
    return min(ends, default=None)


def read_solution(
    decode: Decode, ids: Sequence[int], stop: Sequence[str], *, completion: bool = True
) -> Written:
    """A solution: the text up to its end.

    Args:
        decode: token ids to text.
        ids: the generated tokens, EOS and padding removed.
        stop: texts that end a solution.
        completion: whether it continues a prompt; else it may be fenced.
    """
    text = decode(ids)
    end = solution_end(text, stop, completion=completion)
    if end is None or end == len(text):
        return Written(text, len(ids), {})
    return Written(text[:end], tokens_up_to(decode, ids, end), {})


def test_is_complete(text: str, limit: int) -> bool:
    """Whether the first `limit` logical lines of a test are all there."""
    start, end = test_lines(text)
    if end < len(text):
        return True
    written = text[start:]
    complete = written[: written.rindex("\n")] if "\n" in written else ""
    lines = split_lines(complete, limit)
    if len(lines) < limit:
        return False
    # A last line that is not Python may be a statement that goes on: it gets a few lines more.
    spare = SPARE_LINES if lines[-1].kind is LineKind.BROKEN else 0
    return complete.count("\n") + 1 >= limit + spare


def read_test(decode: Decode, ids: Sequence[int], begins: str, limit: int) -> Written:
    """A test: its first `limit` logical lines, with the tokens up to the end of each.

    Args:
        decode: token ids to text.
        ids: the generated tokens, EOS and padding removed.
        begins: text at the prompt's end that belongs to the test.
        limit: how many lines may be looked at.
    """
    text = begins + decode(ids)
    ends = test_line_ends(text, limit)
    tokens_at = {
        number: tokens_up_to(decode, ids, max(0, end - len(begins)))
        for number, (_, end) in enumerate(ends, 1)
    }
    written = text[ends[0][0] : ends[-1][1]] if ends else ""
    return Written(written, tokens_at.get(len(ends), 0), tokens_at)


def test_line_ends(text: str, limit: int) -> list[tuple[int, int]]:
    """(start, end) of the first logical lines of a test in its text, without fences and what is before."""
    start, stop = test_lines(text)
    inside = text[start:stop]
    if stop < len(text):
        inside = inside.removesuffix("\n")
    found, at = [], 0
    for line in split_lines(inside, limit):
        end = _end_of(inside, at, line)
        found.append((start + at, start + end))
        at = end + 1  # the line break
    return found


def _end_of(text: str, start: int, line: Line) -> int:
    """Where a logical line ends in the text; blanks after a statement belong to its line."""
    at = text.find("\n", start + len(line.text))
    return len(text) if at < 0 else at


def tokens_up_to(decode: Decode, ids: Sequence[int], end: int) -> int:
    """The fewest tokens whose text reaches `end` characters, by bisection."""
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        if len(decode(ids[:middle])) >= end:
            high = middle
        else:
            low = middle + 1
    return low
