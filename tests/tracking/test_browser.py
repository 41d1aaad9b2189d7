"""MLflow's pages as a person sees them, in a headless Chromium: `pytest -m browser -rP`.

CASCADE_SCREENSHOTS=FOLDER keeps a picture of every page.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tracking import made_up_rows
from cascade.tracking import Tracker
from cascade.tracking.bulk import insert_runs
from cascade.tracking.views import combinations_of, combinations_view, page, save_views
from tests.conftest import ROOT
from tests.toy import write_toy
from tests.tracking.server import free_port, started

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
]
SEEDS = "0,1,2"
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where three toy studies were run, as a user runs them."""
    home = tmp_path_factory.mktemp("browser")
    write_toy(home / "store" / "toy", n_problems=30)
    command = [sys.executable, str(ROOT / "run.py"), "-m", f"hydra.searchpath=[{ROOT}/tests/conf]"]
    command += ["experiment=toy", f"seed={SEEDS}", "split.max_accuracy_gap=0.2"]
    done = subprocess.run(
        command, cwd=home, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (home / "said").write_text(done.stdout)
    return home


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """`make ui` in that folder."""
    port = free_port()
    command = [sys.executable, "-m", "cascade.tracking.ui", str(port)]
    with started(command, folder, port, folder / "ui.log") as address:
        yield address


@pytest.fixture
def sheet(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """An empty tab; its last picture is kept where that is asked for."""
    tab = browser.new_page(viewport={"width": 1800, "height": 1000})
    tab.set_default_timeout(PATIENCE_MS)
    yield tab
    if pictures := os.environ.get("CASCADE_SCREENSHOTS"):
        tab.screenshot(path=str(Path(pictures) / f"{request.node.name}.png"))
    tab.close()


def link(folder: Path, name: str, server: str) -> str:
    """A link that the last screen of the last study gave, on this test's server."""
    [*lines] = [x for x in (folder / "said").read_text().splitlines() if x.startswith(f"{name}  ")]
    return lines[-1].split()[-1].replace("http://127.0.0.1:5000", server)


def names(tab: Any) -> list[str]:
    """The names of the runs in the table, from above."""
    rows = tab.locator(".ag-center-cols-container .ag-row, .ag-pinned-left-cols-container .ag-row")
    cells = rows.locator("[col-id='attributes.`Run Name`']")
    # Above the name stands the colour that its line has.
    return [text.strip().splitlines()[-1] for text in cells.all_inner_texts()]


def test_the_link_opens_on_runs(sheet: Any, folder: Path, server: str) -> None:
    sheet.goto(link(folder, "all studies", server))
    sheet.get_by_text("toy toy rtx3090 seed=2").wait_for()
    assert {f"toy toy rtx3090 seed={seed}" for seed in SEEDS.split(",")} <= set(names(sheet))
    header = sheet.locator(".ag-header").inner_text()
    assert "saving_by_target" in header and "test.accuracy" in header


def test_children_expand(sheet: Any, folder: Path, server: str) -> None:
    sheet.goto(link(folder, "all studies", server))
    sheet.get_by_text("toy toy rtx3090 seed=2").wait_for()
    before = names(sheet)
    assert not any("greedy" in name for name in before)
    row = sheet.locator(".ag-row", has_text="toy toy rtx3090 seed=2").first
    row.get_by_role("button").first.click()
    sheet.get_by_text("7B greedy", exact=True).first.wait_for()
    plans = [name for name in names(sheet) if name not in before]
    assert len(plans) > 3 and len(set(plans)) == len(plans)


def test_the_fronts_lie_over_each_other(sheet: Any, folder: Path, server: str) -> None:
    sheet.goto(link(folder, "all fronts", server))
    chart = sheet.locator(".js-plotly-plot").first
    chart.locator(".scatterlayer .trace").nth(2).wait_for(state="attached")
    drawn = chart.evaluate(
        "plot => plot.data.map(trace => [trace.name, Array.from(trace.x), Array.from(trace.y)])"
    )
    lines = {name: (x, y) for name, x, y in drawn if len(x) > 1}
    assert len(lines) == len(SEEDS.split(","))
    for x, y in lines.values():
        assert x == sorted(x) and y == sorted(y)  # a front: more for more
    assert "pareto_log10_cost" in sheet.locator(".js-plotly-plot").first.inner_text()


def test_the_chosen_plans(sheet: Any, folder: Path, server: str) -> None:
    sheet.goto(link(folder, "all fronts", server).replace("=fronts", "=plans"))
    sheet.get_by_text("Parallel Coordinates").wait_for()
    scatter = sheet.locator(".js-plotly-plot").first
    scatter.locator(".point").nth(5).wait_for(state="attached")
    sheet.locator(".parcoords, svg.not-parcoords, .parcoords-line-layers").first.wait_for(state="attached")


def test_a_cascade_is_explained(sheet: Any, folder: Path, server: str) -> None:
    run_page = link(folder, "this run", server)
    sheet.goto(run_page.split("?")[0] + "/traces")
    sheet.get_by_text("tr-").first.click()
    sheet.get_by_text("answers").or_(sheet.get_by_text("accepted")).first.wait_for()
    assert "scores" in sheet.inner_text("body")


def test_all_combinations_of_a_study(sheet: Any, folder: Path, server: str) -> None:
    sheet.goto(link(folder, "all combinations", server))
    columns = [
        sheet.locator(f".ag-center-cols-container [col-id='metrics.`{name}`']")
        for name in ("on_front", "accuracy", "usd_per_1k_queries")
    ]
    columns[0].nth(10).wait_for()
    shown = [[float(text) for text in column.all_inner_texts()] for column in columns]
    rows = [*zip(*shown, strict=True)]
    assert rows == sorted(rows, key=lambda row: (-row[0], -row[1], row[2]))
    assert 0.0 < sum(shown[0]) < len(rows)  # those on the front, and others


@pytest.mark.parametrize("n_models", [3, pytest.param(4, marks=pytest.mark.slow)])
def test_combinations_sort(sheet: Any, folder: Path, server: str, n_models: int) -> None:
    """9,009 and 81,180 runs, those on the front first; a click sorts by a column, another turns the order."""
    rows = made_up_rows(n_models)
    tracker = Tracker(None, folder / "mlruns", f"made up, {n_models} models")
    insert_runs(tracker, tracker.experiment_id, rows)
    save_views(
        tracker, tracker.experiment_id, combinations_view(tuple(rows.params), rows.tags["cascade.study"])
    )
    view = combinations_of(rows.tags["cascade.study"])
    sheet.goto(f"{server}/{page(tracker.experiment_id, view)}")
    cells = sheet.locator(".ag-center-cols-container [col-id='metrics.`accuracy`']")
    accuracies = sorted(rows.metrics["accuracy"])
    cells.get_by_text(str(accuracies[-1])[:8]).first.wait_for()
    seconds = []
    for end in (-1, 0) * 3:
        started = time.monotonic()
        sheet.locator(".ag-header-cell[col-id='metrics.`accuracy`']").click()
        cells.get_by_text(str(accuracies[end])[:8]).first.wait_for()
        seconds.append(time.monotonic() - started)
    waited = ", ".join(f"{s:.1f}" for s in seconds)
    print(f"{len(accuracies):,} runs: sorted {waited} s after the clicks")
