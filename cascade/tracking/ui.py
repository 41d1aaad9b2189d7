"""The MLflow server on this machine alone, light, and the links that show something.

    python -m cascade.tracking.ui [PORT]

It serves the embedded store in the folder mlruns/, where it is started.
"""

import os
import socket
import sys
from pathlib import Path

from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

from cascade.base import CascadeError
from cascade.tracking.client import sqlite_uri
from cascade.tracking.views import FRONTS, KIND, PLANS, STUDIES, STUDY, page

HOST = "127.0.0.1"
# Parts of the server that nothing here needs, and that take seconds and memory.
LIGHT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def links(uri: str, port: int) -> list[str]:
    """For each experiment that holds studies, the newest first: its name and where to look at it."""
    client = MlflowClient(uri)
    experiments = client.search_experiments(ViewType.ACTIVE_ONLY, order_by=["last_update_time DESC"])
    lines = []
    for experiment in experiments:
        studies = client.search_runs([experiment.experiment_id], f"tags.`{KIND}` = '{STUDY}'", max_results=1)
        if studies:
            lines.append(experiment.name)
            for name, view in (("studies", STUDIES), ("fronts", FRONTS), ("plans", PLANS)):
                lines.append(f"  {name:7}  http://{HOST}:{port}/{page(experiment.experiment_id, view)}")
    return lines


def main(mlruns: Path, port: int) -> None:
    """Print the links and become the server.

    Raises:
        CascadeError: there are no runs, or the port is taken.
    """
    if not (mlruns / "mlflow.db").exists():
        raise CascadeError(f"{mlruns}: no runs there yet; run a study in this folder first")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CascadeError(f"port {port}: {error.strerror}; choose another: make ui PORT=5001") from None
    print("\n".join(links(sqlite_uri(mlruns), port)), flush=True)
    print("\nready in a few seconds; Ctrl-C ends it\n", flush=True)
    server = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", HOST, "--port", str(port)]
    os.execve(sys.executable, [*server, "--backend-store-uri", sqlite_uri(mlruns)], os.environ | LIGHT)


if __name__ == "__main__":
    try:
        main(Path("mlruns").absolute(), int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
    except CascadeError as error:
        sys.exit(f"error: {error}")
