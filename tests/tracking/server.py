"""A real MLflow server for tests."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cascade.tracking.ui import LIGHT
from tests.conftest import ROOT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(command: list[str], folder: Path, port: int, log: Path) -> Iterator[str]:
    """A server process, from when it answers until the test is over."""
    env = {**os.environ, **LIGHT, "PYTHONPATH": str(ROOT)}
    with log.open("w") as out:
        # A session of its own: the workers end with it.
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=out, stderr=out, start_new_session=True
        )
    try:
        for _ in range(240):
            if process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                    yield f"http://127.0.0.1:{port}"
                    return
            except OSError:
                time.sleep(0.25)
        raise AssertionError(f"the server did not start:\n{log.read_text()}")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server with a store of its own."""
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder),
    ]
    with started(command, folder, port, folder / "log") as address:
        yield address
