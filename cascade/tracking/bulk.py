"""Every combination as a run of its own: inserted in bulk, because a call each would take minutes."""

import getpass
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mlflow.entities import LifecycleStage, RunStatus, SourceType
from mlflow.exceptions import MlflowException
from sqlalchemy import insert, text, update
from sqlalchemy.exc import SQLAlchemyError

from cascade.base import shortened
from cascade.tracking.client import MAX_NAME_CHARS, MAX_PARAM_CHARS, Tracker
from cascade.tracking.internals import (
    SqlAlchemyStore,
    SqlLatestMetric,
    SqlMetric,
    SqlParam,
    SqlRun,
    SqlTag,
    store_of,
)
from cascade.tracking.keys import legal_key

Value = TypeVar("Value")

MANY_RUNS = 1000  # from here on the database is told anew how its tables are filled
RUNS_AT_ONCE = 3000  # of one transaction: other writers of the store get their turn in between


@dataclass(frozen=True)
class Rows:
    """Some runs, by columns; the UI, which lists the newest first, shows them in this order.

    Attributes:
        names: one a run.
        params, metrics: by key, a value for each run; where it is None the run has no such entry.
        tags: the same for every run.
    """

    names: Sequence[str]
    params: Mapping[str, Sequence[object]]
    metrics: Mapping[str, Sequence[float | None]]
    tags: Mapping[str, str]

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        params: Sequence[Mapping[str, object]],
        metrics: Sequence[Mapping[str, float]],
        tags: Mapping[str, str],
    ) -> "Rows":
        """From the params and metrics of each run, whose keys may differ."""
        return cls(names, _columns(params), _columns(metrics), tags)


def can_insert(tracker: Tracker) -> bool:
    """Whether the store is a database that we reach ourselves; behind a server it is not."""
    return isinstance(store_of(tracker.client), SqlAlchemyStore)


def insert_runs(
    tracker: Tracker, experiment_id: str, rows: Rows, progress: Callable[[int], object] = lambda done: None
) -> None:
    """Insert runs; they are all seen at once, or, where an exception passes, none of them.

    MLflow has no public call for it, so this writes into its tables as its own store does. ANALYZE
    after many: without it the database orders such a number of runs by a metric in minutes.

    Args:
        tracker: of a store that `can_insert`.
        experiment_id: where the runs go.
        rows: the runs.
        progress: told how many more runs are in, after each transaction.

    Raises:
        MlflowException, SQLAlchemyError: the store refused, or its tables are not what we know.
    """
    store = store_of(tracker.client)
    location = tracker.client.get_experiment(experiment_id).artifact_location
    now = int(time.time() * 1000)
    # Ids in rising order: each insert goes to the end of the tables' indices.
    prefix = secrets.token_hex(10)
    ids = [f"{prefix}{i:012x}" for i in range(len(rows.names))]
    # Until the last one is in they are marked as deleted, which the UI does not show.
    for start in range(0, len(ids), RUNS_AT_ONCE):
        part = slice(start, start + RUNS_AT_ONCE)
        with store.ManagedSessionMaker(read_only=False) as session:
            # Past the mapper, which would make an object's bookkeeping of each of a million rows.
            connection = session.connection()
            for table, entries in _entries(ids[part], rows, part, experiment_id, location, now).items():
                if entries:
                    connection.execute(insert(table.__table__), entries)
        progress(len(ids[part]))
    with store.ManagedSessionMaker(read_only=False) as session:
        session.execute(
            update(SqlRun)
            .where(SqlRun.run_uuid.between(f"{prefix}{0:012x}", f"{prefix}{len(ids):012x}"))
            .values(lifecycle_stage=LifecycleStage.ACTIVE, deleted_time=None),
            execution_options={"synchronize_session": False},
        )
    if len(ids) >= MANY_RUNS and store.db_type in ("sqlite", "postgresql"):
        with store.ManagedSessionMaker(read_only=False) as session:
            session.execute(text("ANALYZE"))


def _columns(runs: Sequence[Mapping[str, Value]]) -> dict[str, list[Value | None]]:
    keys = dict.fromkeys(key for run in runs for key in run)
    return {key: [run.get(key) for run in runs] for key in keys}


INSERT_ERRORS = (MlflowException, SQLAlchemyError)


def _entries(
    ids: Sequence[str], rows: Rows, part: slice, experiment_id: str, location: str, now: int
) -> dict[Any, list[dict[str, Any]]]:
    """The tables' rows for some of the runs."""
    user = getpass.getuser()
    names = [shortened(name, MAX_NAME_CHARS) for name in rows.names[part]]
    runs = [
        {
            "run_uuid": run_id,
            "name": name,
            "source_type": SourceType.to_string(SourceType.LOCAL),
            "source_name": "run.py",
            "entry_point_name": "",
            "user_id": user,
            "status": RunStatus.to_string(RunStatus.FINISHED),
            "start_time": now - place,
            "end_time": now - place,
            "deleted_time": now,
            "source_version": "",
            "lifecycle_stage": LifecycleStage.DELETED,
            "artifact_uri": f"{location}/{run_id}/artifacts",
            "experiment_id": int(experiment_id),
        }
        for place, (run_id, name) in enumerate(zip(ids, names, strict=True), start=part.start)
    ]
    tags = [
        {"key": "mlflow.runName", "value": name, "run_uuid": run_id}
        for run_id, name in zip(ids, names, strict=True)
    ]
    for key, value in rows.tags.items():
        tags += [{"key": key, "value": value, "run_uuid": run_id} for run_id in ids]
    params = [
        {"key": legal, "value": str(value)[:MAX_PARAM_CHARS], "run_uuid": run_id}
        for key, values in rows.params.items()
        for legal in [legal_key(key)]
        for run_id, value in zip(ids, values[part], strict=True)
        if value is not None
    ]
    metrics = [
        {
            "key": legal,
            "value": value,
            "timestamp": now,
            "step": 0,
            "is_nan": False,
            "run_uuid": run_id,
        }
        for key, values in rows.metrics.items()
        for legal in [legal_key(key)]
        for run_id, value in zip(ids, values[part], strict=True)
        if value is not None
    ]
    # Tables and the UI read the latest metrics, which are a table of their own.
    return {SqlRun: runs, SqlTag: tags, SqlParam: params, SqlMetric: metrics, SqlLatestMetric: metrics}
