"""The process of the tests: it calls the candidate, compares what comes back, and says the verdict.

The candidate cannot reach it: they share two pipes, over which plain data goes (see `bridge` and `wire`). A
test runs here with the program's functions standing for calls into the candidate. A data set's test finds
Python's own builtins whatever the program has named so; a model's own line, which comes here where it or the
program is impure, finds the program's names first, as in one process.
"""

import builtins
import os
import random
import signal
import time
import types
from dataclasses import dataclass
from typing import Any

from cascade.execute.bridge import CONTROL, Bridge, Stale
from cascade.execute.candidate import MOST_MICROSECONDS, RECORD, STALE
from cascade.execute.preparation import PREPARED
from cascade.execute.remote import STAND_INS

# Flags: to be run again, alone; resting on an object; answers of this candidate cannot be believed any more;
# the verdict is what became of the candidate.
AGAIN, FALLBACK, BROKEN, FATE = 1, 2, 4, 8
# Instead of a letter: the candidate is not as it was, another one is needed for this test; before the first
# test: the work has been read.
RENEW, READY = STALE, b"Y"
GO = b"G"
__all__ = [
    "AGAIN",
    "BROKEN",
    "CONTROL",
    "FALLBACK",
    "FATE",
    "GO",
    "READY",
    "RECORD",
    "RENEW",
    "Test",
    "run_referee",
]


@dataclass(frozen=True)
class Test:
    """A test as a referee runs it.

    Attributes:
        code: its code; its text where the server could not compile it.
        names: the names that it looks up.
        entry_point: of a data set's test, the name that is the program's; None for a model's own line.
        seed: of `random` in it: a number that no candidate knows.
        prepared: what it is given as `PREPARED` (see `preparation`), in a tuple; empty for nothing.
    """

    code: Any
    names: tuple[str, ...]
    entry_point: str | None
    seed: int
    prepared: tuple[Any, ...] = ()


class Referee:
    """Runs tests against one candidate after another."""

    def __init__(self, prelude: Any, requests: int, replies: int, control: int, records: int) -> None:
        self._bridge, self._records = Bridge(requests, replies, control), records
        self._base: dict[str, Any] = {"__name__": "__test__"}
        exec(prelude, self._base)
        self._pure = False
        self._pid: int | None = None  # of the candidate, while it may serve another test

    def run(self, pure: bool, program: list[tuple[Test, float]]) -> None:
        """All tests of a program; a pure one keeps its candidate as long as it lives and is as it was."""
        self._pure, self._pid = pure, None
        self._bridge.begin_program()
        for test, seconds in program:
            while (record := self._one(test, seconds))[0] == RENEW:
                os.write(self._records, RECORD.pack(*record))
            os.write(self._records, RECORD.pack(*record))

    def _one(self, test: Test, seconds: float) -> tuple[bytes, int, int]:
        bridge = self._bridge
        if (pid := self._pid) is None:
            word, pid = bridge.told()
            while word in (b"E", b"T") and pid:  # what became of a candidate that had answered already
                word, pid = bridge.told()
            if word != GO:
                return word, FATE, 0
            bridge.begin_candidate()
        began = time.process_time() + _cpu_seconds(pid)
        bridge.begin(seconds, trusting=test.entry_point is None)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        verdict = self._verdict(test)
        signal.setitimer(signal.ITIMER_PROF, 0)
        spent = time.process_time() + _cpu_seconds(pid) - began
        flags = AGAIN * bridge.again | FALLBACK * bridge.fallback | BROKEN * bridge.broken
        flags |= FATE * (bridge.fate is not None)
        self._pid = pid if self._pure and verdict != RENEW and not flags & (BROKEN | FATE) else None
        # A test that ends the candidate's process has swallowed nothing: what became of it is the verdict.
        return bridge.fate or verdict, flags, min(max(0, int(1e6 * spent)), MOST_MICROSECONDS)

    def _verdict(self, test: Test) -> bytes:
        verdict = self._run(test)
        if verdict != RENEW and self._bridge.fate is None:
            try:
                self._bridge.settle()
            except Stale:
                return RENEW
            except BaseException:
                return b"E"
        return verdict

    def _run(self, test: Test) -> bytes:
        try:
            random.seed(test.seed)
            space = dict(self._base)
            if test.entry_point is None:
                space |= {name: STAND_INS[name] for name in test.names if name in STAND_INS}
            names = [name for name in test.names if self._is_the_programs(name, test.entry_point)]
            if (found := self._bridge.names(names, may_wait=self._pure)) is None:
                return RENEW
            space |= found
            if test.prepared:
                (space[PREPARED],) = test.prepared
            code = test.code
            exec(compile(code, "<test>", "exec") if isinstance(code, str) else code, space)
        except Stale:
            return RENEW
        except AssertionError:
            return b"F"
        except BaseException:
            return b"E"
        return b"P"

    def _is_the_programs(self, name: str, entry_point: str | None) -> bool:
        if entry_point is None or name == entry_point:
            return True
        if name == PREPARED:
            return False
        # Of the prelude, too, what a program could only pretend to be.
        return not hasattr(builtins, name) and not isinstance(self._base.get(name), types.ModuleType)


def _cpu_seconds(pid: int) -> float:
    """CPU time of another process so far; 0 where the system does not tell."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def run_referee(
    prelude: Any,
    programs: list[tuple[bool, list[tuple[Test, float]]]],
    pipes: tuple[int, int, int, int],
) -> None:
    """Judge programs one after another; see `Referee` for the pipes."""
    referee = Referee(prelude, *pipes)
    for pure, program in programs:
        referee.run(pure, program)
