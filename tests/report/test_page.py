"""A study's page as a file: whole, alone, readable in every way, with its figures and tables beside it."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cascade.core.pricing import Throughput
from cascade.report.chooser import chooser
from cascade.report.content import Evaluated
from cascade.report.study_page import write_study_page
from tests.report.html import check
from tests.report.made_up import YAML, evaluated, grids

AGAIN = "python run.py task=report run_id='a b'"


def write(folder: Path, study: Evaluated) -> Path:
    return write_study_page(folder, study, grids(study), AGAIN)


@pytest.mark.parametrize("n_models", [2, 3, 4])
def test_a_page_is_whole(tmp_path: Path, n_models: int) -> None:
    study = evaluated(n_models)
    page = check(write(tmp_path, study))
    assert page.one("h1").text == "made_up on numbers: which plan to use, and what it saves"
    assert f"{15} validation and {25} test problems, seed 0" in page.one("header").text
    # Every heading of a part is in the list of contents.
    parts = {section.attributes["id"] for section in page.all("section")}
    links = {a.attributes["href"] for a in page.one("nav").all("a")}
    assert links == {f"#{part}" for part in parts}
    made = page.one("section", id="made").text
    assert AGAIN in made and "python run.py seed=0" in made and "every verdict was in the store" in made
    # What comes from outside is text, whatever is in it.
    assert YAML.split("\n")[1].strip() in made
    assert "&lt;study&gt; &amp; co" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("theta", "said"), [("pooled", "all θ"), ("stage", "one θ a stage")])
def test_a_front_over_several_thetas(tmp_path: Path, theta: str, said: str) -> None:
    study = evaluated(3, theta=theta)
    page = check(write(tmp_path, study))
    assert "at the chosen θ" not in page.one("section", id="front").text
    # A θ for each stage has no hypervolume by θ.
    tables = list(page.all("table", id="table-theta"))
    assert [f"(chosen: {said})" in table.text for table in tables] == ([True] if theta == "pooled" else [])


def test_its_numbers_are_the_plans(tmp_path: Path) -> None:
    study = evaluated(4)
    page = check(write(tmp_path, study))
    assert json.loads(page.one("script", id="plans").text) == chooser(study)
    # The table on the page, and as a file.
    rows = page.one("table", id="table-plans").rows()
    with (tmp_path / "plans.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == rows
    assert len(rows) == 1 + len(study.plans.front)
    # The figure, its data, its twin.
    data = pd.read_csv(tmp_path / "front_test.csv")
    front = data[data["kind"] == "cascade front"]
    known = [one.test for one in study.plans.front if one.test is not None]
    assert front["accuracy"].tolist() == pytest.approx([estimate.accuracy for estimate in known], rel=1e-5)
    assert front["usd_per_1k_queries"].tolist() == pytest.approx(
        [estimate.usd_per_1k_queries for estimate in known], rel=1e-5
    )
    assert set(data["kind"]) == {"cascade front", "one-model front", "plan", "band"}
    twin = json.loads(page.one("script", id="chart-front-test").text)
    [drawn] = [trace for trace in twin["data"] if trace.get("name") == "cascade front"]
    assert drawn["y"] == pytest.approx((100 * front["accuracy"]).tolist(), abs=0.01)
    proof = study.plans.proof
    assert proof is not None and proof.mean_saving is not None
    assert f"{100 * proof.generalization_gap.value:.1f} points" in page.one("section", id="proof").text
    saved = page.one("table", id="table-table_3").rows()[1]
    assert saved[2].startswith(f"{100 * proof.mean_saving.value:.1f} %")
    assert saved[-1] == f"{proof.n_cascades - proof.n_empty_windows} of {proof.n_cascades}"


def test_without_numbers_of_the_paper_no_column_is_the_papers(tmp_path: Path) -> None:
    page = check(write(tmp_path, evaluated()))
    for name in ("table_1", "table_2", "table_3"):
        assert not any("paper" in head for head in page.one("table", id=f"table-{name}").rows()[0])
    assert not list(page.all("table", id="table-figure_2"))
    assert "it has no numbers for this family" in page.one("section", id="family").text


def test_the_papers_cells_stand_beside_ours(tmp_path: Path) -> None:
    study = evaluated(3, family="wizardcoder_python", dataset="humaneval", hardware="rtx3090")
    models = ("7B", "13B", "34B")
    solved = study.diagnostics["who_solves_what"]
    solved = solved.rename(columns=dict(zip(study.plans.models, models, strict=True)))
    provenance = replace(study.provenance, prices=dict.fromkeys(models, Throughput(1, 1.8, 1.0, 8)))
    study = replace(
        study,
        plans=replace(study.plans, models=models, provenance=provenance),
        executed=replace(study.executed, models=models, provenance=provenance),
        diagnostics={"who_solves_what": solved},
    )
    page = check(write(tmp_path, study))
    n = len(study.executed.task_ids)
    right = int(solved.loc[solved["13B"].astype(bool), "n_problems"].sum())
    table = {row[0]: row for row in page.one("table", id="table-table_1").rows()}
    assert table["13B"] == ["13B", "1.000", "7.87", f"{right} of {n}", f"{100 * right / n:.1f}", "64.6"]
    table = {row[0]: row for row in page.one("table", id="table-table_2").rows()}
    assert table["34B"] == ["34B", "1", "8", "0.5", "5.75", "8", "48", "1.000", "20.24"]
    head, row = page.one("table", id="table-table_3").rows()
    assert row[head.index("mean saving, the paper's")] == "17.4 %"
    table = {row[0]: row for row in page.one("table", id="table-figure_2").rows()}
    assert table["all"][2] == "75" and table["7B only"][2] == "2" and table["34B only"][2] == ""
    assert sum(int(row[1]) for name, row in table.items() if name != "solved by") == n
    said = page.one("section", id="saved").text
    assert "The paper: 17 %." in said
    assert "The paper, for the same plan: 76.7 % at θ=0.8 for $8.03." in said


def test_a_page_is_written_again(tmp_path: Path) -> None:
    """Twice the same page and the same files, to the byte."""

    def bytes_of(folder: Path) -> dict[str, bytes]:
        # The figures' files tell when they were made, and number their parts by chance.
        return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.suffix != ".svg"}

    study = evaluated(3)
    write(tmp_path, study)
    first = bytes_of(tmp_path)
    write(tmp_path, study)
    again = bytes_of(tmp_path)
    pictures = re.compile(rb"data:image/svg\+xml;base64,[^\"]*")
    first["report.html"] = pictures.sub(b"", first["report.html"])
    again["report.html"] = pictures.sub(b"", again["report.html"])
    assert again == first
