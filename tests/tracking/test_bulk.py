"""Runs inserted in bulk are what MLflow's own client would have logged, or they are not there at all."""

import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.store.tracking.dbmodels.models import SqlMetric, SqlParam

from cascade.tracking import Tracker
from cascade.tracking.bulk import RUNS_AT_ONCE, Rows, insert_runs
from cascade.tracking.client import HOST, PROCESS
from cascade.tracking.dead_runs import close_dead_runs
from cascade.tracking.keys import OF_STUDY

ROWS = Rows(
    names=["7B 1:2, θ=0.5", "13B greedy, θ=0.5"],
    params={"k.7B": [1, -1], "theta": ["0.5", "0.5"]},
    metrics={"accuracy": [0.25, 0.75], "usd_per_1k_queries": [1.5, 1e-9]},
    tags={"cascade.study": "abc"},
)


@pytest.fixture
def tracker(mlruns: Path, request: pytest.FixtureRequest) -> Tracker:
    return Tracker(None, mlruns, f"{request.node.name}: (odd) name/with ÷")


def seen(run: Run) -> tuple[object, ...]:
    """What a person can see of a run, but for its id and its times."""
    unseen = ("mlflow.s", "mlflow.u", HOST, PROCESS)
    tags = {key: value for key, value in run.data.tags.items() if not key.startswith(unseen)}
    place = run.info.artifact_uri.replace(run.info.run_id, "ID")
    return run.info.run_name, run.info.status, place, run.data.params, run.data.metrics, tags


def test_they_are_what_the_client_logs(tracker: Tracker) -> None:
    insert_runs(tracker, tracker.experiment_id, ROWS)
    [*inserted] = tracker.client.search_runs([tracker.experiment_id])
    for i, name in enumerate(ROWS.names):
        params = {key: str(values[i]) for key, values in ROWS.params.items()}
        same_row = tracker.create(name, ROWS.tags, params)
        tracker.log(same_row, metrics={key: values[i] or 0.0 for key, values in ROWS.metrics.items()})
        tracker.client.set_terminated(same_row)
        [same] = [run for run in inserted if run.info.run_name == name]
        assert seen(same) == seen(tracker.client.get_run(same_row))
        # The history as well as the latest value.
        history = tracker.client.get_metric_history(same.info.run_id, "accuracy")
        assert [(m.value, m.step) for m in history] == [(ROWS.metrics["accuracy"][i], 0)]


def test_runs_of_different_keys_are_listed_in_their_order(tracker: Tracker) -> None:
    params = [{"k": "1"}, {"k": "2", "theta": "0.5"}, {}]
    metrics = [{"saving": 0.25}, {}, {"saving": 0.5, "cost": 1.0}]
    rows = Rows.of(["first", "second", "x" * 300], params, metrics, {OF_STUDY: "abc"})
    insert_runs(tracker, tracker.experiment_id, rows)
    listed = tracker.client.search_runs([tracker.experiment_id], order_by=["attributes.start_time DESC"])
    assert [run.info.run_name[:6] for run in listed] == ["first", "second", "xxxxxx"]
    assert [run.data.params for run in listed] == params
    assert [run.data.metrics for run in listed] == metrics


def test_they_are_found_and_ordered(tracker: Tracker) -> None:
    n = RUNS_AT_ONCE + 1  # more than one transaction
    values = [(i * 37 % n) / n for i in range(n)]
    rows = Rows([f"plan {i}" for i in range(n)], {"k": list(range(n))}, {"accuracy": values}, {"of": "me"})
    done: list[int] = []
    insert_runs(tracker, tracker.experiment_id, rows, done.append)
    assert sum(done) == n and len(done) > 1
    best = tracker.client.search_runs(
        [tracker.experiment_id], "tags.of = 'me'", order_by=["metrics.accuracy DESC"], max_results=3
    )
    assert [run.data.metrics["accuracy"] for run in best] == sorted(values)[:-4:-1]
    [one] = tracker.client.search_runs([tracker.experiment_id], f"params.k = '{n - 1}'")
    assert one.info.run_name == f"plan {n - 1}"


def test_none_is_seen_where_it_was_stopped(tracker: Tracker) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        insert_runs(tracker, tracker.experiment_id, ROWS, stop)
    assert tracker.client.search_runs([tracker.experiment_id]) == []
    insert_runs(tracker, tracker.experiment_id, ROWS)
    assert len(tracker.client.search_runs([tracker.experiment_id])) == 2


def test_what_a_killed_process_had_half_inserted_is_removed(tracker: Tracker) -> None:
    """And only that: what a living process inserts, and what people deleted of finished runs, stays."""

    class Killed(BaseException):
        pass

    def kill(_: int) -> None:
        raise Killed

    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    n = RUNS_AT_ONCE + 5
    for tags in ({PROCESS: str(gone.pid)}, {}):
        run_id = tracker.create("study", tags, {})
        rows = Rows(
            [f"plan {i}" for i in range(n)], {"half": [0] * n}, {"half": [0.0] * n}, {OF_STUDY: run_id}
        )
        with pytest.raises(Killed):
            insert_runs(tracker, tracker.experiment_id, rows, kill)
    assert n_rows(tracker) == 2 * RUNS_AT_ONCE
    close_dead_runs(tracker)
    assert n_rows(tracker) == RUNS_AT_ONCE
    statuses = [run.info.status for run in tracker.client.search_runs([tracker.experiment_id])]
    assert sorted(statuses) == ["KILLED", "RUNNING"]


def n_rows(tracker: Tracker) -> int:
    """Combinations that are in the database, seen or not."""
    store = tracker.client._tracking_client.store
    with store.ManagedSessionMaker(read_only=True) as session:
        counts = [session.query(t).filter(t.key == "half").count() for t in (SqlParam, SqlMetric)]
    assert counts[0] == counts[1]
    return counts[0]
