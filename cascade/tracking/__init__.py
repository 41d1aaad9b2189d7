"""MLflow: one experiment a family and data set, one run a task, one run or row a combination.

`client` is the only module that talks to MLflow, `layout` says what is logged where, `views` are the saved
views and links, `bulk` inserts many runs at once.
"""

import getpass
import os

import lazy_loader

# Set before MLflow is imported: no telemetry, no chatter on a terminal that shows results.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# The spans of some traces go to the store together: the batch is more than they have.
os.environ.setdefault("MLFLOW_ASYNC_TRACE_LOGGING_MAX_SPAN_BATCH_SIZE", "512")
# Fewer threads than a study has traces: one that finds its queue empty sleeps for a second, and who waits
# for the queue waits for it.
os.environ.setdefault("MLFLOW_ASYNC_TRACE_LOGGING_MAX_WORKERS", "4")
# A server that went away is told within seconds, not minutes.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
try:
    getpass.getuser()
except (KeyError, OSError):  # a user id without an entry in /etc/passwd, as containers have them
    os.environ["LOGNAME"] = str(os.getuid())

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
