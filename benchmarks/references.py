"""Reference solutions through the engine: how many pass their own tests, and what rests on the fallback.

    python -m benchmarks.references ../shared/data [NAME …]

Each problem's own solution is judged by its own test, as a candidate's would be, at a limit of 150 CPU
seconds (Mbpp/599 adds up sixteen times a hundred million numbers, in the program and in the test). The last
columns are verdicts that rest on objects that are no plain data (see docs/sandbox.md), and what fails with
its verdict; `EXPECTED` are those that are known to fail.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from cascade.execute import PASS, Batch, Check, Limits, execute
from cascade.problems import DataSet, load_problems

LIMITS = Limits(150.0, 150.0, 4096, "import math\nfrom typing import *\n")
DATA_SETS = {
    "HumanEval": ("humaneval", "humaneval/HumanEval.jsonl.gz"),
    "MBPP sanitized": ("mbpp", "mbpp/sanitized-mbpp.json.gz"),
    "HumanEval+": ("humaneval_plus", "humaneval-plus/HumanEvalPlus.jsonl.gz"),
    "MBPP+": ("mbpp_plus", "mbpp-plus/MbppPlus.jsonl.gz"),
}
# By task id, the verdict of a reference that fails. Mbpp/255 answers 1.7 million tuples of 77 texts: some
# 900 MB as plain data, and an answer may have 256 MiB (`wire.MAX_MESSAGE`).
EXPECTED = {"Mbpp/255": "E"}


@dataclass(frozen=True)
class Result:
    """What came of a data set.

    Attributes:
        n: its problems with a reference solution.
        failed: the verdict of each that does not pass, by task id.
        n_fallback: verdicts that rest on objects that are no plain data.
    """

    n: int
    failed: dict[str, str]
    n_fallback: int


def judge(data: Path, name: str, workers: int = 2) -> Result:
    """Run the references of a data set."""
    kind, path = DATA_SETS[name]
    problems = [
        p for p in load_problems(DataSet(name, kind, data / path)) if p.reference_solution is not None
    ]
    batches = [
        Batch(
            (Check(p.reference_test, LIMITS.reference_timeout_s, p.entry_point),),
            ((p.reference_solution or "", (0,)),),
        )
        for p in problems
    ]
    failed, n_fallback = {}, 0
    for index, outcome in execute(batches, LIMITS, workers):
        n_fallback += outcome.n_fallback
        if outcome.rows != [PASS]:
            failed[problems[index].task_id] = outcome.rows[0]
    return Result(len(problems), failed, n_fallback)


def main() -> None:
    """Print the table."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    print("| references | problems | passed | fallback | failed |")
    print("| --- | ---: | ---: | ---: | --- |")
    for name in sys.argv[2:] or DATA_SETS:
        result = judge(Path(sys.argv[1]), name)
        failed = ", ".join(f"{task} {verdict}" for task, verdict in result.failed.items())
        share = f"{result.n_fallback} ({100 * result.n_fallback / result.n:.1f} %)"
        print(f"| {name} | {result.n} | {result.n - len(result.failed)} | {share} | {failed} |", flush=True)


if __name__ == "__main__":
    main()
