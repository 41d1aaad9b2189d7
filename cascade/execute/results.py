"""What is known of a program's tests so far, and what a child that ran some of them has told."""

import io
from dataclasses import dataclass, field, replace

from cascade.execute.analysis import Text
from cascade.execute.child import FAILED, PROVEN, READY, RECORD, Job
from cascade.execute.children import Reply
from cascade.execute.nontermination.loop_sites import Loop


@dataclass
class Verdict:
    """What is known of a pair.

    Attributes:
        letter: see the module; any other while it has to be found out alone.
        seconds: CPU time of the test.
        doubtful: whether it ran out of time while the machine was busy.
    """

    letter: str
    seconds: float
    doubtful: bool = False


LETTERS = frozenset("PFET")


@dataclass
class Row:
    """A program and its tests.

    Attributes:
        program: the program.
        tests: each with its CPU seconds.
        found: verdicts so far, by index of the test.
        n_alone: pairs that got a process of their own.
        n_proven: pairs that were proven to outlast their limit.
    """

    program: Text
    tests: list[tuple[Text, float]]
    found: dict[int, Verdict] = field(default_factory=dict)
    n_alone: int = 0
    n_proven: int = 0

    def __post_init__(self) -> None:
        for i, (test, _) in enumerate(self.tests):
            if self.program.broken or test.broken:
                self.found[i] = Verdict("E", 0.0)

    def endless(self) -> dict[str, float]:
        """Calls that are known to take too long, and longer than how many seconds."""
        late: dict[str, float] = {}
        for i, verdict in self.found.items():
            test, seconds = self.tests[i]
            if verdict.letter == "T" and test.first_call is not None and test.only_calls:
                late[test.first_call] = max(seconds, late.get(test.first_call, 0.0))
        return late

    def left(self) -> list[int]:
        """Plain tests of a plain program that are to be run."""
        if not self.program.plain:
            return []
        endless = self.endless()
        left = [i for i, (test, _) in enumerate(self.tests) if i not in self.found and test.plain]
        return [i for i in left if not self.known_late(i, endless)]

    def known_late(self, i: int, endless: dict[str, float]) -> bool:
        """Whether a test begins with a call that takes too long; then its verdict is found."""
        test, seconds = self.tests[i]
        late = endless.get(test.first_call or "", 0.0) >= seconds
        if late:
            self.found[i] = Verdict("T", 0.0)
        return late

    def job(self, left: list[int]) -> Job:
        """Some tests, for a child."""
        watched = {line: Loop(*loop) for line, loop in self.program.loops}
        tests = [(self.tests[i][0].loaded, self.tests[i][1]) for i in left]
        return Job(self.program.load(), tests, watched, self.program.source)


class Told:
    """Reads what a child has written of the programs that it ran."""

    def __init__(self, reply: Reply) -> None:
        self._reply, self._data = reply, io.BytesIO(reply.data)
        self._seconds = 0.0
        self._first = True

    def take(self, row: Row, left: list[int]) -> bool:
        """Fill in what is told of a program and the tests that were left; whether more may follow."""
        began, first, self._first = self._data.read(len(READY)), self._first, False
        if began == FAILED:  # as it would before each of its tests
            row.found |= dict.fromkeys(left, Verdict("E", 0.0))
            return True
        if not began and first:
            row.found |= dict.fromkeys(left, self._last())
        if not began:
            return False  # perhaps for what others had left: it is run again, as the first
        for i in left:
            record = self._data.read(RECORD.size)
            if len(record) < RECORD.size:
                # It took the child with it; if not for its time, perhaps for the memory that others had left.
                verdict = self._last()
                row.found[i] = verdict if verdict.letter == "T" else replace(verdict, letter="M")
                return False
            letter, microseconds = RECORD.unpack(record)
            self._seconds += microseconds / 1e6
            row.found[i] = Verdict("T" if letter == PROVEN else letter.decode(), microseconds / 1e6)
            if letter == PROVEN:
                row.n_proven += 1
                return False
        return True

    def _last(self) -> Verdict:
        """The verdict of the test that was running when the child ended."""
        verdict = of_last(self._reply)
        return replace(verdict, seconds=max(0.0, verdict.seconds - self._seconds))


def of_last(reply: Reply) -> Verdict:
    """The verdict of the test that was running when a child ended without a record of it."""
    if reply.out_of_time:
        return Verdict("T", reply.cpu_seconds, reply.doubtful)
    return Verdict("E", reply.cpu_seconds)
