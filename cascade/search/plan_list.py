"""Cost and accuracy of given plans, one θ a stage: what a search needs that does not try everything."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cascade.core import PlanSpace, StageTable
from cascade.search.grid import GridResult
from cascade.search.plan_results import outcomes_at

MAX_NUMBERS = 2**22  # of a (plans, problems) array: plans are taken in parts that keep to it


def listed_plans(
    tables: Sequence[StageTable], options: NDArray[np.int64], thetas: NDArray[np.int64]
) -> GridResult:
    """The given plans as a result of the grid search with one θ a stage.

    Args:
        tables: one a model in family order, over the same problems and θ.
        options: int array (N, models): index into the model's options, -1 where it is skipped; every
            plan has a stage, and nothing stands after an option without tests.
        thetas: int array (N, models): index into the tables' θ; a last stage looks at it only where it grows.
    """
    accuracy, usd = values(tables, options, thetas)
    last = _last(options)
    choice_options, choice_thetas, choices = [], [], np.full(options.shape, -1, dtype=np.int16)
    for i, table in enumerate(tables):
        # An option as a last stage, which has no θ, and then every testing option at every θ.
        n_options, n_thetas = len(table.options), len(table.thetas)
        testing = [o for o, option in enumerate(table.options) if option.tests]
        rank = np.zeros(n_options, dtype=np.int64)
        rank[testing] = np.arange(len(testing))
        choice_options.append((*table.options, *(table.options[o] for o in testing for _ in table.thetas)))
        choice_thetas.append((*[math.nan] * n_options, *(theta for _ in testing for theta in table.thetas)))
        chosen, asked = options[:, i], options[:, i] >= 0
        on_the_way = n_options + rank[chosen] * n_thetas + thetas[:, i]
        grows = np.array([*(option.growing for option in table.options), False])[chosen]
        choices[asked, i] = np.where((last == i) & ~grows, chosen, on_the_way)[asked]
    space = PlanSpace(tuple(choice_options), tuple(choice_thetas), choices)
    return GridResult(space, (math.nan,), accuracy[None], usd[None])


def values(
    tables: Sequence[StageTable], options: NDArray[np.int64], thetas: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Accuracy (0..1) and US dollars per 1,000 queries of given plans: two float arrays (N,).

    Args: see `listed_plans`.
    """
    step = max(1, MAX_NUMBERS // tables[0].correct.shape[1])
    parts = [slice(start, start + step) for start in range(0, len(options), step)]
    means = [outcomes_at(tables, options[part], thetas[part]).mean(axis=2) for part in parts]
    accuracy, usd = np.concatenate(means, axis=1)
    return accuracy, usd


def one_stage_plans(tables: Sequence[StageTable]) -> NDArray[np.int64]:
    """Int array (N, models): every option of every model as a plan of its own."""
    rows = []
    for i, table in enumerate(tables):
        options = np.full((len(table.options), len(tables)), -1)
        options[:, i] = np.arange(len(table.options))
        rows.append(options)
    return np.concatenate(rows)


def _last(options: NDArray[np.int64]) -> NDArray[np.int64]:
    """Int array (N,): the model of each plan's last stage."""
    n_models = options.shape[1]
    return np.asarray(n_models - 1 - (options[:, ::-1] >= 0).argmax(axis=1))
