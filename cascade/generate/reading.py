"""From generated token ids to what is kept: where a text ends, and how many tokens it cost up to there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cascade.core import LineKind, split_lines
from cascade.generate import fences, source
from cascade.generate.reader import read_test_lines
from cascade.generate.sample import SelfTest
from cascade.generate.thoughts import answer_span

Decode = Callable[[Sequence[int]], str]

# How many physical lines a statement that is broken off may still take to become complete.
SPARE_LINES = 4
PAIR_ENDS = 12  # characters at a text's end in which a pair's end is looked for: those of a token
# How a text ended where not by itself: at the limit of tokens, or by the provider's filter.
LENGTH, FILTERED = "length", "content_filter"
# The same by the words of other servers.
_CUT = ("length", "max_tokens", "max_output_tokens", "model_length")
_REFUSED = ("content_filter", "safety", "refusal", "sensitive", "prohibited_content", "blocklist")
_ENDS = dict.fromkeys(_CUT, LENGTH) | dict.fromkeys(_REFUSED, FILTERED)


@dataclass(frozen=True)
class StoredSample:
    """One sample as it is kept in the store: as the model wrote it, so that a better reader costs nothing.

    Attributes:
        text: what was written up to its end; of a test with what it was given to begin with.
        tokens: generated tokens up to there, EOS not counted.
        tokens_at: of a test, tokens up to the end of its l-th line, by l, where they are known so only.
        seconds: share of the batch's wall time.
        line_tokens: of a test, tokens up to the end of each physical line of the text.
        finish: ``length`` where the limit of tokens ended it, ``content_filter`` where a provider's filter
            did; None where it ended by itself or nobody said.
    """

    text: str
    tokens: int
    tokens_at: Mapping[int, int] = field(default_factory=dict)
    seconds: float | None = None
    line_tokens: Sequence[int] = ()
    finish: str | None = None

    def at_most(self, limit: int) -> "StoredSample":
        """The sample with no count above a limit that its model was held to."""
        return replace(
            self,
            tokens=min(self.tokens, limit),
            tokens_at={lines: min(tokens, limit) for lines, tokens in self.tokens_at.items()},
            line_tokens=[min(tokens, limit) for tokens in self.line_tokens],
        )


def how_it_ended(said: object) -> str | None:
    """A server's ``finish_reason`` as one of `LENGTH` and `FILTERED`; None for any other."""
    return _ENDS.get(said.lower()) if isinstance(said, str) else None


def solution_end(
    text: str, stop: Sequence[str], *, completion: bool, entry_point: str | None = None
) -> int | None:
    """Where a solution ends in what is written so far: before a stop text, or behind an answer's fence.

    An answer's fence is the first one closed behind the thoughts, around the function if it has a name.
    Returns None where it may go on.
    """
    start, end = answer_span(text)
    answer = text[start:end]
    ends = [start + at for word in stop if (at := answer.find(word)) >= 0]
    if not completion:
        for block in fences.blocks(answer):
            if block.closed and (entry_point is None or source.opens_definition(block.text, entry_point)):
                ends.append(start + block.end)
                break
    return min(ends, default=None)


def read_solution(
    decode: Decode,
    ids: Sequence[int],
    stop: Sequence[str],
    *,
    completion: bool = True,
    entry_point: str | None = None,
) -> StoredSample:
    """A solution: the text up to its end.

    Args:
        decode: token ids to text.
        ids: the generated tokens, EOS and padding removed.
        stop: texts that end a solution.
        completion: whether it continues a prompt; else it may be fenced.
        entry_point: the function that is asked for.
    """
    text = decode(ids)
    end = solution_end(text, stop, completion=completion, entry_point=entry_point)
    if end is None or end == len(text):
        return StoredSample(text, len(ids))
    return StoredSample(text[:end], tokens_up_to(decode, ids, end))


def test_is_complete(text: str, limit: int, *, pairs: bool = False) -> bool:
    """Whether the first `limit` logical lines (or pairs) of a test are all there."""
    start, end = answer_span(text)
    if end < len(text) or start == end:
        return False
    if pairs:
        # A pair ends with a line or a bracket: between them there is nothing to look for.
        ends = set(text[-PAIR_ENDS:]) & set("\n]})>`")
        return bool(ends) and read_test_lines(text, limit, pairs=True).closed
    cut = text.rfind("\n")
    if text.count("\n") < limit and not fences.may_have(text):
        return False  # only a fence ends a test before its last line
    read = read_test_lines(text, limit + SPARE_LINES)
    if read.closed:
        return True
    if cut < 0:
        return False
    # The last line may go on.
    complete = read_test_lines(text[:cut], limit)
    if len(complete.ends) < limit:
        return False
    last = split_lines(complete.text, limit)[-1]
    # A last line that is not Python may be a statement that goes on: it gets a few lines more.
    spare = SPARE_LINES if last.kind is LineKind.BROKEN else 0
    return text.count("\n", complete.ends[-1], cut) >= spare


def read_test(
    decode: Decode, ids: Sequence[int], begins: str, limit: int, *, pairs: bool = False
) -> StoredSample:
    """A test up to the end of its last line that may be looked at, with the tokens up to the end of each.

    Of pairs nothing is cut off: how they are written is found out from the whole text.

    Args:
        decode: token ids to text.
        ids: the generated tokens, EOS and padding removed.
        begins: text at the prompt's end that belongs to the test.
        limit: how many lines may be looked at.
        pairs: whether its lines are pairs of input and output.
    """
    text = begins + decode(ids)
    ends = read_test_lines(text, limit, pairs=pairs).ends
    if pairs:
        tokens = [tokens_up_to(decode, ids, max(0, end - len(begins))) for end in ends]
        return StoredSample(text, len(ids), pair_tokens(tokens, len(ids)))
    if not ends:
        return StoredSample(text, len(ids), line_tokens=(len(ids),) * (text.count("\n") + 1))
    kept = text[: ends[-1]]
    at, line_tokens = -1, []
    for line in kept.split("\n"):
        at += len(line) + 1
        line_tokens.append(tokens_up_to(decode, ids, max(0, at - len(begins))))
    return StoredSample(kept, line_tokens[-1], line_tokens=tuple(line_tokens))


def pair_tokens(up_to: Sequence[int], total: int) -> dict[int, int]:
    """Tokens up to the end of each pair, by its number; for more pairs than there are all were written."""
    return dict(enumerate((*up_to, total), 1))


def self_test(stored: StoredSample, limit: int, *, pairs: bool = False) -> SelfTest:
    """A stored test as its lines, with the tokens up to the end of each."""
    read = read_test_lines(stored.text, limit, pairs=pairs)
    tokens_at = dict(stored.tokens_at)
    if stored.line_tokens:
        tokens_at = {
            number: stored.line_tokens[stored.text.count("\n", 0, end)]
            for number, end in enumerate(read.ends, 1)
        }
    return SelfTest(read.text, stored.tokens, tokens_at, stored.seconds)


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
