"""Which plans may be chosen at all, decided by splits inside the validation side alone (beyond the paper)."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cascade.core import StageTable, ThetaChoice
from cascade.search.choose import select
from cascade.search.grid import grid_search
from cascade.search.mean_saving import cost_savings
from cascade.search.plan_results import combination_outcomes


def nested_savings(
    tables: Sequence[StageTable],
    allowed: Mapping[str, NDArray[np.bool_]],
    *,
    theta_choice: ThetaChoice,
    n_splits: int,
    seed: int,
) -> dict[str, float]:
    """What plans chosen on one half of the problems save on the other half, for several sets of plans.

    Args:
        tables: of the validation side only.
        allowed: by name, a bool array (plans,) of the space that `grid_search` makes of the tables.
        theta_choice: see `cascade.search.choose.select`.
        n_splits: how many random halves are tried; the same for every set.
        seed: of the halves.

    Returns:
        By name the mean saving of the chosen cascade plans, averaged over the halves; a half that
        proves no cascade plan saves 0.
    """
    n_problems = tables[0].correct.shape[1]
    savings: dict[str, list[float]] = {name: [] for name in allowed}
    rng = np.random.default_rng(seed)
    for _ in range(n_splits):
        order = rng.permutation(n_problems)
        first, second = order[: n_problems // 2], order[n_problems // 2 :]
        grid = grid_search([table.at(first) for table in tables], per_stage_theta=theta_choice.per_stage)
        other = [table.at(second) for table in tables]
        for name, plans in allowed.items():
            chosen = select(grid, theta_choice, plans)
            one_stage = grid.space.one_stage
            front = chosen.front[~one_stage[chosen.front.plan]]
            single = chosen.candidates[one_stage[chosen.candidates.plan]]
            accuracy, usd = combination_outcomes(other, grid, front).mean(axis=2)
            single_accuracy, single_usd = combination_outcomes(other, grid, single).mean(axis=2)
            found = cost_savings(usd, accuracy, single_usd, single_accuracy)
            savings[name].append(float(np.nanmean(found)) if not np.isnan(found).all() else 0.0)
    return {name: float(np.mean(values)) for name, values in savings.items()}
