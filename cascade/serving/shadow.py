"""A share of the requests is also put to the largest model, and both answers are kept for recalibration."""

import asyncio
import json
import logging
import random
from pathlib import Path

from cascade.base import CascadeError
from cascade.core import EXIT, SKIP, Plan
from cascade.problems import Problem
from cascade.serving.answer import Answer
from cascade.serving.cascade import Cascade
from cascade.serving.solutions import Solved

log = logging.getLogger(__name__)

# Shadow answers that are written at a time; others are left out rather than delay what somebody waits for.
MOST_AT_ONCE = 4


class Shadow:
    """The largest model beside the cascade, for some of the requests."""

    def __init__(self, share: float, path: Path) -> None:
        """Nothing is opened before there is something to write.

        Args:
            share: of the answered requests.
            path: the JSON Lines file: a line has `task_id`, `prompt` and `entry_point`, as task=solve and
                task=select (`select.more_problems`) read it, and both answers, as `shadow`.
        """
        self._share, self._path = share, path
        self._tasks: set[asyncio.Task[None]] = set()

    def maybe(self, cascade: Cascade, problem: Problem, plan: str, trace_id: str, answer: Answer) -> None:
        """Perhaps ask the largest model too, in the background."""
        if random.random() >= self._share or len(self._tasks) >= MOST_AT_ONCE:
            return
        task = asyncio.create_task(self._ask(cascade, problem, plan, trace_id, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(
        self, cascade: Cascade, problem: Problem, plan: str, trace_id: str, answer: Answer
    ) -> None:
        alone = Plan((*[SKIP] * (len(cascade.models) - 1), EXIT), 0.0)
        largest = Cascade(
            alone,
            cascade.models,
            cascade.members,
            cascade.sandbox,
            cascade.decider,
            cascade.usd_per_1m_tokens,
        )
        try:
            other = await largest.answer(problem)
        except CascadeError as error:
            log.warning("shadow: %s", error)
            return
        line = {
            "task_id": f"shadow/{trace_id}",
            "prompt": problem.prompt,
            "entry_point": problem.entry_point,
            "shadow": {
                "cascade": vars(Solved.of(trace_id, plan, "", answer)),
                "largest": vars(Solved.of(trace_id, cascade.models[-1], "", other)),
                "same": answer.program.strip() == other.program.strip(),
            },
        }
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            log.warning("shadow: %s: cannot be written: %s", self._path, error.strerror)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
