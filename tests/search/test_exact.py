"""The exact search against trying every plan, on random small studies and on ties."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from cascade.base.errors import CascadeError
from cascade.core.pareto import front
from cascade.core.plans import EXIT, Growing, option_space
from cascade.core.stage_tables import StageTable
from cascade.search.choose import falling_k
from cascade.search.exact import exact_front
from cascade.search.grid import grid_search
from cascade.search.plan_list import listed_plans, values

THETAS = (0.2, 0.6, 1.0)


def tables(
    seed: int, n_models: int, n_problems: int, growing: Growing, *, coarse: bool = False
) -> list[StageTable]:
    """Made-up models; coarse ones have many equal results, so that plans tie."""
    rng = np.random.default_rng(seed)
    options = option_space([0, 1, 3, 5], [2], growing)

    def draw(*shape: int) -> np.ndarray:
        return np.round(rng.random(shape) * 2) / 2 if coarse else rng.random(shape)

    made = []
    for i in range(n_models):
        shape = (len(options), len(THETAS), n_problems)
        accept, correct = draw(*shape), draw(len(options), n_problems)
        accept[options.index(EXIT)] = 1.0
        usd = (draw(len(options), n_problems) + 0.1) * 1e-4 * 3**i
        none = np.zeros_like(usd)
        grown = None
        if growing is not Growing.off:
            grown = (draw(*shape), (draw(*shape) + 0.1) * 1e-4 * 3**i, 1 + draw(*shape))
        joint = accept * draw(*shape)
        made.append(StageTable(options, THETAS, accept, joint, correct, usd, none, none, grown))
    return made


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 3),
    st.integers(1, 5),
    st.sampled_from([Growing.off, Growing.also]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_the_front_is_the_grid_s(
    seed: int, n_models: int, n_problems: int, growing: Growing, per_stage: bool, falls: bool, coarse: bool
) -> None:
    stage_tables = tables(seed, n_models, n_problems, growing, coarse=coarse)
    grid = grid_search(stage_tables, per_stage_theta=per_stage)
    allowed = falling_k(grid.space) if falls else np.ones(len(grid.space), dtype=bool)
    usd, accuracy = grid.usd_per_1k_queries[:, allowed].ravel(), grid.accuracy[:, allowed].ravel()
    best = front(usd, accuracy)
    found = exact_front(stage_tables, per_stage_theta=per_stage, falling=falls)
    ours = np.stack(values(stage_tables, found.options, found.thetas))
    # Members that differ in the last bits alone are one.
    theirs = np.stack([accuracy[best], usd[best]])
    for some, others in ((ours, theirs), (theirs, ours)):
        for a, c in some.T:
            beaten = (others[0] >= a - 1e-12) & (others[1] <= c * (1 + 1e-12) + 1e-15)
            assert beaten.any(), (a, c)
    listed = listed_plans(stage_tables, found.options, found.thetas)
    if falls:
        assert falling_k(listed.space).all()


def test_what_does_not_fit_is_an_error() -> None:
    stage_tables = tables(0, 4, 12, Growing.also)
    with pytest.raises(CascadeError, match="search=exact: more than 100 prefixes"):
        exact_front(stage_tables, per_stage_theta=True, max_bytes=1)


def test_one_model_and_no_tests() -> None:
    [only] = tables(1, 1, 4, Growing.off)
    exits = only.part([0], range(len(THETAS)))
    found = exact_front([exits], per_stage_theta=True)
    assert found.options.tolist() == [[0]]
