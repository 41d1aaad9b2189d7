"""How much choosing adds to accuracies, by cross-validation, and what is promised without it."""

from dataclasses import replace

import numpy as np
import pytest

from cascade.core.bootstrap import problem_weights
from cascade.core.pareto import front
from cascade.core.plans import Option
from cascade.core.stage_tables import StageTable
from cascade.search.choose import falling_growing, one_stage
from cascade.search.constraints import Constraints, constrained_plan
from cascade.search.grid import grid_search
from cascade.search.optimism import corrected, selection_optimism, with_counted_singles

EVERY = np.ones(2, dtype=bool)


def test_two_problems_by_hand() -> None:
    """Equally dear plans, each right on one of two problems: the one chosen by one fails on the other."""
    outcomes = np.array([[[1.0, 0], [0, 1]], [[1.0, 1], [1, 1]]])
    assert selection_optimism(outcomes, outcomes, EVERY, seed=0) == pytest.approx(1.0)
    # Of one plan alone nothing is chosen: what it promises on one half it misses on the other as often.
    assert selection_optimism(outcomes[:, :1], outcomes[:, :1], EVERY[:1], seed=0) == pytest.approx(0.0)
    # Judged by other numbers: promised 0.8 on every problem, right on half.
    by = np.array([[[0.8, 0.8]], [[1.0, 1]]])
    assert selection_optimism(by, outcomes[:, :1], EVERY[:1], seed=0) == pytest.approx(0.3)


def test_nothing_to_say() -> None:
    one_problem = np.ones((2, 2, 1))
    assert selection_optimism(one_problem, one_problem, EVERY, seed=0) == 0.0
    two = np.ones((2, 2, 2))
    assert selection_optimism(two, two, ~EVERY, seed=0) == 0.0


def test_it_is_what_new_problems_show() -> None:
    """Over many samples of a population the mean of what is said is near what the front loses on it."""
    rng = np.random.default_rng(0)
    n_plans, said, lost = 60, [], []
    cost = np.arange(1.0, n_plans + 1)
    skill = np.minimum(0.4 + 0.005 * np.arange(n_plans), 0.6)
    for seed in range(60):
        right = (rng.random((n_plans, 40)) < skill[:, None]).astype(float)
        outcomes = np.stack([right, np.repeat(cost[:, None], 40, axis=1)])
        chosen = front(cost, right.mean(axis=1))
        lost.append((right.mean(axis=1) - skill)[chosen].mean())
        said.append(selection_optimism(outcomes, outcomes, np.ones(n_plans, dtype=bool), seed))
    assert np.mean(lost) > 0.03
    assert np.mean(said) == pytest.approx(np.mean(lost), abs=0.015)


def tables(rng: np.random.Generator) -> list[StageTable]:
    options = (Option(0, 0), Option(1, 2), Option(3, 2), Option(3, 2, growing=True))
    made = []
    for i in range(2):
        accept = rng.random((4, 2, 6))
        accept[0] = 1.0
        correct, usd = rng.random((4, 6)), (i + 1.0) * rng.random((4, 6))
        nothing = np.zeros((4, 6))
        growing = tuple(rng.random((4, 2, 6)) for _ in range(3))
        correct[3], usd[3] = np.nan, np.nan
        made.append(
            StageTable(options, (0.3, 0.8), accept, accept * 0.5, correct, usd, nothing, nothing, growing)
        )
    return made


def test_single_models_stay_as_they_are_counted() -> None:
    counted = tables(np.random.default_rng(1))
    halves = [replace(table, correct=table.correct / 2) for table in counted]
    grid, true = grid_search(halves), grid_search(counted)
    ours = with_counted_singles(grid, counted)
    alone = grid.space.one_stage
    assert np.allclose(ours.accuracy[:, alone], true.accuracy[:, alone])
    assert np.array_equal(ours.accuracy[:, ~alone], grid.accuracy[:, ~alone])
    promised = corrected(ours, 0.03, 0.01)
    assert np.allclose((ours.accuracy - promised.accuracy)[:, alone], 0.01)
    assert np.allclose((ours.accuracy - promised.accuracy)[:, ~alone], 0.03)


def test_growing_plans_whose_k_falls() -> None:
    space = grid_search(tables(np.random.default_rng(2))).space
    kept = falling_growing(space)
    # Either model greedy, by its pair, or growing; ≤3:2 → greedy, ≤3:2 → 1:2 and 1:2 → greedy.
    assert kept.sum() == 9
    for index in np.flatnonzero(kept):
        stages = space.plan(int(index), 0.3).stages
        assert all(option.growing or option.k <= 1 for _, option in stages)
        assert [option.k for _, option in stages] == sorted({o.k for _, o in stages}, reverse=True)
    assert len(one_stage(grid_search(tables(np.random.default_rng(2))))) == 6


def test_budgets_are_met_by_what_is_promised() -> None:
    outcomes = np.array([[[1.0, 0.0], [1.0, 1.0]], [[1.0, 1.0], [2.0, 2.0]]])
    weights = problem_weights(2, 100, seed=0)
    least = Constraints(None, 0.5, None)
    assert constrained_plan(least, outcomes, weights) == 0
    assert constrained_plan(least, outcomes, weights, np.array([0.4, 0.9])) == 1
