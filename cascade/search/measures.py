"""How good a choice of plans is: measures that compare like with like, (METHOD, Measures of a choice).

A front is an array of results (2, plans): accuracy (0..1) and US dollars per 1,000 queries, in any order of
the plans. Outcomes are the same on every problem, (2, plans, problems), see `cascade.search.plan_results`.
Weights (replicates, problems) are those of the paired bootstrap, see `cascade.core.bootstrap`.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from cascade.core import Floats, Interval, Measured, hypervolume, interval, mean_of_studies, replicate_means
from cascade.search.mean_saving import AS_PRINTED, AS_WRITTEN, mean_saving

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Targets:
    """Which plan of either front is deployed for an accuracy target, over all targets that both can promise.

    Attributes:
        share: float array (targets,): the part of the range of targets in which these two plans are taken.
        accuracy: float array (targets,): the highest target of each part.
        cascade, single: int arrays (targets,): the plan's index in either front.
    """

    share: Floats
    accuracy: Floats
    cascade: Indices
    single: Indices


def targets(cascade: Floats, single: Floats) -> Targets | None:
    """The cheapest plan that reaches each target, of two fronts.

    Targets lie evenly over the accuracies that both fronts reach: from the higher of their lowest to the
    lower of their highest. The plans change at finitely many of them, so the mean over targets is exact.

    Args:
        cascade, single: results (2, plans) by which plans are picked: those of the validation side.

    Returns:
        None where the fronts have no accuracy in common.
    """
    levels = [np.round(front[0], 12) for front in (cascade, single)]
    if not all(len(accuracies) for accuracies in levels):
        return None
    low, high = max(accuracies.min() for accuracies in levels), min(accuracies.max() for accuracies in levels)
    if low > high:
        return None
    edges = np.unique(np.clip(np.concatenate(levels), low, high))
    reached = edges[1:] if len(edges) > 1 else edges
    share = np.diff(edges) / (high - low) if len(edges) > 1 else np.ones(1)
    picks = (
        _cheapest(accuracies, front[1], reached)
        for accuracies, front in zip(levels, (cascade, single), strict=True)
    )
    return Targets(share, reached, *picks)


def _cheapest(accuracy: Floats, cost: Floats, least: Floats) -> Indices:
    """For each least accuracy the cheapest plan that has it; of equally cheap ones the most accurate."""
    order = np.lexsort((-accuracy, cost))
    return np.asarray(order[(accuracy[order] >= least[:, None]).argmax(axis=1)], dtype=np.int64)


def by_target(deployed: Targets, cascade: Floats, single: Floats) -> tuple[Floats, Floats]:
    """What deploying cascades instead of single models changes, over all targets: the headline.

    Args:
        deployed: which plans stand for each target; picked on the validation side.
        cascade, single: results (2, …, plans) of the same plans on the problems that judge them.

    Returns:
        Saving, 1 − exp(mean over targets of ln(cost of the cascade / cost of the single model)), and the
        mean difference of their accuracies; each a float array (…).
    """
    ours, others = cascade[..., deployed.cascade], single[..., deployed.single]
    logs = np.log(_positive(ours[1], others[1])) - np.log(_positive(others[1], ours[1]))
    return 1 - np.exp(logs @ deployed.share), (ours[0] - others[0]) @ deployed.share


def at_equal_accuracy(cascade: Floats, single: Floats) -> float:
    """By target, with plans picked by the side that judges them: it flatters fronts of many plans a little.

    Args:
        cascade, single: results (2, plans) on the judging side.

    Returns:
        The saving; NaN where the fronts have no accuracy in common.
    """
    deployed = targets(cascade, single)
    return np.nan if deployed is None else float(by_target(deployed, cascade, single)[0])


def _positive(cost: Floats, other: Floats) -> Floats:
    """Costs for the logarithm: what costs nothing counts as the cheapest of both that costs something."""
    known = np.concatenate([cost[cost > 0], other[other > 0]])
    return np.maximum(cost, known.min() if known.size else 1.0)


def front_hypervolume(front: Floats, reference_cost: float) -> float:
    """Area in (ln cost, accuracy) that a front dominates, up to the reference point (reference_cost, 0).

    Args:
        front: results (2, plans) on the judging side.
        reference_cost: of the dearest plan of any θ there.
    """
    accuracy, cost = front
    return hypervolume(_positive(cost, cost), accuracy, reference_cost)


def regret(front: Floats, best_front: Floats, reference_cost: float) -> float:
    """The share of the best front's hypervolume that the chosen plans miss.

    Args:
        front: results (2, plans) of the chosen plans on the judging side; none of them miss everything.
        best_front: of the front that this side would have chosen itself.
        reference_cost: see `front_hypervolume`.
    """
    best = front_hypervolume(best_front, reference_cost)
    # Where no plan is ever right there is nothing to miss.
    return 1 - front_hypervolume(front, reference_cost) / best if best else 0.0


def mean_gap(validation: Floats, test: Floats) -> float:
    """The mean accuracy of the chosen plans where they were chosen less that where they are judged.

    Args:
        validation, test: results (2, plans) of the same plans.
    """
    return float((validation[0] - test[0]).mean())


@dataclass(frozen=True)
class Sides:
    """Everything that the measures of one choice read.

    Attributes:
        front, singular: results (2, plans) on the validation side: of the chosen plans, and of the front of
            one-stage plans; their accuracies are what the choice promises.
        front_test, singular_test: outcomes (2, plans, problems) of the same plans on the test side.
        is_cascade: bool array (plans of the front,).
        one_stage_test: outcomes (2, one-stage plans, problems) of all of them.
        one_stage_k: int array (one-stage plans,).
        best_front_test: results (2, plans) of the front that the test side would have chosen.
        reference_cost: of the dearest plan of any θ on the test side.
        front_validation: float array (plans of the front,): accuracies on the validation side; None where
            they are what the choice promises.
    """

    front: Floats
    singular: Floats
    front_test: Floats
    singular_test: Floats
    is_cascade: NDArray[np.bool_]
    one_stage_test: Floats
    one_stage_k: Indices
    best_front_test: Floats
    reference_cost: float
    front_validation: Floats | None = None


@dataclass(frozen=True)
class Measures:
    """One choice on one split, in every measure; shares 0..1, NaN where a measure has nothing to compare.

    Attributes:
        saving_by_target, accuracy_by_target: the headline, two numbers that stand together: the share of
            cost saved against the chosen single-model plans, and the accuracy gained.
        hypervolume, regret: of the chosen front on the test side.
        saving_at_equal_accuracy: with plans picked by the test side.
        generalization_gap: validation less test accuracy, in the mean over the chosen plans.
        promise_gap: promised less test accuracy, in the same mean.
        mean_saving_as_written, mean_saving_as_printed: the paper's measure, twice.
    """

    saving_by_target: float
    accuracy_by_target: float
    hypervolume: float
    regret: float
    saving_at_equal_accuracy: float
    generalization_gap: float
    promise_gap: float
    mean_saving_as_written: float
    mean_saving_as_printed: float

    def as_dict(self) -> dict[str, float]:
        """By name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def measures(sides: Sides) -> Measures:
    """Every measure of one choice on one split."""
    front, singular, one_stage = (
        outcomes.mean(axis=2) for outcomes in (sides.front_test, sides.singular_test, sides.one_stage_test)
    )
    deployed = targets(sides.front, sides.singular)
    saving, gained = (np.nan, np.nan) if deployed is None else by_target(deployed, front, singular)
    written, printed = (
        mean_saving(how, front, sides.is_cascade, one_stage, sides.one_stage_k)
        for how in (AS_WRITTEN, AS_PRINTED)
    )
    return Measures(
        float(saving),
        float(gained),
        front_hypervolume(front, sides.reference_cost),
        regret(front, sides.best_front_test, sides.reference_cost),
        at_equal_accuracy(front, singular),
        mean_gap(sides.front[:1] if sides.front_validation is None else sides.front_validation[None], front),
        mean_gap(sides.front, front),
        written,
        printed,
    )


def by_target_measured(sides: Sides, weights: Floats, confidence: float) -> tuple[Measured, Measured] | None:
    """By target with paired intervals: how sure saving and accuracy difference are, for new test problems.

    The plans stay those that the validation side picked; a replicate judges all of them on the same problems.

    Args:
        sides: of one choice.
        weights: float array (replicates, test problems).
        confidence: of the intervals.

    Returns:
        Saving and accuracy difference; None where the fronts have no target in common.
    """
    deployed = targets(sides.front, sides.singular)
    if deployed is None:
        return None
    found = by_target(deployed, sides.front_test.mean(axis=2), sides.singular_test.mean(axis=2))
    drawn = by_target(
        deployed, replicate_means(sides.front_test, weights), replicate_means(sides.singular_test, weights)
    )
    saving, accuracy = (
        Measured(float(value), interval(replicates, confidence, weights.shape[1]))
        for value, replicates in zip(found, drawn, strict=True)
    )
    return saving, accuracy


def at_equal_accuracy_measured(sides: Sides, weights: Floats, confidence: float) -> Measured | None:
    """At equal accuracy with a paired interval; every replicate picks its own plans.

    Args:
        sides, weights, confidence: see `by_target_measured`.
    """
    found = at_equal_accuracy(sides.front_test.mean(axis=2), sides.singular_test.mean(axis=2))
    if np.isnan(found):
        return None
    pairs = zip(
        replicate_means(sides.front_test, weights).swapaxes(0, 1),
        replicate_means(sides.singular_test, weights).swapaxes(0, 1),
        strict=True,
    )
    drawn = np.array([at_equal_accuracy(ours, others) for ours, others in pairs])
    return Measured(found, interval(drawn, confidence, weights.shape[1]))


def paired_difference(ours: Floats, others: Floats, confidence: float) -> tuple[Measured, int]:
    """One way of choosing against another over the same splits.

    Args:
        ours, others: float arrays (splits,) of one measure; splits where either is NaN are left out.
        confidence: of Student's interval over the splits.

    Returns:
        The mean difference, and in how many splits ours is larger.
    """
    known = ~np.isnan(ours) & ~np.isnan(others)
    if not known.any():
        return Measured(np.nan, Interval(np.nan, np.nan)), 0
    difference = ours[known] - others[known]
    return mean_of_studies(difference, confidence), int((difference > 0).sum())
