"""Self-tests of programs that read standard input: pairs of input and output, beside assert lines.

    python -m benchmarks.stdin_tests ../shared/data

Takes the APPS sample's problems over standard input (`apps-introductory-50/apps_other_difficulties.jsonl.gz`;
its introductory ones are all calls). Nobody's answers to them are recorded, so models are played: a solution
knows the cases by heart and is wrong on half of them with probability 1/2; a test holds cases of the
problem, of which 3 in 10 have another case's output. The same draws are written in each way, with fixed
seeds, read by the project's reader, executed, and scored by the paper's rule. What differs is only how they
are written.
"""

import argparse
import ast
import json
import os
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cascade.base import VerdictStore, read_records
from cascade.core import DrawOutcome
from cascade.core.score import best_solutions
from cascade.execute import Isolation, Limits, Sandbox, judge_family
from cascade.generate import Draw, ModelSamples, SelfTest, Solution, TextKind, read_program
from cascade.generate.reader import all_test_lines
from cascade.problems import DataSet, Problem, load_problems

SAMPLE = "apps-introductory-50/apps_other_difficulties.jsonl.gz"
N_SAMPLES, N_CASES = 5, 4
WRONG_SOLUTION, WRONG_PAIR = 0.5, 0.3
Case = tuple[str, str]


def program(table: dict[str, str]) -> str:
    """An answer that reads and prints."""
    return f"```python\nimport sys\nTABLE = {table!r}\nprint(TABLE.get(sys.stdin.read().strip(), ''))\n```"


def function(table: dict[str, str]) -> str:
    """An answer that takes and returns."""
    return (
        f"```python\nTABLE = {table!r}\n\ndef solution(stdin):\n    return TABLE.get(stdin.strip(), '')\n```"
    )


def as_pairs(cases: Sequence[Case], rng: random.Random) -> str:
    """Pairs in one of three forms."""
    form = rng.randrange(3)
    if form == 0:
        return "\n".join(f"Input:\n{given}\nOutput:\n{expected}\n" for given, expected in cases)
    if form == 1:
        return "\n\n".join(
            f"**Test {n}**\n\nInput:\n```\n{given}\n```\nExpected output:\n```\n{expected}\n```"
            for n, (given, expected) in enumerate(cases, 1)
        )
    return json.dumps([{"input": given, "output": expected} for given, expected in cases], indent=1)


def as_asserts(cases: Sequence[Case], rng: random.Random) -> str:
    """Assert lines."""
    rng.randrange(3)
    return "\n".join(f"assert solution({given!r}) == {expected!r}" for given, expected in cases)


Writer = Callable[[Sequence[Case], random.Random], str]
WAYS: tuple[tuple[str, str, Callable[[dict[str, str]], str], Writer], ...] = (
    ("pairs; answers are programs", "pairs", program, as_pairs),
    ("asserts; answers are functions", "asserts", function, as_asserts),
    ("asserts; answers are programs", "asserts", program, as_asserts),
)


def main() -> None:
    """Play, read, execute, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    path = parser.parse_args().data / SAMPLE
    cases = {f"APPS/{r.natural('id')}": cases_of(r.fields) for r in read_records(path)}
    print(
        "| self-tests | problems | lines read of those written | right lines that right answers pass "
        "| wrong lines that they pass | right answers: first of 5, chosen, best |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, self_tests, solution, test in WAYS:
        problems = [
            problem
            for problem in load_problems(DataSet("apps", "apps", str(path), self_tests=self_tests))
            if problem.reads_stdin and len(cases[problem.task_id]) >= N_CASES
        ]
        print(
            f"| {name} | {len(problems)} | {' | '.join(row(problems, cases, solution, test))} |", flush=True
        )


def cases_of(fields: dict[str, Any]) -> list[Case]:
    """A record's cases; their texts are stripped, since white space at the ends does not count."""
    tests = fields["test_list"]
    tests = ast.literal_eval(tests) if isinstance(tests, str) else tests
    found = {str(test["input"]).strip(): str(test["output"][0]).strip() for test in tests}
    return list(found.items())


def row(
    problems: Sequence[Problem],
    cases: dict[str, list[Case]],
    solution: Callable[[dict[str, str]], str],
    test: Writer,
) -> list[str]:
    """The figures of one way."""
    samples, is_right = {}, {}
    n_read = n_written = 0
    for problem in problems:
        known, rng = cases[problem.task_id], random.Random(problem.task_id)
        solutions, tests, right = [], [], []
        for _ in range(N_SAMPLES):
            wrong = frozenset(rng.sample(range(len(known)), len(known) // 2))
            spoilt = wrong if rng.random() < WRONG_SOLUTION else frozenset[int]()
            table = {
                given: another(known, at) if at in spoilt else known[at][1]
                for at, (given, _) in enumerate(known)
            }
            read = read_program(solution(table), problem, TextKind.reply)
            solutions.append(Solution(read.text, 1, read.completion))
            pairs = []
            for at in rng.sample(range(len(known)), N_CASES):
                right.append(rng.random() >= WRONG_PAIR)
                pairs.append((known[at][0], known[at][1] if right[-1] else another(known, at)))
            text = all_test_lines(test(pairs, rng), pairs=problem.pairs).text
            n_read, n_written = n_read + len(text.splitlines()), n_written + N_CASES
            tests.append(SelfTest(text, 1, {N_CASES: 1}))
        samples[problem.task_id] = ModelSamples(None, (Draw(tuple(solutions), tuple(tests)),))
        is_right[problem.task_id] = np.array(right)
    outcomes = executed(problems, samples)
    passed: dict[bool, list[float]] = {True: [], False: []}
    answers = []
    for problem, outcome in zip(problems, outcomes, strict=True):
        right_lines = is_right[problem.task_id]
        if outcome.passes.shape[1] == len(right_lines):
            for of_right in outcome.passes[outcome.correct]:
                for kind, found in passed.items():
                    found += list(map(float, of_right[right_lines == kind]))
        best, _ = best_solutions(outcome.passes[None])
        answers.append((outcome.correct[0], outcome.correct[best[0]], outcome.correct.any()))
    first, chosen, most = (100 * float(share) for share in np.mean(answers, axis=0))
    return [
        f"{n_read:,} of {n_written:,}",
        *(f"{100 * float(np.mean(passed[kind])):.1f} %" for kind in (True, False)),
        f"{first:.0f} %, {chosen:.0f} %, {most:.0f} %",
    ]


def another(known: Sequence[Case], at: int) -> str:
    """A wrong output for a case: one of another case, or none."""
    return next((expected for _, expected in known if expected.split() != known[at][1].split()), "")


def executed(problems: Sequence[Problem], samples: dict[str, ModelSamples]) -> list[DrawOutcome]:
    """What passes what, and which answers are right by the data set's own tests."""
    with tempfile.TemporaryDirectory() as folder:
        limits = Limits(5.0, 10.0, 1024)
        sandbox = Sandbox(limits, os.cpu_count() or 1, VerdictStore(Path(folder)), Isolation())
        outcomes, _ = judge_family(problems, {"m": samples}, [N_CASES], sandbox, lambda *_: None)
    return [outcome.draws[0] for outcome in outcomes["m"]]


if __name__ == "__main__":
    main()
