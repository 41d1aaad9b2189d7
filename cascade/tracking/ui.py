"""The MLflow server on this machine alone, light, and the links that show something.

    python -m cascade.tracking.ui [PORT [MLRUNS]]

It serves the embedded store in the folder MLRUNS; mlruns/, where it is started, unless said otherwise.
"""

import os
import shlex
import socket
import sys
from pathlib import Path

from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

from cascade.base import CascadeError
from cascade.tracking.client import sqlite_uri
from cascade.tracking.keys import KIND, STUDY
from cascade.tracking.views import FRONTS, PLANS, STUDIES, page

HOST, PORT = "127.0.0.1", 5000
# Parts of the server that nothing here needs, and that take seconds and memory.
LIGHT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def browse_command(mlruns: Path, port: int = PORT) -> str:
    """What starts the server over a folder of runs: by `make` in a checkout, in any other place by Python."""
    if mlruns == Path("mlruns").absolute() and Path("run.py").exists() and Path("Makefile").exists():
        return "make ui" if port == PORT else f"make ui PORT={port}"
    return shlex.join([sys.executable, "-m", "cascade.tracking.ui", str(port), str(mlruns)])


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
            raise CascadeError(
                f"port {port}: {error.strerror}; choose another: {browse_command(mlruns, port + 1)}"
            ) from None
    print("\n".join(links(sqlite_uri(mlruns), port)), flush=True)
    print("\nready in a few seconds; Ctrl-C ends it\n", flush=True)
    server = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", HOST, "--port", str(port)]
    os.execve(sys.executable, [*server, "--backend-store-uri", sqlite_uri(mlruns)], os.environ | LIGHT)


if __name__ == "__main__":
    try:
        asked = dict(enumerate(sys.argv[1:]))
        main(Path(asked.get(1, "mlruns")).absolute(), int(asked.get(0, PORT)))
    except CascadeError as error:
        sys.exit(f"error: {error}")
