"""Problems without references: they tell what plans cost and when stages accept, not who is right."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cascade.core import Floats, StageTable

# The arrays of a table that references are needed for.
LABELLED = ("accept_correct", "correct")


def with_unlabelled(tables: Sequence[StageTable], unlabelled: Sequence[StageTable]) -> list[StageTable]:
    """Tables whose means are costs over all problems, and accuracies over those that have references.

    A plan's accuracy and cost are sums over problems, so one table serves both: of U problems without and L
    with references the former are never right, and the latter count (L + U)/L times.

    Args:
        tables: of the problems with references.
        unlabelled: of the others, whose correctness is not looked at; empty for the tables as they are.
    """
    if not unlabelled:
        return list(tables)
    found = []
    for table, more in zip(tables, unlabelled, strict=True):
        n, n_more = table.correct.shape[1], more.correct.shape[1]
        found.append(_scaled(table, (n + n_more) / n).with_problems(_scaled(more, 0.0)))
    return found


def _scaled(table: StageTable, factor: float) -> StageTable:
    """The table with every probability of being right times a factor."""
    growing = table.growing
    if growing is not None:
        right, *others = growing
        growing = (right * factor, *others)
    return replace(table, growing=growing, **{name: getattr(table, name) * factor for name in LABELLED})


def at_cost(outcomes: Floats, usd_per_1k_queries: Floats) -> Floats:
    """Outcomes whose costs have another mean: each plan's times a factor.

    Args:
        outcomes: float array (2, N, P), see `cascade.search.plan_results`.
        usd_per_1k_queries: float array (N,): the means that the plans' costs are to have.
    """
    accuracy, usd = outcomes
    means = usd.mean(axis=1)
    factor = np.divide(usd_per_1k_queries, means, out=np.ones_like(means), where=means > 0)
    return np.stack([accuracy, usd * factor[:, None]])
