"""APPS: both formats, both kinds of problem, how answers compare, and real recorded answers."""

import ast
import json
import logging
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from cascade.base.errors import DataError
from cascade.base.records import read_records
from cascade.execute import PASS, Batch, Check, Limits, execute
from cascade.problems import DataSet, Problem, load_problems
from cascade.problems.apps_tests import literal

SHARED = Path(__file__).resolve().parents[2] / "../shared/data/apps-introductory-50"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no folder shared/data beside the checkout")


def mapcoder(**fields: object) -> dict[str, object]:
    record: dict[str, object] = {
        "name": "1",
        "id": 1,
        "difficulty": "introductory",
        "description": "Add.",
        "starter_code": "\ndef add(a, b):\n\t",
        "sample_io": [],
        "test_list": [{"input": "1\n2", "output": [3]}, {"input": "[1]\n[2]", "output": [[1, 2], "list"]}],
    }
    return record | fields


def hub(tests: dict[str, object], **fields: object) -> dict[str, object]:
    record: dict[str, object] = {
        "problem_id": 4000,
        "question": "Do it.",
        "solutions": "",
        "input_output": json.dumps(tests),
        "difficulty": "introductory",
        "url": "",
        "starter_code": "",
    }
    return record | fields


def load(tmp_path: Path, *records: object, **settings: str | None) -> list[Problem]:
    path = tmp_path / "toy.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return load_problems(DataSet("toy", "apps", path, **settings))


def verdict(problem: Problem, text: str) -> bool:
    [right] = verdicts({text: problem})
    return right


def verdicts(problems: dict[str, Problem]) -> list[bool]:
    """Whether each text passes its problem's reference test; executed in one go."""
    batches = []
    for text, problem in problems.items():
        check = Check(problem.reference_test, 5.0, problem.entry_point)
        batches.append(Batch((check,), ((problem.program(text, completion=False), (0,)),)))
    rows = dict(execute(batches, Limits(5.0, 5.0, 1024), 1))
    return [list(rows[i].rows) == [PASS] for i in range(len(batches))]


def test_a_call_in_mapcoders_format(tmp_path):
    (problem,) = load(tmp_path, mapcoder())
    assert (problem.task_id, problem.entry_point, problem.preamble) == ("APPS/1", "add", "")
    assert problem.prompt == 'def add(a, b):\n    """\n    Add.\n    """\n'
    assert verdict(problem, "def add(a, b):\n    return a + b")
    assert verdict(problem, "def add(a, b):\n    return a + b if type(a) is int else 'list'")
    assert not verdict(problem, "def add(a, b):\n    return a - b")
    assert not verdict(problem, "def other(a, b):\n    return a + b")


def test_an_answer_may_shadow_builtins(tmp_path):
    (problem,) = load(tmp_path, mapcoder())
    answer = "list = isinstance = len = all = any = None\ndef add(a, b):\n    return a + b"
    assert verdict(problem, answer)


@pytest.mark.parametrize("body", ["isinstance(pin, str) and len(pin) == 4", "1000 <= int(pin) <= 9999"])
def test_a_line_of_digits_may_be_a_number_or_a_text(tmp_path, body):
    tests = [{"input": "1234", "output": [True]}, {"input": "12", "output": [False]}]
    (problem,) = load(tmp_path, mapcoder(starter_code="\ndef valid(pin):\n\t", test_list=tests))
    assert verdict(problem, f"def valid(pin):\n    return {body}")
    assert not verdict(problem, "def valid(pin):\n    return True")


def test_one_reading_must_fit_every_case(tmp_path):
    tests = [{"input": "10", "output": ["int"]}, {"input": "20", "output": ["str"]}]
    (problem,) = load(tmp_path, mapcoder(starter_code="\ndef kind(x):\n\t", test_list=tests))
    assert not verdict(problem, "def kind(x):\n    return type(x).__name__")


def test_missing_lines_leave_defaults_and_surplus_lines_are_one_text(tmp_path):
    tests = [{"input": "a\nb\n['#']", "output": ["a\nb/#/1"]}, {"input": "a\n['#']\n2", "output": ["a/#/2"]}]
    short = [{"input": "7", "output": [7 + math.pi]}]
    starter = "\ndef strip(text, marks):\n\t"
    by_mark = [{"input": tests[0]["input"], "output": ["a\nb/#"]}]
    (problem,) = load(tmp_path, mapcoder(starter_code=starter, test_list=by_mark))
    assert verdict(problem, "def strip(text, marks):\n    return text + '/' + marks[0]")
    (problem,) = load(tmp_path, mapcoder(starter_code="\ndef plus(n, base=pi):\n\t", test_list=short))
    assert problem.preamble == "from math import pi\n\n\n"
    assert verdict(problem, "def plus(n, base=pi):\n    return n + base")


def test_calls_on_the_hub(tmp_path):
    tests = {
        "fn_name": "pairs",
        "inputs": [[[1, 2]], [[]], [[3]]],
        "outputs": [[[[1, 1], [2, 2]]], [[]], [[3, 3]]],  # wrapped, wrapped, not wrapped
    }
    starter = "class Solution:\n    def pairs(self, xs: List[int]) -> List[List[int]]:\n        "
    (problem,) = load(tmp_path, hub(tests, starter_code=starter))
    assert problem.preamble == "from typing import List\n\n\n"
    assert "def pairs(xs: List[int]) -> List[List[int]]:\n" in problem.prompt
    plain = "def pairs(xs):\n    return tuple((x, x) for x in xs) if xs != [3] else [3, 3]"
    assert verdict(problem, plain)
    method = "class Solution:\n    def pairs(self, xs: List[int]):\n        "
    assert verdict(problem, method + "return [[x, x] for x in xs] if xs != [3] else (3, 3)")
    assert not verdict(problem, method + "return []")


def test_integer_keys_and_long_integers_of_the_hub(tmp_path):
    long = "7" * 5000
    text = f'{{"fn_name": "f", "inputs": [[{{"1": 2}}], [{long}]], "outputs": [{{"2": 1}}, {long}]}}'
    (problem,) = load(tmp_path, hub({}, input_output=text, starter_code="def f(x):\n    "))
    swap = "def f(x):\n    return {v: k for k, v in x.items()} if isinstance(x, dict) else x"
    assert verdict(problem, swap)
    assert not verdict(problem, "def f(x):\n    return x")


def test_unknown_annotations_are_dropped(tmp_path):
    tests = {"fn_name": "f", "inputs": [[1]], "outputs": [1]}
    starter = "class Solution:\n    def f(self, node: TreeNode, n: int = INF) -> int:\n        "
    (problem,) = load(tmp_path, hub(tests, starter_code=starter))
    assert problem.prompt.startswith("def f(node, n=None):\n")
    (problem,) = load(tmp_path, hub(tests))
    assert problem.prompt.startswith("def f(*args):\n")


@pytest.mark.parametrize(
    ("result", "right"),
    [
        ("3 4\n5.0", True),
        ("  3   4  \n5.000001\n\n \n", True),
        ("3 4\n5", True),
        ("3 4\n5.1", False),
        ("3 4 5.0", False),
        ("3 4.0\n5.0", False),
        ("3 4\n\n5.0", False),
        ("4 3\n5.0", False),
        ("3 4\nfive", False),
        ("", False),
        (None, False),
        (5.0, False),
    ],
)
def test_outputs_compare_word_by_word_on_each_line(tmp_path, result, right):
    (problem,) = load(tmp_path, hub({"inputs": ["x\n"], "outputs": ["3 4\n5.0\n"]}), self_tests="asserts")
    assert (problem.entry_point, problem.prompt.splitlines()[0]) == (
        "solution",
        "def solution(stdin: str) -> str:",
    )
    assert "`stdin` is the whole input" in problem.prompt
    assert (
        verdict(problem, f"def solution(stdin):\n    assert stdin == 'x\\n'\n    return {result!r}") is right
    )


def test_standard_input_is_posed_as_a_program_or_as_a_function(tmp_path):
    record = hub({"inputs": ["3 4\n"], "outputs": ["7\n"]})
    (problem,) = load(tmp_path, record)
    assert problem.pairs and problem.prompt.startswith('"""\n') and problem.prompt.endswith('output.\n"""\n')
    program = "def solution(a, b):\n    return a + b\nprint(solution(*map(int, input().split())))\n"
    takes_all = (
        "def solution(s):\n    return s\ntext = input()\nprint(sum(map(int, solution(text).split())))\n"
    )
    for text in (program, takes_all):  # what a program defines is its own business
        assert verdict(problem, text)
    assert verdict(problem, "def solution(stdin):\n    return str(sum(map(int, stdin.split())))\n")
    (function,) = load(tmp_path, record, self_tests="asserts")
    assert not function.pairs and function.reads_stdin
    assert verdict(function, program) and not verdict(function, takes_all)
    with pytest.raises(DataError, match=r"dataset\.self_tests=tests: must be one of pairs, asserts"):
        load(tmp_path, record, self_tests="tests")


def test_standard_input_as_a_list_of_lines_and_in_mapcoders_format(tmp_path):
    echo = "def solution(stdin):\n    return stdin"
    (problem,) = load(tmp_path, hub({"inputs": [["1", "2"]], "outputs": [["1", "2"]]}))
    assert verdict(problem, echo)
    (problem,) = load(
        tmp_path, mapcoder(starter_code="", test_list=[{"input": "a\n", "output": ["b\n", "a"]}])
    )
    assert verdict(problem, echo)
    assert not verdict(problem, "def solution(stdin):\n    return stdin * 2")


def test_difficulty_repeated_records_and_problems_without_tests(tmp_path, caplog):
    records = [
        mapcoder(),
        mapcoder(description="Another."),
        mapcoder(id=2, difficulty="interview"),
        hub({}, input_output=""),
    ]
    with caplog.at_level(logging.WARNING):
        (problem,) = load(tmp_path, *records, difficulty="introductory")
    assert "Add." in problem.prompt
    assert "1 repeated records ignored" in caplog.text
    assert "1 problems without tests ignored" in caplog.text
    with pytest.raises(DataError, match=r"none of the 4 problems is hard; .* one of interview, introductory"):
        load(tmp_path, *records, difficulty="hard")


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (mapcoder(test_list=[{"input": 1, "output": []}]), "field `test_list` must be a list of"),
        (mapcoder(id="one"), "field `id` must be a non-negative integer"),
        (hub({"inputs": [1], "outputs": []}), "field `input_output` is not APPS's JSON"),
        (hub({}, input_output="{"), "field `input_output` is not APPS's JSON"),
        (hub({}, input_output="[1]"), "field `input_output` is not APPS's JSON"),
        ({"problem_id": 1}, "field `question` is missing"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(tmp_path, record, says):
    with pytest.raises(DataError) as caught:
        load(tmp_path, record)
    assert f"toy.jsonl, line 1: {says}" in str(caught.value)
    assert "\n" not in str(caught.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES)
def test_a_literal_reads_back(value):
    assert repr(eval(literal(value))) == repr(value)


# Recorded answers are scripts that read standard input; what they define is called instead. Where
# the name that was asked for is missing, the first function with as many arguments stands for it.
RUN_ALL = """
import json, signal, sys
class Late(BaseException):
    pass
def late(*_):
    raise Late
signal.signal(signal.SIGALRM, late)
passed = []
for task, program, test in json.load(sys.stdin):
    namespace = {"__name__": "answer"}
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    try:
        exec(program, namespace)
    except Exception as error:
        sys.exit(f"{task}: the answer itself failed: {error!r}")
    try:
        exec(test, namespace)
        passed.append(task)
    except (AssertionError, Late):
        pass
    except Exception as error:
        print(f"{task}: {error!r}", file=sys.stderr)
    signal.setitimer(signal.ITIMER_REAL, 0)
print(json.dumps(passed))
"""


def called(source: str, problem: Problem) -> str:
    """The imports and definitions of a script, with a function under the name that is asked for."""
    kept = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
    ]
    functions = [node for node in kept if isinstance(node, ast.FunctionDef)]
    header = ast.parse(problem.prompt).body[-1]
    assert isinstance(header, ast.FunctionDef)
    arity = len(header.args.args)
    source = "\n".join(ast.unparse(node) for node in kept)
    if problem.entry_point in {node.name for node in functions}:
        return source
    fitting = [node.name for node in functions if len(node.args.args) == arity] or [functions[0].name]
    return f"{source}\n{problem.entry_point} = {fitting[0]}"


@needs_shared
@pytest.mark.parametrize(("file", "solved", "least"), [("gpt4_turbo", 7, 30), ("chatgpt", 4, 20)])
def test_recorded_answers_run_through(file, solved, least):
    problems = {
        problem.task_id: problem
        for problem in load_problems(DataSet("apps", "apps", SHARED / "apps_introductory.jsonl.gz"))
    }
    assert len(problems) == 49  # id 2886 stands there twice
    records = list(read_records(SHARED / f"recorded_{file}_direct.jsonl.gz"))
    flagged = {f"APPS/{record.fields['id']}" for record in records if record.fields["is_solved"]}
    assert len(flagged) == solved
    jobs = []
    for record in records:
        problem = problems[f"APPS/{record.fields['id']}"]
        program = called(record.fields["source_codes"][0], problem)
        jobs.append((problem.task_id, program, problem.reference_test))
    run = [sys.executable, "-W", "ignore", "-c", RUN_ALL]
    done = subprocess.run(run, input=json.dumps(jobs), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    passed = set(json.loads(done.stdout))
    print(f"{file}: {len(passed)} of {len(problems)} right")
    print(done.stderr)
    assert flagged <= passed
    assert len(passed) >= least


@needs_shared
def test_the_other_difficulties_are_posed_and_refuse_an_empty_answer():
    path = SHARED / "apps_other_difficulties.jsonl.gz"
    problems = load_problems(DataSet("apps", "apps", path))
    over_stdin = {
        f"APPS/{record.fields['id']}" for record in read_records(path) if not record.fields["starter_code"]
    }
    assert len(problems) == 79  # 100 records, 21 of them repeated ids
    assert {problem.task_id for problem in problems if problem.pairs} == over_stdin
    assert not any(re.search(r"_reference_test|_builtins", problem.prompt) for problem in problems)
    empty = {f"def {one.entry_point}(*args):\n    return None\n# {one.task_id}": one for one in problems}
    assert len(empty) == len(problems) and not any(verdicts(empty))
