"""Public recordings on base and extended tests: verdicts and speed beside EvalPlus's own evaluation.

    pip install evalplus  # 0.3.1, in an environment of its own
    python -m benchmarks.evalplus_verdicts ../shared/data --python path/of/its/python --models 6

The folder holds `humaneval-one-sample-models`, `mbpp-one-sample-models`, `humaneval-plus` and `mbpp-plus`.
Every program is read by this project (so that both judge the same text) and judged by both, in one run with
as many workers: `evalplus.evaluate` as it is, given the local files by its own variables, and the sandbox
with an empty store. `--models N` takes N models, evenly spread. Every verdict that differs is named.
"""

import argparse
import gzip
import json
import os
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cascade.base import VerdictStore, read_records
from cascade.execute import PASS, Check, Isolation, Limits, Sandbox
from cascade.execute.verdicts import Needs, check_id
from cascade.generate import TextKind, read_program
from cascade.problems import DataSet, Problem, load_problems

# Of each data set: the recording, the release's file, and the variable by which EvalPlus is given it.
FILES = {
    "humaneval": (
        "humaneval-one-sample-models",
        "humaneval-plus/HumanEvalPlus.jsonl.gz",
        "HUMANEVAL_OVERRIDE_PATH",
    ),
    "mbpp": ("mbpp-one-sample-models", "mbpp-plus/MbppPlus.jsonl.gz", "MBPP_OVERRIDE_PATH"),
}
# EvalPlus gives a check at least 4 s and four times the reference's own time; here it is CPU time.
TIMEOUT_S = 4.0


@dataclass(frozen=True)
class Sample:
    """A program and what both say of it: passed on base tests, on all tests, in a word each."""

    model: str
    task: str
    program: str
    ours: tuple[str, str] = ("", "")
    theirs: tuple[str, str] = ("", "")


def main() -> None:
    """Read, judge twice, print the table and the differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--python", default="python", help="an interpreter that has evalplus")
    parser.add_argument("--models", type=int, default=1000, help="how many models of each data set")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    print(
        "| data set | models | programs | right, base: ours / EvalPlus | right, all: ours / EvalPlus "
        "| verdicts that differ | seconds: ours / EvalPlus | times |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    notes: list[str] = []
    for name, (recording, release, variable) in FILES.items():
        path = given.data / release
        data_set = DataSet(name, f"{name}_plus", str(path), prove_on="plus")
        problems = {problem.task_id: problem for problem in load_problems(data_set)}
        samples = read(given.data / recording / "completions.jsonl.gz", problems, given.models)
        began = time.monotonic()
        samples = judged(samples, problems, given.workers)
        ours_s = time.monotonic() - began
        began = time.monotonic()
        samples, reference_s = evaluated(name, samples, problems, path, variable, given)
        theirs_s = time.monotonic() - began
        differ = [one for one in samples if passed(one.ours) != passed(one.theirs)]
        counts = [
            " / ".join(f"{sum(passed(verdicts)[at] for verdicts in side):,}" for side in sides(samples))
            for at in (0, 1)
        ]
        n_models = len({one.model for one in samples})
        print(
            f"| {name} | {n_models} | {len(samples):,} | {counts[0]} | {counts[1]} | {len(differ)} | "
            f"{ours_s:.1f} / {theirs_s:.1f} | {theirs_s / ours_s:.1f} |",
            flush=True,
        )
        notes.append(f"{name}: EvalPlus needed {reference_s:.1f} s of its time for the references' outputs.")
        notes += [f"- {difference(one)}" for one in differ]
    print("\n" + "\n".join(notes))


def read(path: Path, problems: dict[str, Problem], most: int) -> list[Sample]:
    """The recording's programs, of so many models; a problem without a text has an empty program."""
    texts: dict[str, dict[str, Any]] = {}
    for record in read_records(path):
        fields = record.fields
        model = f"{fields['model']} {fields.get('prompt_format') or ''}".strip()
        texts.setdefault(model, {})[record.text("task_id")] = fields
    samples = []
    n_taken = min(most, len(texts))
    for model in [list(texts)[at * len(texts) // n_taken] for at in range(n_taken)]:
        for task, problem in problems.items():
            if (fields := texts[model].get(task)) is None:
                samples.append(Sample(model, task, ""))
                continue
            kind = TextKind.completion if fields["text_kind"] == "completion" else TextKind.auto
            program = read_program(fields["text"], problem, kind)
            samples.append(Sample(model, task, problem.program(program.text, completion=program.completion)))
    return samples


def judged(samples: Sequence[Sample], problems: dict[str, Problem], workers: int) -> list[Sample]:
    """The samples with this project's verdicts."""
    needs, ids = [], []
    for one in samples:
        problem = problems[one.task]
        tests = (problem.choosing_test, problem.reference_test)
        checks = [Check(test, TIMEOUT_S, problem.entry_point) for test in tests]
        ids.append([check_id(check) for check in checks])
        needs.append(Needs(one.task, {one.program: dict(zip(ids[-1], checks, strict=True))}))
    with tempfile.TemporaryDirectory() as store:
        limits = Limits(TIMEOUT_S, TIMEOUT_S, 4096)
        sandbox = Sandbox(limits, workers, VerdictStore(Path(store)), Isolation())
        found = sandbox.verdicts(needs, lambda done, total: None)
    judged = []
    for one, of_tests, by_program in zip(samples, ids, found, strict=True):
        base, every = (by_program[one.program][test] for test in of_tests)
        judged.append(Sample(one.model, one.task, one.program, (base, every)))
    return judged


def evaluated(
    name: str,
    samples: Sequence[Sample],
    problems: dict[str, Problem],
    path: Path,
    variable: str,
    given: argparse.Namespace,
) -> tuple[list[Sample], float]:
    """The samples with EvalPlus's statuses, and its seconds for the references' outputs."""
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder) / "release.jsonl"
        release.write_bytes(gzip.decompress(path.read_bytes()))
        lines = [json.dumps({"task_id": one.task, "solution": one.program}) for one in samples]
        (Path(folder) / "samples.jsonl").write_text("\n".join(lines) + "\n")
        done = subprocess.run(
            [
                *(given.python, "-m", "evalplus.evaluate", name),
                *("--samples", "samples.jsonl", "--parallel", str(given.workers)),
            ],
            cwd=folder,
            env=os.environ | {variable: str(release), "XDG_CACHE_HOME": folder, "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            check=False,
        )
        results = Path(folder) / "samples_eval_results.json"
        if not results.exists():
            raise SystemExit(f"evalplus.evaluate failed: {done.stderr[-800:]}")
        by_task = json.loads(results.read_text())["eval"]
    seconds = re.search(r"Expected outputs computed in ([\d.]+)s", done.stdout)
    at: Counter[str] = Counter()
    found = []
    for one in samples:
        result = by_task[one.task][at[one.task]]
        at[one.task] += 1
        statuses = (result["base_status"], result["plus_status"])
        found.append(Sample(one.model, one.task, one.program, one.ours, statuses))
    return found, float(seconds[1]) if seconds else 0.0


def sides(samples: Sequence[Sample]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """This project's verdicts and EvalPlus's."""
    return [one.ours for one in samples], [one.theirs for one in samples]


def passed(verdicts: tuple[str, str]) -> tuple[bool, bool]:
    """Whether base tests, and all tests, are passed; EvalPlus's second status is of the others alone."""
    base, extended = (verdict in (PASS, "pass") for verdict in verdicts)
    return base, base and extended


def difference(one: Sample) -> str:
    """One line on what differs."""
    words = {PASS: "pass", "F": "fail", "E": "error", "T": "timeout"}
    ours = ", ".join(words.get(verdict, verdict) for verdict in one.ours)
    return f"{one.model}, {one.task}: ours {ours}; EvalPlus {one.theirs[0]}, {one.theirs[1]} (base, extended)"


if __name__ == "__main__":
    main()
