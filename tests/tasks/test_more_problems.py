"""task=select with problems of today, as a service keeps them: real models, real files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cascade.config import compose_study
from cascade.core import EXIT
from cascade.problems import load_problems
from cascade.search import PLANS, PlanFile
from tests.conftest import Run

SETTINGS = (
    "select=paper",
    "search.k=[0,1]",
    "search.l=[0,2]",
    "report.page=false",
    "tracking.combinations=table",
)
# Prompts of the kind that the models know, under other names: answers are in the store already.
KNOWN = load_problems(compose_study().dataset)
TODAY: list[dict[str, Any]] = [
    {
        "task_id": "shadow/1",
        "prompt": KNOWN[0].prompt,
        "entry_point": KNOWN[0].entry_point,
        "shadow": {"same": True},
    },
    {"prompt": KNOWN[1].prompt, "entry_point": KNOWN[1].entry_point},
]
LABELLED = {
    "task_id": "shadow/3",
    "prompt": KNOWN[2].prompt,
    "entry_point": KNOWN[2].entry_point,
    "shadow": {"same": False},
    "tests": [f"assert callable({KNOWN[2].entry_point})"],
}


def greedy(file: PlanFile, index: int) -> float:
    """US dollars per 1,000 queries of a model alone, on the validation side."""
    [found] = [
        one.validation.usd_per_1k_queries
        for one in file.singular
        if one.plan.stages[0] == (index, EXIT) and len(one.plan.stages) == 1
    ]
    return found


@pytest.mark.slow
def test_new_problems_tell_costs_and_those_with_tests_join_the_validation_side(
    run: Run, tmp_path: Path
) -> None:
    done = run("task=run", *SETTINGS)
    assert done.returncode == 0, done.stderr

    def select(name: str, records: list[dict[str, Any]]) -> PlanFile:
        more = []
        if records:
            (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, records)))
            more = [f"select.more_problems={name}.jsonl"]
        done = run("task=select", *SETTINGS, *more, f"hydra.run.dir={name}")
        assert done.returncode == 0, done.stderr
        return PlanFile.load(tmp_path / name / PLANS)

    before, after = select("before", []), select("after", TODAY)
    # What the small model's answers to the two cost is what task=solve pays for them.
    solved = run(
        "task=solve", "solve.plans=before", "solve.plan=cheapest", "solve.problems=after.jsonl"
    )  # fmt: skip
    assert solved.returncode == 0, solved.stderr
    lines = (tmp_path / "solutions.jsonl").read_text().splitlines()
    usd = 1000 * np.array([json.loads(line)["usd"] for line in lines])
    n = len(before.validation_ids)
    assert greedy(after, 0) == pytest.approx((n * greedy(before, 0) + usd.sum()) / (n + 2))
    assert after.validation_ids == before.validation_ids
    assert after.selection["n_unlabelled"] == 2
    known = {one.plan: one.validation.accuracy for one in before.singular}
    assert any(one.plan in known for one in after.singular)
    for one in after.singular:
        assert one.validation.accuracy == pytest.approx(known.get(one.plan, one.validation.accuracy))
    [first] = after.singular[0].expected
    assert first.n_problems == pytest.approx(150 + 2)

    both = select("both", [*TODAY, LABELLED])
    assert both.validation_ids == (*before.validation_ids, "shadow/3")
    assert both.test_ids == before.test_ids
    proved = run("task=evaluate", *SETTINGS, "select.more_problems=both.jsonl")
    assert proved.returncode == 0, proved.stderr
    again = run("task=select", *SETTINGS, "select.more_problems=twice.jsonl")
    assert again.returncode == 1
    assert "twice.jsonl" in again.stderr
    (tmp_path / "twice.jsonl").write_text(json.dumps(LABELLED | {"task_id": before.test_ids[0]}))
    again = run("task=select", *SETTINGS, "select.more_problems=twice.jsonl")
    assert f"{before.test_ids[0]} is a problem of the study already" in again.stderr
    assert "task=select takes it" in run("task=run", *SETTINGS, "select.more_problems=both.jsonl").stderr
