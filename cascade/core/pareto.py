"""Pareto fronts in (cost, accuracy) and their hypervolume."""

import numpy as np
from numpy.typing import NDArray


def on_front(cost: NDArray[np.float64], accuracy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points no other point beats: cost ≤ and accuracy ≥ with one of them strict.

    Args:
        cost, accuracy: float arrays (points,); equal points stay on the front together.

    Returns:
        Bool array (points,).
    """
    # Sums of the same numbers in another order differ in the last bits: that is no difference.
    accuracy = np.round(accuracy, 12)
    _, group = np.unique(cost, return_inverse=True)
    if len(group) == 0:
        return np.zeros(0, dtype=bool)
    best = np.full(group.max() + 1, -np.inf)
    np.maximum.at(best, group, accuracy)
    best_cheaper = np.concatenate([[-np.inf], np.maximum.accumulate(best)[:-1]])
    # A cost group is worth having only if it beats everything cheaper.
    return np.asarray((accuracy == best[group]) & (best > best_cheaper)[group])


def front(cost: NDArray[np.float64], accuracy: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the front's points by rising cost; of equal points only the first."""
    members = np.flatnonzero(on_front(cost, accuracy))
    _, first = np.unique(cost[members], return_index=True)
    return np.asarray(members[first], dtype=np.int64)


def hypervolume(cost: NDArray[np.float64], accuracy: NDArray[np.float64], reference_cost: float) -> float:
    """Area in (ln cost, accuracy) dominated by the points, up to the reference point (reference_cost, 0).

    Args:
        cost: float array (points,), positive.
        accuracy: float array (points,), 0..1.
        reference_cost: the dearest cost that counts.
    """
    members = front(cost, accuracy)
    edges = np.append(np.log(cost[members]), np.log(reference_cost))
    widths = np.diff(np.minimum(edges, edges[-1]))
    return float(widths @ accuracy[members])
