"""pass@1 of public recordings as this project reads and scores them, beside what was published for them.

    python -m benchmarks.published_accuracy ../shared/data

The folder holds `humaneval-one-sample-models` and `mbpp-one-sample-models` (each with a PROVENANCE.md) and
the data sets. The chat replies are read a second time by the rule of the evaluation whose figures
were published, and the problems on which the two readings differ are named.
"""

import argparse
import os
import re
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import yaml

from cascade.base import Record, VerdictStore, read_records
from cascade.config import CONF
from cascade.execute import PASS, Check, Isolation, Limits, Sandbox
from cascade.execute.verdicts import Needs, check_id
from cascade.generate import TextKind, read_program
from cascade.problems import DataSet, Problem, load_problems

# pass@1 in percent, published for the very same texts: in the recording's PROVENANCE.md, else in the
# repository that the texts come from (QwenLM/Qwen2.5-Coder: evalplus/*/result.json beside the texts, by
# EvalPlus's own base tests; nlpxucan/WizardLM: README, WizardCoder-33B-V1.1).
PUBLISHED = {
    ("humaneval", "llama3"): 64.0,
    ("humaneval", "llama3-70B"): 81.7,
    ("humaneval", "qwen2"): 70.1,
    ("humaneval", "qwen2-72B"): 81.7,
    ("humaneval", "WizardCoder-15B-V1.0"): 59.8,
    ("humaneval", "qwen2.5-coder-1.5b-base"): 43.9,
    ("humaneval", "qwen2.5-coder-7b-base"): 61.6,
    ("humaneval", "WizardCoder-33B-V1.1"): 79.9,
    ("mbpp", "qwen2.5-coder-1.5b-base"): 69.2,
    ("mbpp", "qwen2.5-coder-7b-base"): 76.9,
    ("mbpp", "WizardCoder-33B-V1.1"): 78.9,
}
FILES = {
    "humaneval": ("humaneval-one-sample-models", "humaneval/HumanEval.jsonl.gz", "humaneval"),
    "mbpp": ("mbpp-one-sample-models", "mbpp/sanitized-mbpp.json.gz", "mbpp"),
}
TIMEOUT_S = 5.0
# What a study runs before every program.
PRELUDE = yaml.safe_load((CONF / "sandbox" / "local.yaml").read_text(encoding="utf-8"))["prelude"]
# What the chat replies' published evaluation puts in front of each.
THEIR_IMPORTS = (
    "import math, re, sys, copy, datetime, itertools, collections, heapq, statistics, functools, hashlib\n"
    "import numpy\nimport numpy as np\nimport string\nfrom typing import *\nfrom collections import *\n"
)


@dataclass(frozen=True)
class Reading:
    """A record's programs: ours, without repairs, and by the published rule (chat replies only)."""

    record: Record
    ours: str
    strict: str
    theirs: str | None


def main() -> None:
    """Read, execute, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    print("| data set | model | as text | right | pass@1 | published | difference | by their rule | strict |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    reasons: list[str] = []
    for name, (folder, problems_file, form) in FILES.items():
        problems = {p.task_id: p for p in load_problems(DataSet(name, form, str(data / problems_file)))}
        readings = [
            reading(record, problems[record.text("task_id")])
            for record in read_records(data / folder / "completions.jsonl.gz")
        ]
        models: dict[tuple[str, str], list[tuple[Reading, tuple[bool, ...]]]] = defaultdict(list)
        for one, verdicts in zip(readings, execute(readings, problems), strict=True):
            fields = one.record.fields
            model = f"{fields['model']} {fields.get('prompt_format') or ''}".strip()
            models[model, fields["text_kind"]].append((one, verdicts))
        for (model, kind), rows in models.items():
            print(f"| {' | '.join([name, model, kind, *row(name, model, rows)])} |", flush=True)
            reasons += differences(model, rows)
    print()
    print("\n".join(reasons))


def reading(record: Record, problem: Problem) -> Reading:
    """A record's text, read in each way."""
    text, kind = record.text("text"), record.fields["text_kind"]
    as_what = TextKind.completion if kind == "completion" else TextKind.auto
    read = read_program(text, problem, as_what)
    strict = read_program(text, problem, as_what, mend=False)
    return Reading(
        record,
        problem.program(read.text, completion=read.completion),
        problem.program(strict.text, completion=strict.completion),
        published_rule(text, problem) if kind.startswith("chat") else None,
    )


def published_rule(text: str, problem: Problem) -> str:
    """What the chat replies' published evaluation runs: the first block behind a list of imports.

    Source: QwenLM/Qwen2.5-Coder, qwencoder-eval/instruct/multipl_e/chat/evaluate.py, `extract_func`: the
    prompt only stands in front where the block does not name the function; so its helpers are missing.
    """
    block = re.search(r"```.*?\n(.*?)```", text, re.DOTALL)
    code = (block[1] if block else text).replace("```", "")
    if problem.entry_point not in code:
        code = problem.prompt + code
    return THEIR_IMPORTS + code


def execute(readings: list[Reading], problems: dict[str, Problem]) -> list[tuple[bool, ...]]:
    """For each reading whether it is right: ours, the strict one, and theirs."""
    ours = right([(one.record.text("task_id"), one.ours) for one in readings], problems, PRELUDE)
    strict = right([(one.record.text("task_id"), one.strict) for one in readings], problems, "")
    theirs = right([(one.record.text("task_id"), one.theirs or "") for one in readings], problems, "")
    return list(zip(ours, strict, theirs, strict=True))


def right(programs: list[tuple[str, str]], problems: dict[str, Problem], prelude: str) -> list[bool]:
    """Whether each program, given with its task, passes the problem's tests."""
    needs = []
    for task, program in programs:
        check = Check(problems[task].reference_test, TIMEOUT_S, problems[task].entry_point)
        needs.append(Needs(task, {program: {check_id(check): check}}))
    with tempfile.TemporaryDirectory() as store:
        limits = Limits(TIMEOUT_S, TIMEOUT_S, 1024, prelude)
        sandbox = Sandbox(limits, os.cpu_count() or 1, VerdictStore(Path(store)), Isolation())
        found = sandbox.verdicts(needs, lambda done, total: None)
    return [[*row.values()] == [PASS] for rows in found for row in rows.values()]


def row(name: str, model: str, rows: list[tuple[Reading, tuple[bool, ...]]]) -> list[str]:
    """The figures of a model."""
    ours, strict = (sum(verdicts[way] for _, verdicts in rows) for way in (0, 1))
    theirs = [verdicts[2] for one, verdicts in rows if one.theirs is not None]
    share = 100 * ours / len(rows)
    published = PUBLISHED.get((name, model))
    return [
        f"{ours} of {len(rows)}",
        f"{share:.1f}",
        "" if published is None else f"{published:.1f}",
        "" if published is None else f"{share - published:+.1f}",
        f"{100 * sum(theirs) / len(rows):.1f}" if theirs else "",
        f"{100 * strict / len(rows):.1f}",
    ]


def differences(model: str, rows: list[tuple[Reading, tuple[bool, ...]]]) -> list[str]:
    """One line for each problem that another reading or a recorded result counts otherwise."""
    found = []
    for one, (ours, strict, theirs) in rows:
        task = one.record.text("task_id")
        if one.theirs is not None and theirs != ours:
            found.append(f"- {model}, {task}: {word(ours)} here, {word(not ours)} by the published rule")
        if strict != ours:
            found.append(
                f"- {model}, {task}: {word(ours)} here, {word(not ours)} without prelude and repairs"
            )
        recorded = one.record.fields.get("recorded_result")
        if recorded is not None and (recorded == "passed") != ours:
            found.append(f"- {model}, {task}: {word(ours)} here, recorded as {recorded!r}")
    return found


def word(right: bool) -> str:
    """A verdict in a word."""
    return "right" if right else "wrong"


if __name__ == "__main__":
    main()
