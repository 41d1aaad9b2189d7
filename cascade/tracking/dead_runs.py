"""Runs whose process is gone: closed as KILLED, and what they had half inserted removed."""

import logging
from typing import Any

from mlflow.entities import LifecycleStage, Run, RunStatus
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
from sqlalchemy import delete, select

from cascade.base import is_alive, this_host
from cascade.tracking.bulk import can_insert
from cascade.tracking.client import HOST, PROCESS, Tracker
from cascade.tracking.keys import OF_STUDY

log = logging.getLogger(__name__)

# Databases bound the number of a statement's parameters.
IDS_AT_ONCE = 500


def close_dead_runs(tracker: Tracker) -> None:
    """Close the runs of this host that are marked as running and whose process is not there any more.

    A process that is killed, by the kernel or a scheduler, cannot do that itself. Of the combinations that
    it was inserting as runs, nobody would ever see those that are there: they are removed.
    """
    for run in tracker.find_all({HOST: this_host()}, everywhere=False, where="attributes.status = 'RUNNING'"):
        if is_alive(int(run.data.tags.get(PROCESS, "0"))):
            continue
        n_removed = _remove_unseen(tracker, run) if can_insert(tracker) else 0
        tracker.client.set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.KILLED))
        log.info(
            "MLflow run %s (%s): its process is gone; it is closed as KILLED%s",
            run.info.run_id,
            run.info.run_name,
            f", {n_removed:,} half-inserted combinations are removed" if n_removed else "",
        )


def _remove_unseen(tracker: Tracker, run: Run) -> int:
    """Remove the combinations of a run that were never made visible; returns how many there were."""
    store = tracker.client._tracking_client.store
    of_run: Any = select(SqlTag.run_uuid).where(SqlTag.key == OF_STUDY, SqlTag.value == run.info.run_id)
    with store.ManagedSessionMaker(read_only=False) as session:
        unseen: Any = select(SqlRun.run_uuid).where(
            SqlRun.run_uuid.in_(of_run), SqlRun.lifecycle_stage == LifecycleStage.DELETED
        )
        ids = list(session.scalars(unseen))
        for start in range(0, len(ids), IDS_AT_ONCE):
            some = ids[start : start + IDS_AT_ONCE]
            for table in (SqlTag, SqlParam, SqlMetric, SqlLatestMetric, SqlRun):
                session.execute(
                    delete(table).where(table.run_uuid.in_(some)),
                    execution_options={"synchronize_session": False},
                )
    return len(ids)
