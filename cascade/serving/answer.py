"""What a query came to: the answer, what each stage did for it, and what it cost."""

from dataclasses import dataclass

from cascade.base import CascadeError
from cascade.core import Option

DEADLINE, SPENDING_LIMIT = "deadline", "spending_limit"


@dataclass(frozen=True)
class StageTrace:
    """One stage of a plan at work on one query.

    Attributes:
        model, option: who was asked, and how much.
        rounds: rounds of generation that it took; a stage that does not grow has one.
        solutions, lines: how many solutions and valid test lines it had at its end.
        score, most: of its answer by the rule, and what nothing can exceed; 0 and 0 without tests.
        threshold: the share of `most` that the score had to reach; None where none is looked at.
        measure: see `Decision`; None without a decision.
        probability: that the answer is right, where the rule is calibrated.
        accepted: whether the stage's answer was taken.
        tokens, usd: what it wrote, finished or not, and the price of that in US dollars.
        began: when it began, in seconds since the epoch.
        generate_s, execute_s: seconds that the query waited for samples and for verdicts.
        failed: one line for what kept it from answering; None where nothing did.
    """

    model: str
    option: Option
    rounds: int = 0
    solutions: int = 0
    lines: int = 0
    score: int = 0
    most: int = 0
    threshold: float | None = None
    measure: float | None = None
    probability: float | None = None
    accepted: bool = False
    tokens: int = 0
    usd: float = 0.0
    began: float = 0.0
    generate_s: float = 0.0
    execute_s: float = 0.0
    failed: str | None = None

    @property
    def share(self) -> float | None:
        """The score as a share of what it could be at most, 0..1; None without a valid test line."""
        return self.score / self.most if self.most else None


@dataclass(frozen=True)
class Answer:
    """The answer to a query.

    Attributes:
        text: what the model wrote of it: a program, or the continuation of the prompt.
        completion: whether `text` continues the prompt.
        program: the whole program; it defines the entry point.
        stage: the stage that it comes from, from 1.
        stages: every stage that was asked, in order.
        stopped_by: DEADLINE or SPENDING_LIMIT where that ended the query before the plan did; the answer is
            then the best so far.
        seconds: from the start of the query.
    """

    text: str
    completion: bool
    program: str
    stage: int
    stages: tuple[StageTrace, ...]
    stopped_by: str | None
    seconds: float

    @property
    def of(self) -> StageTrace:
        """The stage that the answer comes from."""
        return self.stages[self.stage - 1]

    @property
    def tokens(self) -> int:
        """Generated tokens of all stages."""
        return sum(stage.tokens for stage in self.stages)

    @property
    def usd(self) -> float:
        """US dollars of all stages."""
        return sum(stage.usd for stage in self.stages)

    @property
    def own_seconds(self) -> float:
        """Seconds of the cascade itself, apart from generation and execution."""
        return self.seconds - sum(stage.generate_s + stage.execute_s for stage in self.stages)


class NoAnswerError(CascadeError):
    """A query that ends without an answer.

    Attributes:
        reason: DEADLINE, SPENDING_LIMIT or ``upstream``.
        stages: what was asked, and cost.
    """

    def __init__(self, message: str, reason: str, stages: tuple[StageTrace, ...]) -> None:
        """The message is one line."""
        super().__init__(message)
        self.reason, self.stages = reason, stages
