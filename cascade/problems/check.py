"""The checker of problems of one's own: every reference against every test, and what is wrong by line."""

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cascade.base import DataError, Place, Record
from cascade.problems import user_problems
from cascade.problems.base import Problem
from cascade.problems.dataset import DataSet
from cascade.problems.source import read_source


@dataclass(frozen=True)
class Trial:
    """A program and the tests to run after it, each alone.

    Attributes:
        task_id: the problem's.
        program: Python source.
        tests: Python sources.
        timeout_s: CPU seconds for each; None for the sandbox's.
        entry_point: the function that the tests call.
    """

    task_id: str
    program: str
    tests: tuple[str, ...]
    timeout_s: float | None
    entry_point: str


#: Runs trials in the sandbox. For each, what became of each test: None if it passed, else in words what
#: happened ("fails", "raises an error", "runs out of time").
Run = Callable[[Sequence[Trial]], Sequence[Sequence[str | None]]]


def check_problems(dataset: DataSet, run: Run) -> list[str]:
    """What is wrong with a data set of one's own: one line each, empty where all is well.

    Finds records that cannot be read, an id that comes twice, packages that are not installed,
    references that fail a test, and tests that an answer passes which does nothing.

    Args:
        dataset: with ``format="own"``.
        run: see `Run`.

    Raises:
        DataError: the file itself cannot be read.
    """
    findings: list[str] = []
    good: list[tuple[Record, Problem]] = []
    places: dict[str, Place] = {}
    for record in read_source(dataset):
        try:
            problem = user_problems.to_problem(record)
        except DataError as error:
            findings.append(str(error))
            continue
        if (first := places.setdefault(problem.task_id, record.place)) is not record.place:
            findings.append(str(record.error(f"task {problem.task_id} is already defined in {first}")))
        elif missing := missing_packages([*dataset.packages, *problem.packages]):
            findings.append(str(record.error(f"needs {missing[0]}: pip install {missing[0]}")))
        else:
            good.append((record, problem))
    if not places and not findings:
        findings.append(f"{dataset.path}: holds no problems")
    return findings + _references(good, run) + _idle(good, run)


def missing_packages(names: Iterable[str]) -> list[str]:
    """Those of the modules that this Python (the sandbox's too) cannot import, in order."""

    def found(name: str) -> bool:
        try:
            return importlib.util.find_spec(name) is not None
        except (ImportError, ValueError):
            return False

    return [name for name in dict.fromkeys(names) if not found(name)]


def _references(good: Sequence[tuple[Record, Problem]], run: Run) -> list[str]:
    trials, records = [], []
    for record, problem in good:
        if problem.reference_solution is not None:
            program = problem.program(problem.reference_solution, completion=False)
            tests = tuple(user_problems.single_tests(record))
            trials.append(Trial(problem.task_id, program, tests, problem.timeout_s, problem.entry_point))
            records.append(record)
    findings = []
    for record, verdicts in zip(records, run(trials), strict=True):
        for number, what in enumerate(verdicts, start=1):
            if what is not None:
                of = f"test {number} of {len(verdicts)}"
                findings.append(str(record.error(f"`reference` {what} in {of}")))
    return findings


def _idle(good: Sequence[tuple[Record, Problem]], run: Run) -> list[str]:
    trials = [
        Trial(
            problem.task_id,
            problem.program(
                f"def {problem.entry_point}(*args, **named):\n    return None\n", completion=False
            ),
            (problem.reference_test,),
            problem.timeout_s,
            problem.entry_point,
        )
        for _, problem in good
    ]
    return [
        str(record.error("its tests pass an answer that only returns None: they prove nothing"))
        for (record, _), verdicts in zip(good, run(trials), strict=True)
        if verdicts[0] is None
    ]
