"""MLflow's parts that are not public: taken from here, so that a missing one is one clear line at start."""

from importlib import import_module
from typing import Any

import mlflow
from mlflow.tracking import MlflowClient

from cascade.base import CascadeError, requirement


def _missing(part: str) -> CascadeError:
    return CascadeError(
        f"MLflow {mlflow.__version__} has no {part}, which combinations are logged with: it is not part of "
        f"MLflow's public interface and other versions may lack it; install one that has it: "
        f"pip install '{requirement('mlflow')}'"
    )


def _part(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError):
        raise _missing(f"{module}.{name}") from None


# The tables' classes: for rows there is no public call that takes many runs at once.
_TABLES = "mlflow.store.tracking.dbmodels.models"
SqlRun, SqlTag, SqlParam, SqlMetric, SqlLatestMetric = (
    _part(_TABLES, name) for name in ("SqlRun", "SqlTag", "SqlParam", "SqlMetric", "SqlLatestMetric")
)
SqlAlchemyStore = _part("mlflow.store.tracking.sqlalchemy_store", "SqlAlchemyStore")


def store_of(client: MlflowClient) -> Any:
    """The store behind a client: MLflow's own for a database, or one that speaks to a server.

    Raises:
        CascadeError: this version of MLflow keeps it elsewhere, or it lacks what we need of it.
    """
    try:
        store = client._tracking_client.store
    except AttributeError:
        raise _missing("MlflowClient._tracking_client.store") from None
    if isinstance(store, SqlAlchemyStore):
        for name in ("ManagedSessionMaker", "db_type"):
            if not hasattr(store, name):
                raise _missing(f"SqlAlchemyStore.{name}")
    return store
