"""Many problems through one plan, each answer appended to a file as soon as it is there."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cascade.base import CascadeError, DataError
from cascade.problems import Problem
from cascade.serving.answer import Answer, NoAnswerError, StageTrace
from cascade.serving.cascade import Cascade, Limits


@dataclass(frozen=True)
class Solved:
    """One line of the file: EvalPlus's `task_id` and `solution`, and what the cascade says of it.

    Attributes:
        task_id: the problem.
        solution: the whole program; empty where a limit was reached before there was one.
        plan, run: the plan's name, and what else the answer depends on (a hash).
        stage, model: where the answer comes from, the stage from 1; 0 and empty without an answer.
        score: share of the most that the score could be; None without tests.
        probability: that it is right, where the rule is calibrated.
        tokens, usd: of all stages, and by stage in `stages`.
        rounds: rounds of generation that it waited for.
        stopped_by: deadline or spending_limit, where that ended it.
        seconds: wall time.
    """

    task_id: str
    solution: str
    plan: str
    run: str
    stage: int
    model: str
    score: float | None
    probability: float | None
    tokens: int
    usd: float
    rounds: int
    stopped_by: str | None
    seconds: float
    stages: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, task_id: str, plan: str, run: str, answer: "Answer | NoAnswerError") -> "Solved":
        """The line of an answer, or of there being none."""
        stages, answered = answer.stages, answer if isinstance(answer, Answer) else None
        return cls(
            task_id=task_id,
            solution="" if answered is None else answered.program,
            plan=plan,
            run=run,
            stage=0 if answered is None else answered.stage,
            model="" if answered is None else answered.of.model,
            score=None if answered is None else answered.of.share,
            probability=None if answered is None else answered.of.probability,
            tokens=sum(stage.tokens for stage in stages),
            usd=sum(stage.usd for stage in stages),
            rounds=sum(stage.rounds for stage in stages),
            stopped_by=answer.stopped_by if isinstance(answer, Answer) else answer.reason,
            seconds=0.0 if answered is None else round(answered.seconds, 4),
            stages=tuple(map(stage_record, stages)),
        )


def stage_record(stage: StageTrace) -> dict[str, Any]:
    """A stage as JSON."""
    return {
        "model": stage.model,
        "k": stage.option.k,
        "l": stage.option.l,
        "growing": stage.option.growing,
        "rounds": stage.rounds,
        "score": stage.share,
        "threshold": stage.threshold,
        "probability": stage.probability,
        "accepted": stage.accepted,
        "tokens": stage.tokens,
        "usd": stage.usd,
        "failed": stage.failed,
    }


class SolutionFile:
    """The file of solutions; what a killed process left unfinished is cut off."""

    def __init__(self, path: Path, run: str) -> None:
        """Read what is there.

        Raises:
            DataError: it is damaged, or holds answers of another plan or other settings.
        """
        self.path, self.run = path, run
        self.done: dict[str, Solved] = {}
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
        else:
            self._read()
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise CascadeError(f"{path}: cannot be written: {error.strerror}; set solve.output") from None

    def _read(self) -> None:
        content = self.path.read_bytes()
        *lines, unfinished = content.split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                solved = Solved(**{**record, "stages": tuple(record["stages"])})
            except (ValueError, TypeError, KeyError):
                raise DataError(
                    f"{self.path}, line {number}: not a line of task=solve; name another solve.output"
                ) from None
            if solved.run != self.run:
                raise DataError(
                    f"{self.path}, line {number}: an answer of plan {solved.plan} with other settings or "
                    "prices; name another solve.output, or remove the file"
                )
            self.done[solved.task_id] = solved
        if unfinished:
            with self.path.open("r+b") as file:
                file.truncate(len(content) - len(unfinished))

    def add(self, solved: Solved) -> None:
        """Append one line; it is in the kernel's hands when this returns."""
        self._file.write(json.dumps(vars(solved)).encode() + b"\n")
        self._file.flush()
        self.done[solved.task_id] = solved

    def close(self) -> None:
        """Close the file."""
        self._file.close()


async def solve(
    cascade: Cascade,
    plan: str,
    problems: Sequence[Problem],
    file: SolutionFile,
    *,
    limits: Limits,
    concurrency: int,
    progress: Callable[[], None],
) -> None:
    """Answer the problems that are not in the file yet.

    Raises:
        CascadeError: a member that no stage comes after, or the sandbox, failed; what was answered is kept.
    """
    left = iter([problem for problem in problems if problem.task_id not in file.done])

    async def work() -> None:
        for problem in left:
            try:
                answer: Answer | NoAnswerError = await cascade.answer(problem, limits=limits)
            except NoAnswerError as error:
                if error.reason == "upstream":
                    raise CascadeError(
                        f"{problem.task_id}: {error}; rerun the same command to resume"
                    ) from None
                answer = error
            file.add(Solved.of(problem.task_id, plan, file.run, answer))
            progress()

    workers = [asyncio.create_task(work()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
