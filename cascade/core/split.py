"""The validation and test sides of a data set (paper sections 3.2 and 4.2)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cascade.base import CascadeError

_ROUNDING = 1e-9  # 5 points are 5 points, also where floats say 0.0500000000001


@dataclass(frozen=True)
class Split:
    """Indices of the problems on either side, ascending.

    Attributes:
        validation: int array: where plans are chosen.
        test: int array: where they are proved; empty if the validation ids name every problem.
        redraws: how many draws were thrown away before this one was balanced.
    """

    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    redraws: int = 0


def balanced_split(
    accuracy: NDArray[np.float64],
    models: Sequence[str],
    *,
    seed: int,
    validation_fraction: float,
    max_accuracy_gap: float,
    max_redraws: int,
) -> Split:
    """A random split on which every model is about equally good on both sides.

    Args:
        accuracy: float array (models, problems): each model's greedy accuracy on each problem.
        models: the models' names, for the error.
        seed: of the draw; the same seed gives the same split.
        validation_fraction: share of the problems on the validation side, 0.3 in the paper.
        max_accuracy_gap: largest allowed difference between the sides, 0.05 in the paper.
        max_redraws: how many unbalanced draws may be thrown away.

    Raises:
        CascadeError: no draw was balanced; names the smallest gap seen and what relaxes it.
    """
    n = accuracy.shape[1]
    n_validation = round(validation_fraction * n)
    if not 0 < n_validation < n:
        raise CascadeError(
            f"{n} problems cannot be split with split.validation_fraction={validation_fraction:g}: one side "
            "would be empty; use more problems, another fraction or split.validation_ids"
        )
    rng = np.random.default_rng(seed)
    smallest, worst = np.inf, ""
    for redraw in range(max_redraws + 1):
        order = rng.permutation(n)
        validation, test = np.sort(order[:n_validation]), np.sort(order[n_validation:])
        gaps = np.abs(accuracy[:, validation].mean(axis=1) - accuracy[:, test].mean(axis=1))
        if gaps.max() <= max_accuracy_gap + _ROUNDING:
            return Split(validation, test, redraw)
        if gaps.max() < smallest:
            smallest, worst = gaps.max(), models[int(gaps.argmax())]
    raise CascadeError(
        f"no balanced split in {max_redraws + 1} draws: at best {worst} differs by {100 * smallest:.1f} "
        f"points between validation and test (split.max_accuracy_gap={max_accuracy_gap:g} allows "
        f"{100 * max_accuracy_gap:.1f}); "
        f"split.max_accuracy_gap={math.ceil(1e4 * smallest) / 1e4:g} would do; or raise split.max_redraws, "
        "or give split.validation_ids"
    )


def listed_split(task_ids: Sequence[str], validation_ids: Sequence[str], source: str) -> Split:
    """The split that an explicit list of validation ids makes; the list may name every problem.

    Args:
        task_ids: of all problems, in their order.
        validation_ids: of those on the validation side, in any order.
        source: where the list comes from; errors begin with it.

    Raises:
        CascadeError: the list is empty or names an unknown id.
    """
    wanted = set(validation_ids)
    unknown = sorted(wanted.difference(task_ids))
    if unknown:
        raise CascadeError(
            f"{source}: {unknown[0]!r} is not a task of this data set ({len(unknown)} unknown ids); "
            f"its tasks are named like {task_ids[0]!r}"
        )
    if not wanted:
        raise CascadeError(f"{source}: no validation ids in it; write one task id a line")
    chosen = np.array([task_id in wanted for task_id in task_ids])
    return Split(np.flatnonzero(chosen), np.flatnonzero(~chosen))
