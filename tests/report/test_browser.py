"""The page in a headless Chromium that reaches no network: the chooser moves, by the keyboard alone.

CASCADE_SCREENSHOTS=FOLDER keeps a picture of every page.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cascade.report.chooser import chooser
from cascade.report.content import Evaluated
from cascade.report.study_page import write_study_page
from cascade.report.sweep_page import write_sweep_page
from tests.report.made_up import evaluated, grids

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 800}
MARK = "the plan of the sliders"


@pytest.fixture(scope="module")
def study() -> Evaluated:
    return evaluated(4)


@pytest.fixture(scope="module")
def page(study: Evaluated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study_page(tmp_path_factory.mktemp("page"), study, grids(study), "python run.py")


class Sheet:
    """A tab that reaches no network and remembers what it asked for and what went wrong."""

    def __init__(self, browser: Any, viewport: dict[str, int], **options: Any) -> None:
        self.context = browser.new_context(viewport=viewport, offline=True, **options)
        self.tab = self.context.new_page()
        self.tab.set_default_timeout(PATIENCE_MS)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    def open(self, path: Path) -> Any:
        self.tab.goto(path.as_uri())
        return self.tab


@pytest.fixture
def sheet(browser: Any, request: pytest.FixtureRequest) -> Iterator[Sheet]:
    opened = Sheet(browser, *getattr(request, "param", [DESKTOP]))
    yield opened
    if pictures := os.environ.get("CASCADE_SCREENSHOTS"):
        opened.tab.screenshot(path=str(Path(pictures) / f"{request.node.name}.png"), full_page=True)
    # The file itself, and what is inside it.
    assert not [url for url in opened.asked if not url.startswith(("file:", "data:", "blob:"))]
    assert opened.errors == []
    opened.context.close()


def press(tab: Any, key: str) -> str:
    """A key for what has the focus; the plan that is said then."""
    tab.keyboard.press(key)
    return str(tab.locator("#choice").inner_text())


def focus(tab: Any, name: str) -> None:
    """Reach an element as who has no mouse does."""
    for _ in range(60):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.id") == name:
            return
    raise AssertionError(f"#{name} cannot be reached with Tab")


def test_the_sliders_move_by_keyboard(sheet: Sheet, page: Path, study: Evaluated) -> None:
    tab = sheet.open(page)
    known = chooser(study)
    plans = known["plans"]
    assert tab.locator("#choice").inner_text() == plans[known["start"]]["summary"]
    for name in ("budget", "least"):
        focus(tab, name)
        assert press(tab, "Home") == plans[0]["summary"]
        seen = [press(tab, key) for key in ["ArrowRight"] * 3 + ["PageUp"] * 6]
        order = [next(i for i, plan in enumerate(plans) if plan["summary"] == said) for said in seen]
        # More for more, and not all the same.
        assert order == sorted(order) and len(set(order)) > 2
        assert press(tab, "End") == plans[-1]["summary"]


def test_every_position_gives_the_best_plan(sheet: Sheet, page: Path, study: Evaluated) -> None:
    """Against what a look at every plan finds."""
    tab = sheet.open(page)
    plans = chooser(study)["plans"]
    positions = """name => {
      const slider = document.getElementById(name), said = [];
      for (let v = Number(slider.min); v <= Number(slider.max) + 1e-9; v += Number(slider.step)) {
        slider.value = v;
        slider.dispatchEvent(new Event("input"));
        said.push([Number(slider.value), document.getElementById("choice").textContent]);
      }
      return said;
    }"""
    cheapest, dearest = plans[0]["cost"], plans[-1]["cost"]
    budgets = tab.evaluate(positions, "budget")
    assert len(budgets) == 101
    for step, said in budgets:
        spend = cheapest * (dearest / cheapest) ** (step / 100)
        affordable = [plan for plan in plans if plan["cost"] <= spend * (1 + 1e-9)]
        assert said == max(affordable, key=lambda plan: plan["accuracy"])["summary"], step
    shares = tab.evaluate(positions, "least")
    assert len(shares) > 10
    for value, said in shares:
        good = [plan for plan in plans if 100 * plan["accuracy"] >= value - 1e-6]
        assert said == min(good, key=lambda plan: plan["cost"])["summary"], value


def test_everything_follows_the_slider(sheet: Sheet, page: Path, study: Evaluated) -> None:
    tab = sheet.open(page)
    plans = chooser(study)["plans"]
    focus(tab, "budget")
    for key, plan in (("Home", plans[0]), ("End", plans[-1])):
        press(tab, key)
        assert tab.locator("[data-field=replaces]").inner_text() == plan["replaces"]
        stages = tab.locator("#stages tr").all_inner_texts()
        assert [text.split("\t")[:3] for text in stages] == [
            [stage["model"], stage["asked"], stage["answered"]] for stage in plan["stages"]
        ]
        cell = tab.locator("[data-field=test_accuracy]").inner_text()
        assert " ".join(cell.split()) == plan["test_accuracy"]
        row = tab.locator("#table-plans tr.chosen th").inner_text()
        assert plan["summary"].startswith(row.removeprefix("▸ "))
        assert tab.locator("#budget").get_attribute("aria-valuetext").endswith("per 1,000 queries")
        for side in ("validation", "test"):
            chart = tab.locator(f"[data-chart=chart-front-{side}]")
            x, y = chart.evaluate(
                "(plot, name) => {const t = plot.data.find(t => t.name === name); return [t.x[0], t.y[0]]}",
                MARK,
            )
            assert [x, y] == pytest.approx(plan["places"][f"chart-front-{side}"])


@pytest.mark.parametrize("sheet", [[DESKTOP], [PHONE]], indirect=True, ids=["desktop", "phone"])
def test_nothing_runs_out_of_the_page(sheet: Sheet, page: Path) -> None:
    tab = sheet.open(page)
    charts = tab.locator(".chart .main-svg").count()
    assert charts >= 4 and tab.locator("img.twinned:visible").count() == 0
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    # No legend lies over the title of an axis.
    for chart in tab.locator(".chart").all():
        boxes = [e.bounding_box() for e in chart.locator(".legend, .xtitle, .ytitle, .y2title").all()]
        boxes = [box for box in boxes if box is not None]
        for i, one in enumerate(boxes):
            for other in boxes[i + 1 :]:
                apart = (
                    one["x"] + one["width"] <= other["x"] + 1
                    or other["x"] + other["width"] <= one["x"] + 1
                    or one["y"] + one["height"] <= other["y"] + 1
                    or other["y"] + other["height"] <= one["y"] + 1
                )
                assert apart, (chart.get_attribute("data-chart"), one, other)


def test_a_printed_page_has_the_still_figures(sheet: Sheet, page: Path, tmp_path: Path) -> None:
    tab = sheet.open(page)
    tab.emulate_media(media="print")
    assert tab.locator(".chart:visible").count() == 0
    assert tab.locator("figure img:visible").count() == tab.locator("figure").count() > 3
    assert not tab.locator("#chooser").is_visible() and tab.locator("#table-plans").is_visible()
    tab.pdf(path=str(tmp_path / "page.pdf"))
    assert (tmp_path / "page.pdf").read_bytes()[:5] == b"%PDF-"


def test_without_scripts_the_same_is_there(browser: Any, page: Path) -> None:
    sheet = Sheet(browser, DESKTOP, java_script_enabled=False)
    tab = sheet.open(page)
    assert tab.locator("figure img:visible").count() == tab.locator("figure").count()
    assert not tab.locator("#chooser").is_visible() and tab.locator("#table-plans").is_visible()
    assert "The sliders need JavaScript" in tab.locator("noscript").inner_text()
    sheet.context.close()


def test_a_front_of_one_plan(sheet: Sheet, tmp_path: Path, study: Evaluated) -> None:
    """The sliders stand at their only plan, and no number is NaN."""
    alone = replace(study, plans=replace(study.plans, front=study.plans.front[-1:]))
    tab = sheet.open(write_study_page(tmp_path, alone, grids(alone), "python run.py"))
    [plan] = chooser(alone)["plans"]
    focus(tab, "budget")
    for key in ("Home", "ArrowRight", "End"):
        assert press(tab, key) == plan["summary"]
    assert "NaN" not in tab.locator("#chooser").inner_text()


def test_several_studies_are_drawn(sheet: Sheet, tmp_path: Path) -> None:
    studies = [evaluated(3, seed) for seed in range(4)]
    tab = sheet.open(write_sweep_page(tmp_path, studies, "python run.py"))
    assert tab.locator("[data-chart=chart-fronts] .scatterlayer .trace").count() == 4
