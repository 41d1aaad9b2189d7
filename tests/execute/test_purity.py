"""Plain programs, loops that come back, and verdicts that equal those of one process per pair."""

import ast
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies as st

from cascade.core.lines import LineKind, split_lines
from cascade.execute import Batch, Check, Limits, execute
from cascade.execute.pure_tests import is_plain_test
from cascade.execute.purity import is_plain
from cascade.generate.family import Family, Model
from cascade.generate.recordings.recorded import load_recording
from cascade.problems import DataSet, load_problems
from tests.conftest import SHARED, needs_shared


@pytest.mark.parametrize(
    "program",
    [
        "from typing import List\ndef f(l: List[int]) -> int:\n    return sum(l)",
        "class A:\n    def __init__(self): self.l = []\n"
        "def f():\n    a = A()\n    a.l.append(1)\n    return a.l",
        "T = {'a': 1}\ndef f(x): return T[x] if x in T else T.get(x)",
        "def f(x):\n    return x\nprint(f(1))",
        "def f(x):\n    return x\nif __name__ == '__main__':\n    import doctest\n    doctest.testmod()",
        "def f(x):\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n    g()\n    return n",
    ],
)
def test_plain(program: str) -> None:
    assert is_plain(ast.parse(program))


@pytest.mark.parametrize(
    "program",
    [
        "def f(a=[]): return a",
        "T = {'a': 1}\ndef f(x): T[x] = 1",
        "T = [1]\ndef f(): return T",
        "T = [1]\ndef f(x): return g(T)",
        "def sorted(x): x.append(1)\nT = [1]\ndef f(): sorted(T)",
        "def f(): global n; n = 1",
        "import os",
        "from sys import modules",
        "def f(x): x.y = 1",
        "class A:\n    l = []",
        "def f(): return (lambda: 0).__code__",
        "def f(): return eval('1')",
        "g = (i for i in range(9))\ndef f(): return next(g)",
        "import functools\n@functools.cache\ndef f(): return []",
        "class A:\n    def m(self): self.x = 1\ndef g(): pass\ndef f(): A.m(g)",
        "def f(): return id(f)",
        "from enum import Enum\nclass E(Enum):\n    A = 1\ndef f(): E._member_map_.clear()",
    ],
)
def test_not_plain(program: str) -> None:
    assert not is_plain(ast.parse(program))


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("assert f(1) == [2]", True),
        ("assert sorted(f(x) for x in [1]) == list(map(abs, [1]))", True),
        ("assert (f := 1)", False),
        ("assert g(f)", False),
        ("assert f.__dict__", False),
        ("def check(candidate):\n    assert candidate(1) == 2\n\ncheck(f)", True),
        ("M = {'a': 1}\ndef check(c):\n    for x in [1]:\n        assert c(x) == x\ncheck(f)", True),
        ("assert f(1) == 2\nassert f(2) == 3", True),
        ("def check(candidate):\n    assert candidate.__dict__\ncheck(f)", False),
        ("def check(candidate):\n    assert g(candidate)\ncheck(f)", False),
        ("def check(*c):\n    assert g(c)\ncheck(f)", False),
        ("def check(c):\n    import math\n    assert c(math)\ncheck(f)", False),
        ("def check(c):\n    c.n = 1\ncheck(f)", False),
        ("def sorted(x):\n    x.append(1)\nassert f(1)", False),
        ("def g(x):\n    return x\nassert f(g)", False),
        ("f(1)", False),
    ],
)
def test_plain_checks(line: str, plain: bool) -> None:
    assert is_plain_test(ast.parse(line)) == plain


@settings(max_examples=15, deadline=None)
@given(st.integers(-3, 6), st.integers(-2, 2), st.integers(-3, 6), st.sampled_from(["!=", "<", ">"]))
def test_proofs_are_true(start: int, step: int, end: int, operator: str) -> None:
    """A loop over a small ring either ends within its size or never does."""
    program = f"def f(n):\n    while n {operator} {end}:\n        n = (n + {step}) % 7\n    return n"
    n, turns = start, 0
    while eval(f"{n} {operator} {end}") and turns < 50:
        n, turns = (n + step) % 7, turns + 1
    batch = Batch((Check(f"assert f({start}) == {n}", 0.3),), ((program, (0,)),))
    [(_, outcome)] = execute([batch], Limits(0.3, 0.3, 512), 1)
    assert outcome.rows == ["T" if turns == 50 else "P"]
    assert outcome.n_proven == (turns == 50)


@pytest.mark.parametrize(
    ("body", "letter"),
    [
        # What the loop only adds to decides nothing.
        ("k, m = 0, -2\n    while m:\n        k += m & 1\n        m >>= 1", "T"),
        ("l = []\n    while n:\n        l.append(n)\n        n = 10 - n", "T"),
        (
            "l = []\n    while n:\n        l.append(n)\n        n = 10 - n\n        if len(l) > 9**6: break",
            "P",
        ),
        ("l = m = []\n    while len(m) < 9**6:\n        l.append(n)", "P"),
        ("k = 0.5\n    while k < 1e6:\n        k += 1", "P"),
        ("def g(): return k > 10**6\n    k = 0\n    while not g():\n        k += 1", "P"),
    ],
)
def test_sums_and_lists_of_loops(body: str, letter: str) -> None:
    program = f"def f(n):\n    {body}\n    return 1"
    batch = Batch((Check("assert f(3) == 1", 2.0),), ((program, (0,)),))
    [(_, outcome)] = execute([batch], Limits(2.0, 2.0, 1024), 1)
    assert outcome.rows == [letter]
    assert outcome.n_proven == (letter == "T")


def test_a_plain_reference_test_needs_no_process_of_its_own() -> None:
    program = "def check(x):\n    return x\ndef f(x):\n    return check(x) + 1"
    clash = "def check(candidate):\n    assert candidate(1) == 2\n\ncheck(f)"  # for f, it is another check
    tests = ("assert f(1) == 2", clash, "assert check(3) == 3 and f(1) == 2", clash.replace("check", "test"))
    batch = Batch(tuple(Check(text, 1.0) for text in tests), ((program, (0, 1, 2, 3)),))
    [(_, outcome)] = execute([batch], Limits(1.0, 1.0, 512), 1)
    assert outcome.rows == ["PEPP"]
    assert outcome.n_alone == 0


FRESH = """
import random, resource, signal, sys
signal.setitimer(signal.ITIMER_PROF, 1.0)
random.seed(0)
import math
space = {"__name__": "candidate"}
exec("import math\\nfrom typing import *", space)
try:
    exec(compile(sys.argv[1], "<program>", "exec"), space)
except BaseException:
    print("E"); sys.exit()
try:
    exec(compile(sys.argv[2], "<test>", "exec"), space)
    print("P")
except AssertionError:
    print("F")
except BaseException:
    print("E")
"""


def fresh(program: str, line: str) -> str:
    """The verdict of a new interpreter for one pair."""
    done = subprocess.run(
        [sys.executable, "-c", FRESH, program, line],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={"PYTHONHASHSEED": "0"},
    )
    return "T" if done.returncode < 0 else (done.stdout.decode().split() or ["E"])[-1]


@needs_shared("wizardcoder-python-humaneval")
@needs_shared("humaneval")
def test_recorded_pairs_are_those_of_a_fresh_process() -> None:
    problems = load_problems(DataSet("humaneval", "humaneval", SHARED / "humaneval/HumanEval.jsonl.gz"))
    family = Family("wizardcoder_python", (Model("7B", "", ""),))
    recording = str(SHARED / "wizardcoder-python-humaneval")
    samples = load_recording(recording, None, family, problems, 10).samples["7B"]
    chance = random.Random(1)
    batches, chosen = [], []
    for problem in chance.sample(problems, 12):
        draw = samples[problem.task_id].draws[0]
        lines = [
            line.text
            for test in draw.tests
            for line in split_lines(test.text, 4)
            if line.kind is LineKind.ASSERT
        ]
        programs = [problem.program(s.text, completion=s.completion) for s in draw.solutions]
        every = tuple(range(len(lines)))
        batches.append(Batch(tuple(Check(line, 1.0) for line in lines), tuple((p, every) for p in programs)))
        pairs = [(i, j) for i in range(len(programs)) for j in every]
        chosen.append(chance.sample(pairs, min(10, len(pairs))))
    limits = Limits(1.0, 1.0, 1024, "import math\nfrom typing import *\n")
    different = []
    for index, outcome in execute(batches, limits, 2):
        for i, j in chosen[index]:
            program, line = batches[index].programs[i][0], batches[index].tests[j].source
            if outcome.rows[i][j] != fresh(program, line):
                different.append((program, line, outcome.rows[i][j]))
    assert not different
