"""What a trial is given to do, as its processes read it, and what becomes of a program as a whole."""

import marshal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cascade.execute.candidate import Program
from cascade.execute.nontermination.loop_sites import Loop
from cascade.execute.preparation import Place, value_of
from cascade.execute.referee import Test

MAX_SECONDS = 1e9
# What a record says, as the server gets it: code, flags, seconds, suspect, proven.
Record = tuple[str, int, float, bool, bool]


@dataclass(frozen=True)
class Fate:
    """What became of a program whose definitions never end or end its process.

    Attributes:
        code: the verdict of its tests.
        suspect: whether it ran out of time while the machine was busy.
        seconds: CPU seconds that it had; `MAX_SECONDS` where more would not have helped.
    """

    code: str
    suspect: bool
    seconds: float


@dataclass(frozen=True)
class TrialProgram:
    """A program of a trial.

    Attributes:
        place: where its work lies: descriptor, offset, size.
        fresh: whether each test needs a new process.
        seconds: its tests' CPU limits.
        calls: of its first tests, which are lines that it runs itself, the only call that each makes, as a
            number: lines that share one run out of time together; negative for lines that are not so simple.
    """

    place: Place
    fresh: bool
    seconds: list[float]
    calls: list[int]


def program_of(data: bytes, seconds: float) -> Program:
    prelude, code, source, watched, provable, used, lines = marshal.loads(data)
    loops = {line: Loop(*loop) for line, loop in watched}
    names = None if used is None else frozenset(used)
    return Program(prelude, code, source, loops, provable, names, lines, seconds)


def referee_work(
    data: bytes, values: Mapping[int, bytes]
) -> tuple[Any, list[tuple[bool, list[tuple[Test, float]]]]]:
    """A referee's work, with what its tests have prepared, by the test's index (see `preparation`)."""
    prelude, tests, programs = marshal.loads(data)
    made = [
        Test(code, names, entry_point, seed, value_of(values[i]) if i in values else ())
        for i, (code, names, entry_point, seed) in enumerate(tests)
    ]
    return prelude, [(pure, [(made[i], seconds) for i, seconds in tests_of]) for pure, tests_of in programs]
