"""Reports by the command line: what a study leaves, what task=report makes again, and of several studies."""

import json
import re
import shutil
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from cascade.base.errors import CascadeError
from cascade.config import build_study
from cascade.config.schemas import register_schemas
from cascade.report.content import recommended
from cascade.report.wording import usd
from cascade.search import PlanFile
from cascade.tasks.report import main
from cascade.tracking import Tracker, sqlite_uri
from tests.conftest import ROOT, SHARED, Run, needs_shared
from tests.program import run_program
from tests.report.html import check
from tests.toy import write_toy

TOY = [
    f"hydra.searchpath=[{ROOT}/tests/conf]",
    "experiment=toy",
    "split.max_accuracy_gap=0.2",
    "tracking.combinations=table",
]


def runs(home: Path, kind: str) -> list[MlflowRun]:
    """The runs of a kind, the oldest first."""
    client = MlflowClient(sqlite_uri(home / "mlruns"))
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(
        client.search_runs(ids, f"tags.`cascade.kind` = '{kind}'", order_by=["attributes.start_time"])
    )


def artifacts(home: Path, run_id: str) -> set[str]:
    client = MlflowClient(sqlite_uri(home / "mlruns"))
    return {artifact.path for artifact in client.list_artifacts(run_id, "report")}


def report(home: Path, output: Path, *overrides: str) -> Path:
    """`task=report` in this process, with the embedded family's settings, which are the default."""
    arguments = [f"paths.mlruns={home}/mlruns", "task=report", *overrides]
    register_schemas()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        study = build_study(compose("config", overrides=arguments), arguments)
    main(study, output)
    return output / "report" / "report.html"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, toy_store: Path, empty_mlruns: Path) -> Path:
    """Where two toy studies were run, and the first of them again."""
    folder = tmp_path_factory.mktemp("studies")
    shutil.copytree(empty_mlruns, folder / "mlruns")
    write_toy(folder / "store" / "toy", n_problems=30)
    where = ("hydra.sweep.dir=sweep", f"paths.store={toy_store}")
    done = run_program("-m", "seed=0,1,0", *where, *TOY, folder=folder)
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stdout)
    return folder


@pytest.mark.parametrize("seed", [0, 1])
def test_a_study_ends_with_its_page(home: Path, seed: int) -> None:
    output = home / "sweep" / str(seed)
    path = output / "report" / "report.html"
    assert re.search(rf"^report +{path}$", (home / "said").read_text(), re.MULTILINE)
    page = check(path)
    plans = PlanFile.load(output / "plans.json")
    # The answer.
    best = recommended(plans)
    assert f"Use {best.plan.describe(plans.models)}" in page.one(**{"class": "use"}).text
    assert best.test is not None
    cards = page.one("section", id="answer").text
    assert f"{100 * best.test.accuracy:.1f} %" in cards
    assert f"for ${usd(best.test.usd_per_1k_queries)} per 1,000 queries" in cards
    # The sliders and the tables have the numbers of plans.json.
    content = json.loads((output / "plans.json").read_text())
    known = json.loads(page.one("script", id="plans").text)["plans"]
    assert [plan["cost"] for plan in known] == [
        one["validation"]["usd_per_1k_queries"] for one in content["front"]
    ]
    _, *rows = page.one("table", id="table-plans").rows()
    for row, one in zip(rows, content["front"], strict=True):
        assert row[1].split(" (")[0] == usd(one["test"]["usd_per_1k_queries"])
        assert row[2].split(" (")[0] == f"{100 * one['test']['accuracy']:.1f}"
    proof = content["proof"]
    assert f"{100 * proof['regret']:.1f} % of the hypervolume" in page.one("section", id="proof").text
    _, saved = page.one("table", id="table-table_3").rows()
    assert saved[2].startswith(f"{100 * proof['mean_saving']['value']:.1f} %")
    # Diagnostics, hashes, seconds, the configuration.
    models = page.one("section", id="models")
    assert len(models.one("table", id="table-options").rows()) == 1 + 3 * 8
    assert [row[0] for row in models.one("table", id="table-rules").rows()[1:]][:2] == ["paper", "codet"]
    made = page.one("section", id="made").text
    assert all(value in made for value in content["study"]["hashes"].values())
    assert f"seed={seed}" in made and "max_accuracy_gap:" in made
    steps = [row[0] for row in page.one("table", id="table-seconds").rows()[1:]]
    assert {"execute", "select", "evaluate"} <= set(steps)
    # All of it is in MLflow too, with the run.
    run_id = runs(home, "study")[seed].info.run_id
    assert artifacts(home, run_id) == {f"report/{file.name}" for file in path.parent.iterdir()}


def test_again_of_one_study(home: Path) -> None:
    """By the command that the page names: the same page, and nothing is there twice."""
    before = runs(home, "study")
    first = check(home / "sweep" / "1" / "report" / "report.html")
    had = artifacts(home, before[1].info.run_id)
    again = first.one("section", id="made").all("pre")
    command = [pre.text for pre in again][1]
    assert command == f"python run.py task=report run_id={before[1].info.run_id}"
    # Seed 0 and the embedded family are the defaults: a run that is named may be of any study.
    done = run_program(*command.split()[2:], "hydra.run.dir=again", folder=home)
    assert done.returncode == 0, done.stderr
    assert str(home / "again" / "report" / "report.html") in done.stdout
    second = check(home / "again" / "report" / "report.html")
    for part in ("answer", "choose", "family", "saved", "proof", "models"):
        assert second.one("section", id=part).text == first.one("section", id=part).text
    assert artifacts(home, before[1].info.run_id) == had
    assert [r.info.run_id for r in runs(home, "study")] == [r.info.run_id for r in before]


def test_several_studies(home: Path, tmp_path: Path) -> None:
    _, second, third = (r.info.run_id for r in runs(home, "study"))
    page = check(report(home, tmp_path, "report.of=store"))
    _, *rows = page.one("table", id="table-studies").rows()
    assert [row[0] for row in rows] == ["seed=0", "seed=1"]
    for row, output in zip(rows, (home / "sweep" / "2", home / "sweep" / "1"), strict=True):
        proof = PlanFile.load(output / "plans.json").proof
        assert proof is not None and proof.saving_by_target is not None
        assert row[3].startswith(f"{100 * proof.saving_by_target.value:.1f} (")
    # Of a study that was run again the newest run stands for it.
    assert [row[1] for row in page.one("table", id="table-runs").rows()[1:]] == [third, second]
    made = [pre.text for pre in page.one("section", id="made").all("pre")]
    assert len(made) == 1 and made[0].endswith(f" paths.mlruns={home}/mlruns task=report report.of=store")
    # It is a run of its own, and not one of the studies.
    [report_run] = runs(home, "report")
    assert report_run.data.params["studies"].split() == [third, second]
    assert artifacts(home, report_run.info.run_id) == {
        f"report/{f.name}" for f in (tmp_path / "report").iterdir()
    }


def test_runs_by_name(home: Path, tmp_path: Path) -> None:
    """In the order of their seeds, wherever they are; the same one twice is one."""
    first, second, _ = (r.info.run_id for r in runs(home, "study"))
    page = check(report(home, tmp_path, f"report.runs=[{second},{first},{second}]"))
    assert [row[1] for row in page.one("table", id="table-runs").rows()[1:]] == [first, second]
    # One alone is the report of one study.
    alone = check(report(home, tmp_path / "alone", f"report.runs=[{second}]"))
    assert "seed 1" in alone.one("header").text and alone.one("section", id="choose")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], "no run of an evaluated study .task=study or task=evaluate. in sqlite:///.*seed=0"),
        (["report.of=experiment"], "no evaluated study in sqlite:///.*; run task=study or task=evaluate"),
        (["run_id=nonsense"], "run_id=nonsense: no such run"),
        (["report.runs=[nonsense,OTHER]"], "run_id=nonsense: no such run"),
        (["run_id=OTHER"], "run_id=OTHER: that run is not an evaluated study"),
    ],
)
def test_nothing_to_report(home: Path, tmp_path: Path, overrides: list[str], said: str) -> None:
    """The store has studies, but none of the embedded family."""
    # A run that proved nothing.
    other = Tracker(None, home / "mlruns", "toy on toy").create("other", {}, {})
    n_reports = len(runs(home, "report"))
    with pytest.raises(CascadeError, match=said.replace("OTHER", other)) as error:
        report(home, tmp_path, *(override.replace("OTHER", other) for override in overrides))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "report").exists() and len(runs(home, "report")) == n_reports


def test_one_clear_line_on_an_empty_store(run: Run, tmp_path: Path) -> None:
    done = run("task=report")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert "no run of an evaluated study" in line and line.endswith("run that task first")
    assert not list(tmp_path.glob("outputs/**/report.html"))


@pytest.mark.slow
@needs_shared("wizardcoder-python-humaneval")
@needs_shared("humaneval")
def test_the_papers_study(run: Run, tmp_path: Path) -> None:
    """The author's recording: the paper's cells stand beside ours, and ours are near them."""
    study = ["family=wizardcoder_python", "dataset=humaneval", "generator=recorded", "hardware=rtx3090"]
    study += [
        f"dataset.path={SHARED}/humaneval/HumanEval.jsonl.gz",
        f"generator.path={SHARED}/wizardcoder-python-humaneval",
        "select=paper",
        "tracking.combinations=table",
    ]
    done = run("hydra.run.dir=out", *study)
    assert done.returncode == 0, done.stderr
    page = check(tmp_path / "out" / "report" / "report.html")
    head, *rows = page.one("table", id="table-table_1").rows()
    ours, its = head.index("greedy accuracy (%)"), head.index("greedy accuracy (%), the paper's")
    assert [row[its] for row in rows] == ["56.7", "64.6", "72.6"]
    for row in rows:
        assert float(row[ours]) == pytest.approx(float(row[its]), abs=1.0)
    for row in page.one("table", id="table-table_2").rows()[1:]:
        assert float(row[-2]) == pytest.approx(float(row[-1]), abs=0.01)
    head, row = page.one("table", id="table-table_3").rows()
    assert row[head.index("mean saving, the paper's")] == "17.4 %"
    figure_2 = {row[0]: row[1:] for row in page.one("table", id="table-figure_2").rows()[1:]}
    assert figure_2["none"] == ["33", "33"] and figure_2["all"] == ["75", "75"]
    said = page.one("figure", id="figure-figure-6").text
    [peak] = re.findall(r"most accurate at θ=0.8: ([\d.]+) %", said)
    assert float(peak) == pytest.approx(76.7, abs=2.0)
    assert "The paper, for the same plan: 76.7 % at θ=0.8 for $8.03." in said
