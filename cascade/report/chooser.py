"""The plan chooser: what its sliders choose from, and the same plans as tables."""

import math
from typing import Any

from cascade.core import Measured
from cascade.report.content import Evaluated, recommended, shares
from cascade.report.page import Table
from cascade.report.wording import ends, percent, points, stage_sentences, usd, usd_ends
from cascade.search import ChosenPlan


def chooser(study: Evaluated) -> dict[str, Any]:
    """What the sliders choose from: the front, by rising cost and accuracy on the validation side."""
    plans = study.plans
    best = recommended(plans)
    accuracy = [chosen.validation.accuracy for chosen in plans.front]
    start = max(
        (
            i
            for i, c in enumerate(plans.front)
            if c.validation.usd_per_1k_queries <= best.validation.usd_per_1k_queries * (1 + 1e-9)
        ),
        default=0,
    )
    return {
        "plans": [_choice(study, chosen) for chosen in plans.front],
        "start": start,
        "accuracies": [math.floor(1000 * extreme + 1e-6) / 10 for extreme in (accuracy[0], accuracy[-1])],
    }


def _choice(study: Evaluated, chosen: ChosenPlan) -> dict[str, Any]:
    models = study.plans.models
    name = chosen.plan.describe(models)
    test, validation = chosen.test, chosen.validation
    assert test is not None
    said = stage_sentences(chosen.plan, models)
    stages = [
        {"model": model, "does": does, "asked": _share(share.asked), "answered": _share(share.answered)}
        for (model, does), share in zip(said, shares(study, chosen, "test"), strict=True)
    ]
    return {
        "cost": validation.usd_per_1k_queries,
        "accuracy": validation.accuracy,
        "summary": f"{name}: {100 * test.accuracy:.1f} % right for ${usd(test.usd_per_1k_queries)} "
        f"per 1,000 queries (test)",
        "test_usd": usd(test.usd_per_1k_queries) + usd_ends(test.usd_interval),
        "test_accuracy": f"{100 * test.accuracy:.1f} %{ends(test.accuracy_interval)}",
        "validation_usd": usd(validation.usd_per_1k_queries) + usd_ends(validation.usd_interval),
        "validation_accuracy": f"{100 * validation.accuracy:.1f} %{ends(validation.accuracy_interval)}",
        "replaces": _replaces(study, chosen),
        "stages": stages,
        "places": {
            f"chart-front-{side}": [estimate.usd_per_1k_queries, 100 * estimate.accuracy]
            for side, estimate in (("validation", validation), ("test", test))
        },
    }


def _replaces(study: Evaluated, chosen: ChosenPlan) -> str:
    if chosen.replaces is None:
        return "Nothing: it is itself a plan of one model."
    other = chosen.replaces
    said = (
        f"{other.plan.describe(study.plans.models)}. On the test problems it saves {percent(other.saving)} "
        f"of that plan's cost; its accuracy differs by {points(other.accuracy)}."
    )
    if chosen.saving is not None and chosen.saving_interval is not None:
        mean = Measured(chosen.saving, chosen.saving_interval)
        said += (
            f" Against the mean of all plans of one model within ±1 point of its accuracy: {percent(mean)}."
        )
    return said


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"


# What `_both_sides` says.
BOTH_SIDES = (
    "plan",
    "$ per 1,000 queries, test",
    "right (%), test",
    "$, validation",
    "right (%), validation",
)


def _both_sides(study: Evaluated, chosen: ChosenPlan) -> tuple[str, ...]:
    """A proven plan's name, and its cost and accuracy on both sides of the split."""
    test, validation = chosen.test, chosen.validation
    assert test is not None
    return (
        chosen.plan.describe(study.plans.models),
        usd(test.usd_per_1k_queries) + usd_ends(test.usd_interval),
        f"{100 * test.accuracy:.1f}{ends(test.accuracy_interval)}",
        usd(validation.usd_per_1k_queries),
        f"{100 * validation.accuracy:.1f}{ends(validation.accuracy_interval)}",
    )


def _beaten_by(study: Evaluated, chosen: ChosenPlan) -> str:
    """The plan of one model that is cheaper and more accurate than a cascade on the test side, if one is."""
    test = chosen.test
    if test is None or len(chosen.plan.stages) == 1:
        return ""
    better = [
        one
        for one in study.plans.singular
        if one.test is not None
        and one.test.usd_per_1k_queries <= test.usd_per_1k_queries
        and one.test.accuracy >= test.accuracy
    ]
    return better[-1].plan.describe(study.plans.models) if better else ""


def plans_table(study: Evaluated) -> Table:
    rows = []
    for chosen in study.plans.front:
        other = chosen.replaces
        reach = " → ".join(f"{100 * share.asked:.0f} %" for share in shares(study, chosen, "test"))
        rows.append(
            (
                *_both_sides(study, chosen),
                reach,
                "" if other is None else other.plan.describe(study.plans.models),
                "" if other is None else percent(other.saving).replace(" %", ""),
                "" if other is None else points(other.accuracy).replace(" points", ""),
                _beaten_by(study, chosen),
            )
        )
    head = (
        *BOTH_SIDES,
        "reaches each model",
        "instead of",
        "saves (%)",
        "accuracy difference (points)",
        "beaten on the test side by",
    )
    note = (
        "A stage is written k:l: k solutions and k tests, of each of which up to l lines count; greedy is "
        "one solution and no test. θ is the share of the highest possible score that an answer must reach."
    )
    return Table("plans", "All chosen plans, by rising cost", head, rows, note, words=(0, 6, 9))


def singular_table(study: Evaluated) -> Table:
    rows = [_both_sides(study, chosen) for chosen in study.plans.singular]
    return Table("singular", "The best plans of one model, to compare with", BOTH_SIDES, rows)
