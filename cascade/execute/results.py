"""What is known of a program's tests so far, and what a trial says of them."""

from dataclasses import dataclass, field, replace
from typing import Any

from cascade.execute.analysis import Text
from cascade.execute.referee import AGAIN, FALLBACK


@dataclass
class Verdict:
    """What is known of a pair.

    Attributes:
        code: P passed, F an assertion failed, E any other exception or a crash, T out of time.
        seconds: CPU time of the test.
        suspect: whether it ran out of time while the machine was busy.
        fallback: whether it rests on an object that is no plain data.
    """

    code: str
    seconds: float
    suspect: bool = False
    fallback: bool = False


@dataclass
class ProgramVerdicts:
    """A program and its tests.

    Attributes:
        program: the program.
        tests: each with its CPU seconds.
        found: verdicts so far, by index of the test.
        isolated: tests that need a process of their own.
        n_isolated: pairs that got one.
        n_proven: pairs that were proven to outlast their limit.
    """

    program: Text
    tests: list[tuple[Text, float]]
    found: dict[int, Verdict] = field(default_factory=dict)
    isolated: set[int] = field(default_factory=set)
    n_isolated: int = 0
    n_proven: int = 0

    def __post_init__(self) -> None:
        of_data_set = [i for i, (test, _) in enumerate(self.tests) if test.entry_point is not None]
        self._shorter = {
            i: [j for j in of_data_set if self._is_shorter(j, i)] for i in of_data_set
        }  # by index of a test, the same one with less time
        for i, (test, _) in enumerate(self.tests):
            if self.program.broken or test.broken:
                self.found[i] = Verdict("E", 0.0)
            elif not test.pure and test.entry_point is None:
                self.isolated.add(i)

    def runs_itself(self, i: int) -> bool:
        """Whether the program runs a test itself: a line that its model wrote, and nothing leads from one to
        the other but their names.
        """
        test, _ = self.tests[i]
        return self.program.pure and test.pure and test.entry_point is None

    def _is_shorter(self, j: int, i: int) -> bool:
        (one, less), (other, more) = self.tests[j], self.tests[i]
        return less < more and one.source == other.source and one.entry_point == other.entry_point

    def left(self) -> list[int]:
        """Tests without a verdict that may share a referee; of one with several limits, the longest."""
        waiting = {j for i, shorter in self._shorter.items() if i not in self.found for j in shorter}
        known = self.found.keys() | self.isolated | waiting
        return [i for i in range(len(self.tests)) if i not in known]

    def left_isolated(self) -> list[int]:
        """Tests without a verdict that get a referee and a candidate of their own."""
        return sorted(self.isolated - self.found.keys())

    def never_loads(self, code: str, suspect: bool, seconds: float) -> None:
        """The program's definitions end its process, or do not end in so many CPU seconds."""
        for i, (_, limit) in enumerate(self.tests):
            if limit <= seconds:
                self.found.setdefault(i, Verdict(code, 0.0, suspect))

    def take(self, tests: list[int], records: list[list[Any]], fresh: bool, loading: float) -> None:
        """Fill in a trial's records of some tests.

        What a test took says its verdict at shorter limits: both the program's definitions, which took
        `loading` CPU seconds, and the test have to keep within them.
        """
        for i, (code, flags, seconds, suspect, proven) in zip(tests, records, strict=False):
            self.n_isolated += fresh
            self.n_proven += proven
            if flags & AGAIN and not fresh:
                self.isolated.add(i)
                continue
            self.found[i] = Verdict(code, seconds, suspect, bool(flags & FALLBACK))
            for j in self._shorter.get(i, ()):
                late = max(seconds, loading) > self.tests[j][1]
                self.found.setdefault(j, replace(self.found[i], code="T" if late else code, seconds=0.0))
