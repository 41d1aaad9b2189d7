"""Families, data sets, hardware and models may be called anything: no file, filter, page or table breaks."""

from pathlib import Path

import pytest
import yaml

from cascade.config import compose_study
from cascade.search import PLANS, PlanFile
from cascade.tasks.loading import task_function
from cascade.tracking import Tracker
from tests.toy import write_toy

NAMES = {
    "apostrophe": 'Ada\'s "own" `box`',
    "path": "../../etc//passwd/",
    "dots": "..",
    "backslash": "C:\\new\\table\\",
    "lines": "two\nlines\tand a tab",
    "filter": "' or 1=1 -- %_",
    "markup": "_<script>alert(1)</script> & $\\x$ | _y_ {z} %s {0}",
    "unicode": "θ-семья-家族-🙂",
    "long": "x" * 400,
    "glob": "[a-z]* ?",
}


def experiment(folder: Path, name: str) -> None:
    """An experiment in which everything that has a name has this one."""
    (folder / "experiment").mkdir(parents=True)
    defaults = [
        "family: wizardcoder_python",
        "dataset: humaneval",
        "hardware: rtx3090",
        "generator: recorded",
    ]
    content = {
        "defaults": [dict([f"override /{one}".split(": ")]) for one in (*defaults, "select: paper")],
        "family": {"name": name},
        "dataset": {"name": name, "path": "store/toy/problems.jsonl"},
        "generator": {"path": "store/toy/recording.jsonl.gz"},
        "hardware": {
            "name": name,
            "throughput": {
                name: {name: {m: {"usd_per_1m_tokens": i} for i, m in enumerate(("7B", "13B", "34B"), 1)}}
            },
        },
        "search": {"k": [0, 1, 3], "l": [0, 2], "theta": [0.5, 1.0]},
        "bootstrap": {"replicates": 100},
        "split": {"max_accuracy_gap": 0.5},
    }
    head = "# @package _global_\n"
    (folder / "experiment" / "named.yaml").write_text(head + yaml.safe_dump(content, allow_unicode=True))


@pytest.mark.usefixtures("made_mlruns")
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind == "path" else pytest.mark.slow) for kind in NAMES]
)
def test_every_task_takes_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    name = NAMES[kind]
    monkeypatch.chdir(tmp_path)
    write_toy(tmp_path / "store" / "toy", 20)
    experiment(tmp_path / "conf", name)
    outside = set(tmp_path.parent.iterdir())
    plans = []
    for task in ("study", "select", "evaluate", "report"):
        overrides = ["experiment=named", f"task={task}", *(["report.page=false"] if task != "report" else [])]
        study = compose_study(overrides, tmp_path / "conf")
        assert (study.family.name, study.dataset.name, study.hardware.name) == (name, name, name)
        (tmp_path / task).mkdir()
        task_function(study)(study, tmp_path / task)
        if task != "report":
            plans.append(PlanFile.load(tmp_path / task / PLANS))
    assert [chosen.plan for chosen in plans[0].front] == [chosen.plan for chosen in plans[2].front]
    assert plans[2].proof is not None and plans[2].provenance.family == name
    page = (tmp_path / "report" / "report" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    # Nothing was written outside, and the runs are found by the very name.
    assert set(tmp_path.parent.iterdir()) == outside
    tracker = Tracker(None, tmp_path / "mlruns", f"{name} on {name}")
    found = tracker.find_all({"cascade.hardware": name, "cascade.kind": "study"}, everywhere=False)
    assert len(found) == 3
