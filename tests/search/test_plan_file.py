"""plans.json says everything and is read back as it was."""

import json
from pathlib import Path

import pytest

from cascade.base.errors import DataError
from cascade.core.bootstrap import Interval, Measured
from cascade.core.plans import EXIT, SKIP, Option, Plan
from cascade.core.pricing import Throughput
from cascade.search import Certificate, ChosenPlan, Estimate, PlanFile, Proof, Recommendation, Replacement
from cascade.search.provenance import Provenance

MODELS = ("7B", "13B", "34B")
KNOWN = Estimate(1.5, 0.7, Interval(1.4, 1.6), Interval(0.6, 0.8))
SURE = Measured(0.1, Interval(-0.1, 0.3))


def plan_file(*plans: Plan, theta: float | None) -> PlanFile:
    one = Plan((EXIT, SKIP, SKIP), 0.0)
    front = tuple(
        ChosenPlan(plan, KNOWN, 0.4, KNOWN, 0.1, Interval(0.0, 0.2), Replacement(one, SURE, SURE))
        for plan in plans
    )
    return PlanFile(
        models=MODELS,
        theta=theta,
        hypervolume={0.5: 1.25},
        front=front,
        singular=(ChosenPlan(one, KNOWN),),
        constrained=front[0],
        band=((1.0, 0.5, 0.75),),
        validation_ids=("a", "b"),
        test_ids=("c",),
        selection={"theta": "best"},
        optimism=0.02,
        provenance=Provenance(
            "toys", "toy", "abacus", 3, "first_k", {"7B": Throughput(1, None, 0.5, None)}, {"config": "x"}
        ),
        proof=Proof(SURE, 2, 1, SURE, 0.03, SURE, SURE, None, 3.5, 0.2, None),
        recommended=Recommendation(
            front[0], Replacement(one, SURE, SURE), None, "Use it.", {"rule": "paper"}
        ),
        certificate=Certificate(0.5, None, 0.95, 100, tuple(plans), "One plan."),
    )


@pytest.mark.parametrize(
    ("plan", "theta"),
    [
        (Plan((Option(3, 4), SKIP, EXIT), 0.8), 0.8),
        (Plan((Option(3, 4), Option(1, 2), EXIT), (0.8, 0.3, 0.0)), None),
        (Plan((SKIP, Option(3, 4), EXIT), (0.0, 0.3, 0.0)), None),
    ],
)
def test_round_trip(tmp_path: Path, plan: Plan, theta: float | None) -> None:
    written = plan_file(plan, theta=theta)
    written.save(tmp_path / "plans.json")
    assert PlanFile.load(tmp_path / "plans.json") == written


def test_every_stage_says_its_theta(tmp_path: Path) -> None:
    plan_file(Plan((Option(3, 4), SKIP, EXIT), 0.8), theta=0.8).save(tmp_path / "plans.json")
    content = json.loads((tmp_path / "plans.json").read_text())
    assert content["front"][0]["theta"] == 0.8
    assert content["front"][0]["stages"] == [
        {"model": "7B", "k": 3, "l": 4, "theta": 0.8},
        {"model": "34B", "k": 0, "l": 0, "theta": None},
    ]
    assert content["front"][0]["validation"]["accuracy_interval"] == {"low": 0.6, "high": 0.8}
    assert content["study"]["hashes"] == {"config": "x"}


@pytest.mark.parametrize(
    "damage", ["models", "hypervolume", "front", "study", "split", "proof", "recommended"]
)
def test_a_part_of_another_kind_is_one_line(tmp_path: Path, damage: str) -> None:
    plan_file(Plan((Option(3, 4), SKIP, EXIT), 0.8), theta=0.8).save(tmp_path / "plans.json")
    content = json.loads((tmp_path / "plans.json").read_text())
    for other in (["no"], "no", 7):
        (tmp_path / "plans.json").write_text(json.dumps(content | {damage: other}))
        with pytest.raises(DataError, match="not a plan file"):
            PlanFile.load(tmp_path / "plans.json")


def test_growing_stages_are_kept(tmp_path: Path) -> None:
    grows = Plan((Option(3, 4), SKIP, Option(5, 2, growing=True)), 0.8)
    plan_file(grows, theta=0.8).save(tmp_path / "plans.json")
    assert PlanFile.load(tmp_path / "plans.json").front[0].plan == grows
    [first, last] = json.loads((tmp_path / "plans.json").read_text())["front"][0]["stages"]
    assert "growing" not in first
    # A growing last stage looks at θ too.
    assert (last["growing"], last["theta"]) == (True, 0.8)


@pytest.mark.parametrize("damage", ['{"models": []}', "", "[]", "null", '{"models": ["a"], "front"'])
def test_a_damaged_file_is_one_line(tmp_path: Path, damage: str) -> None:
    (tmp_path / "plans.json").write_text(damage)
    with pytest.raises(DataError, match=r"plans\.json: not a plan file .*task=select"):
        PlanFile.load(tmp_path / "plans.json")


def test_descriptions() -> None:
    assert Plan((Option(3, 4), SKIP, EXIT), 0.8).describe(MODELS) == "7B 3:4 → 34B greedy, θ=0.8"
    plan = Plan((Option(3, 4), Option(1, 2), EXIT), (0.8, 0.3, 0.0))
    assert plan.describe(MODELS) == "7B 3:4 θ=0.8 → 13B 1:2 θ=0.3 → 34B greedy"
    assert Plan((EXIT, SKIP, SKIP), (0.0, 0.0, 0.0)).describe(MODELS) == "7B greedy"
