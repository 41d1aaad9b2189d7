"""Pairs of input and expected output in a generated test of a program that reads standard input.

A pair becomes one assert line, so that everything behind the reader (l, the score, tokens, verdicts) is as
for functions. What was begun as a pair and has no output becomes a line that is not Python: it is looked at
and counted, and tests nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cascade.generate import fences
from cascade.generate.pair_labels import labelled, untitled
from cascade.generate.pair_values import Pair, asserted, objects, rows, sequences, sessions, tagged
from cascade.generate.thoughts import answer_span
from cascade.problems import SAME_OUTPUT_NAME, STDIN_NAME

# Ways to write pairs, the surest first: the first that finds a whole pair is how the text is read. Of the
# sure ones also the first that finds half of one.
SURE: Sequence[Callable[[str], list[Pair]]] = (tagged, objects)
FORMATS = (*SURE, labelled, asserted, sequences, sessions, rows, untitled)

# What the line of a pair begins with that lacks its input or output.
HALF = "assert ?"


@dataclass(frozen=True)
class PairLines:
    """The pairs of a text as lines.

    Attributes:
        lines: one a pair, in order.
        ends: where each pair ends in the text.
        settled: how many of them, from the first on, nothing that follows in the text could change.
    """

    lines: tuple[str, ...] = ()
    ends: tuple[int, ...] = field(default=())
    settled: int = 0


def read_pairs(text: str, limit: int) -> PairLines:
    """The first `limit` pairs of a generated test: without thoughts, fences and prose.

    Args:
        text: what a model wrote, with what its answer was begun with.
        limit: how many pairs are looked at (the option's l).
    """
    start, end = answer_span(text)
    answer = text[start:end]
    pairs = _pairs(answer)
    over = _fence_is_over(answer, pairs)
    settled = next((at for at, pair in enumerate(pairs) if not (pair.settled or over)), len(pairs))
    if over and settled:
        settled = max(settled, limit)  # no more will come
    kept = pairs[:limit]
    return PairLines(
        tuple(map(line_of, kept)), tuple(start + pair.end for pair in kept), min(settled, max(limit, 0))
    )


def _pairs(answer: str) -> list[Pair]:
    begun: list[Pair] = []
    for read in FORMATS:
        pairs = read(answer)
        if any(pair.whole for pair in pairs) or (pairs and read in SURE):
            return pairs
        begun = begun or pairs
    return begun


def _fence_is_over(answer: str, pairs: Sequence[Pair]) -> bool:
    """Whether all pairs stand in one fenced block that is closed: the answer's list is complete."""
    if not pairs or not pairs[-1].within:
        return False
    return any(
        block.closed and block.start < pairs[0].end and pairs[-1].end <= block.end
        for block in fences.blocks(answer)
    )


def line_of(pair: Pair) -> str:
    """A pair as a test line.

    ``assert same_output(solution('1 2'), '3')``, with a line break at the input's end, as a file has it. A
    pair that lacks its input or output is a line that begins with assert and is not Python.
    """
    if pair.given is None or pair.expected is None:
        what = "no output for" if pair.expected is None else "no input for"
        return f"{HALF} {what} {pair.given if pair.expected is None else pair.expected!r}"
    given = pair.given if pair.given.endswith("\n") or not pair.given else pair.given + "\n"
    return f"assert {SAME_OUTPUT_NAME}({STDIN_NAME}({given!r}), {pair.expected!r})"
