"""The last screens say what is known, and what is not."""

from dataclasses import replace
from itertools import pairwise

from cascade.core.bootstrap import Interval, Measured
from cascade.core.plans import EXIT, SKIP, Option, Plan
from cascade.report.terminal import last_screen, plans_markdown, sweep_table, verdict
from cascade.search import ChosenPlan, Estimate, PlanFile, Proof, Replacement
from cascade.search.provenance import Provenance

CASCADE = Plan((Option(3, 4), EXIT), 0.5)
ALONE = Plan((SKIP, EXIT), 0.5)
SAVED = Measured(0.25, Interval(0.1, 0.4))
LOST = Measured(-0.02, Interval(-0.1, 0.06))
PROOF = Proof(
    SAVED,
    n_cascades=1,
    n_empty_windows=0,
    generalization_gap=LOST,
    regret=0.034,
    saving_by_target=SAVED,
    accuracy_by_target=LOST,
)
PLANS = PlanFile(
    models=("small", "large"),
    theta=0.5,
    hypervolume={0.5: 1.0},
    front=(
        ChosenPlan(
            CASCADE,
            Estimate(2.0, 0.5),
            test=Estimate(3.0, 0.75),
            saving=0.25,
            replaces=Replacement(ALONE, Measured(0.031, Interval(-0.01, 0.07)), SAVED),
        ),
    ),
    singular=(ChosenPlan(ALONE, Estimate(4.0, 0.5), test=Estimate(4.0, 0.75)),),
    constrained=None,
    band=(),
    validation_ids=("a",),
    test_ids=("b", "c"),
    selection={"theta": "best"},
    optimism=0.021,
    provenance=Provenance("toys", "toy", "abacus", 0, "first_k", {}, {}),
    proof=PROOF,
)


def test_what_it_saves_and_against_what() -> None:
    screen = last_screen("a study", PLANS, {"files": "here"})
    assert "a study: θ=0.5, chosen on 1 problems, 2 others prove them" in screen
    row, instead = [line for line in screen.splitlines() if line.startswith("small 3:4")]
    # 3.0 is 25 % less than 4.0.
    assert row.split()[-5:] == ["75.0", "%", "4.000", "25.0", "%"]
    assert instead.split("  ")[1:3] == ["large greedy", "25.0 % (10.0 to 40.0)"]
    assert instead.endswith("3.1 points (-1.0 to 7.0)")
    assert "equal accuracy: 25.0 % (10.0 to 40.0) (1 cascade plans)." in screen
    assert "by target: 25.0 % cheaper (10.0 to 40.0) at -2.0 points of accuracy (-10.0 to +6.0)." in screen
    assert "in the mean over the front: -2.0 points (-10.0 to 6.0)." in screen
    assert "Regret: 3.4 % of the hypervolume" in screen
    assert screen.splitlines()[-3] == "files  here"
    assert screen.splitlines()[-1] == "Use small 3:4 → large greedy, θ=0.5, if the test side confirms it."
    assert "the plan that you asked for" not in screen
    assert "the plan that you asked for" in last_screen(
        "a study", replace(PLANS, constrained=PLANS.front[0]), {"": ""}
    )


def test_what_cannot_be_said() -> None:
    unmatched = replace(PROOF, mean_saving=None, n_empty_windows=1)
    assert verdict(replace(PLANS, proof=unmatched))[2].startswith("None of the 1 cascade plans")
    alone = replace(unmatched, n_cascades=0, n_empty_windows=0)
    assert verdict(replace(PLANS, proof=alone))[2].startswith("No cascade plan")
    some = replace(PROOF, n_cascades=3, n_empty_windows=2)
    assert "(1 of 3 cascade plans)" in verdict(replace(PLANS, proof=some))[2]
    chosen = replace(PLANS, proof=None)
    assert verdict(chosen)[1:] == [
        "Nothing is proved yet.",
        "As chosen among many, its cascades look too accurate on the validation side by about 2.1 points.",
    ]
    assert "2 others are kept aside" in last_screen("a study", chosen, {"": ""})
    assert verdict(replace(chosen, test_ids=()))[1] == "There is no test side: nothing is proved."


def test_theta() -> None:
    for choice, words in (("pooled", "all θ"), ("stage", "one θ a stage")):
        plans = replace(PLANS, theta=None, selection={"theta": choice})
        assert f"a study: {words}, chosen" in last_screen("a study", plans, {"": ""})


def test_markdown_has_a_table_for_each_front() -> None:
    lines = plans_markdown(PLANS).splitlines()
    assert lines[0].startswith("**Use small 3:4") and lines[2].startswith("- Warning: Only 1 validation")
    heads = [line.split(" | ")[0] for line, below in pairwise(lines) if "---:" in below]
    assert heads == ["| cascade front", "| one-model front", "| cascade plan"]
    assert len({line.count("|") for line in lines if line.startswith("| small 3:4")}) == 2


def test_a_sweep_tells_failures_too() -> None:
    table = sweep_table({"seed=0": PLANS, "seed=1": "no balanced split\nat all"})
    first, second = table.splitlines()[2:]
    assert first.split()[:4] == ["seed=0", "0.5", "1", "25.0"] and first.split()[5] == "-2.0"
    assert second.split("  ")[0] == "seed=1" and second.endswith("failed: no balanced split")
