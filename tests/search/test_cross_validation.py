"""Splits inside the validation side: they see through plans that are only lucky."""

import numpy as np
import pytest

from cascade.core.plans import EXIT, Option, ThetaChoice
from cascade.core.stage_tables import StageTable
from cascade.search.choose import falling_k
from cascade.search.cross_validation import nested_savings
from cascade.search.grid import grid_search

OPTIONS = (EXIT, Option(1, 2))
THETAS = (0.5,)


def table(correct: np.ndarray, usd: float, accept: np.ndarray) -> StageTable:
    """Greedy, and one sample with a test that costs a tenth more."""
    both = np.stack([correct, correct])
    accepted = np.stack([np.ones_like(accept), accept])[:, None]
    cost = np.stack([np.full(len(correct), usd), np.full(len(correct), 1.1 * usd)])
    none = np.zeros_like(both)
    return StageTable(OPTIONS, THETAS, accepted, accepted * both[:, None], both, cost, none, none)


def test_nested_savings() -> None:
    rng = np.random.default_rng(0)
    small = (rng.random(200) < 0.5).astype(float)
    # The small model's test knows exactly when it is right, and the large one is right there and elsewhere.
    tables = [table(small, 1.0, small), table(np.maximum(small, rng.random(200) < 0.4), 10.0, small)]
    space = grid_search(tables).space
    sets = {"all": np.ones(len(space), dtype=bool), "one": space.one_stage, "falling_k": falling_k(space)}

    def savings(seed: int) -> dict[str, float]:
        return nested_savings(tables, sets, theta_choice=ThetaChoice.best, n_splits=10, seed=seed)

    found = savings(1)
    # 1.1 + half of 10 instead of 10 (greedy) or 11 (tested), whose mean is 10.5.
    assert found["all"] == pytest.approx(1 - (1.1 + 10 * (1 - small.mean())) / 10.5, abs=0.03)
    assert found["falling_k"] == pytest.approx(found["all"], abs=0.03)
    assert found["one"] == 0.0
    assert savings(1) == found != savings(2)
