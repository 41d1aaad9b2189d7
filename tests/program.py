"""`run.py` for tests, without the imports each time: a process that has loaded all forks for each command.

Each command is still a process of its own, with its arguments, folder, environment, signals and exit
status; only the seconds of imports are shared. Tests of what happens while the program loads,
of locales or of limits start Python anew (`fresh=True`).
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
RUN = ROOT / "run.py"
PATIENCE_S = 600.0
READ_AT_START = (
    "PYTHON",
    "LC_",
    "LANG",
    "LD_",
)  # variables that Python or the loader reads before our first line
# What libraries import only once they are used.
LATE = (
    "alembic.command",
    "git",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "mlflow.data.pandas_dataset",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracing.provider",
    "pyarrow.parquet",
)
ADDRESS = "LOADED_PROGRAM"  # the variable that tells pytest-xdist's workers of the one that all share


class Program:
    """A started `run.py`: the part of `subprocess.Popen` that tests use."""

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        out: IO[str],
        errors: IO[str],
        env: Mapping[str, str] = {},
    ) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(loaded())
        command = {"argv": [str(RUN), *arguments], "cwd": str(folder), "env": environment(env)}
        socket.send_fds(self._connection, [b"\0"], [out.fileno(), errors.fileno()])
        self._connection.sendall(json.dumps(command).encode() + b"\n")
        self._answers = self._connection.makefile("r")
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None
        self._waiting = threading.Thread(target=self._wait, daemon=True)
        self._waiting.start()

    def _wait(self) -> None:
        self.returncode = int(self._answers.readline())

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._waiting.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("run.py", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's variables, the checkout's code first, and some more."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def run_program(
    *arguments: str, folder: Path, env: Mapping[str, str] = {}, fresh: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Run `run.py` to its end in a folder; `env` is added to this process's variables."""
    command = [sys.executable, str(RUN), *arguments]
    if fresh or any(name.startswith(READ_AT_START) for name in env):
        return subprocess.run(
            command, cwd=folder, env=environment(env), capture_output=True, text=True, timeout=PATIENCE_S
        )
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        program = Program(arguments, folder, out, errors, env)
        try:
            status = program.wait(PATIENCE_S)
        finally:
            program.kill()
        said = []
        for file in (out, errors):
            file.seek(0)
            said.append(file.read())
    return subprocess.CompletedProcess(command, status, *said)


@cache
def loaded() -> str:
    """Where the loaded process listens; one of this process's own ends with it, which holds its stdin."""
    if ADDRESS in os.environ:
        return os.environ[ADDRESS]
    address = f"{tempfile.mkdtemp(prefix='loaded_')}/socket"
    # Whoever connects while it still loads waits.
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(listener.fileno())],
            env=environment({}),
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
        )
    assert process.stdin is not None
    atexit.register(process.stdin.close)
    return address


def _load(listener: socket.socket) -> None:
    """Import everything, then fork for each connection; returns only in the processes that are commands."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which then end this process
    for module in pkgutil.walk_packages([str(ROOT / "cascade")], "cascade."):
        importlib.import_module(module.name)
    for name in LATE:
        importlib.import_module(name)
    # Imported here: tests/gpu runs where there is no Hydra. Its parsers are fast once they have been used.
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        compose("config", ["hydra.searchpath=[x]", "search.theta=[0.5]", "seed=1"])
    assert threading.active_count() == 1, "a fork would lose its other threads"
    gc.freeze()
    while True:
        readable, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in readable:
            shutil.rmtree(Path(listener.getsockname()).parent)
            os._exit(0)
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return _keep(connection)
        connection.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _keep(connection: socket.socket) -> None:
    """Read a command, fork for it, and tell its process and then its status; returns in the command."""
    _, files, _, _ = socket.recv_fds(connection, 1, 2)
    stream = connection.makefile("rw")
    command = json.loads(stream.readline())
    if (process := os.fork()) == 0:
        stream.close()
        connection.close()
        for number, file in enumerate(files, start=1):
            os.dup2(file, number)
            os.close(file)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(command["cwd"])
        os.environ.clear()
        os.environ.update(command["env"])
        sys.argv = command["argv"]
        sys.path[0] = str(ROOT)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return
    print(process, file=stream, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), file=stream, flush=True)
    os._exit(0)


def _command() -> int:
    """The command's status; what Python prints of an error is printed, and Ctrl-C passes."""
    try:
        runpy.run_path(str(RUN), run_name="__main__")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    statuses: list[int] = []

    def _end() -> None:
        """Without taking apart the million objects that were loaded, which takes half a second."""
        if statuses:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(statuses[0])

    atexit.register(_end)  # before anything is loaded, so that it comes last
    _load(socket.socket(fileno=int(sys.argv[1])))
    statuses.append(_command())
