"""Which k of a draw's samples stand for a stage: the paper's first k, or many random k-subsets."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class Estimator(Protocol):
    """How a stage that takes k of a draw's samples is estimated."""

    @property
    def pool_draws(self) -> bool:
        """Whether the draws of a model and a problem are one pool, whose every pair is executed."""

    def subsets(
        self, n_solutions: int, n_tests: int, k: int, n_draws: int, rng_key: tuple[int, ...]
    ) -> tuple[Indices, Indices]:
        """Which solutions and which tests are taken, for every time that the stage is run on a draw.

        Args:
            n_solutions, n_tests: what the draw has.
            k: how many of each are taken.
            n_draws: how many draws the estimate is averaged over.
            rng_key: numbers that identify model, option, problem and draw.

        Returns:
            Int arrays (runs, k) of indices: of the solutions, and of the tests.
        """

    def describe(self) -> str:
        """What it takes, in words; different estimators differ in them."""


@dataclass(frozen=True)
class FirstK:
    """The paper's estimator: the first k of a draw, averaged over draws."""

    pool_draws: bool = False

    def subsets(
        self, n_solutions: int, n_tests: int, k: int, n_draws: int, rng_key: tuple[int, ...]
    ) -> tuple[Indices, Indices]:
        """One run: the first k of either kind; see `Estimator.subsets`."""
        return np.arange(k)[None], np.arange(k)[None]

    def describe(self) -> str:
        """What it takes, in words."""
        return "first k of the pooled draws" if self.pool_draws else "first k"


@dataclass(frozen=True)
class Resample:
    """Random k-subsets of a draw's solutions and, apart from them, of its tests.

    A draw's samples are exchangeable, so every k-subset is worth as much as the first k: their mean
    has a smaller variance and the same expectation.

    Attributes:
        n_subsets: how many subsets are taken for an option and a problem, over all draws.
        seed: of their choice; every model, option, problem and draw has a stream of its own.
        pool_draws: whether subsets are taken from all draws together.
    """

    n_subsets: int
    seed: int = 0
    pool_draws: bool = True

    def subsets(
        self, n_solutions: int, n_tests: int, k: int, n_draws: int, rng_key: tuple[int, ...]
    ) -> tuple[Indices, Indices]:
        """Random subsets, as many on each draw as make `n_subsets` of them all; see `Estimator.subsets`."""
        if n_solutions == k and n_tests == k:
            return np.arange(k)[None], np.arange(k)[None]  # there is one subset only
        rng = np.random.default_rng((self.seed, *rng_key))
        n = -(-self.n_subsets // n_draws)
        # The order of random numbers is a random order: its first k are a random subset.
        solutions = rng.random((n, n_solutions)).argsort(axis=1)[:, :k]
        tests = rng.random((n, n_tests)).argsort(axis=1)[:, :k]
        return solutions, tests

    def describe(self) -> str:
        """What it takes, in words."""
        of = "the pooled draws" if self.pool_draws else "each draw"
        return f"{self.n_subsets} random subsets of {of} (seed {self.seed})"
