"""Rules side by side: the plans that each would choose from the same samples, and their proof."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cascade.core import Split, StageTable, ThetaChoice, hypervolume
from cascade.search.choose import select
from cascade.search.grid import Combinations, GridResult, grid_search
from cascade.search.mean_saving import cost_savings


@dataclass(frozen=True)
class RuleResult:
    """What the paper's way of choosing makes of one rule.

    Attributes:
        rule: its name.
        theta: the θ with the best front on the validation side; θ means something else under every rule.
        n_front: plans on that front.
        hypervolume: of the front on the validation side, in (ln cost, accuracy) up to the dearest plan of any
            rule: comparable between the rules.
        test_hypervolume: the same of those plans on the test side; NaN without one.
        mean_saving: mean cost saving of the cascade plans on the test side (paper section 5.1); NaN where no
            one-stage plan is as accurate.
    """

    rule: str
    theta: float
    n_front: int
    hypervolume: float
    test_hypervolume: float
    mean_saving: float


def rule_comparison(tables: Mapping[str, Sequence[StageTable]], split: Split) -> list[RuleResult]:
    """Choose plans under every rule on the validation side and prove them on the test side.

    Args:
        tables: by rule, one stage table a model, all from the same samples.
        split: the two sides.
    """
    validation = {
        rule: grid_search([t.at(split.validation) for t in rule_tables])
        for rule, rule_tables in tables.items()
    }
    chosen = {rule: select(grid, ThetaChoice.best) for rule, grid in validation.items()}
    dearest = max(float(grid.usd_per_1k_queries.max()) for grid in validation.values())
    volumes = {rule: _volume(validation[rule], chosen[rule].front, dearest) for rule in tables}
    test_volumes = dict.fromkeys(tables, float("nan"))
    savings = dict.fromkeys(tables, float("nan"))
    if len(split.test):
        test = {
            rule: grid_search([t.at(split.test) for t in rule_tables]) for rule, rule_tables in tables.items()
        }
        dearest = max(float(grid.usd_per_1k_queries.max()) for grid in test.values())
        test_volumes = {rule: _volume(test[rule], chosen[rule].front, dearest) for rule in tables}
        savings = {rule: _mean_saving(test[rule], chosen[rule].front) for rule in tables}
    results = []
    for rule in tables:
        theta = chosen[rule].theta
        assert theta is not None
        results.append(
            RuleResult(rule, theta, len(chosen[rule].front), volumes[rule], test_volumes[rule], savings[rule])
        )
    return results


def _volume(grid: GridResult, plans: Combinations, dearest: float) -> float:
    return hypervolume(*_points(grid, plans), dearest)


def _mean_saving(grid: GridResult, plans: Combinations) -> float:
    one_stage = grid.space.one_stage
    cascades = plans[~one_stage[plans.plan]]
    saving = cost_savings(
        *_points(grid, cascades), grid.usd_per_1k_queries[0, one_stage], grid.accuracy[0, one_stage]
    )
    known = saving[~np.isnan(saving)]
    return float(known.mean()) if known.size else float("nan")


def _points(grid: GridResult, plans: Combinations) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cost and accuracy of some combinations."""
    return grid.usd_per_1k_queries[plans.theta, plans.plan], grid.accuracy[plans.theta, plans.plan]
