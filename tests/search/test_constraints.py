"""One plan by budget or accuracy."""

import numpy as np
import pytest

from cascade.base.errors import CascadeError
from cascade.core.bootstrap import problem_weights
from cascade.search.constraints import Constraints, constrained_plan

# (cost, right on how many of 20 problems)
PLANS = [(1.0, 10), (2.0, 14), (3.0, 14), (4.0, 18), (8.0, 20)]
OUTCOMES = np.stack(
    [
        np.array([[float(i < n) for i in range(20)] for _, n in PLANS]),
        np.array([[cost] * 20 for cost, _ in PLANS]),
    ]
)
WEIGHTS = problem_weights(20, 1000, seed=0)


@pytest.mark.parametrize(
    ("budget", "least", "confidence", "index"),
    [
        (2.5, None, None, 1),
        (3.5, None, None, 1),  # of two that are as accurate the cheaper one
        (100.0, None, None, 4),
        (1.0, None, None, 0),
        (None, 0.7, None, 1),
        (None, 0.71, None, 3),
        (5.0, 0.6, None, 1),
        # 14 of 20 is not surely 70 %: the next plan is needed.
        (None, 0.7, 0.9, 3),
        (None, 0.85, 0.9, 4),
    ],
)
def test_constrained_plan(
    budget: float | None, least: float | None, confidence: float | None, index: int
) -> None:
    assert constrained_plan(Constraints(budget, least, confidence), OUTCOMES, WEIGHTS) == index


@pytest.mark.parametrize(
    ("constraints", "says"),
    [
        (
            Constraints(0.5, None, None),
            r"select\.budget_usd_per_1k=0\.5: no plan's cost is within the budget; the lowest is 1 \$",
        ),
        (
            Constraints(2.0, 0.9, None),
            r"select\.min_accuracy=0\.9: no plan within the budget has that accuracy; the best has 0\.7000",
        ),
        (Constraints(4.0, 0.9, 0.95), r"has that lower accuracy bound at select\.confidence=0\.95; the best"),
    ],
)
def test_constraints_that_nothing_meets(constraints: Constraints, says: str) -> None:
    with pytest.raises(CascadeError, match=says):
        constrained_plan(constraints, OUTCOMES, WEIGHTS)


def test_a_budget_is_kept_by_the_bound_and_not_by_the_mean() -> None:
    """Two plans cost 2 $ in the mean; the second one's 40 $ fall on one problem in twenty."""
    steady, jumpy = np.full(20, 2.0), np.array([40.0, *[0.0] * 19])
    right = np.array([[float(i < 10) for i in range(20)], [float(i < 16) for i in range(20)]])
    outcomes = np.stack([right, np.stack([steady, jumpy])])
    assert constrained_plan(Constraints(3.0, None, None), outcomes, WEIGHTS) == 1
    assert constrained_plan(Constraints(3.0, None, 0.9), outcomes, WEIGHTS) == 0
    # A replicate in ten draws that problem three times: 6 $.
    assert constrained_plan(Constraints(8.0, None, 0.9), outcomes, WEIGHTS) == 1
    says = (
        r"no plan's upper cost bound at select\.confidence=0\.9 is within the budget; the lowest is [46] \$"
    )
    with pytest.raises(CascadeError, match=says):
        constrained_plan(Constraints(3.0, None, 0.9), outcomes[:, 1:], WEIGHTS)


def test_what_is_wanted() -> None:
    assert not Constraints(None, None, 0.9).is_set
    assert Constraints(1.0, None, None).is_set and Constraints(None, 0.5, None).is_set
