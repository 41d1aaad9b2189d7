"""The paper's measure: mean cost saving against one-stage plans of equal accuracy (section 5.1, Table 3)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cascade.core import Floats

EQUAL_ACCURACY = 0.01  # accuracies within ±1 point count as equal (paper section 5.1)
_ROUNDING = 1e-9
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class SavingMeasure:
    """How a mean cost saving is taken over a front (METHOD, Table 3 as printed).

    Attributes:
        window: one-stage plans within ± this accuracy (0..1) of a plan count as equally accurate.
        whole_front: average over the whole front, one-stage members included; otherwise over its cascades.
        baseline_k1: whether one-stage plans with k = 1 are among those compared with.
    """

    window: float
    whole_front: bool
    baseline_k1: bool


AS_WRITTEN = SavingMeasure(EQUAL_ACCURACY, whole_front=False, baseline_k1=True)  # paper section 5.1
AS_PRINTED = SavingMeasure(0.005, whole_front=True, baseline_k1=False)  # what the paper's Table 3 holds


def equal_cost(
    accuracy: Floats, one_stage_cost: Floats, one_stage_accuracy: Floats, window: float = EQUAL_ACCURACY
) -> Floats:
    """C_0: the mean cost of the one-stage plans within ± the window of some accuracies (paper section 5.1).

    Args:
        accuracy: float array (N,): of the cascades.
        one_stage_cost, one_stage_accuracy: float arrays (M,): of the one-stage plans.
        window: how far an accuracy may lie away, 0..1.

    Returns:
        Float array (N,); NaN where no one-stage plan lies in the window.
    """
    inside = np.abs(one_stage_accuracy[None, :] - accuracy[:, None]) <= window + _ROUNDING
    members = inside.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(members > 0, (inside * one_stage_cost).sum(axis=1) / members, np.nan)


def cost_savings(
    cost: Floats,
    accuracy: Floats,
    one_stage_cost: Floats,
    one_stage_accuracy: Floats,
    window: float = EQUAL_ACCURACY,
) -> Floats:
    """What each plan saves against one-stage plans of equal accuracy (paper section 5.1, Table 3).

    C_0 is the mean cost of the one-stage plans within ± the window of the plan's accuracy; the saving
    is (C_0 − C_1)/C_0.

    Args:
        cost, accuracy: float arrays (plans,) of the plans, on the test side.
        one_stage_cost, one_stage_accuracy: float arrays of the one-stage plans, on the same side.
        window: 0.01 in the paper's text, 0.005 behind its Table 3.

    Returns:
        Float array (plans,); NaN where no one-stage plan lies in the window.
    """
    c_0 = equal_cost(accuracy, one_stage_cost, one_stage_accuracy, window)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((c_0 - cost) / c_0)


def mean_saving(
    how: SavingMeasure, front: Floats, is_cascade: NDArray[np.bool_], one_stage: Floats, k: Indices
) -> float:
    """The paper's measure of a front, as its text has it or as its table was made.

    Args:
        how: `AS_WRITTEN`, `AS_PRINTED` or another.
        front: results (2, plans) of the chosen plans on the test side.
        is_cascade: bool array (plans,): those with more than one stage.
        one_stage: results (2, one-stage plans) of all one-stage plans there.
        k: int array (one-stage plans,): their k.

    Returns:
        NaN where no averaged plan has a one-stage plan in its window.
    """
    accuracy, cost = front if how.whole_front else front[:, is_cascade]
    other, other_cost = one_stage if how.baseline_k1 else one_stage[:, k != 1]
    found = cost_savings(cost, accuracy, other_cost, other, how.window)
    return float(np.nanmean(found)) if not np.isnan(found).all() else np.nan
