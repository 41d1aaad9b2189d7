"""Problems of one's own: both forms, the checker, and broken files with one line each."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from cascade.base import DataError
from cascade.problems import DataSet, Problem, Trial, check_problems, load_problems

GOOD = {
    "task_id": "own/0",
    "prompt": "Twice x.",
    "entry_point": "double",
    "reference": "def double(x):\n    return 2 * x\n",
    "tests": ["assert double(2) == 4", "assert double(-1) == -2"],
}
PAIRS = GOOD | {"tests": [{"input": [2], "output": 4}, {"input": [-1], "output": -2}]}
STDIN = {
    "task_id": "own/1",
    "prompt": "Add the numbers.",
    "tests": [{"input": "1 2\n", "output": "3\n"}, {"input": "4\n", "output": "4\n"}],
    "reference": "print(sum(map(int, input().split())))\n",
}


def data_set(path: Path, *records: object) -> DataSet:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return DataSet("own", "own", str(path))


def passes(program: str, test: str) -> bool:
    space: dict[str, object] = {"__name__": "answer"}
    try:
        exec(program, space)
        exec(test, space)
    except Exception:
        return False
    return True


def right(problem: Problem, text: str) -> bool:
    return passes(problem.program(text, completion=False), problem.reference_test)


def run(trials: Sequence[Trial]) -> list[list[str | None]]:
    return [[None if passes(t.program, test) else "fails" for test in t.tests] for t in trials]


@pytest.mark.parametrize("record", [GOOD, PAIRS])
def test_asserts_and_pairs(tmp_path, record):
    (problem,) = load_problems(data_set(tmp_path / "p.jsonl", record))
    assert problem.prompt.startswith("def double(x):\n")
    assert right(problem, GOOD["reference"])
    assert right(problem, "from __future__ import annotations\ndef double(x: int) -> int:\n    return x + x")
    assert right(problem, "class Solution:\n    def double(self, x):\n        return x + x")
    assert not right(problem, "def double(x):\n    return x * x")


@pytest.mark.parametrize(
    "text",
    [
        STDIN["reference"],
        "import sys\nif __name__ == '__main__':\n    print(sum(map(int, sys.stdin.readline().split())))",
        "import sys\nsys.stdout.buffer.write(b'%d' % sum(map(int, sys.stdin.buffer.read().split())))",
        "print(sum(map(int, open(0).read().split())))",
        "def solution(stdin):\n    return str(sum(map(int, stdin.split())))",
    ],
)
def test_programs_that_read_their_input(tmp_path, text):
    (problem,) = load_problems(data_set(tmp_path / "p.jsonl", STDIN))
    assert problem.reads_stdin
    assert right(problem, text)
    assert not right(problem, "print(3)")


def test_files_and_setup_come_before_the_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = GOOD | {"files": {"in/a.txt": "4"}, "setup": "TWO = 2", "tests": ["assert double(TWO) == 4"]}
    (problem,) = load_problems(data_set(tmp_path / "p.jsonl", record))
    assert right(problem, "def double(x):\n    return int(open('in/a.txt').read()) * TWO // 2")


def test_a_folder_a_problem(tmp_path):
    folder = tmp_path / "problems" / "twice"
    folder.mkdir(parents=True)
    (folder / "prompt.md").write_text("Twice x.")
    (folder / "tests.py").write_text("for x in range(3):\n    assert double(x) == 2 * x\n")
    (problem,) = load_problems(DataSet("own", "own", str(tmp_path / "problems")))
    assert (problem.task_id, problem.entry_point) == ("twice", "double")
    assert right(problem, GOOD["reference"])
    (folder / "test.py").write_text("")
    with pytest.raises(DataError, match=r"test\.py: a problem's folder holds prompt\.md"):
        load_problems(DataSet("own", "own", str(tmp_path / "problems")))


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (GOOD | {"test": []}, "unknown field `test`; known are task_id"),
        ({k: v for k, v in GOOD.items() if k != "prompt"}, "field `prompt` is missing"),
        (GOOD | {"prompt": " "}, "field `prompt` is empty"),
        (GOOD | {"entry_point": "a b"}, "must be a function's name, not 'a b'"),
        ({k: v for k, v in GOOD.items() if k != "entry_point"}, "field `entry_point` is missing"),
        (GOOD | {"tests": []}, "field `tests` must be a list of asserts"),
        (GOOD | {"tests": ["assert double(1"]}, "test 1 is not Python"),
        (GOOD | {"tests": ["double(1)"]}, "test 1 asserts nothing"),
        (GOOD | {"tests": [{"input": 1, "output": 2}]}, "test 1: `input` must be the list"),
        (GOOD | {"reference": "def twice(x): return 2 * x"}, "`reference` does not define double"),
        (GOOD | {"reference": "def double(:"}, "field `reference` is not Python, line 1"),
        (GOOD | {"files": {"../a": ""}}, "'../a' must be a relative path"),
        (GOOD | {"timeout_s": 0}, "field `timeout_s` must be a number of seconds"),
        (GOOD | {"packages": ["no_such_thing"]}, "no_such_thing: pip install no_such_thing"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, record, says):
    path = tmp_path / "p.jsonl"
    with pytest.raises(DataError) as caught:
        load_problems(data_set(path, record))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_checker_names_every_fault_by_its_line(tmp_path):
    dataset = data_set(
        tmp_path / "p.jsonl",
        GOOD,
        STDIN,
        GOOD | {"task_id": "own/2", "reference": "def double(x):\n    return x * x"},
        GOOD | {"task_id": "own/3", "tests": ["assert True"]},
        GOOD,
        GOOD | {"nonsense": 1},
    )
    found = [line.partition(", ")[2] for line in check_problems(dataset, run)]
    assert found == [
        f"line 5: task own/0 is already defined in {tmp_path / 'p.jsonl'}, line 1",
        "line 6: unknown field `nonsense`; known are task_id, prompt, entry_point, tests, setup, reference, "
        "files, packages, timeout_s, shadow",
        "line 3: `reference` fails in test 2 of 2",
        "line 4: its tests pass an answer that only returns None: they prove nothing",
    ]
