"""pass@1 of public recordings as this project reads and scores them, beside what was published for them.

    python benchmarks/published_accuracy.py ../shared/data

The folder holds `humaneval-one-sample-models` and `mbpp-one-sample-models` (each with a PROVENANCE.md) and
the two data sets.
"""

import argparse
import os
import tempfile
from collections import defaultdict
from pathlib import Path

from cascade.base import VerdictStore, read_records
from cascade.execute import PASS, Check, Isolation, Limits, Sandbox
from cascade.execute.verdicts import Needs, check_id
from cascade.generate import TextKind, read_program
from cascade.problems import DataSet, load_problems

# pass@1 in percent, and where it stands: in the recording's own provenance (same texts), or in a paper or
# report about the same model (other texts, so no bar).
SAME_TEXTS = {
    ("humaneval", "llama3"): 64.0,
    ("humaneval", "llama3-70B"): 81.7,
    ("humaneval", "qwen2"): 70.1,
    ("humaneval", "qwen2-72B"): 81.7,
    ("humaneval", "WizardCoder-15B-V1.0"): 59.8,
}
FILES = {
    "humaneval": ("humaneval-one-sample-models", "humaneval/HumanEval.jsonl.gz", "humaneval"),
    "mbpp": ("mbpp-one-sample-models", "mbpp/sanitized-mbpp.json.gz", "mbpp"),
}


def main() -> None:
    """Read, execute, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    print("| data set | model | as text | right | pass@1 | published | difference |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    for name, (folder, problems_file, format) in FILES.items():
        problems = {p.task_id: p for p in load_problems(DataSet(name, format, data / problems_file))}
        right: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
        needs, owners, differ = [], [], []
        for record in read_records(data / folder / "completions.jsonl.gz"):
            problem = problems[record.text("task_id")]
            kind = TextKind.completion if record.text("text_kind") == "completion" else TextKind.auto
            read = read_program(record.text("text"), problem, kind)
            program = problem.program(read.text, completion=read.completion)
            check = Check(problem.reference_test, 5.0)
            needs.append(Needs(problem.task_id, {program: {check_id(check): check}}))
            fields = record.fields
            owners.append((fields["model"], fields["text_kind"], fields.get("prompt_format") or "", record))
        with tempfile.TemporaryDirectory() as store:
            sandbox = Sandbox(
                Limits(5.0, 5.0, 1024), os.cpu_count() or 1, VerdictStore(Path(store)), Isolation()
            )
            found = sandbox.verdicts(needs, lambda done, total: None)
        for (model, kind_of, prompt_format, record), rows in zip(owners, found, strict=True):
            [[verdict]] = [list(row.values()) for row in rows.values()]
            right[model, prompt_format, kind_of].append(verdict == PASS)
            recorded = record.fields.get("recorded_result")
            if recorded is not None and (recorded == "passed") != (verdict == PASS):
                differ.append(f"{model} {record.text('task_id')}: recorded {recorded!r}, here {verdict}")
        for (model, prompt_format, kind_of), passed in right.items():
            share = 100 * sum(passed) / len(passed)
            published = SAME_TEXTS.get((name, model))
            beside = "" if published is None else f"{published:.1f}"
            gap = "" if published is None else f"{share - published:+.1f}"
            cells = [name, f"{model} {prompt_format}".strip(), kind_of, f"{sum(passed)} of {len(passed)}"]
            print(f"| {' | '.join([*cells, f'{share:.1f}', beside, gap])} |", flush=True)
        print("\n".join(differ))


if __name__ == "__main__":
    main()
