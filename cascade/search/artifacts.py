"""What one step writes and the next reads: executed studies and their combinations."""

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cascade.base import DataError
from cascade.core import (
    ARRAYS,
    ByProbability,
    ByScore,
    Calibrator,
    ModelRuns,
    Option,
    Split,
    StageTable,
    Throughput,
    calibrate,
    on_front,
    table_of_runs,
)
from cascade.search.choose import near_front
from cascade.search.grid import Combinations, GridResult
from cascade.search.provenance import Provenance

if TYPE_CHECKING:
    import pandas as pd

STAGE_TABLES = "stage_tables.npz"
COMBINATIONS = "combinations.parquet"
MAX_ROWS = 1_000_000  # of the table of combinations
# What reading a damaged or foreign npz file raises.
DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Executed:
    """A study after execution: all that choosing and proving need.

    Attributes:
        models: the family's model names, from small to large.
        task_ids: of the problems, in the tables' order.
        tables: one stage table a model, over all problems.
        split: the validation and test sides.
        provenance: what the study was made from.
        runs: one a model, what the tables were made of; empty in files of before there were any.
        calibration: one a model, where the probability of being right decides on acceptance; otherwise None.
        base_tables: where the test side is proved on extended tests, by which `tables` judge its problems:
            the tables by the base tests, which judge the validation side in both; otherwise empty.
        unlabelled: one a model over the problems without references of `select.more_problems`; a file does
            not keep them.
    """

    models: tuple[str, ...]
    task_ids: tuple[str, ...]
    tables: tuple[StageTable, ...]
    split: Split
    provenance: Provenance
    runs: tuple[ModelRuns, ...] = ()
    calibration: tuple[ByProbability, ...] | None = None
    base_tables: tuple[StageTable, ...] = ()
    unlabelled: tuple[StageTable, ...] = ()

    def narrowed(self, options: Sequence[Option], thetas: Sequence[float]) -> "Executed":
        """The same with some of the options and θ only; what a model does not have is no option of it."""
        tables, base_tables = (
            tuple(
                table.part(
                    [i for i, option in enumerate(table.options) if option in options],
                    [i for i, theta in enumerate(table.thetas) if theta in thetas],
                )
                for table in some
            )
            for some in (self.tables, self.base_tables)
        )
        runs = tuple(
            model_runs.part([o for o in model_runs.options if o in options]) for model_runs in self.runs
        )
        return replace(self, tables=tables, runs=runs, base_tables=base_tables)

    def repriced(
        self, prices: Mapping[str, Throughput], hardware: str, hashes: Mapping[str, str]
    ) -> "Executed":
        """The same at other prices: a stage costs its tokens times the price of one.

        Args:
            prices: by model name.
            hardware: the name of the profile that has them.
            hashes: of the inputs that are others now.
        """
        old = self.provenance.prices
        factors = [prices[m].usd_per_1m_tokens / old[m].usd_per_1m_tokens for m in self.models]
        tables, base_tables = (
            tuple(table.costing(factor) for table, factor in zip(some, factors, strict=False))
            for some in (self.tables, self.base_tables)
        )
        provenance = replace(
            self.provenance, hardware=hardware, prices=prices, hashes={**self.provenance.hashes, **hashes}
        )
        return replace(self, tables=tables, provenance=provenance, base_tables=base_tables)

    def served_tables(self) -> tuple[StageTable, ...]:
        """Stage tables over all problems as a service decides: with one calibrator a model, and no folds."""
        tables = self.tables
        if self.calibration is not None:
            prices = [self.provenance.prices[model].usd_per_token for model in self.models]
            tables = tuple(
                table_of_runs(runs, table.thetas, price, decides.served(len(self.task_ids)))
                for runs, table, price, decides in zip(
                    self.runs, tables, prices, self.calibration, strict=True
                )
            )
        if not self.unlabelled:
            return tables
        return tuple(t.with_problems(more) for t, more in zip(tables, self.unlabelled, strict=True))

    def shrunk_tables(self, seed: int, *, without_tests: bool) -> tuple[StageTable, ...]:
        """The tables by which `select.accuracy=shrunk` chooses, over all problems.

        Args:
            seed: of the calibrators' folds, where acceptance needs no calibrators and they are fitted here.
            without_tests: see `ByProbability`.

        Raises:
            DataError: there are no runs to make them from.
        """
        if not self.runs:
            raise DataError("select.accuracy=shrunk: these stage tables have no runs; run task=run again")
        made = []
        for i, (model, runs, table) in enumerate(zip(self.models, self.runs, self.tables, strict=True)):
            beliefs = (
                calibrate(runs, self.split.validation, seed, without_tests=without_tests)
                if self.calibration is None
                else self.calibration[i]
            )
            accept = ByScore(without_tests) if self.calibration is None else beliefs
            price = self.provenance.prices[model].usd_per_token
            made.append(table_of_runs(runs, table.thetas, price, accept, beliefs))
        return tuple(made)

    def save(self, path: Path) -> None:
        """Write everything into one npz file."""
        arrays: dict[str, Any] = {
            "models": np.array(self.models),
            "task_ids": np.array(self.task_ids),
            "validation": self.split.validation,
            "test": self.split.test,
            "thetas": np.array(self.tables[0].thetas),
            "provenance": np.array(json.dumps(self.provenance.to_json())),
        }
        for i, table in enumerate(self.tables):
            arrays |= _table_arrays(f"{i}", table)
        for i, table in enumerate(self.base_tables):
            arrays |= _table_arrays(f"{i}.base", table)
        for i, runs in enumerate(self.runs):
            arrays |= {f"{i}.runs.{name}": array for name, array in runs.to_arrays().items()}
        for i, calibration in enumerate(self.calibration or ()):
            arrays[f"{i}.calibrators"] = np.stack([one.coefficients for one in calibration.calibrators])
            arrays[f"{i}.calibrated_on"] = np.array([one.n_problems for one in calibration.calibrators])
            arrays[f"{i}.calibrator_of"] = calibration.of_problem
            arrays["calibrated_without_tests"] = np.array(calibration.without_tests)
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Executed":
        """Read what `save` wrote.

        Raises:
            DataError: the file is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                thetas = tuple(arrays["thetas"].tolist())
                models = tuple(arrays["models"].tolist())
                tables = tuple(_table(arrays, f"{i}", thetas) for i in range(len(models)))
                return cls(
                    models,
                    tuple(arrays["task_ids"].tolist()),
                    tables,
                    Split(arrays["validation"], arrays["test"]),
                    Provenance.from_json(json.loads(str(arrays["provenance"]))),
                    tuple(_runs(arrays, i) for i in range(len(models)) if f"{i}.runs.options" in arrays),
                    None
                    if "calibrated_without_tests" not in arrays
                    else tuple(_calibration(arrays, i) for i in range(len(models))),
                    tuple(
                        _table(arrays, f"{i}.base", thetas)
                        for i in range(len(models))
                        if f"{i}.base.options" in arrays
                    ),
                )
        except DAMAGE as error:
            raise DataError(f"{path}: not a stage-table file ({error!r}); run task=run again") from None


def _table_arrays(begin: str, table: StageTable) -> dict[str, Any]:
    arrays = {f"{begin}.{name}": getattr(table, name) for name in ARRAYS}
    arrays[f"{begin}.options"] = np.array([(o.k, o.l, o.growing) for o in table.options])
    if table.growing is not None:
        arrays[f"{begin}.growing"] = np.stack(table.growing)
    return arrays


def _table(arrays: Mapping[str, Any], begin: str, thetas: tuple[float, ...]) -> StageTable:
    return StageTable(
        tuple(Option(int(k), int(l), bool(g)) for k, l, g in arrays[f"{begin}.options"]),  # noqa: E741
        thetas,
        **{name: arrays[f"{begin}.{name}"] for name in ARRAYS},
        growing=tuple(arrays[f"{begin}.growing"]) if f"{begin}.growing" in arrays else None,
    )


def _runs(arrays: Mapping[str, Any], model: int) -> ModelRuns:
    begin = f"{model}.runs."
    return ModelRuns.from_arrays({n.removeprefix(begin): arrays[n] for n in arrays if n.startswith(begin)})


def _calibration(arrays: Mapping[str, Any], model: int) -> ByProbability:
    fitted = zip(arrays[f"{model}.calibrators"], arrays[f"{model}.calibrated_on"].tolist(), strict=True)
    return ByProbability(
        tuple(Calibrator(row, n) for row, n in fitted),
        arrays[f"{model}.calibrator_of"],
        bool(arrays["calibrated_without_tests"]),
    )


def combinations_table(grid: GridResult, split: str) -> "pd.DataFrame":
    """The combinations as rows; of more than a million the 100,000 nearest to the front.

    Returns:
        Columns k_1…k_n, l_1…l_n (-1 where the model is skipped), growing_1…growing_n where any stage grows,
        theta (or theta_1…theta_n where every stage has its own; NaN where none is looked at), split,
        accuracy (0..1), usd_per_1k_queries; rows ordered by θ, then as in the plan space.
    """
    import pandas as pd  # half a second, which nobody else needs before the answer

    n_thetas, n_plans = grid.accuracy.shape
    rows = Combinations(np.repeat(np.arange(n_thetas), n_plans), np.tile(np.arange(n_plans), n_thetas))
    if len(rows) > MAX_ROWS:
        rows = near_front(grid, rows, MAX_ROWS // 10)
    space = grid.space.at(rows.plan)
    columns: dict[str, Any] = {}
    for name, values in (("k", space.k), ("l", space.l), ("theta", space.theta)):
        if values is not None:
            columns |= {f"{name}_{i + 1}": column for i, column in enumerate(values.T)}
    if space.growing.any():
        columns |= {f"growing_{i + 1}": column for i, column in enumerate(space.growing.T)}
    if space.theta is None:
        columns["theta"] = np.array(grid.thetas)[rows.theta]
    columns["split"] = split
    columns["accuracy"] = grid.accuracy[rows.theta, rows.plan]
    columns["usd_per_1k_queries"] = grid.usd_per_1k_queries[rows.theta, rows.plan]
    return pd.DataFrame(columns)


def ranked(combinations: "pd.DataFrame") -> "pd.DataFrame":
    """Combinations in the order in which people look for them, with two columns more.

    Args:
        combinations: as `combinations_table` makes them.

    Returns:
        The rows on the Pareto front first, then by accuracy, then by cost; `on_front` (0 or 1) says which
        no other row beats, and `rank` counts from 1.
    """
    cost, accuracy = combinations["usd_per_1k_queries"], combinations["accuracy"]
    best = on_front(cost.to_numpy(), accuracy.to_numpy())
    ordered = combinations.assign(on_front=best.astype(float)).sort_values(
        ["on_front", "accuracy", "usd_per_1k_queries"], ascending=[False, False, True], kind="stable"
    )
    return ordered.assign(rank=np.arange(1.0, len(ordered) + 1))
