"""The sample, the draw, and what one model wrote for one problem."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Solution:
    """One generated solution.

    Attributes:
        text: the model's program, or the continuation of the problem's prompt.
        tokens: generated tokens, EOS not counted (paper section 3.4); None if not recorded.
        completion: whether `text` continues the prompt (otherwise it is a program of its own).
        seconds: wall time of its generation; None if not recorded.
        cut: whether it ended at the limit of tokens.
        filtered: whether a provider's content filter ended it.
        only_thoughts: whether the model thought and gave no answer.
        mends: what had to be done to what was written before it was a program; see `reader.Program`.
    """

    text: str
    tokens: int | None
    completion: bool = False
    seconds: float | None = None
    cut: bool = field(default=False, repr=False)
    filtered: bool = field(default=False, repr=False)
    only_thoughts: bool = field(default=False, repr=False)
    mends: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class SelfTest:
    """One generated test: a run of ``assert`` lines.

    Attributes:
        text: the lines.
        tokens: generated tokens of the whole text, EOS not counted; None if not recorded.
        tokens_at: generated tokens up to the end of the l-th line, by l (1-based).
        seconds: wall time of its generation; None if not recorded.
    """

    text: str
    tokens: int | None
    tokens_at: Mapping[int, int] = field(default_factory=dict)
    seconds: float | None = None

    def tokens_up_to(self, line: int) -> int | None:
        """Tokens up to the end of a line, the whole test's where it has fewer; None where nobody counted."""
        last = max(self.tokens_at, default=0)
        count = self.tokens_at.get(line)
        if count is None and last < line:
            # Counts for every line from the first on end where the sample ends.
            every = 0 < last == len(self.tokens_at)
            count = self.tokens_at[last] if every else self.tokens
        return count


@dataclass(frozen=True)
class Draw:
    """An ordered block of samples of one model for one problem; sample i of each kind belong together.

    `tests` is empty where none were recorded.
    """

    solutions: tuple[Solution, ...]
    tests: tuple[SelfTest, ...]


@dataclass(frozen=True)
class ModelSamples:
    """Everything that one model wrote for one problem.

    Attributes:
        greedy: one greedy solution and at most one greedy test; None where none was recorded.
        draws: blocks sampled at a temperature, each of the same length for every problem.
    """

    greedy: Draw | None
    draws: tuple[Draw, ...]

    def pooled(self) -> "ModelSamples":
        """The same with all draws as one, so that every solution meets every test."""
        if len(self.draws) < 2:
            return self
        solutions = tuple(solution for draw in self.draws for solution in draw.solutions)
        tests = tuple(test for draw in self.draws for test in draw.tests)
        return replace(self, draws=(Draw(solutions, tests),))
