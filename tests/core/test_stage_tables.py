"""Stage tables: their errors in dollars, parts of them, and the same for growing stages."""

from dataclasses import replace

import numpy as np
import pytest

from cascade.core.estimators import Resample
from cascade.core.outcomes import DrawOutcome, ProblemOutcome
from cascade.core.plans import EXIT, Growing, Option, option_space
from cascade.core.stage_tables import ARRAYS, StageTable, stage_table

OPTIONS = option_space([0, 1, 2, 3], [2], Growing.also)
THETAS = (0.2, 0.8)


def block(rng: np.random.Generator, size: int) -> DrawOutcome:
    return DrawOutcome(
        rng.random((size, 2 * size)) < 0.6,
        np.repeat(np.arange(size), 2),
        np.tile([1, 2], size),
        rng.random(size) < 0.5,
        rng.integers(10, 90, size),
        {2: rng.integers(10, 90, size)},
    )


def table(usd_per_token: float) -> StageTable:
    rng = np.random.default_rng(0)
    outcomes = [ProblemOutcome(block(rng, 1), (block(rng, 8),)) for _ in range(5)]
    return stage_table(
        outcomes, OPTIONS, THETAS, usd_per_token, accept_without_tests=True, estimator=Resample(30)
    )


def test_costs_and_their_errors_are_in_dollars() -> None:
    """Tokens times the price, for options that grow and for those that do not."""
    tokens, dollars = table(1.0), table(1e-3)
    for name in ("usd", "usd_error"):
        assert getattr(dollars, name) == pytest.approx(getattr(tokens, name) / 1000, nan_ok=True)
    assert dollars.by_theta[1] == pytest.approx(tokens.by_theta[1] / 1000)
    assert (tokens.usd_error[2:] > 0).all() and tokens.usd_error.max() < 90
    # The largest option's: the root of the sum of squares over problems, divided by how many there are.
    squares = np.sqrt((tokens.usd_error**2).sum(axis=1)) / 5
    assert dollars.monte_carlo_error()[1] == pytest.approx(1000 * squares.max() / 1000)
    assert dollars.monte_carlo_error()[0] == pytest.approx(
        (np.sqrt((tokens.correct_error**2).sum(axis=1)) / 5).max()
    )


def test_some_problems_of_a_table() -> None:
    whole, some = table(1.0), np.array([3, 0])
    part = whole.at(some)
    for name in ARRAYS:
        assert np.array_equal(getattr(part, name), getattr(whole, name)[..., some], equal_nan=True)
    for one, other in zip(part.by_theta, whole.by_theta, strict=True):
        assert np.array_equal(one, other[..., some])


def test_some_options_and_thetas_of_a_table() -> None:
    whole = table(1.0)
    part = whole.part([0, 4], [1])
    assert (part.options, part.thetas) == ((OPTIONS[0], OPTIONS[4]), (0.8,))
    assert np.array_equal(part.accept, whole.accept[[0, 4]][:, [1]])
    assert np.array_equal(part.accept_correct, whole.accept_correct[[0, 4]][:, [1]])
    for name in ARRAYS[2:]:
        assert np.array_equal(getattr(part, name), getattr(whole, name)[[0, 4]], equal_nan=True)
    for one, other in zip(part.by_theta, whole.by_theta, strict=True):
        assert np.array_equal(one, other[[0, 4]][:, [1]])
    without = replace(whole, growing=None).part([0], [0, 1])
    assert without.growing is None and without.options == (EXIT,)


def test_each_model_has_random_numbers_of_its_own() -> None:
    rng = np.random.default_rng(1)
    outcomes = [ProblemOutcome(block(rng, 1), (block(rng, 8),)) for _ in range(5)]

    def correct(**model: int) -> list[float]:
        table = stage_table(
            outcomes, [Option(2, 2)], THETAS, 1.0, accept_without_tests=True, estimator=Resample(10), **model
        )
        return table.correct[0].tolist()  # type: ignore[no-any-return]

    assert correct() == correct(model=0) != correct(model=1)
