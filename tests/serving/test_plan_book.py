"""Plans by their names, and which meets a budget or an accuracy."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cascade.base import CascadeError, DataError
from cascade.core import EXIT, SKIP, Option, Plan
from cascade.search import StageExpectation
from cascade.serving import PlanBook, parse_plan_file, plan_name, read_plan_file
from tests.serving.made_up import MODELS, SMALL, THREE, TWO, plan_file


def test_names_say_what_a_plan_is_and_need_no_quoting() -> None:
    per_stage = Plan((Option(1, 2), Option(3, 4), EXIT), (0.1, 0.9, 0.0))
    plans = {
        SMALL: "small-greedy",
        TWO: "small-1x2_medium-greedy_t1",
        THREE: "small-3x2_medium-1x2_large-greedy_t0.5",
        Plan((SKIP, Option(3, 2), SKIP), 0.4): "medium-3x2",
        Plan((SKIP, Option(3, 2, True), SKIP), 0.4): "medium-upto3x2_t0.4",
        per_stage: "small-1x2_t0.1_medium-3x4_t0.9_large-greedy",
        Plan((EXIT, SKIP, SKIP), (0.1, 0.0, 0.0)): "small-greedy",
        Plan((SKIP, SKIP, Option(3, 2, True)), (0.0, 0.0, 0.45)): "large-upto3x2_t0.45",
        Plan((Option(1, 2), SKIP, Option(3, 2, True)), (0.2, 0.0, 0.7)): "small-1x2_t0.2_large-upto3x2_t0.7",
    }
    for plan, name in plans.items():
        assert plan_name(plan, MODELS) == name
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
    odd = plan_name(SMALL, ("Qwen/Qwen2.5 (7B)", "b", "c"))
    assert odd == "Qwen.Qwen2.5.7B-greedy"


def test_plans_that_differ_have_names_that_differ(tmp_path: Path) -> None:
    """A last stage that grows looks at its θ: of several the recommended one is served, not the first."""
    plan_file(tmp_path / "plans.json")
    file = read_plan_file(tmp_path)
    front = [
        replace(file.front[0], plan=Plan((SKIP, SKIP, Option(3, 2, True)), (0.0, 0.0, theta)))
        for theta in (0.2, 0.45, 0.7)
    ]
    book = PlanBook.of(replace(file, front=tuple(front), singular=()), "x", MODELS, {})
    assert [book.by_name[f"large-upto3x2_t{theta:g}"].plan for theta in (0.2, 0.45, 0.7)] == [
        one.plan for one in front
    ]
    assert book.by_name[book.aliases["best"]].plan == front[2].plan
    alike = ("Qwen/2", "Qwen.2", "large")
    first, second = (
        replace(file.front[0], plan=Plan(options, 0.0)) for options in (SMALL.options, (SKIP, EXIT, SKIP))
    )
    prices = dict.fromkeys(alike, file.provenance.prices["small"])
    file = replace(
        file,
        models=alike,
        provenance=replace(file.provenance, prices=prices),
        front=(first, second),
        singular=(),
    )
    with pytest.raises(
        DataError, match=r"'Qwen/2 greedy' and 'Qwen\.2 greedy' would both be called Qwen\.2-greedy"
    ):
        PlanBook.of(file, "x", alike, {})


def test_a_plan_is_found_by_its_names(tmp_path: Path) -> None:
    plan_file(tmp_path / "plans.json")
    book = PlanBook.of(read_plan_file(tmp_path), "x", MODELS, {})
    assert book.find("cheapest") == book.find("small greedy") == "small-greedy"
    assert book.find("best") == book.default == plan_name(THREE, MODELS)
    assert book.find("nonsense") is None
    parsed = parse_plan_file((tmp_path / "plans.json").read_text())
    assert PlanBook.of(parsed, "y", MODELS, {}).version == book.version


@pytest.mark.parametrize(
    ("budget", "least", "plan"),
    [
        *((0.05, None, SMALL), (0.3, None, TWO), (9, None, THREE)),
        *((None, 0.3, SMALL), (None, 0.31, TWO), (3, 0.7, THREE)),
    ],
)
def test_a_constraint_chooses_as_select_does(budget: float, least: float, plan: Plan) -> None:
    book = PlanBook.of(plan_file(), "x", MODELS, {})
    assert book.choose(budget, least) == plan_name(plan, MODELS)


def test_a_budget_goes_by_what_stages_cost_on_all_problems() -> None:
    made = plan_file()
    # Half of the queries reach the second stage: 0.0002 + 0.5 · 0.0004 $ a query.
    stages = (
        StageExpectation("small", 1.0, 0.5, 0.0002, 0.0, 100.0),
        StageExpectation("medium", 0.5, 1.0, 0.0004, 0.0, 50.0),
    )
    small, two, three = made.front
    book = PlanBook.of(replace(made, front=(small, replace(two, expected=stages), three)), "x", MODELS, {})
    assert book.choose(0.41, None) == plan_name(TWO, MODELS)
    assert book.choose(0.39, None) == plan_name(SMALL, MODELS)


def test_constraints_that_no_plan_meets_say_how_far_they_go() -> None:
    book = PlanBook.of(plan_file(), "x", MODELS, {})
    with pytest.raises(CascadeError, match=r"no plan is within the budget; the cheapest costs 0\.05 \$"):
        book.choose(0.01, None)
    within = r"no plan within the budget reaches that accuracy; the best reaches 0\.6"
    with pytest.raises(CascadeError, match=within):
        book.choose(0.3, 0.7)


def test_a_plan_file_of_another_family_or_none_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file; name the plans\.json"):
        read_plan_file(tmp_path)
    with pytest.raises(
        DataError, match="x: its plans are of the models small, medium, large, and the family h"
    ):
        PlanBook.of(plan_file(), "x", ("a", "b"), {})
    with pytest.raises(DataError, match=r"^not a plan file"):
        parse_plan_file('{"models": []}')
