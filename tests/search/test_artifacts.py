"""What one step writes and the next reads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cascade.base.errors import DataError
from cascade.core.plans import EXIT, Growing, option_space
from cascade.core.pricing import Throughput
from cascade.core.split import Split
from cascade.core.stage_tables import ARRAYS
from cascade.search import artifacts
from cascade.search.artifacts import Executed, combinations_table, ranked
from cascade.search.choose import ThetaChoice, select
from cascade.search.grid import grid_search
from cascade.search.provenance import Provenance
from tests.made_up import made_up_tables

OPTIONS = option_space([0, 1, 3], [2])


def executed(*, growing: bool = False) -> Executed:
    options = option_space([0, 1, 3], [2], Growing.also if growing else Growing.off)
    tables = made_up_tables(2, 6, options, (0.0, 0.7))
    if growing:
        grown = tuple(np.random.default_rng(0).random((3, len(options), 2, 6)))
        tables = [replace(table, growing=grown) for table in tables]
    provenance = Provenance("f", "d", "h", 3, "first k", {"a": Throughput(1, 2.0, 0.5, 8)}, {"config": "x"})
    ids = tuple(f"P/{i}" for i in range(6))
    return Executed(
        ("a", "b"), ids, tuple(tables), Split(np.array([0, 2]), np.array([1, 3, 4, 5])), provenance
    )


@pytest.mark.parametrize("growing", [False, True])
def test_round_trip(tmp_path: Path, growing: bool) -> None:
    written = executed(growing=growing)
    written.save(tmp_path / "tables.npz")
    read = Executed.load(tmp_path / "tables.npz")
    assert (read.models, read.task_ids, read.provenance) == (
        written.models,
        written.task_ids,
        written.provenance,
    )
    assert np.array_equal(read.split.validation, [0, 2]) and np.array_equal(read.split.test, [1, 3, 4, 5])
    for one, other in zip(written.tables, read.tables, strict=True):
        assert (one.options, one.thetas) == (other.options, other.thetas)
        for name in ARRAYS:
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
        assert (other.growing is not None) == growing
        if growing:
            assert np.array_equal(np.stack(one.growing or ()), np.stack(other.growing or ()))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b'{"plans": []}'])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tables.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"tables\.npz: not a stage-table file .*task=run"):
        Executed.load(tmp_path / "tables.npz")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_half_a_file_and_a_file_with_holes_are_one_line(tmp_path: Path, part: float) -> None:
    executed().save(tmp_path / "tables.npz")
    whole = (tmp_path / "tables.npz").read_bytes()
    at = int(part * len(whole))
    for damaged in (whole[:at], whole[: at // 2] + bytes(40) + whole[at // 2 + 40 :]):
        (tmp_path / "tables.npz").write_bytes(damaged)
        with pytest.raises(DataError, match="not a stage-table file"):
            Executed.load(tmp_path / "tables.npz")


@pytest.mark.parametrize("per_stage_theta", [False, True])
def test_the_table_of_combinations_says_every_plan(per_stage_theta: bool) -> None:
    grid = grid_search(executed().tables, per_stage_theta=per_stage_theta)
    table = combinations_table(grid, "validation")
    thetas = ["theta_1", "theta_2"] if per_stage_theta else ["theta"]
    assert set(table.columns) == {
        *("k_1", "k_2", "l_1", "l_2", *thetas, "split", "accuracy", "usd_per_1k_queries")
    }
    assert len(table) == grid.accuracy.size and set(table.split) == {"validation"}
    for i, row in enumerate(table.to_dict("records")):
        t, p = divmod(i, len(grid.space))
        plan = grid.plan(t, p)
        assert (row["accuracy"], row["usd_per_1k_queries"]) == (
            grid.accuracy[t, p],
            grid.usd_per_1k_queries[t, p],
        )
        for m, option in enumerate(plan.options):
            assert (row[f"k_{m + 1}"], row[f"l_{m + 1}"]) == (option.k, option.l)
        if not per_stage_theta:
            assert row["theta"] == plan.theta
        elif len(plan.stages) == 1 or plan.options[0] == EXIT:
            assert np.isnan(row["theta_1"])
        else:
            assert row["theta_1"] == plan.theta_at(0)


def test_growing_stages_have_columns_of_their_own() -> None:
    grid = grid_search(executed(growing=True).tables)
    table = combinations_table(grid, "test")
    assert table["growing_1"].tolist()[: len(grid.space)] == grid.space.growing[:, 0].tolist()
    assert table["growing_1"].any() and not table["growing_1"].all()


def test_of_too_many_combinations_the_nearest_to_the_front_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = grid_search(executed().tables)
    monkeypatch.setattr(artifacts, "MAX_ROWS", grid.accuracy.size)
    assert len(combinations_table(grid, "test")) == grid.accuracy.size
    monkeypatch.setattr(artifacts, "MAX_ROWS", 20)
    kept = combinations_table(grid, "test")
    assert len(kept) == 2
    monkeypatch.setattr(artifacts, "MAX_ROWS", grid.accuracy.size - 1)
    front = select(grid, ThetaChoice.pooled).front
    kept = combinations_table(grid, "test")
    assert len(kept) == (grid.accuracy.size - 1) // 10
    best = set(grid.accuracy[front.theta, front.plan].tolist())
    assert set(kept["accuracy"]) & best


def test_ranked_puts_the_front_first_then_accuracy_then_cost() -> None:
    rows = pd.DataFrame(
        {"accuracy": [0.5, 0.9, 0.8, 0.8, 0.9], "usd_per_1k_queries": [1.0, 5.0, 3.0, 2.0, 6.0], "theta": 0.5}
    )
    by_rank = ranked(rows)
    assert by_rank.index.to_list() == [1, 3, 0, 4, 2]
    assert by_rank["on_front"].to_list() == [1, 1, 1, 0, 0]
    assert by_rank["rank"].to_list() == [1, 2, 3, 4, 5]
