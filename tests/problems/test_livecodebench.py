"""LiveCodeBench's records in every variant that is published, from files in its format made here."""

import base64
import datetime
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


def bomb() -> str:
    """Compressed zeros that would fill memory."""
    unpacked = zlib.compressobj(9)
    return base64.b64encode(unpacked.compress(bytes(1 << 20)) + unpacked.flush()).decode()


def raw(pickled: bytes) -> str:
    return base64.b64encode(zlib.compress(pickled)).decode()


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'touch harm'\ntR.",  # a global, called
        b"\x80\x02cbuiltins\nexec\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.",  # STACK_GLOBAL
        b"\x80\x02(ios\nsystem\n.",  # INST
        b"\x80\x02\x82\x01.",  # an extension's code
        b"\x80\x02P1\n.",  # something outside
        b"\x80\x02X\x01\x00\x00\x00a}b.",  # BUILD
        b"\x80\x02]q\x00h\x00a.",  # a list within itself
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",  # a frame larger than memory
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa.",  # a text larger than memory
        b"\x80\x05\x8c\x01a0.",  # POP
        b"\x80\x02X\x02\x00\x00\x00\xff\xfe.",  # no UTF-8
        b"\x80\x09\x8c\x01a.",  # a protocol of the future
        b"\x80\x04\x8c\x01a",  # without its end
        b"N.",
        b".",
        b"",
    ],
)
def test_hostile_pickles_build_nothing(tmp_path, monkeypatch, pickled):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"line 1: field `private_test_cases` cannot be read: ") as caught:
        load(tmp_path, RECORD | {"private_test_cases": raw(pickled)})
    assert "\n" not in str(caught.value) and not (tmp_path / "harm").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_pickle_is_read(tmp_path, protocol):
    text = json.dumps([{"input": "ü 😀\n", "output": "é", "testtype": "stdin"}], ensure_ascii=False)
    (problem,) = load(tmp_path, RECORD | {"private_test_cases": raw(pickle.dumps(text, protocol))})
    assert "'ü 😀\\n'" in problem.reference_test


def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("cascade.problems.text_unpickler.MAX_BYTES", 1 << 16)
    with pytest.raises(DataError, match="unpacks to more than 65536 bytes"):
        load(tmp_path, RECORD | {"private_test_cases": bomb()})


@pytest.mark.parametrize(
    "change",
    [
        {"private_test_cases": json.dumps(MORE)},  # plain JSON, as the public ones
        {"private_test_cases": MORE},  # a list, as Parquet may have it
        {"public_test_cases": [], "private_test_cases": packed(json.dumps(STDIN_TESTS + MORE))},
        {"contest_date": "2025-02-01"},
        {"contest_date": "2025-02-01T10:30:00+00:00"},
        {"platform": "AtCoder", "metadata": None, "starter_code": None},
        {"private_test_cases": packed(json.dumps(MORE)) + "\n"},
    ],
)
def test_variants_of_a_record_are_the_same_problem(tmp_path, change):
    (problem,) = load(tmp_path, RECORD | change, after="2025-02-01")
    assert problem.task_id == "LiveCodeBench/atcoder/abc300_a" and problem.pairs
    assert right(problem, "a, b = map(int, input().split())\nprint(a + b)")
    assert not right(problem, "input()\nprint(3)")


def test_standard_input_as_functions(tmp_path):
    (problem,) = load(tmp_path, RECORD, self_tests="asserts")
    assert not problem.pairs and problem.prompt.startswith("def solution(stdin: str) -> str:\n")
    assert right(problem, "def solution(stdin):\n    return str(sum(map(int, stdin.split())))")


def test_a_folder_of_the_hubs_layout(tmp_path):
    folder = tmp_path / "livecodebench"
    folder.mkdir()
    with_days = RECORD | {"contest_date": datetime.datetime(2025, 2, 1)}
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist([with_days]), folder / "test-00000-of-00001.parquet"
    )
    dataset = DataSet("lcb", "livecodebench", hub_id=str(folder), after="2025-01-01")
    assert load_problems(dataset) == load(tmp_path, RECORD)


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
