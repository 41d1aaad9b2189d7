"""How large a family's grid is, and what it would take on this machine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cascade.core import Option, StageTable
from cascade.search.grid import grid_search

# Above it the grid is left to a search that samples it: results and tables of this size take gigabytes.
MAX_GRID_PLANS = 20_000_000
SAMPLE_PLANS = 100_000  # the largest grid that is timed to foretell another's


@dataclass(frozen=True)
class GridSize:
    """A grid and what it takes.

    Attributes:
        n_plans: combinations of plan and θ.
        seconds: estimated from a small grid that was timed here.
        gigabytes: of the result alone.
    """

    n_plans: int
    seconds: float
    gigabytes: float

    @property
    def feasible(self) -> bool:
        """Whether the grid can be searched exhaustively."""
        return self.n_plans <= MAX_GRID_PLANS

    def __str__(self) -> str:
        return f"{self.n_plans:,} plans, about {self.seconds:,.1f} s and {self.gigabytes:,.1f} GB"


def n_grid_plans(options: Sequence[Sequence[Option]], n_thetas: int, *, per_stage_theta: bool) -> int:
    """Combinations of plan and θ: 9,009 for three models, nine options and eleven θ.

    Args:
        options: each model's options, in family order.
        n_thetas: size of the θ grid.
        per_stage_theta: every stage that looks at a θ has its own.
    """
    total, prefixes = 0, 1
    for model_options in options:
        ends = len(model_options)
        if per_stage_theta:
            ends += (n_thetas - 1) * sum(option.growing for option in model_options)
        total += prefixes * ends
        prefixes *= 1 + sum(option.tests for option in model_options) * (n_thetas if per_stage_theta else 1)
    return total if per_stage_theta else total * n_thetas


def size_of_grid(
    options: Sequence[Sequence[Option]], thetas: Sequence[float], n_problems: int, *, per_stage_theta: bool
) -> GridSize:
    """What the grid would take; times the grid of the first models on made-up tables, some milliseconds.

    Args:
        options: each model's options, in family order.
        thetas: the θ grid.
        n_problems: problems of the side that is searched.
        per_stage_theta: every stage that looks at a θ has its own.
    """

    def count(n_models: int) -> int:
        return n_grid_plans(options[:n_models], len(thetas), per_stage_theta=per_stage_theta)

    timed = max((m for m in range(1, len(options) + 1) if count(m) <= SAMPLE_PLANS), default=1)
    rng = np.random.default_rng(0)
    tables = []
    for model_options in options[:timed]:
        shape = (len(model_options), len(thetas), n_problems)
        accept, flat = rng.random(shape), rng.random((len(model_options), n_problems))
        grown = (accept, accept, accept) if any(option.growing for option in model_options) else None
        tables.append(
            StageTable(tuple(model_options), tuple(thetas), accept, accept, flat, flat, flat, flat, grown)
        )
    started = time.perf_counter()
    grid_search(tables, per_stage_theta=per_stage_theta)
    seconds = time.perf_counter() - started
    n_plans = count(len(options))
    # Two float64 and one int16 a model for every plan.
    n_rows = n_plans if per_stage_theta else n_plans // len(thetas)
    gigabytes = (16 * n_plans + 2 * len(options) * n_rows) / 1e9
    return GridSize(n_plans, seconds * n_plans / count(timed), gigabytes)
