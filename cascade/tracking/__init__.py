"""MLflow: where studies are logged, and where a task finds the run that it goes on from."""

import logging
import os

# Set before MLflow is imported: no telemetry, no chatter on a terminal that shows results.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# A trace is in the store when its call returns.
os.environ.setdefault("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")

from cascade.tracking.client import Tracker, sqlite_uri

# After its import, which sets them.
for _name in ("mlflow", "alembic"):
    logging.getLogger(_name).setLevel(logging.WARNING)

__all__ = ["Tracker", "sqlite_uri"]
