"""The cascade: a plan, the family's members and the sandbox, which together answer one problem at a time."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from cascade.base import CascadeError, ExecutionError
from cascade.core import Plan, exact_theta, usd_per_token
from cascade.generate import Member
from cascade.problems import Problem
from cascade.serving.answer import DEADLINE, Answer, NoAnswerError, StageTrace
from cascade.serving.deciding import Decider
from cascade.serving.stage import Budget, StageRun, StoppedError
from cascade.serving.verdicts import QueryVerdicts, Sandbox


@dataclass(frozen=True)
class Limits:
    """What one query may take; None for no limit.

    Attributes:
        deadline_s: seconds; then the best answer so far is given.
        usd: US dollars; then the same. What a server writes is known when it is done: of each request in
            flight the limit may be exceeded by what it wrote.
    """

    deadline_s: float | None = None
    usd: float | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Cascade:
    """A plan at work. Any number of queries may be in it at once: their samples share the models' batches.

    Attributes:
        plan: the stages.
        models: names of the family's models, from small to large, as the plan counts them.
        members: by name, the members that the plan asks.
        sandbox: where programs and tests are executed.
        decider: the rule by which stages accept.
        usd_per_1m_tokens: price by name.
    """

    plan: Plan
    models: tuple[str, ...]
    members: Mapping[str, Member]
    sandbox: Sandbox
    decider: Decider
    usd_per_1m_tokens: Mapping[str, float]

    async def answer(
        self, problem: Problem, *, seed: int | None = None, limits: Limits = NO_LIMITS
    ) -> Answer:
        """Answer one problem, stage by stage.

        A stage whose member fails is skipped; cancelling the task stops whatever is under way, on
        servers too.

        Args:
            problem: its prompt and entry point; reference tests are not looked at.
            seed: of sampled draws; None for the generator's, which gives the samples of a study.
            limits: what the query may take.

        Raises:
            NoAnswerError: a limit was reached before there was any answer, or the last stage failed.
            ExecutionError: the sandbox cannot do its work.
        """
        query = _Query(self, problem, seed, limits)
        return await query.run()


@dataclass
class _Query:
    cascade: Cascade
    problem: Problem
    seed: int | None
    limits: Limits
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        seconds = self.limits.deadline_s
        self._budget = Budget(None if seconds is None else self.began + seconds, self.limits.usd)
        self._verdicts = QueryVerdicts(self.cascade.sandbox)
        self._traces: list[StageTrace] = []
        self._best: tuple[int, StageRun] | None = None

    async def run(self) -> Answer:
        stages = self.cascade.plan.stages
        for number, (index, _) in enumerate(stages, 1):
            last = number == len(stages)
            stage, stopped, accepted = self._stage(index, last=last), None, False
            try:
                accepted = await stage.run()
            except StoppedError as limit:
                stopped = limit.reason
            except ExecutionError:
                raise
            except CascadeError as error:
                stage.failed = " ".join(str(error).split(";")[0].split())
            if stage.answer is not None and stage.failed is None:
                self._best = number, stage
            self._traces.append(stage.trace(accepted=accepted))
            self._budget.spent_usd += self._traces[-1].usd
            if accepted:
                return self._answer(None)
            if stopped is not None:
                return self._answer(stopped)
        raise NoAnswerError(self._failed(), "upstream", tuple(self._traces))

    def _stage(self, index: int, *, last: bool) -> StageRun:
        cascade, option = self.cascade, self.cascade.plan.options[index]
        name = cascade.models[index]
        return StageRun(
            member=cascade.members[name],
            option=option,
            theta=None if last and not option.growing else exact_theta(cascade.plan.theta_at(index)),
            last=last,
            problem=self.problem,
            seed=self.seed,
            budget=self._budget,
            verdicts=self._verdicts,
            decider=cascade.decider,
            usd_per_token=usd_per_token(cascade.usd_per_1m_tokens[name]),
        )

    def _answer(self, stopped_by: str | None) -> Answer:
        if self._best is None:
            what = (
                f"deadline_s={self.limits.deadline_s:g}" if stopped_by == DEADLINE else "the spending limit"
            )
            raise NoAnswerError(
                f"{what} was reached before there was any answer; allow more",
                stopped_by or "",
                (*self._traces,),
            )
        number, stage = self._best
        assert stage.answer is not None
        text, completion = stage.answer.text, stage.answer.completion
        return Answer(
            text=text,
            completion=completion,
            program=self.problem.program(text, completion=completion),
            stage=number,
            stages=tuple(self._traces),
            stopped_by=stopped_by,
            seconds=time.monotonic() - self.began,
        )

    def _failed(self) -> str:
        failed = self._traces[-1]
        return f"{failed.model} failed, and no stage comes after it: {failed.failed}"


async def close_members(members: Mapping[str, Member]) -> None:
    """Give up the connections and memory of all members."""
    await asyncio.gather(*(member.close() for member in members.values()))
