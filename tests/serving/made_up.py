"""Plans of the embedded family as a plan file has them, with made-up estimates."""

from pathlib import Path

from cascade.core import EXIT, SKIP, Interval, Option, Plan, Throughput
from cascade.search import ChosenPlan, Estimate, PlanFile, Provenance

MODELS = ("small", "medium", "large")
PRICES = {"small": 1.0, "medium": 2.0, "large": 10.0}
SMALL = Plan((EXIT, SKIP, SKIP), 0.0)
TWO = Plan((Option(1, 2), EXIT, SKIP), 1.0)
THREE = Plan((Option(3, 2), Option(1, 2), EXIT), 0.5)
GROWING = Plan((Option(5, 2, growing=True), EXIT, SKIP), 0.8)
LAST_GROWING = Plan((SKIP, Option(3, 2, growing=True), SKIP), 0.5)


def chosen(plan: Plan, usd: float, accuracy: float) -> ChosenPlan:
    estimate = Estimate(usd, accuracy, Interval(0.5 * usd, 2 * usd), Interval(accuracy - 0.2, accuracy + 0.2))
    return ChosenPlan(plan, estimate, test=estimate, rounds=1.0)


def plan_file(path: Path | None = None) -> PlanFile:
    """A finished study's plans; saved where a path is given."""
    made = PlanFile(
        models=MODELS,
        theta=None,
        hypervolume={},
        front=(chosen(SMALL, 0.05, 0.3), chosen(TWO, 0.2, 0.6), chosen(THREE, 2.0, 0.8)),
        singular=(chosen(SMALL, 0.05, 0.3),),
        constrained=None,
        band=(),
        validation_ids=("a",),
        test_ids=("b",),
        selection={"theta": "best"},
        optimism=0.0,
        provenance=Provenance(
            family="mini",
            dataset="mini",
            hardware="cpu",
            seed=0,
            estimator="first k",
            prices={name: Throughput(1, None, usd, None) for name, usd in PRICES.items()},
            hashes={},
            settings={"rule": "paper", "test_lines": 4},
        ),
    )
    if path is not None:
        made.save(path)
    return made
