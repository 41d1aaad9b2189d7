"""What a data set's test needs and no program has a part in: worked out once for all programs.

The outputs of a reference solution, say. A test defines the function `PREPARE` at its top level, without
arguments; what that returns is in the test's name `PREPARED`, and no program's time is spent on it. A test
that finds no such name (its function has failed, or took `FACTOR` times the test's limit) calls the function
itself. What was worked out outlives the trial: in a file in memory that referees to come are given a part
of, and that no candidate holds.
"""

import contextlib
import marshal
import os
import pickle
import select
import signal
import struct
import time
import types
from collections.abc import Sequence
from typing import Any

from cascade.execute.children import Child, Children, cpu_seconds

PREPARE, PREPARED = "__prepare__", "__prepared__"
# How many times a test's limit its preparation may take; wall time for one that sleeps or hardly gets on.
FACTOR, WALL_PER_CPU_SECOND, LEAST_WALL_S = 10.0, 5.0, 3.0
LOOK_S = 0.25
# What is larger is not kept; of more than that all is forgotten before something else is worked out.
MOST_BYTES, KEPT_BYTES = 1 << 28, 1 << 27
_SIZE = struct.Struct("!Q")
_PIECE = 1 << 20
# Where marshalled work or pickled values lie: descriptor, offset, size.
Place = tuple[int, int, int]


class Preparations:
    """What tests have prepared so far, by a key that stands for test and prelude."""

    def __init__(self, children: Children, file: int) -> None:
        self._children, self._file, self._end = children, file, 0
        self._kept: dict[str, Place] = {}
        self._failed: dict[str, float] = {}  # with how many seconds

    def of_trial(self, work: Place, asked: Sequence[tuple[int, str, float]]) -> dict[int, Place]:
        """Where the values of a trial's tests lie, by the test's index; a test without one is left out.

        Args:
            work: the referee's work.
            asked: of each test that prepares something, index, key and CPU limit.
        """
        new = [one for one in asked if one[1] not in self._kept and self._failed.get(one[1], 0.0) < one[2]]
        if new and self._end > KEPT_BYTES:
            os.ftruncate(self._file, 0)
            self._kept.clear()
            self._end, new = 0, [*asked]
        for at, key, seconds in new:
            self._prepare(work, at, key, seconds)
        return {at: self._kept[key] for at, key, _ in asked if key in self._kept}

    def _prepare(self, work: Place, at: int, key: str, seconds: float) -> None:
        told, tell = os.pipe()
        self._children.fresh_scratch()
        limit = FACTOR * seconds
        child = self._children.fork((work,), lambda data: _run(data, at, limit, tell), limit, (tell,))
        os.close(tell)
        size = self._copied(told, child, limit)
        os.close(told)
        busy = self._children.end(child).busy_timeout
        self._children.end_strays()
        if size is not None:
            self._kept[key] = self._file, self._end, size
            self._end += size
        elif not busy:
            self._failed[key] = seconds

    def _copied(self, told: int, child: Child, seconds: float) -> int | None:
        """Copy what a child tells into the file; its size, or None where it has not told all in time."""
        wall = time.monotonic() + max(LEAST_WALL_S, WALL_PER_CPU_SECOND * seconds)
        poll = select.poll()
        poll.register(told, select.POLLIN)
        head, size = b"", 0
        while cpu_seconds(child.pid) < seconds + 2 * LOOK_S and time.monotonic() < wall:
            if not poll.poll(1000 * LOOK_S):
                continue
            if not (piece := os.read(told, _PIECE)):
                return size if len(head) == _SIZE.size and (size,) == _SIZE.unpack(head) else None
            missing = _SIZE.size - len(head)
            head, piece = head + piece[:missing], piece[missing:]
            if size + len(piece) > MOST_BYTES or not self._written(piece, self._end + size):
                return None
            size += len(piece)
        child.out_of_time = True
        return None

    def _written(self, piece: bytes, at: int) -> bool:
        """Write a piece; whether there was room."""
        with contextlib.suppress(OSError):
            return os.pwrite(self._file, piece, at) == len(piece)
        return False


def _run(data: bytes, at: int, seconds: float, tell: int) -> None:
    """In a child: call a test's function and tell what it returns."""
    prelude, tests, _ = marshal.loads(data)
    value = _prepared(prelude, tests[at][0], seconds)
    told = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    for piece in (_SIZE.pack(len(told)), told):
        left = memoryview(piece)
        while left:
            left = left[os.write(tell, left) :]


def _prepared(prelude: Any, test: Any, seconds: float) -> Any:
    code = compile(test, "<test>", "exec") if isinstance(test, str) else test
    parts = (part for part in code.co_consts if isinstance(part, types.CodeType))
    prepare = next(part for part in parts if part.co_name == PREPARE)
    space: dict[str, Any] = {"__name__": "__test__"}
    exec(prelude, space)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    return types.FunctionType(prepare, space)()


def value_of(data: bytes) -> tuple[Any, ...]:
    """The value that a child has told, in a tuple; an empty one where it cannot be read."""
    with contextlib.suppress(Exception):
        return (pickle.loads(data),)
    return ()
