"""A server process from outside: how it is started, asked, started again after it died, and ended."""

import contextlib
import json
import os
import shutil
import signal
import site
import struct
import subprocess
import sys
import tempfile
import threading
from typing import Any

from cascade.base import ExecutionError
from cascade.execute.batches import Batch, Isolation, Limits
from cascade.execute.isolation.layers import PACKAGE_ROOT, is_confined

# A server that dies is started again with the same batch this many times before it is given up.
MAX_ATTEMPTS = 3
# How long a server that is told to end may take before it is killed.
END_S = 1.0


class ServerHandle:
    """One server process, started when first needed and again after it died."""

    def __init__(self, isolation: Isolation) -> None:
        self.layers: tuple[str, ...] = ()
        self._isolation = isolation
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch = ""
        self._lock = threading.Lock()

    def run(self, batch: Batch, limits: Limits, stop: threading.Event) -> dict[str, Any]:
        """The server's reply to a batch; see `cascade.execute.server`."""
        request = json.dumps(
            {
                "memory_mb": limits.memory_mb,
                "prelude": limits.prelude,
                "tests": [[test.source, test.timeout_s, test.entry_point] for test in batch.tests],
                "programs": batch.programs,
                "proofs": limits.proofs,
            }
        ).encode()
        for _ in range(MAX_ATTEMPTS):
            if (reply := self._ask(request, stop)) is not None:
                verdicts: dict[str, Any] = reply
                return verdicts
            self.close()
            if stop.is_set():
                raise ExecutionError("the execution was stopped")
        raise ExecutionError(
            f"the execution server died {MAX_ATTEMPTS} times on one batch of {batch.n_pairs} pairs; is "
            "memory short? lower sandbox.workers or sandbox.memory_mb"
        )

    def _ask(self, request: bytes, stop: threading.Event) -> Any:
        """Send a request; None if the server died."""
        with self._lock:
            if stop.is_set():
                return None
            if self._process is None:
                self._start()
            process = self._process
        assert process is not None and process.stdin is not None
        try:
            if not self.layers:
                layers = _receive(process)
                if layers is None:
                    return None
                self.layers = (*layers, *((self._isolation.container,) if self._isolation.container else ()))
                if self._isolation.require_confined and not is_confined(list(self.layers)):
                    raise ExecutionError(
                        "sandbox.require=confined: this machine allows only "
                        f"{', '.join(self.layers)}; needed are Landlock and seccomp, or namespaces "
                        "(docs/sandbox.md), or sandbox=container"
                    )
            process.stdin.write(struct.pack("!I", len(request)) + request)
            process.stdin.flush()
            return _receive(process)
        except (BrokenPipeError, ValueError, OSError):
            return None

    def _start(self) -> None:
        self.layers = ()
        self._scratch = tempfile.mkdtemp(prefix="cascade-")
        os.chmod(self._scratch, 0o711)  # noqa: PTH101 - another user walks through it
        command, environment = _command(self._isolation, self._scratch)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise ExecutionError(
                f"{command[0]}: the execution server cannot be started: {error.strerror}"
            ) from None

    def close(self) -> None:
        """End the process and, through the kernel, its children."""
        with self._lock:
            process, self._process = self._process, None
            if process is None:
                return
            # One that waits for requests ends by itself, and its children's times are added up.
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                assert process.stdin is not None
                process.stdin.close()
                process.wait(timeout=END_S)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    if stream is not None:
                        stream.close()
            shutil.rmtree(self._scratch, ignore_errors=True)


def _receive(process: subprocess.Popen[bytes]) -> Any:
    """A length-prefixed JSON message; None if the server died before its end."""
    assert process.stdout is not None
    header = process.stdout.read(4)
    if len(header) < 4:
        return None
    size = struct.unpack("!I", header)[0]
    data = process.stdout.read(size)
    return json.loads(data) if len(data) == size else None


def _command(isolation: Isolation, scratch: str) -> tuple[list[str], dict[str, str]]:
    """How a server is started, and in what environment."""
    # Hashes are pinned: a verdict must not depend on the order of a set.
    environment = {
        "PYTHONPATH": PACKAGE_ROOT,
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
    }
    python = ["-P", "-m", "cascade.execute.server"]
    if site.ENABLE_USER_SITE:  # packages that this interpreter finds, programs find
        environment["PYTHONUSERBASE"] = site.getuserbase()
    else:
        python.insert(0, "-s")
    path = {"PATH": os.environ.get("PATH", "")}
    match isolation.container:
        case None:
            arguments = json.dumps([isolation.layers, scratch])
            return [sys.executable, *python, arguments], environment | path
        case "bubblewrap":
            inside = json.dumps([isolation.layers, "/tmp/.scratch"])
            wrapper = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/"]
            wrapper += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--dir", "/tmp/.scratch"]
            for folder in (sys.prefix, sys.base_prefix, PACKAGE_ROOT):  # they may lie in /tmp
                wrapper += ["--ro-bind", folder, folder]
            return [*wrapper, sys.executable, *python, inside], environment | path
    inside = json.dumps([isolation.layers, "/scratch"])
    wrapper = [isolation.container, "run", "--rm", "--interactive", "--network=none", "--read-only", "--init"]
    wrapper += ["--cap-drop=all", "--tmpfs=/scratch", f"--volume={PACKAGE_ROOT}/cascade:/cascade/cascade:ro"]
    wrapper += [f"--env={name}={value}" for name, value in (environment | {"PYTHONPATH": "/cascade"}).items()]
    return [*wrapper, isolation.image, "python", *python, inside], path
