"""Wrong answers that the base tests let pass, by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cascade.core.plans import EXIT, Option, Plan
from cascade.core.split import Split
from cascade.core.stage_tables import StageTable
from cascade.search.artifacts import Executed
from cascade.search.plan_results import plan_outcomes
from cascade.search.wrong_after_all import WrongAfterAll, wrong_after_all
from tests.search.test_artifacts import executed as made_up

TESTED = Option(1, 2)


def table(accept: list[float], right: list[float]) -> StageTable:
    """A model with one testing option and the exit at one θ, on four problems."""
    accepted, correct = np.array([[1.0] * 4, accept]), np.array([right, right])
    none = np.zeros((2, 4))
    return StageTable(
        (EXIT, TESTED), (1.0,), accepted[:, None], (accepted * correct)[:, None], correct, none, none, none
    )


BASE = [table([1, 1, 0.5, 0], [1, 1, 1, 0]), table([1, 1, 1, 1], [1, 0, 1, 1])]
EXTENDED = [table([1, 1, 0.5, 0], [1, 0, 0, 0]), table([1, 1, 1, 1], [1, 0, 1, 0])]


def test_by_stage_by_hand() -> None:
    plan = Plan((TESTED, EXIT), 1.0)
    found = wrong_after_all(("S", "L"), BASE, EXTENDED, plan)
    # S accepts problems 0, 1 and half of 2, all right by the base tests; 1 and the half are wrong after all.
    # L gets the other half of 2, which stays right, and 3, which is wrong after all.
    assert found == (WrongAfterAll("S", 2.5, 2.5, 1.5), WrongAfterAll("L", 1.5, 1.5, 1.0))
    before, after = (plan_outcomes(tables, [plan])[0, 0].sum() for tables in (BASE, EXTENDED))
    assert before - after == pytest.approx(sum(stage.wrong for stage in found))


def test_base_tables_are_kept(tmp_path: Path) -> None:
    made = replace(made_up(), base_tables=made_up().tables)
    assert isinstance(made.split, Split)
    made.save(tmp_path / "t.npz")
    read = Executed.load(tmp_path / "t.npz")
    assert len(read.base_tables) == len(made.tables)
    for one, other in zip(read.base_tables, made.base_tables, strict=True):
        assert one.options == other.options and np.array_equal(one.accept_correct, other.accept_correct)
