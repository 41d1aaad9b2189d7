"""From samples to outcomes: what is executed, what is remembered, and what a kill leaves."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cascade.base.errors import DataError
from cascade.base.store import Log, VerdictStore
from cascade.core.outcomes import ProblemOutcome
from cascade.execute import Limits
from cascade.execute.judge import JudgeReport, judge_family
from cascade.execute.verdicts import Sandbox
from cascade.generate import read_test_lines
from cascade.generate.sample import Draw, ModelSamples, SelfTest, Solution
from cascade.problems.base import Problem
from cascade.problems.stdin_programs import stdin_problem
from tests.conftest import ROOT

LIMITS = Limits(timeout_s=0.5, reference_timeout_s=0.5, memory_mb=512)
PROBLEM = Problem(
    "T/0", "def f(x):\n", "f", "", "assert f(1) == 2\nassert f(2) == 3", "def f(x): return x + 1"
)
RIGHT, WRONG = Solution("def f(x): return x + 1", 10), Solution("def f(x): return 2", 20)


def run(
    samples: ModelSamples, store: Path, l_values: tuple[int, ...] = (2,), problem: Problem = PROBLEM
) -> tuple[ProblemOutcome, JudgeReport]:
    sandbox = Sandbox(LIMITS, 1, VerdictStore(store))
    outcomes, report = judge_family([problem], {"m": {"T/0": samples}}, l_values, sandbox, lambda *_: None)
    return outcomes["m"][0], report


def test_a_draw_by_hand(tmp_path: Path) -> None:
    tests = (
        SelfTest("assert f(1) == 2\nassert f(2) == 3\nassert f(3) == 4", 30, {1: 9, 2: 19, 3: 30}),
        SelfTest("# a comment\nassert f(5) == 2\nassert f(1) == 2", 31, {1: 5, 2: 15, 3: 31}),
    )
    outcome, report = run(ModelSamples(Draw((RIGHT,), ()), (Draw((WRONG, RIGHT), tests),)), tmp_path)
    [draw] = outcome.draws
    # l = 2: two lines of the first test, one of the second (its first is a comment, at place 1).
    assert draw.line_sample.tolist() == [0, 0, 1]
    assert draw.line_position.tolist() == [1, 2, 2]
    assert draw.passes.tolist() == [[True, False, True], [True, True, False]]
    assert draw.correct.tolist() == [False, True]
    assert draw.solution_tokens.tolist() == [20, 10]
    assert draw.test_tokens[2].tolist() == [19, 15]
    assert outcome.greedy is not None and outcome.greedy.test_tokens == {}
    # Two programs with three lines and the reference test each; the reference's own was known by then.
    assert (report.n_pairs, report.n_timeouts, report.unproven) == (8, 0, ())


def test_pairs_of_a_program_by_hand(tmp_path: Path) -> None:
    test = "Input:\n1 2\nOutput:\n3\n\nInput: 4\nOutput: 4.0\n\nInput: 7\n\nInput: 1 1\nOutput: 3\n"
    problem = stdin_problem("T/0", "Add.", [(["5 6\n"], ["11"])], pairs=True)
    programs = [
        "print(sum(map(float, input().split())))",
        "input()\nprint(3)",
        "print(int(input()) * 1)",
        "1 / 0",
    ]
    lines = read_test_lines(test, 4, pairs=True)
    draw = Draw(tuple(Solution(text, 1) for text in programs), (SelfTest(lines.text, 9, {4: 9}),))
    outcome, report = run(ModelSamples(None, (draw,)), tmp_path, (4,), problem)
    [found] = outcome.draws
    # Pairs 1, 2 and 4 count; the third has no output. 3.0 is not the word 3, 4 is nearly 4.0.
    assert found.line_position.tolist() == [1, 2, 4]
    assert found.passes.tolist() == [
        [False, True, False],
        [True, False, True],
        [False, True, False],
        [False, False, False],
    ]
    # By the reference test 11.0 is not the word 11, as APPS compares them.
    assert found.correct.tolist() == [False, False, False, False]
    assert report.n_broken_lines == 1


def test_nothing_is_executed_twice(tmp_path: Path) -> None:
    one = Draw((RIGHT, WRONG), (SelfTest("assert f(1) == 2", 5), SelfTest("assert f(2) == 9", 5)))
    more = Draw((WRONG, WRONG), (SelfTest("assert f(7) == 8", 5), SelfTest("assert f(2) == 9", 5)))
    first, report = run(ModelSamples(None, (one,)), tmp_path)
    assert report.n_executed == 6
    again, report = run(ModelSamples(None, (one,)), tmp_path)
    assert report.n_executed == 0
    assert np.array_equal(first.draws[0].passes, again.draws[0].passes)
    _, report = run(ModelSamples(None, (one, more)), tmp_path)
    assert report.n_executed == 1  # only the new line, on the one program whose draw has it


def test_lines_that_are_not_python_are_counted_and_skipped(tmp_path: Path) -> None:
    test = SelfTest("assert f(1 ==\nassert f(1) == 2", 9, {2: 9})
    outcome, report = run(ModelSamples(None, (Draw((RIGHT,), (test,)),)), tmp_path)
    assert report.n_broken_lines == 1
    assert outcome.draws[0].passes.tolist() == [[True]]


@pytest.mark.parametrize(
    ("test", "tokens"),
    [
        (SelfTest("assert f(1) == 2", None, {2: 7, 4: 9}), 9),  # recorded for the values of l
        (SelfTest("assert f(1) == 2", 12, {1: 10}), 10),  # every line recorded: it has only one
        (SelfTest("assert f(1) == 2", None, {1: 10, 2: 20}), 20),
        (SelfTest("assert f(1) == 2", 12, {}), 12),  # only the whole
        (SelfTest("assert f(1) == 2", 12, {2: 7}), 12),
    ],
)
def test_tokens_up_to_a_line(tmp_path: Path, test: SelfTest, tokens: int) -> None:
    outcome, _ = run(ModelSamples(None, (Draw((RIGHT,), (test,)),)), tmp_path, l_values=(4,))
    assert outcome.draws[0].test_tokens[4].tolist() == [tokens]


@pytest.mark.parametrize("counts", [{2: 7, 4: 9}, {2: 7}])
def test_tokens_that_nobody_recorded_are_refused(tmp_path: Path, counts: dict[int, int]) -> None:
    samples = ModelSamples(None, (Draw((RIGHT,), (SelfTest("assert f(1) == 2", None, counts),)),))
    with pytest.raises(DataError, match=r"m, T/0: no token count of a test up to line 3 .*search\.l"):
        run(samples, tmp_path, l_values=(3,))


SLOW = """
def f(x):
    import time
    end = time.process_time() + 0.8
    while time.process_time() < end: pass
    return x + 1
"""


@pytest.mark.parametrize(("reference", "in_time"), [(SLOW, True), (PROBLEM.reference_solution, False)])
def test_a_slow_reference_gives_everybody_more_time(tmp_path: Path, reference: str, in_time: bool) -> None:
    """On the reference tests and on test lines alike; 0.8 s are too long where the reference is fast."""
    problem = Problem("T/0", "", "f", "", "assert f(1) == 2", reference)
    samples = ModelSamples(None, (Draw((Solution(SLOW, 1),), (SelfTest("assert f(7) == 8", 5),)),))
    outcome, report = run(samples, tmp_path, problem=problem)
    [draw] = outcome.draws
    assert draw.correct.tolist() == [in_time]
    assert draw.passes.tolist() == [[in_time]]
    assert report.n_timeouts == (0 if in_time else 2)
    assert report.unproven == ()


@pytest.mark.parametrize(
    ("timeout_s", "seconds", "fails"),
    [
        (None, 1.6, False),  # over a quarter of the longest limit, 5 s: others get them, and so does it
        (3.0, 1.6, False),  # the problem's own limit
        (0.3, 0.8, True),
    ],
)
def test_a_reference_may_take_what_others_may(
    tmp_path: Path, timeout_s: float | None, seconds: float, fails: bool
) -> None:
    slow = SLOW.replace("0.8", str(seconds))
    problem = Problem("T/0", "", "f", "", "assert f(1) == 2", slow, timeout_s=timeout_s)
    outcome, report = run(ModelSamples(Draw((Solution(slow, 1),), ()), ()), tmp_path, problem=problem)
    assert report.unproven == (("T/0",) if fails else ())
    assert outcome.greedy is not None and outcome.greedy.correct.tolist() == [not fails]


def test_a_reference_that_fails_is_reported(tmp_path: Path) -> None:
    problem = Problem("T/0", "", "f", "", "assert f(1) == 2", "def f(x): return 0")
    _, report = run(ModelSamples(Draw((RIGHT,), ()), ()), tmp_path, problem=problem)
    assert report.unproven == ("T/0",)


def test_base_and_extended_tests_by_hand(tmp_path: Path) -> None:
    """`f(1) == 2` chooses, `f(2) == 3` too proves: WRONG passes the first alone."""
    bad = Solution("def f(x): return 0", 20)
    problem = replace(PROBLEM, base_test="assert f(1) == 2", prove_on_plus=True)
    samples = ModelSamples(Draw((WRONG,), ()), (Draw((RIGHT, WRONG, bad), ()),))
    outcome, report = run(samples, tmp_path, problem=problem)
    [draw] = outcome.draws
    assert draw.correct.tolist() == [True, True, False]
    assert draw.proved is not None and draw.proved.tolist() == [True, False, False]
    proof = outcome.by_proof()
    assert proof.draws[0].correct.tolist() == [True, False, False]
    assert proof.greedy is not None and proof.greedy.correct.tolist() == [False]
    assert (report.n_pairs, report.unproven) == (6, ())
    # Both are in the store: a study by either of the tests executes nothing.
    for test in ("assert f(1) == 2", PROBLEM.reference_test):
        again, report = run(samples, tmp_path, problem=replace(PROBLEM, reference_test=test))
        assert report.n_executed == 0
        assert again.draws[0].proved is None


def test_a_reference_that_fails_the_base_test_only_is_reported(tmp_path: Path) -> None:
    problem = replace(PROBLEM, base_test="assert f(1) == 9", prove_on_plus=True)
    _, report = run(ModelSamples(Draw((RIGHT,), ()), ()), tmp_path, problem=problem)
    assert report.unproven == ("T/0",)


JUDGE_TOY = """
import sys
from pathlib import Path
from cascade.execute import Limits
from cascade.generate.sample import *
from cascade.execute.judge import judge_family
from cascade.problems.base import Problem
from cascade.base.store import VerdictStore
from cascade.execute.verdicts import Sandbox
from tests.toy import make_problems, make_samples
N = 40
records = make_problems(N)
tests = [f"{r['test']}\\ncheck({r['entry_point']})" for r in records]
problems = [Problem(r["task_id"], r["prompt"], r["entry_point"], "", t) for r, t in zip(records, tests)]
outcomes, report = judge_family(problems, make_samples(N, 0), [2, 4],
                         Sandbox(Limits(0.5, 1.0, 512), 2, VerdictStore(Path(sys.argv[1]))), lambda *_: None)
print(report.n_executed, [o.draws[0].passes.sum().item() for own in outcomes.values() for o in own])
"""


def test_a_killed_study_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Nothing that was finished is run again, and the result is the same."""

    def start(store: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", JUDGE_TOY, str(tmp_path / store)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    undisturbed, _ = start("whole").communicate(timeout=300)
    total, result = undisturbed.split(" ", 1)

    killed = start("killed")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and n_verdicts(tmp_path / "killed") < int(total) // 4:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    finished = n_verdicts(tmp_path / "killed")
    assert 0 < finished < int(total), "the kill came too early or too late to prove anything"

    resumed, _ = start("killed").communicate(timeout=300)
    executed, same = resumed.split(" ", 1)
    assert int(executed) == int(total) - finished
    assert same == result
    assert n_verdicts(tmp_path / "killed") == int(total)  # no pair stands there twice


def n_verdicts(store: Path) -> int:
    return sum(
        len(row.replace(".", ""))
        for record in Log(store / "verdicts").unread()
        for row in record["rows"].values()
    )
