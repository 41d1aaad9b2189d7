"""A study that chooses by base tests and proves on extended ones: every number by hand."""

import json
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from cascade.generate.recordings.recorded import write_recording
from cascade.generate.sample import Draw, ModelSamples, SelfTest, Solution
from cascade.search import PlanFile
from cascade.tracking import sqlite_uri
from tests.conftest import ROOT, Run

N = 20
RIGHT, BASE_ONLY, WRONG = "x + 1", "2", "0"  # the base input is 1, the extended one 2


def bodies(i: int) -> dict[str, str]:
    """7B fails every fifth base test, and the extended test of the odd problems; 34B that of 14 alone."""
    small = WRONG if i % 5 == 4 else BASE_ONLY if i % 2 else RIGHT
    return {"7B": small, "13B": WRONG, "34B": BASE_ONLY if i == 14 else RIGHT}


def write(folder: Path) -> None:
    records = [
        {
            "task_id": f"Toy/{i}",
            "prompt": f'def f{i}(x):\n    """One more than x."""\n',
            "entry_point": f"f{i}",
            "canonical_solution": "    return x + 1\n",
            "base_input": [[1]],
            "plus_input": [[2]],
            "atol": 0,
            "contract": "",
        }
        for i in range(N)
    ]
    (folder / "problems.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "validation.txt").write_text("".join(f"Toy/{i}\n" for i in range(6)))
    samples = {
        model: {
            f"Toy/{i}": ModelSamples(
                Draw(
                    (Solution(f"def f{i}(x):\n    return {bodies(i)[model]}\n", 20),),
                    (SelfTest(f"assert f{i}(1) == 2", 9, {2: 9}),),
                ),
                (),
            )
            for i in range(N)
        }
        for model in ("7B", "13B", "34B")
    }
    write_recording(folder / "recording.jsonl.gz", samples)


def test_by_hand(run: Run, tmp_path: Path, made_mlruns: Path) -> None:
    write(tmp_path)
    settings = [
        f"hydra.searchpath=[{ROOT}/tests/conf]",
        "experiment=toy",
        "dataset=humaneval_plus",
        "dataset.name=toy",
        "dataset.path=problems.jsonl",
        "dataset.prove_on=plus",
        "generator.path=recording.jsonl.gz",
        "split.validation_ids=validation.txt",
        "search.k=[-1,0,1]",
        "search.l=[0,2]",
        "tracking.combinations=table",
    ]
    done = run("hydra.run.dir=out", *settings)
    assert done.returncode == 0, done.stderr
    plans = PlanFile.load(tmp_path / "out" / "plans.json")
    [cascade] = [one for one in plans.front if len(one.plan.stages) == 2]
    # Problems 0 to 5 choose: by the base tests 7B and then 34B are always right.
    assert cascade.plan.describe(plans.models).count("13B") == 0
    assert cascade.validation.accuracy == 1.0
    # Problems 6 to 19 prove: 34B gets 9, 14 and 19 and fails 14; of 7B's other eleven 7, 11, 13, 15, 17 fail.
    expected = (("7B", 11, 11, 5), ("34B", 3, 3, 1))
    for stage, (model, *counts) in zip(cascade.wrong_after_all, expected, strict=True):
        assert stage.model == model
        assert [stage.answered, stage.right_on_base, stage.wrong] == pytest.approx(counts)
    assert cascade.test is not None and cascade.test.accuracy == pytest.approx(8 / 14)
    # 34B alone loses one of fourteen, which is what is left to recommend.
    [alone] = [one for one in plans.singular if one.plan.stages[0][0] == 2]
    [stage] = alone.wrong_after_all
    assert (stage.model, stage.answered, stage.right_on_base) == ("34B", 14, 14)
    assert stage.wrong == pytest.approx(1)
    assert plans.recommended is not None and plans.recommended.chosen.plan == alone.plan
    line = (
        "Extended tests: of 14.0 accepted answers of the plan to use that pass the base tests, 1.0 are wrong "
        "after all (34B 1.0 of 14.0)."
    )
    assert line in done.stdout
    page = (tmp_path / "out" / "report" / "report.html").read_text()
    assert line in page and "fail the extended ones, on the test side" in page

    client = MlflowClient(sqlite_uri(tmp_path / "mlruns"))
    [experiment] = [e for e in client.search_experiments() if e.name == "toy on toy"]
    [logged] = client.search_runs([experiment.experiment_id], "tags.`cascade.kind` = 'study'")
    metrics = logged.data.metrics
    assert metrics["wrong_after_all"] == metrics["wrong_after_all.34B"] == pytest.approx(1)
    assert metrics["greedy_accuracy.34B"] == 1 and metrics["greedy_accuracy_on_plus.34B"] == 19 / 20
    assert metrics["greedy_accuracy.7B"] == 16 / 20 and metrics["greedy_accuracy_on_plus.7B"] == 8 / 20
    # From the files alone it is the same.
    for task in ("select", "evaluate"):
        done = run(f"task={task}", f"hydra.run.dir={task}", *settings)
        assert done.returncode == 0, done.stderr
    assert PlanFile.load(tmp_path / "evaluate" / "plans.json") == plans
