"""The last screens say what is known, and what is not."""

from dataclasses import replace

from cascade.artifacts import ChosenPlan, Estimate, PlanFile
from cascade.plans import EXIT, SKIP, Option, Plan
from cascade.report.terminal import last_screen, sweep_table, verdict

CASCADE = Plan((Option(3, 4), EXIT), 0.5)
ALONE = Plan((SKIP, EXIT), 0.5)
PLANS = PlanFile(
    models=("small", "large"),
    theta=0.5,
    hypervolume={0.5: 1.0},
    front=(ChosenPlan(CASCADE, Estimate(2.0, 0.5), Estimate(3.0, 0.75), 0.25),),
    singular=(ChosenPlan(ALONE, Estimate(4.0, 0.5), Estimate(4.0, 0.75)),),
    validation_ids=("a",),
    test_ids=("b", "c"),
)


def test_what_it_saves_and_against_what() -> None:
    screen = last_screen("a study", PLANS, {"files": "here"})
    assert "a study: θ=0.5, chosen on 1 problems, proved on 2 others" in screen
    [row] = [line for line in screen.splitlines() if line.startswith("small 3:4")]
    # 3.0 is 25 % less than 4.0.
    assert row.split()[-5:] == ["75.0", "%", "4.000", "25.0", "%"]
    assert "cost 25.0 % less than plans of one model" in screen
    assert screen.splitlines()[-1] == "files  here"


def test_what_cannot_be_said() -> None:
    dearer = replace(PLANS.front[0], saving=-0.5)
    assert "cost 50.0 % more" in verdict(PLANS.with_plans((dearer,), PLANS.singular))
    unmatched = replace(PLANS.front[0], saving=None)
    assert "None of the 1 cascade plans" in verdict(PLANS.with_plans((unmatched,), PLANS.singular))
    assert "No cascade plan" in verdict(PLANS.with_plans(PLANS.singular, PLANS.singular))
    assert "nothing is proved" in verdict(replace(PLANS, test_ids=()))


def test_a_sweep_tells_failures_too() -> None:
    table = sweep_table({"seed=0": PLANS, "seed=1": "no balanced split\nat all"})
    first, second = table.splitlines()[2:]
    assert first.split()[:4] == ["seed=0", "0.5", "1", "25.0"]
    assert second.split("  ")[0] == "seed=1" and second.endswith("failed: no balanced split")
