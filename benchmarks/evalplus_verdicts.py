"""Public recordings on base and extended tests: verdicts and speed beside EvalPlus's own evaluation.

    pip install evalplus  # 0.3.1, in an environment of its own
    python -m benchmarks.evalplus_verdicts ../shared/data --python path/of/its/python --models 6

The folder holds `humaneval-one-sample-models`, `mbpp-one-sample-models`, `humaneval-plus` and `mbpp-plus`.
Every program is read by this project (so that both judge the same text) and judged by both, in one run with
as many workers: `evalplus.evaluate` as it is, given the local files by its own variables, and the sandbox
with an empty store, as a study does it: references first, and more time where a problem's own solution needs
it (as EvalPlus gives it). `--models N` takes N models, evenly spread. Every verdict that differs is named.
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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cascade.base import VerdictStore, read_records
from cascade.execute import Isolation, Limits, Sandbox, judge_family
from cascade.generate import Draw, ModelSamples, Solution, TextKind, read_program
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
# EvalPlus gives an input at least 4 s and four times the reference's own time; here a test has 4 s of CPU
# time, and 2.5 or ten times as many where the reference needs over a quarter of that.
TIMEOUT_S = 4.0


@dataclass(frozen=True)
class Sample:
    """A program and whether both say that it is right: by the base tests, by all tests."""

    model: str
    task: str
    solution: Solution
    ours: tuple[bool, bool] = (False, False)
    theirs: tuple[bool, bool] = (False, False)


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
        differ = [one for one in samples if one.ours != one.theirs]
        counts = [
            f"{sum(one.ours[at] for one in samples):,} / {sum(one.theirs[at] for one in samples):,}"
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
                samples.append(Sample(model, task, Solution("", 1)))
                continue
            kind = TextKind.completion if fields["text_kind"] == "completion" else TextKind.auto
            program = read_program(fields["text"], problem, kind)
            samples.append(Sample(model, task, Solution(program.text, 1, program.completion)))
    return samples


def judged(samples: Sequence[Sample], problems: dict[str, Problem], workers: int) -> list[Sample]:
    """The samples with this project's verdicts."""
    by_model: dict[str, dict[str, ModelSamples]] = {}
    for one in samples:
        by_model.setdefault(one.model, {})[one.task] = ModelSamples(Draw((one.solution,), ()), ())
    with tempfile.TemporaryDirectory() as store:
        limits = Limits(TIMEOUT_S, TIMEOUT_S, 4096)
        sandbox = Sandbox(limits, workers, VerdictStore(Path(store)), Isolation())
        outcomes, _ = judge_family(list(problems.values()), by_model, [], sandbox, lambda done, total: None)
    right: dict[tuple[str, str], tuple[bool, bool]] = {}
    for model, of_model in outcomes.items():
        for task, outcome in zip(problems, of_model, strict=True):
            base, every = outcome.greedy, outcome.by_proof().greedy
            assert base is not None and every is not None
            right[model, task] = bool(base.correct[0]), bool(every.correct[0])
    return [replace(one, ours=right[one.model, one.task]) for one in samples]


def evaluated(
    name: str,
    samples: Sequence[Sample],
    problems: dict[str, Problem],
    path: Path,
    variable: str,
    given: argparse.Namespace,
) -> tuple[list[Sample], float]:
    """The samples with EvalPlus's verdicts, and its seconds for the references' outputs."""
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder) / "release.jsonl"
        release.write_bytes(gzip.decompress(path.read_bytes()))
        texts = [
            problems[one.task].program(one.solution.text, completion=one.solution.completion)
            for one in samples
        ]
        lines = [
            json.dumps({"task_id": one.task, "solution": text})
            for one, text in zip(samples, texts, strict=True)
        ]
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
        base = result["base_status"] == "pass"
        # The second status is of the other inputs alone.
        found.append(replace(one, theirs=(base, base and result["plus_status"] == "pass")))
    return found, float(seconds[1]) if seconds else 0.0


def difference(one: Sample) -> str:
    """One line on what differs."""
    ours, theirs = (
        f"{'right' if base else 'wrong'} on the base tests, {'right' if every else 'wrong'} on all"
        for base, every in (one.ours, one.theirs)
    )
    return f"{one.model}, {one.task}: ours {ours}; EvalPlus {theirs}"


if __name__ == "__main__":
    main()
