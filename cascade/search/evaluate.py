"""What is known of chosen plans, with intervals: estimates, savings, differences and the generalization gap.

Everything comes from outcomes (2, plans, problems), see `cascade.search.plan_results`, and from one set
of bootstrap weights (replicates, problems), see `cascade.core.bootstrap`: replicates are paired, so that
plans are compared on the same problems.
"""

from collections.abc import Sequence

import numpy as np

from cascade.core import Floats, Interval, Measured, interval, intervals, replicate_means
from cascade.search.chosen_plans import ChosenPlan, Estimate
from cascade.search.mean_saving import EQUAL_ACCURACY, cost_savings


def estimates(outcomes: Floats, weights: Floats, confidence: float) -> tuple[Estimate, ...]:
    """Cost and accuracy of N plans with their intervals.

    Args:
        outcomes: float array (2, N, P), see `cascade.search.plan_results`.
        weights: float array (B, P), see `cascade.core.problem_weights`.
        confidence: of the intervals, between 0 and 1.
    """
    accuracy, usd = outcomes.mean(axis=2)
    accuracy_ends, usd_ends = (
        intervals(replicates, confidence, outcomes.shape[2])
        for replicates in replicate_means(outcomes, weights)
    )
    return tuple(
        Estimate(float(c), float(a), Interval(*map(float, c_ends)), Interval(*map(float, a_ends)))
        for c, a, c_ends, a_ends in zip(usd, accuracy, usd_ends.T, accuracy_ends.T, strict=True)
    )


def savings(
    cascades: Floats,
    one_stage: Floats,
    weights: Floats,
    confidence: float,
    window: float = EQUAL_ACCURACY,
) -> tuple[list[Measured | None], Measured | None]:
    """What cascade plans save against one-stage plans of equal accuracy (paper section 5.1).

    Args:
        cascades: outcomes of the chosen cascade plans on the test side.
        one_stage: outcomes of the one-stage plans there.
        weights: of the test side's problems.
        confidence: of the intervals.
        window: one-stage plans within ± this accuracy count as equally accurate.

    Returns:
        For each plan its saving, None where no one-stage plan is in the window; and their mean,
        None where there is none. A replicate counts where it has a one-stage plan in the window.
    """
    accuracy, usd = cascades.mean(axis=2)
    one_accuracy, one_usd = one_stage.mean(axis=2)
    found = cost_savings(usd, accuracy, one_usd, one_accuracy, window)
    if np.isnan(found).all():
        return [None] * len(found), None
    parts = zip(*replicate_means(cascades, weights), *replicate_means(one_stage, weights), strict=True)
    drawn = np.stack(
        [cost_savings(replicate[1], replicate[0], replicate[3], replicate[2], window) for replicate in parts]
    )
    each = [
        None if np.isnan(value) else Measured(float(value), interval(column, confidence, weights.shape[1]))
        for value, column in zip(found, drawn.T, strict=True)
    ]
    n_known = (~np.isnan(drawn)).sum(axis=1)
    means = np.nansum(drawn, axis=1)[n_known > 0] / n_known[n_known > 0]
    return each, Measured(float(np.nanmean(found)), interval(means, confidence, weights.shape[1]))


def replaced(chosen: ChosenPlan, singular: Sequence[ChosenPlan]) -> int:
    """Which plan of the singular front a cascade plan replaces, by what the choice promises of both.

    Returns:
        The index of the cheapest that is as accurate; of the most accurate where none is.
    """
    as_good = [i for i, one in enumerate(singular) if one.promised >= chosen.promised]
    return as_good[0] if as_good else len(singular) - 1


def difference(
    cascade: Floats, one_stage: Floats, weights: Floats, confidence: float
) -> tuple[Measured, Measured]:
    """One plan against another on the same problems.

    Args:
        cascade, one_stage: float arrays (2, P), outcomes of the two.

    Returns:
        The difference in accuracy, and the share of the second's cost that the first saves.
    """
    right = cascade[0] - one_stage[0]
    cascade_usd, other = weights @ cascade[1], weights @ one_stage[1]
    saving = 1 - cascade[1].mean() / one_stage[1].mean()
    return (
        Measured(float(right.mean()), interval(weights @ right, confidence, len(right))),
        Measured(float(saving), interval(1 - cascade_usd / other, confidence, len(right))),
    )


def generalization_gap(
    validation: Floats, test: Floats, weights: tuple[Floats, Floats], confidence: float
) -> Measured:
    """The mean loss of accuracy of the chosen plans from the validation to the test side.

    Args:
        validation, test: outcomes of the same plans on either side.
        weights: of either side's problems; the sides are drawn independently.
    """
    before, after = (side[0].mean(axis=0) for side in (validation, test))
    drawn = weights[0] @ before - weights[1] @ after
    return Measured(
        float(before.mean() - after.mean()),
        interval(drawn, confidence, min(side_weights.shape[1] for side_weights in weights)),
    )
