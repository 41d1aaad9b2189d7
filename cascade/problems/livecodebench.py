"""LiveCodeBench's published records: programs that read standard input, and methods of ``class Solution``."""

import ast
import datetime
import json
from typing import Any

from cascade.base import Record
from cascade.problems.apps import any_integer, function_of, header_and_imports
from cascade.problems.apps_tests import Case, call_test
from cascade.problems.base import Problem, preamble_of
from cascade.problems.prompt_synthesis import pose
from cascade.problems.stdin_programs import stdin_problem
from cascade.problems.text_unpickler import packed_text

KINDS = ("stdin", "functional")


def to_problem(record: Record, *, pairs: bool = True) -> Problem | None:
    """A problem from one record; None where it has no test.

    Source: https://huggingface.co/datasets/livecodebench/code_generation_lite (question_content,
    starter_code, public_test_cases, private_test_cases, metadata, platform, question_id,
    contest_date, difficulty). The id becomes ``LiveCodeBench/<platform>/<question_id>``.

    Tests are JSON, or as the private ones are published: base64 of zlib of a pickled JSON text,
    which is read by an unpickler that builds nothing but text. A method of ``class Solution`` is
    posed as a plain function, and an answer may define either; a problem over standard input as
    `stdin_problem` has it.

    Raises:
        DataError: a field is missing or broken.
    """
    platform, number = record.text("platform").strip().lower(), record.text("question_id").strip()
    task_id = f"LiveCodeBench/{platform}/{number}"
    published_on(record)  # a date that cannot be read is found now, not when somebody filters by it
    tests = [*_tests(record, "public_test_cases"), *_tests(record, "private_test_cases")]
    if not tests:
        return None
    kinds = {test["testtype"] for test in tests}
    if len(kinds) > 1:
        raise record.error("its tests are of two kinds, stdin and functional; they must be of one")
    description, starter = record.text("question_content"), record.fields.get("starter_code") or ""
    if not isinstance(starter, str):
        raise record.error("field `starter_code` must be a string")
    if kinds == {"stdin"}:
        given = [([test["input"]], [test["output"]]) for test in tests]
        return stdin_problem(task_id, description, given, pairs=pairs)
    name = _function_name(record, starter)
    cases = [_call(record, test, number) for number, test in enumerate(tests, start=1)]
    before, header = header_and_imports(function_of(starter, name), name)
    prompt = before + pose(header, description)
    return Problem(task_id, prompt, name, preamble_of(prompt, name), call_test(name, [cases]))


def published_on(record: Record) -> datetime.date:
    """The day of the contest that a problem was set in.

    Raises:
        DataError: there is none, or it is no ISO 8601 date.
    """
    value = record.fields.get("contest_date")
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    text = record.text("contest_date")
    try:
        return datetime.datetime.fromisoformat(text.strip()).date()
    except ValueError as error:
        raise record.error(f"field `contest_date` must be a date as 2025-01-31, not {text!r}") from error


def _tests(record: Record, field: str) -> list[dict[str, str]]:
    """The tests in a field: a list, JSON of it, or JSON that was pickled, compressed and encoded."""
    value: Any = record.fields.get(field)
    if value is None or value == "":
        return []
    try:
        if isinstance(value, str):
            value = _json(value) if value.lstrip()[:1] in ("[", "{") else _json(packed_text(value))
        if not isinstance(value, list):
            raise ValueError("it is not a list")
    except ValueError as error:
        raise record.error(f"field `{field}` cannot be read: {error}") from error
    for number, test in enumerate(value, start=1):
        where = f"field `{field}`, test {number}"
        if not isinstance(test, dict) or not all(
            isinstance(test.get(key), str) for key in ("input", "output", "testtype")
        ):
            raise record.error(f"{where}: must have the texts input, output and testtype")
        if test["testtype"] not in KINDS:
            raise record.error(f"{where}: testtype must be stdin or functional, not {test['testtype']!r}")
    return value


def _json(text: str) -> Any:
    with any_integer():
        return json.loads(text)


def _function_name(record: Record, starter: str) -> str:
    """The method's name: `metadata` says it, or the starter code does."""
    metadata: Any = record.fields.get("metadata") or {}
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except ValueError as error:
            raise record.error(f"field `metadata` is not JSON ({error})") from error
    name = metadata.get("func_name") if isinstance(metadata, dict) else None
    if isinstance(name, str) and name.isidentifier():
        return name
    function = function_of(starter, None)
    if function is None:
        raise record.error("neither `metadata` (func_name) nor `starter_code` names the function")
    return function.name


def _call(record: Record, test: dict[str, str], number: int) -> Case:
    """A functional test: one JSON value a line for each argument, and the JSON of the result."""
    try:
        arguments = [_value(line) for line in test["input"].split("\n") if line.strip()]
        return arguments, [_value(test["output"])]
    except ValueError as error:
        raise record.error(f"functional test {number}: not JSON values, one a line ({error})") from error


def _value(text: str) -> Any:
    try:
        return _json(text)
    except ValueError:
        # Some published values are Python's (single quotes, True).
        try:
            return ast.literal_eval(text.strip())
        except (SyntaxError, MemoryError, RecursionError) as error:
            raise ValueError(f"{text[:40]!r}") from error
