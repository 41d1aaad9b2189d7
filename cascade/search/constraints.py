"""One plan by what the user wants: within a budget, of a least accuracy, or both (beyond the paper)."""

from dataclasses import dataclass

import numpy as np

from cascade.base import CascadeError
from cascade.core import Floats, wilson_lower_bound


@dataclass(frozen=True)
class Constraints:
    """What the user wants of one plan; either may be None, or both.

    Attributes:
        budget_usd_per_1k: the most that 1,000 queries may cost, in US dollars.
        min_accuracy: the least accuracy, 0..1.
        confidence: by what one-sided bound a plan must keep to them; None for the estimate itself.
    """

    budget_usd_per_1k: float | None
    min_accuracy: float | None
    confidence: float | None

    @property
    def is_set(self) -> bool:
        """Whether anything is wanted."""
        return self.budget_usd_per_1k is not None or self.min_accuracy is not None


def constrained_plan(
    constraints: Constraints, outcomes: Floats, weights: Floats, promised: Floats | None = None
) -> int:
    """The cheapest plan of the least accuracy, or the most accurate one in the budget.

    Args:
        constraints: what is wanted.
        outcomes: float array (2, N, P) of the plans to choose from.
        weights: float array (B, P) of the bootstrap; read where the constraints have a confidence.
        promised: float array (N,): the accuracies that the choice promises; None for those of the outcomes.
            Where the constraints have a confidence, the bound of the outcomes' accuracy stands instead.

    Returns:
        The plan's index; of equal ones the better in the other respect.

    Raises:
        CascadeError: no plan meets it; says how far they go.
    """
    accuracy, usd = outcomes.mean(axis=2)
    # As on the front: sums of the same numbers in another order are no difference.
    accuracy = np.round(accuracy, 12)
    sure_accuracy, sure_usd = accuracy if promised is None else np.round(promised, 12), usd
    cost, reached = "cost", "accuracy"  # what of a plan must meet the constraints
    if constraints.confidence is not None:
        sure_accuracy = wilson_lower_bound(accuracy, outcomes.shape[2], constraints.confidence)
        sure_usd = np.quantile(outcomes[1] @ weights.T, constraints.confidence, axis=1)
        cost, reached = (
            f"{side} bound at select.confidence={constraints.confidence:g}"
            for side in ("upper cost", "lower accuracy")
        )
    meets = np.ones(len(usd), dtype=bool)
    if constraints.budget_usd_per_1k is not None:
        meets &= sure_usd <= constraints.budget_usd_per_1k
        if not meets.any():
            raise CascadeError(
                f"select.budget_usd_per_1k={constraints.budget_usd_per_1k:g}: no plan's {cost} is within "
                f"the budget; the lowest is {sure_usd.min():.4g} $ per 1,000 queries"
            )
    if constraints.min_accuracy is not None:
        best = sure_accuracy[meets].max()
        meets &= sure_accuracy >= constraints.min_accuracy
        if not meets.any():
            within = "" if constraints.budget_usd_per_1k is None else " within the budget"
            raise CascadeError(
                f"select.min_accuracy={constraints.min_accuracy:g}: no plan{within} has that "
                f"{reached}; the best has {best:.4f}"
            )
    of = np.flatnonzero(meets)
    # With a least accuracy the cheapest; otherwise the most accurate. The other one breaks ties.
    first, second = (usd, -accuracy) if constraints.min_accuracy is not None else (-sure_accuracy, usd)
    return int(of[np.lexsort((second[of], first[of]))[0]])
