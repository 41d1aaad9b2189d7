"""Splits: balanced, seeded, bounded, or listed."""

import re

import numpy as np
import pytest

from cascade.base.errors import CascadeError
from cascade.core.split import balanced_split, listed_split

IDS = [f"T/{i}" for i in range(10)]


def split(accuracy: np.ndarray, seed: int = 0, gap: float = 0.05, redraws: int = 1000):  # type: ignore[no-untyped-def]
    return balanced_split(
        accuracy, ["s", "m"], seed=seed, validation_fraction=0.3, max_accuracy_gap=gap, max_redraws=redraws
    )


def test_parts_are_disjoint_and_whole_and_seeded() -> None:
    accuracy = (np.random.default_rng(1).random((2, 164)) < 0.6).astype(float)
    one, again, other = split(accuracy, 7), split(accuracy, 7), split(accuracy, 8)
    assert len(one.validation) == 49
    assert sorted([*one.validation, *one.test]) == list(range(164))
    assert np.array_equal(one.validation, again.validation)
    assert not np.array_equal(one.validation, other.validation)


@pytest.mark.parametrize("seed", range(20))
def test_every_model_is_balanced(seed: int) -> None:
    accuracy = (np.random.default_rng(2).random((2, 164)) < 0.6).astype(float)
    s = split(accuracy, seed)
    gaps = abs(accuracy[:, s.validation].mean(axis=1) - accuracy[:, s.test].mean(axis=1))
    assert gaps.max() <= 0.05 + 1e-9


def test_no_balanced_draw_names_the_gap_and_what_relaxes_it() -> None:
    # One right answer in ten: on either side, the gap is 1/7 or 1/3.
    accuracy = np.zeros((2, 10))
    accuracy[1, 0] = 1.0
    with pytest.raises(
        CascadeError, match=r"at best m differs by 14\.3 points .* split\.max_accuracy_gap=0\.1429 would do"
    ):
        split(accuracy, redraws=50)
    assert split(accuracy, gap=0.15, redraws=50).redraws < 50


def test_too_few_problems() -> None:
    with pytest.raises(CascadeError, match=r"1 problems cannot be split"):
        split(np.ones((2, 1)))


def test_listed_ids_may_name_every_problem() -> None:
    assert listed_split(IDS, ["T/3", "T/1"], "f").validation.tolist() == [1, 3]
    assert listed_split(IDS, IDS, "f").test.size == 0


@pytest.mark.parametrize(
    ("ids", "says"), [(["T/77"], "f: 'T/77' is not a task"), ([], "f: no validation ids")]
)
def test_wrong_lists(ids: list[str], says: str) -> None:
    with pytest.raises(CascadeError, match=says):
        listed_split(IDS, ids, "f")


def test_the_gap_that_would_do_does() -> None:
    accuracy = np.eye(3, 10)  # one of ten is right: no two sides are equal
    settings = {"seed": 1, "validation_fraction": 0.3, "max_redraws": 5}
    with pytest.raises(CascadeError) as error:
        balanced_split(accuracy, ("a", "b", "c"), max_accuracy_gap=0.0, **settings)
    [gap] = re.findall(r"split.max_accuracy_gap=([\d.]+) would do", str(error.value))
    balanced_split(accuracy, ("a", "b", "c"), max_accuracy_gap=float(gap), **settings)
