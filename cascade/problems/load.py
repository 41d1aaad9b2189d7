"""Loading: a data set's file or hub repository as a list of `Problem`."""

import datetime
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from cascade.base import DataError, Place, Record
from cascade.problems import apps, evalplus, humaneval, livecodebench, mbpp, user_problems
from cascade.problems.base import Problem
from cascade.problems.check import missing_packages
from cascade.problems.dataset import DataSet
from cascade.problems.mini import load_mini
from cascade.problems.source import read_source

# What turns a raw record into a problem, by `dataset.format`; None passes it over.
FORMATS: Mapping[str, Callable[[Record], Problem | None]] = {
    "apps": apps.to_problem,
    "humaneval": humaneval.to_problem,
    "livecodebench": livecodebench.to_problem,
    "mbpp": mbpp.to_problem,
    "own": user_problems.to_problem,
    **evalplus.FORMATS,
}

# Formats whose problems may be over standard input, posed as functions whose self-tests are assert lines.
AS_FUNCTIONS: Mapping[str, Callable[[Record], Problem | None]] = {
    "apps": partial(apps.to_problem, pairs=False),
    "livecodebench": partial(livecodebench.to_problem, pairs=False),
    "own": partial(user_problems.to_problem, pairs=False),
}
SELF_TESTS = ("pairs", "asserts")

# Formats whose problems have base tests and extended ones.
EXTENDED = frozenset(evalplus.FORMATS)

# Data sets that ship with the project, by `dataset.format`.
EMBEDDED: Mapping[str, Callable[[], list[Problem]]] = {"mini": load_mini}

_log = logging.getLogger(__name__)


def load_problems(dataset: DataSet) -> list[Problem]:
    """The problems of a data set, in the order of its source.

    Of an APPS problem that stands there several times the first record counts (copies in the wild
    repeat ids), and one without tests is ignored; both are counted in a warning. Elsewhere an
    id that comes twice is an error.

    Raises:
        DataError: one line that names the source, the record and the remedy: no such file, a
            broken or incomplete record, an unknown format, an id twice, no problems at all.
    """
    if dataset.path is None and dataset.format in EMBEDDED:
        return EMBEDDED[dataset.format]()
    if dataset.format not in FORMATS:
        raise DataError(f"dataset.format={dataset.format}: must be one of {', '.join(sorted(FORMATS))}")
    if dataset.self_tests not in SELF_TESTS:
        raise DataError(f"dataset.self_tests={dataset.self_tests}: must be one of {', '.join(SELF_TESTS)}")
    to_problem = FORMATS[dataset.format]
    if dataset.self_tests == "asserts" and dataset.format in AS_FUNCTIONS:
        to_problem = AS_FUNCTIONS[dataset.format]
    after = _day(dataset)
    for key, value, known in (
        ("dataset.tests", dataset.tests, "base"),
        ("dataset.prove_on", dataset.prove_on, "plus"),
    ):
        if value not in (None, known) or (value and dataset.format not in EXTENDED):
            raise DataError(
                f"{key}={value}: must be {known} or null, and is for {' and '.join(sorted(EXTENDED))} only"
            )
    if dataset.tests is not None and dataset.prove_on is not None:
        raise DataError(
            "dataset.prove_on=plus: proves by the extended tests what was chosen by the base tests; "
            "leave out dataset.tests"
        )
    problems: dict[str, Problem] = {}
    places: dict[str, Place] = {}
    read = early = repeated = untested = 0
    difficulties: set[str] = set()
    for record in read_source(dataset):
        read += 1
        if after is not None and livecodebench.published_on(record) < after:
            early += 1
            continue
        if dataset.difficulty is not None:
            difficulties.add(record.text("difficulty"))
            if record.text("difficulty") != dataset.difficulty:
                continue
        problem = to_problem(record)
        if problem is not None and dataset.tests is not None:
            problem = replace(problem, reference_test=_base_test(record, problem, "dataset.tests=base"))
        elif problem is not None and dataset.prove_on is not None:
            base_test = _base_test(record, problem, "dataset.prove_on=plus")
            problem = replace(problem, base_test=base_test, prove_on_plus=True)
        if problem is None:
            untested += 1
        elif problem.task_id not in problems:
            problems[problem.task_id] = problem
            places[problem.task_id] = record.place
        elif dataset.format == "apps":
            repeated += 1
        else:
            first = places[problem.task_id]
            raise record.error(
                f"task {problem.task_id} is already defined in {first.unit} {first.number}; remove "
                "one of them"
            )
    source = dataset.path or dataset.hub_id
    if repeated:
        _log.warning("%s: %d repeated records ignored", source, repeated)
    if untested:
        _log.warning("%s: %d problems without tests ignored", source, untested)
    needed = [*dataset.packages, *(name for p in problems.values() for name in p.packages)]
    if missing := missing_packages(needed):
        raise DataError(f"{source}: its problems need {missing[0]}: pip install {missing[0]}")
    if early:
        _log.info("%s: %d of %d problems are older than %s", source, early, read, dataset.after)
    if not problems:
        if early == read > 0:
            raise DataError(
                f"{source}: none of the {read} problems is from {dataset.after} or later; set dataset.after"
            )
        if difficulties:
            found = ", ".join(sorted(difficulties))
            raise DataError(
                f"{source}: none of the {read} problems is {dataset.difficulty}; "
                f"set dataset.difficulty to one of {found}"
            )
        raise DataError(f"{source}: holds no problems; set dataset.path to the data set's file")
    return list(problems.values())


def _day(dataset: DataSet) -> datetime.date | None:
    if dataset.after is None:
        return None
    if dataset.format != "livecodebench":
        raise DataError(f"dataset.after: problems of the format {dataset.format} have no dates; leave it out")
    try:
        return datetime.date.fromisoformat(dataset.after)
    except ValueError:
        raise DataError(f"dataset.after={dataset.after}: must be a date as 2025-01-31") from None


def _base_test(record: Record, problem: Problem, setting: str) -> str:
    """The problem's base test, which a setting needs."""
    if problem.base_test is None:
        raise record.error(
            f"this format does not tell base tests from extended ones, which {setting} needs; "
            "set dataset.path to the release's file (HumanEvalPlus.jsonl.gz)"
        )
    return problem.base_test
