"""LiveCodeBench's records in every variant that is published, from files in its format made here."""

import base64
import json
import os
import pickle
import zlib

import pyarrow
import pyarrow.parquet
import pytest

from cascade.base import DataError
from cascade.problems import DataSet, load_problems
from tests.problems.right import right

STDIN_TESTS = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]
MORE = [{"input": "2 2\n", "output": "4", "testtype": "stdin"}]
CALLS = [{"input": "[1, 2]\n3", "output": "[4, 5]", "testtype": "functional"}]


def packed(value: object) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


RECORD = {
    "question_title": "Sum",
    "question_content": "Add two numbers.",
    "platform": "atcoder",
    "question_id": "abc300_a",
    "contest_id": "abc300",
    "contest_date": "2025-02-01T00:00:00",
    "starter_code": "",
    "difficulty": "easy",
    "public_test_cases": json.dumps(STDIN_TESTS),
    "private_test_cases": packed(json.dumps(MORE)),
    "metadata": "{}",
}
METHOD = RECORD | {
    "platform": "leetcode",
    "question_id": "2878",
    "contest_date": "2024-12-31T00:00:00",
    "starter_code": "class Solution:\n    def shift(self, xs: List[int], by: int) -> List[int]:\n        ",
    "public_test_cases": json.dumps(CALLS),
    "private_test_cases": json.dumps(CALLS),
    "metadata": '{"func_name": "shift"}',
}


def load(tmp_path, *records, **settings):
    path = tmp_path / "lcb.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return load_problems(DataSet("lcb", "livecodebench", str(path), **settings))


def test_a_program_over_standard_input(tmp_path):
    (problem,) = load(tmp_path, RECORD)
    assert problem.task_id == "LiveCodeBench/atcoder/abc300_a"
    assert right(problem, "a, b = map(int, input().split())\nprint(a + b)")
    assert not right(problem, "input()\nprint(3)")  # only the packed private test tells


@pytest.mark.parametrize("metadata", ['{"func_name": "shift"}', {"func_name": "shift"}, "", None])
def test_a_method_of_class_solution(tmp_path, metadata):
    (problem,) = load(tmp_path, METHOD | {"metadata": metadata})
    assert problem.prompt.startswith("from typing import List\n\n\ndef shift(xs: List[int], by: int)")
    assert right(
        problem, "class Solution:\n    def shift(self, xs, by):\n        return [x + by for x in xs]"
    )
    assert right(problem, "def shift(xs, by):\n    return tuple(x + by for x in xs)")
    assert not right(problem, "def shift(xs, by):\n    return xs")


def test_dates_and_parquet(tmp_path):
    (problem,) = load(tmp_path, RECORD, METHOD, after="2025-01-01")
    assert problem.task_id.startswith("LiveCodeBench/atcoder")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([RECORD, METHOD]), tmp_path / "lcb.parquet")
    read = load_problems(DataSet("lcb", "livecodebench", str(tmp_path / "lcb.parquet")))
    assert read == load(tmp_path, RECORD, METHOD)
    with pytest.raises(DataError, match="none of the 2 problems is from 2026-01-01 or later"):
        load(tmp_path, RECORD, METHOD, after="2026-01-01")
    with pytest.raises(DataError, match="must be a date as 2025-01-31"):
        load(tmp_path, RECORD, after="soon")


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("harm",)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (packed(Harmful()), "its pickle holds more than a text"),
        (packed(["a"]), "its pickle holds more than a text"),
        ("!!", "neither JSON nor compressed"),
        (packed(json.dumps(MORE))[:-12], "cannot be read"),
        ('[{"input": 1}]', "test 1: must have the texts"),
    ],
)
def test_private_tests_that_are_none(tmp_path, monkeypatch, value, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=says):
        load(tmp_path, RECORD | {"private_test_cases": value})
    assert not (tmp_path / "harm").exists()
