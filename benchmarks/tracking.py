"""Every combination as an MLflow run: bulk insert against the public client, and how fast they are found.

    python benchmarks/tracking.py

Both log the same runs with the same params, metrics and tags into a SQLite store of their own, in one
run. The public client is timed on a part of them and its rate compared. Sorting is what the UI asks the
server for: the 100 most accurate of one study.
"""

import random
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from mlflow.entities import Metric, Param, RunTag

from cascade.core.plans import option_space, plan_space
from cascade.search.artifacts import combinations_table
from cascade.search.grid import GridResult
from cascade.tracking import Tracker
from cascade.tracking.bulk import Rows, insert_runs
from cascade.tracking.layout import combination_rows

OPTIONS = option_space([-1, 0, 1, 3, 5, 10], [0, 2, 4])
THETAS = tuple(round(0.1 * i, 1) for i in range(11))
CLIENT_RUNS = 200
REPEATS = 3


def made_up_rows(n_models: int) -> Rows:
    """All combinations of a made-up family: 9,009 for three models, 81,180 for four."""
    rng = np.random.default_rng(0)
    space = plan_space([OPTIONS] * n_models)
    shape = (len(THETAS), len(space))
    grid = GridResult(space, THETAS, rng.uniform(0.2, 0.9, shape), rng.lognormal(0, 2, shape))
    models = tuple(f"{size}B" for size in (1, 7, 13, 34)[:n_models])
    tags = {"cascade.study": f"made-up-{n_models}"}
    return combination_rows(combinations_table(grid, "validation"), models, tags)


def with_the_client(tracker: Tracker, rows: Rows, indices: list[int]) -> float:
    """Seconds that the public client needs for some of the runs, with one batch a run."""
    started = time.perf_counter()
    for i in indices:
        run = tracker.client.create_run(tracker.experiment_id, run_name=rows.names[i])
        now = int(time.time() * 1000)
        tracker.client.log_batch(
            run.info.run_id,
            metrics=[Metric(key, values[i], now, 0) for key, values in rows.metrics.items()],
            params=[Param(key, str(values[i])) for key, values in rows.params.items()],
            tags=[RunTag(key, value) for key, value in rows.tags.items()],
        )
        tracker.client.set_terminated(run.info.run_id)
    return time.perf_counter() - started


def sorted_by_accuracy(tracker: Tracker, rows: Rows) -> float:
    """Seconds until the store answers with the most accurate runs; checks that they are."""
    started = time.perf_counter()
    best = tracker.client.search_runs(
        [tracker.experiment_id],
        f"tags.`cascade.study` = '{rows.tags['cascade.study']}'",
        max_results=100,
        order_by=["metrics.`accuracy` DESC"],
    )
    seconds = time.perf_counter() - started
    expected = sorted(rows.metrics["accuracy"], reverse=True)[:100]
    assert [run.data.metrics["accuracy"] for run in best] == expected
    return seconds


def main() -> None:
    """Print the table."""
    print("| runs | rows | bulk (s) | CPU (s) | bulk (runs/s) | client (runs/s) | ratio | sorted (s) |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for n_models in (3, 4):
        rows = made_up_rows(n_models)
        n = len(rows.names)
        # Of a run: itself, its name and its tags, its params, its metrics and their latest values.
        n_rows = n * (2 + len(rows.tags) + len(rows.params) + 2 * len(rows.metrics))
        wall, cpu, found = [], [], []
        for _ in range(REPEATS):
            with tempfile.TemporaryDirectory() as folder:
                tracker = Tracker(None, Path(folder), "bulk")
                started, cpu_started = time.perf_counter(), time.process_time()
                insert_runs(tracker, tracker.experiment_id, rows)
                wall.append(time.perf_counter() - started)
                cpu.append(time.process_time() - cpu_started)
                found.append(sorted_by_accuracy(tracker, rows))
        with tempfile.TemporaryDirectory() as folder:
            tracker = Tracker(None, Path(folder), "client")
            some = random.Random(0).sample(range(n), CLIENT_RUNS)
            client = CLIENT_RUNS / with_the_client(tracker, rows, some)
        bulk = statistics.median(wall)
        print(
            f"| {n:,} | {n_rows:,} | {bulk:.1f} | {statistics.median(cpu):.1f} | {n / bulk:,.0f} "
            f"| {client:,.0f} | {n / bulk / client:,.0f} | {statistics.median(found):.2f} |"
        )


if __name__ == "__main__":
    main()
