"""How much choosing adds to what the chosen plans look like, by cross-validation inside the validation side.

Of many plans on few problems the best are also the luckiest. A front chosen on nine tenths of the validation
problems and judged on the last tenth, for every tenth, says by how much: no test problem is looked at. The
bootstrap says far too little of it, as its replicates repeat the problems that the plans were chosen on.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cascade.core import Floats, StageTable, front
from cascade.search.choose import one_stage
from cascade.search.grid import Combinations, GridResult
from cascade.search.plan_results import combination_outcomes

N_FOLDS = 10
REPEATS = 2  # the folds are drawn anew so often


def with_counted_singles(grid: GridResult, tables: Sequence[StageTable]) -> GridResult:
    """The grid with the accuracies of one-stage plans as the tables have them, also where it was shrunk."""
    singles = one_stage(grid)
    accuracy = grid.accuracy.copy()
    accuracy[:, singles.plan] = combination_outcomes(tables, grid, singles)[0].mean(axis=1)
    return replace(grid, accuracy=accuracy)


def corrected(grid: GridResult, cascades: float, singles: float) -> GridResult:
    """The grid with the accuracies that are promised of its plans.

    Args:
        grid: of the validation side.
        cascades, singles: by how much choosing overestimates either kind, see `front_optimism`.
    """
    off = np.where(grid.space.one_stage, singles, cascades)
    return replace(grid, accuracy=grid.accuracy - off)


def front_optimism(
    judged: Sequence[StageTable],
    counted: Sequence[StageTable],
    grid: GridResult,
    candidates: Combinations,
    seed: int,
) -> tuple[float, float]:
    """By how much choosing overestimates the cascades of a front, and the plans of the singular front.

    Args:
        judged: tables of the validation side by which cascades are chosen.
        counted: the same tables with every answer as right as it is.
        grid: that the candidates are of.
        candidates: the plans that the front is taken from.
        seed: of the folds.
    """
    outcomes, singles = (combination_outcomes(counted, grid, some) for some in (candidates, one_stage(grid)))
    alone = grid.space.one_stage[candidates.plan]
    by = outcomes
    if judged is not counted:
        by = np.where(alone[:, None], outcomes, combination_outcomes(judged, grid, candidates))
    every = np.ones(singles.shape[1], dtype=bool)
    return selection_optimism(by, outcomes, ~alone, seed), selection_optimism(singles, singles, every, seed)


def selection_optimism(judged: Floats, counted: Floats, members: NDArray[np.bool_], seed: int) -> float:
    """By how much a front's accuracy is overestimated, in the mean over its members.

    Args:
        judged: float array (2, N, P), outcomes (accuracy, cost) of the plans to choose from on the P
            validation problems, by which they are chosen.
        counted: float array (2, N, P), the same with answers as right as they are, by which they are judged.
        members: bool array (N,): the plans of a front over which the mean is taken.
        seed: of the folds.

    Returns:
        Promised less held-out accuracy; 0 where there are fewer than two problems or no front has members.
    """
    n_problems = judged.shape[2]
    rng = np.random.default_rng(seed)
    total = weight = 0.0
    for _ in range(REPEATS):
        for fold in np.array_split(rng.permutation(n_problems), min(N_FOLDS, n_problems)):
            others = np.ones(n_problems, dtype=bool)
            others[fold] = False
            if not others.any():
                continue
            accuracy, cost = judged @ (others / others.sum())
            chosen = front(cost, accuracy)
            chosen = chosen[members[chosen]]
            if len(chosen):
                held_out = counted[0, chosen][:, fold].mean(axis=1)
                total += len(fold) * float((accuracy[chosen] - held_out).mean())
                weight += len(fold)
    return total / weight if weight else 0.0
