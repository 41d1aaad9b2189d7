"""One stage at work on one query: samples, verdicts, the rule; round by round where the stage grows."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from cascade.base import ExecutionError
from cascade.core import EXIT, Option, pool_sizes
from cascade.generate import (
    SOLUTION,
    Member,
    SampleSpec,
    SelfTest,
    Solution,
    StoredSample,
    Ticket,
    self_test,
    solution_of,
)
from cascade.problems import Problem
from cascade.serving.answer import DEADLINE, SPENDING_LIMIT, StageTrace
from cascade.serving.deciding import Decider, Decision
from cascade.serving.verdicts import QueryVerdicts, valid_lines

# How often unfinished samples are counted where a query's spending is limited.
SPENDING_TICK_S = 0.02
ZERO = Fraction(0)


class StoppedError(Exception):
    """A limit of the query was reached; `reason` is DEADLINE or SPENDING_LIMIT."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Budget:
    """What a query may take.

    Attributes:
        ends_at: by the monotonic clock; None for no deadline.
        usd: US dollars; None for no limit.
        spent_usd: by the stages before.
    """

    ends_at: float | None = None
    usd: float | None = None
    spent_usd: float = 0.0

    def seconds_left(self) -> float | None:
        """Seconds up to the deadline, at least 0; None where there is none."""
        return None if self.ends_at is None else max(0.0, self.ends_at - time.monotonic())

    def check(self, usd: float) -> None:
        """Raise StoppedError where a limit is reached; `usd` is what the stage has spent."""
        if self.usd is not None and self.spent_usd + usd >= self.usd:
            raise StoppedError(SPENDING_LIMIT)
        if self.seconds_left() == 0.0:
            raise StoppedError(DEADLINE)


@dataclass
class StageRun:
    """One stage of a plan on one query, with all that it has so far.

    Attributes:
        member, option: who is asked, and how much.
        theta: the stage's threshold; None for a last stage that does not grow, whose answer is taken anyway.
        last: whether it is the plan's last stage.
        problem, seed: what is asked for, and the seed of the sampled draw (None: the generator's).
        budget: what the query may take.
        verdicts, decider: how solutions are judged.
        usd_per_token: the member's price.
    """

    member: Member
    option: Option
    theta: Fraction | None
    last: bool
    problem: Problem
    seed: int | None
    budget: Budget
    verdicts: QueryVerdicts
    decider: Decider
    usd_per_token: float
    rounds: int = 0
    decision: Decision | None = None
    answer: Solution | None = None
    tokens: int = 0
    generate_s: float = 0.0
    execute_s: float = 0.0
    n_solutions: int = 0
    n_lines: int = 0
    failed: str | None = None
    began: float = field(default_factory=time.time)
    _written: dict[str, StoredSample] = field(default_factory=dict)

    async def run(self) -> bool:
        """Ask, judge and decide; says whether the answer is taken.

        Raises:
            StoppedError: a limit of the query was reached; `answer` is the best so far, if there is any.
            CascadeError: the member or the sandbox failed.
        """
        k = self.option.k
        specs = self.member.asked.specs(self.problem, k, self.seed)
        greedy = [spec for spec in specs if spec.draw is None]
        drawn = [spec for spec in specs if spec.draw is not None]
        if self.option == EXIT:
            [solution] = await self._solutions([spec for spec in greedy if spec.kind == SOLUTION])
            self.rounds, self.answer = 1, solution
            return True
        if not self.option.growing:
            return await self._round(greedy if k == 1 else drawn) or self.last
        for size in (1, *pool_sizes(k)):
            if await self._round(greedy if size == 1 else [spec for spec in drawn if spec.index < size]):
                return True
        return self.last

    async def _round(self, specs: Sequence[SampleSpec]) -> bool:
        """The samples of some samples, judged together; says whether they reach the threshold."""
        self.rounds += 1
        solutions = [spec for spec in specs if spec.kind == SOLUTION]
        tests = [spec for spec in specs if spec.kind != SOLUTION]
        await self._write([*solutions, *tests])
        written = [self._solution(spec) for spec in solutions]
        written_tests = [self._test(spec) for spec in tests]
        lines = valid_lines(written_tests, self.option.l, physical=self.decider.physical_lines)
        programs = [self.problem.program(one.text, completion=one.completion) for one in written]
        if self.answer is None:
            self.answer = written[0]
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.budget.seconds_left()):
                passes = await self.verdicts.passes(programs, lines)
        except TimeoutError:
            raise StoppedError(DEADLINE) from None
        except ExecutionError as error:
            raise ExecutionError(f"sandbox: {error}") from None
        finally:
            self.execute_s += time.monotonic() - began
        self.decision = self.decider.decide(self.member.model.name, passes, self.theta or ZERO)
        self.answer = written[self.decision.best]
        self.n_solutions, self.n_lines = len(written), len(lines)
        return self.theta is not None and self.decision.accepted

    async def _solutions(self, specs: Sequence[SampleSpec]) -> list[Solution]:
        await self._write(specs)
        self.n_solutions = len(specs)
        return [self._solution(spec) for spec in specs]

    def _solution(self, spec: SampleSpec) -> Solution:
        return solution_of(self._written[spec.key], self.problem, self.member.asked.family)

    def _test(self, spec: SampleSpec) -> SelfTest:
        return self_test(self._written[spec.key], self.option.l, pairs=spec.pairs)

    async def _write(self, specs: Sequence[SampleSpec]) -> None:
        """Have the samples written that are not there yet, within the query's limits."""
        missing = [spec for spec in specs if spec.key not in self._written]
        tickets = {spec.key: Ticket() for spec in missing}
        before, began = self.tokens, time.monotonic()

        def spent() -> int:
            return before + sum(
                self._cost(spec) if spec.key in self._written else tickets[spec.key].tokens
                for spec in missing
            )

        self.budget.check(before * self.usd_per_token)
        lines = self.option.l
        tasks = {asyncio.create_task(self.member.write(j, lines, tickets[j.key])): j for j in missing}
        pending = set(tasks)
        try:
            while pending:
                timeout = self.budget.seconds_left()
                if self.budget.usd is not None:
                    timeout = min(SPENDING_TICK_S, timeout if timeout is not None else SPENDING_TICK_S)
                done, pending = await asyncio.wait(
                    pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    self._written[tasks[task].key] = task.result()
                if pending:
                    self.budget.check(spent() * self.usd_per_token)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.tokens = spent()
            self.generate_s += time.monotonic() - began
            ready = [spec for spec in specs if spec.kind == SOLUTION and spec.key in self._written]
            if self.answer is None and ready:
                self.answer = self._solution(ready[0])

    def _cost(self, spec: SampleSpec) -> int:
        """Tokens of a finished sample; of a test up to its l-th line (paper section 3.4)."""
        stored = self._written[spec.key]
        if spec.kind == SOLUTION:
            return stored.tokens
        count = self_test(stored, self.option.l, pairs=spec.pairs).tokens_up_to(self.option.l)
        return stored.tokens if count is None else count

    def trace(self, *, accepted: bool) -> StageTrace:
        """What the stage did so far."""
        decision = self.decision
        return StageTrace(
            model=self.member.model.name,
            option=self.option,
            rounds=self.rounds,
            solutions=self.n_solutions,
            lines=self.n_lines,
            score=0 if decision is None else decision.score,
            most=0 if decision is None else decision.most,
            threshold=None if self.theta is None else float(self.theta),
            measure=None if decision is None else decision.measure,
            probability=None if decision is None else decision.probability,
            accepted=accepted,
            tokens=self.tokens,
            usd=self.tokens * self.usd_per_token,
            began=self.began,
            generate_s=self.generate_s,
            execute_s=self.execute_s,
            failed=self.failed,
        )
