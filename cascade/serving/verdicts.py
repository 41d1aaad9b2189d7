"""Verdicts for one query: which of a stage's solutions pass which of its test lines."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from cascade.core import LineKind, split_lines
from cascade.execute import PASS, Batch, Check, ServerPool
from cascade.generate import SelfTest


class Sandbox:
    """The execution servers of a service, asked from its event loop."""

    def __init__(self, pool: ServerPool, threads: int) -> None:
        """Ask a pool.

        Args:
            pool: the servers.
            threads: how many queries may ask at once; the others wait.
        """
        self.pool = pool
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="cascade-execution")

    async def run(self, batch: Batch) -> list[str]:
        """The verdicts of a batch; cancelling the task ends its processes.

        Raises:
            ExecutionError: the sandbox cannot do its work.
        """
        stop = threading.Event()
        work = self._threads.submit(self.pool.run, batch, stop)
        try:
            return (await asyncio.wrap_future(work)).rows
        except asyncio.CancelledError:
            # Ending a server takes a moment, in which others are not to wait.
            asyncio.get_running_loop().run_in_executor(None, self.pool.cancel, stop)
            raise

    def close(self) -> None:
        """End the servers."""
        self.pool.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


class QueryVerdicts:
    """What is known of one query's programs and lines: a growing stage asks for new pairs only."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._known: dict[tuple[str, str], bool] = {}

    async def passes(self, programs: Sequence[str], lines: Sequence[str | None]) -> NDArray[np.bool_]:
        """Bool array (programs, lines): a program passes a line, None never; equal ones are run once."""
        wanted = list(dict.fromkeys(line for line in lines if line is not None))
        column_of = {line: i for i, line in enumerate(wanted)}
        work = []
        for program in dict.fromkeys(programs):
            if missing := [line for line in wanted if (program, line) not in self._known]:
                work.append((program, tuple(column_of[line] for line in missing)))
        if work:
            timeout_s = self._sandbox.pool.limits.timeout_s
            batch = Batch(tuple(Check(line, timeout_s) for line in wanted), tuple(work))
            rows = await self._sandbox.run(batch)
            for (program, columns), row in zip(work, rows, strict=True):
                for column, code in zip(columns, row, strict=True):
                    self._known[program, wanted[column]] = code == PASS
        found = [[line is not None and self._known[program, line] for line in lines] for program in programs]
        return np.array(found, dtype=bool).reshape(len(programs), len(lines))


def valid_lines(tests: Sequence[SelfTest], n_lines: int, *, physical: bool = False) -> list[str | None]:
    """The test lines that count, of the first l lines of each test.

    Args:
        tests: as they were written.
        n_lines: l.
        physical: whether they are counted as the paper's author counts them; then a line that is not Python
            counts too, as None, and nothing passes it.
    """
    counted = (LineKind.ASSERT, LineKind.BROKEN) if physical else (LineKind.ASSERT,)
    return [
        line.text if line.kind is LineKind.ASSERT else None
        for test in tests
        for line in split_lines(test.text, n_lines, physical=physical)
        if line.kind in counted
    ]
