"""Rules side by side: each rule's plans are chosen and proved as if it were alone, in one common area."""

import numpy as np
import pytest

from cascade.core.pareto import hypervolume
from cascade.core.plans import EXIT, Option, ThetaChoice
from cascade.core.split import Split
from cascade.core.stage_tables import StageTable
from cascade.search.choose import select
from cascade.search.compare_rules import rule_comparison
from cascade.search.grid import grid_search
from cascade.search.mean_saving import cost_savings

OPTIONS = (EXIT, Option(3, 2))
THETAS = (0.2, 0.8)
SPLIT = Split(np.arange(12), np.arange(12, 40))


def tables(seed: int, dearer: float = 1.0) -> list[StageTable]:
    """Two models; the second is more often right and five times as dear."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(2):
        correct = (rng.random((2, 40)) < 0.5 + 0.3 * i) * 1.0
        accept = np.sort(rng.random((2, 2, 40)), axis=1)[:, ::-1]
        accept[0] = 1.0
        usd = rng.random((2, 40)) * 1e-3 * 5**i * dearer
        none = np.zeros((2, 40))
        made.append(StageTable(OPTIONS, THETAS, accept, accept * correct[:, None], correct, usd, none, none))
    return made


def test_each_rule_as_if_it_were_alone_up_to_the_dearest_plan_of_any() -> None:
    of_rules = {"paper": tables(0), "dear": tables(1, dearer=3.0)}
    found = {one.rule: one for one in rule_comparison(of_rules, SPLIT)}
    assert list(found) == ["paper", "dear"]
    sides = {
        name: {rule: grid_search([t.at(side) for t in rule_tables]) for rule, rule_tables in of_rules.items()}
        for name, side in (("validation", SPLIT.validation), ("test", SPLIT.test))
    }
    dearest = {name: max(g.usd_per_1k_queries.max() for g in grids.values()) for name, grids in sides.items()}
    for rule, one in found.items():
        chosen = select(sides["validation"][rule], ThetaChoice.best)
        assert (one.theta, one.n_front) == (chosen.theta, len(chosen.front))
        at = chosen.front.theta, chosen.front.plan
        for name, volume in (("validation", one.hypervolume), ("test", one.test_hypervolume)):
            grid = sides[name][rule]
            expected = hypervolume(grid.usd_per_1k_queries[at], grid.accuracy[at], dearest[name])
            assert volume == pytest.approx(expected)
        grid = sides["test"][rule]
        alone = grid.space.one_stage
        cascades = chosen.front[~alone[chosen.front.plan]]
        savings = cost_savings(
            grid.usd_per_1k_queries[cascades.theta, cascades.plan],
            grid.accuracy[cascades.theta, cascades.plan],
            grid.usd_per_1k_queries[0, alone],
            grid.accuracy[0, alone],
        )
        known = savings[~np.isnan(savings)]
        assert one.mean_saving == pytest.approx(known.mean() if known.size else np.nan, nan_ok=True)
    # The rules differ in every number, or the comparison would prove nothing.
    assert found["paper"].hypervolume != found["dear"].hypervolume


def test_plans_without_a_single_model_of_equal_accuracy_are_left_out_of_the_mean() -> None:
    """One of two cascades has none: the mean is the other's saving, worked out without the library."""
    made = tables(42)
    [result] = rule_comparison({"paper": made}, SPLIT)
    validation, test = (grid_search([t.at(side) for t in made]) for side in (SPLIT.validation, SPLIT.test))
    chosen = select(validation, ThetaChoice.best).front
    one_stage = [p for p in range(len(test.space)) if test.space.one_stage[p]]
    savings = []
    for t, p in zip(chosen.theta, chosen.plan, strict=True):
        if p not in one_stage:
            near = [q for q in one_stage if abs(test.accuracy[0, q] - test.accuracy[t, p]) <= 0.01 + 1e-9]
            single = np.mean([test.usd_per_1k_queries[0, q] for q in near]) if near else np.nan
            savings.append(1 - test.usd_per_1k_queries[t, p] / single)
    assert np.isnan(savings).tolist() == [True, False]
    assert result.mean_saving == pytest.approx(savings[1])


def test_without_a_test_side_nothing_is_proved() -> None:
    [one] = rule_comparison({"paper": tables(0)}, Split(np.arange(40), np.zeros(0, dtype=np.int64)))
    assert np.isnan(one.test_hypervolume) and np.isnan(one.mean_saving)
    assert one.hypervolume > 0
