"""Which plan to use: what the validation side recommends, unless the test side refutes it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cascade.core import EXIT, SKIP, Floats, Measured, Plan, StageTable
from cascade.search.chosen_plans import ChosenPlan, Recommendation, Replacement
from cascade.search.evaluate import difference
from cascade.search.mean_saving import EQUAL_ACCURACY
from cascade.search.plan_file import PlanFile
from cascade.search.plan_results import plan_outcomes

MAX_LOSS = 0.05  # of accuracy on the test side, against what a plan replaces: more, and it is not recommended


def candidate(plans: PlanFile) -> ChosenPlan:
    """The one plan to use, by what the validation side says alone, so that the test side can prove it.

    Returns:
        The plan that select.budget_usd_per_1k and select.min_accuracy asked for, if they did;
        otherwise the cheapest chosen plan within one point of the most accurate one-stage plan, which
        is what the paper calls equal (section 5.1).
    """
    if plans.constrained is not None:
        return plans.constrained
    least = plans.singular[-1].promised - EQUAL_ACCURACY
    # Where none promises that much, the front's last plan promises most.
    good = (c for c in plans.front if c.promised >= least - 1e-9)
    return next(good, plans.front[-1])


def refuted(chosen: ChosenPlan) -> bool:
    """Whether the test side shows that a cascade loses too much against the one-stage plan that it replaces.

    Either by its estimate (more than 5 points) or with confidence (the whole interval below −1 point), or
    because it is dearer with confidence without being more accurate with confidence.
    """
    if (other := chosen.replaces) is None:
        return False
    accuracy, saving = other.accuracy, other.saving
    loses = accuracy.value < -MAX_LOSS or accuracy.interval.high < -EQUAL_ACCURACY
    return loses or (saving.interval.high < 0 and accuracy.interval.low <= 0)


def largest_alone(tables: Sequence[StageTable]) -> Plan:
    """What most people do today: the largest model, greedy (its smallest option where that was not run)."""
    options = tables[-1].options
    return Plan((*[SKIP] * (len(tables) - 1), EXIT if EXIT in options else min(options)), 0.0)


def recommend(
    plans: PlanFile,
    tables: Sequence[StageTable],
    weights: Floats,
    confidence: float,
    settings: Mapping[str, Any],
) -> Recommendation:
    """The plan to use, once the test side was seen.

    Args:
        plans: with what the test side says of them.
        tables: of the test side.
        weights: of its problems.
        confidence: of the intervals.
        settings: what running the plan needs, kept as it is.
    """
    chosen, wrong = candidate(plans), None
    if refuted(chosen):
        assert chosen.replaces is not None
        instead = chosen.replaces.plan
        chosen, wrong = next(one for one in plans.singular if one.plan == instead), chosen
    alone = largest_alone(tables)
    largest = None
    if chosen.plan.stages != alone.stages:
        ours, theirs = plan_outcomes(tables, [chosen.plan, alone]).swapaxes(0, 1)
        largest = Replacement(alone, *difference(ours, theirs, weights, confidence))
        usual = [one for one in plans.singular if one.plan.stages == alone.stages]
        dearer = largest.saving.value < 0 and largest.accuracy.interval.low <= 0
        # More samples of one model for more money and no certain gain are no advice that anybody needs.
        if len(chosen.plan.stages) == 1 and plans.constrained is None and usual and dearer:
            chosen, largest = usual[0], None
    found = Recommendation(chosen, largest, wrong, "", settings)
    return replace(found, sentence=sentence(found, plans.models))


def sentence(found: Recommendation, models: Sequence[str]) -> str:
    """The answer in one sentence."""
    use = f"Use {found.chosen.plan.describe(models)}"
    if found.refuted is not None:
        other = found.refuted.replaces
        assert other is not None
        lost, saved = other.accuracy, other.saving
        why = (
            f"it is {_points(lost)} less accurate on the test problems"
            if lost.value < 0
            else f"it is {100 * -saved.value:.0f} % dearer on the test problems"
        )
        return (
            f"{use}: no cascade is recommended; {found.refuted.plan.describe(models)} was chosen, but {why}."
        )
    if found.largest is None:
        return f"{use}: the largest model alone; no cascade did as well for less on the validation problems."
    other, largest = found.chosen.replaces, found.largest
    said = [] if other is None else [_against(other, models)]
    if other is None or other.plan.stages != largest.plan.stages:
        said.append(_against(largest, models))
    return f"{use}: {'; '.join(said)}."


def _against(other: Replacement, models: Sequence[str]) -> str:
    """Cost and accuracy against one other plan, the two numbers together."""
    name, saving, accuracy = other.plan.describe(models), other.saving, other.accuracy
    low, high = saving.interval.low, saving.interval.high
    if saving.value >= 0:
        cost = f"{100 * saving.value:.0f} % cheaper ({100 * low:.0f} to {100 * high:.0f}) than {name}"
    else:
        cost = f"{1 - saving.value:.1f} times the cost ({1 - high:.1f} to {1 - low:.1f}) of {name}"
    ends = f"({100 * accuracy.interval.low:+.1f} to {100 * accuracy.interval.high:+.1f})"
    return f"{cost} at {100 * accuracy.value:+.1f} points of accuracy {ends}"


def _points(measured: Measured) -> str:
    return f"{100 * abs(measured.value):.1f} points"
