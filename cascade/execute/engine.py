"""The engine: programs and tests in, verdicts out, computed by a pool of forking servers."""

import contextlib
import json
import os
import queue
import shutil
import signal
import site
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cascade.base import ExecutionError
from cascade.execute.isolation.layers import LAYERS, PACKAGE_ROOT, is_confined

# A server that dies is started again with the same batch this many times before it is given up.
MAX_ATTEMPTS = 3
# How long a server that is told to end may take before it is killed.
END_S = 1.0
CONTAINERS = ("bubblewrap", "podman", "docker")

PASS, FAIL, ERROR, TIMEOUT = "P", "F", "E", "T"


@dataclass(frozen=True)
class Limits:
    """What a program may use.

    Attributes:
        timeout_s: CPU seconds for one test line (and for running the program's definitions).
        reference_timeout_s: CPU seconds for one reference test.
        memory_mb: address space of a child in MiB.
        prelude: Python source that is run before every program, for the imports that models leave out.
        proofs: whether a program is out of time as soon as that is proven (see `nontermination`).
    """

    timeout_s: float
    reference_timeout_s: float
    memory_mb: int
    prelude: str = ""
    proofs: bool = True

    @property
    def signature(self) -> str:
        """What else than the texts and their time limits a verdict depends on."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return f"engine=8 python={version} memory_mb={self.memory_mb} prelude={self.prelude!r}"


@dataclass(frozen=True)
class Isolation:
    """How untrusted code is kept apart.

    Attributes:
        require_confined: refuse to run where code cannot be kept from files, network and processes.
        container: a program of `CONTAINERS` that the servers are started in; None for none.
        image: the container's image, for podman and docker; it needs this Python's version.
        layers: what is used if the machine has it (see `layers.LAYERS`); fewer for comparison only.
    """

    require_confined: bool = False
    container: str | None = None
    image: str = ""
    layers: tuple[str, ...] = LAYERS


@dataclass(frozen=True)
class Check:
    """A piece of Python that is run after a program and raises unless the program is right.

    Attributes:
        source: the text.
        timeout_s: CPU seconds it may take.
        entry_point: of a data set's test, the name in it that the program must define; all other names of
            builtins are Python's own in it. None for a line that a model wrote.
    """

    source: str
    timeout_s: float
    entry_point: str | None = None


@dataclass(frozen=True)
class Batch:
    """A unit of execution: some programs, each with the tests to run after it.

    Attributes:
        tests: the tests that the programs share.
        programs: (source, indices into `tests`); no program without tests.
    """

    tests: tuple[Check, ...]
    programs: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def n_pairs(self) -> int:
        """How many verdicts the batch asks for."""
        return sum(len(indices) for _, indices in self.programs)


@dataclass(frozen=True)
class Outcome:
    """The verdicts of a batch.

    Attributes:
        rows: a letter for each of a program's tests: P passed, F an assertion failed, E any other
            exception or crash, T out of time.
        seconds: CPU seconds of each pair, in the same shape; 0 where it was known from an equal one.
        n_isolated: pairs that got a process of their own.
        n_proven: pairs that were proven to outlast their limit, and so did not have to be waited for.
        n_repeated: pairs that ran out of time on a busy machine and were run again in isolation.
        n_fallback: pairs whose verdict rests on an object that is no plain data.
        layers: the isolation that they ran in.
    """

    rows: list[str]
    seconds: list[list[float]]
    n_isolated: int
    n_proven: int
    n_repeated: int
    n_fallback: int
    layers: tuple[str, ...]


def execute(
    batches: Sequence[Batch],
    limits: Limits,
    workers: int,
    isolation: Isolation | None = None,
    begins: Callable[[int], bool] = lambda index: True,
) -> Iterator[tuple[int, Outcome]]:
    """Run batches in parallel; yields (index of the batch, its verdicts) as they finish.

    Closing the iterator ends all processes. It may be called from any thread, any number at once.

    Args:
        batches: the work; its order does not change a verdict.
        limits: see `Limits`.
        workers: how many servers run at once.
        isolation: see `Isolation`; the strongest that this machine has by default.
        begins: asked before a batch is run, from any thread; where it says no the batch is left out.

    Raises:
        ExecutionError: a server cannot be started, dies again and again on one batch, or cannot be
            confined as required.
    """
    isolation = isolation or Isolation()
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(batches)):
        todo.put(index)
    done: queue.SimpleQueue[tuple[int, dict[str, Any], tuple[str, ...]] | BaseException | None]
    done = queue.SimpleQueue()
    stop = threading.Event()
    servers = [Server(isolation) for _ in range(min(workers, len(batches)))]

    def work(server: Server) -> None:
        try:
            while not stop.is_set():
                index = todo.get_nowait()
                if begins(index):
                    done.put((index, server.run(batches[index], limits, stop), server.layers))
                else:
                    done.put(None)
        except queue.Empty:
            pass
        except BaseException as error:
            done.put(error)
        finally:
            server.close()

    threads = [threading.Thread(target=work, args=(server,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    later: list[tuple[int, Outcome, list[list[int]]]] = []
    single = Server(isolation)
    try:
        for _ in batches:
            item = done.get()
            if item is None:
                continue
            if isinstance(item, BaseException):
                raise item
            index, reply, layers = item
            outcome = outcome_of(reply, layers)
            if reply["suspect"]:
                later.append((index, outcome, reply["suspect"]))
            else:
                yield index, outcome
        for thread in threads:
            thread.join()
        # Now that nobody else is at work: once more, and then it is believed.
        for index, outcome, suspect in later:
            pairs = suspect_pairs(batches[index], suspect)
            yield index, corrected(outcome, suspect, single.run(pairs, limits, stop))
    finally:
        stop.set()
        for server in (*servers, single):
            server.close()
        for thread in threads:
            thread.join()


def outcome_of(reply: Mapping[str, Any], layers: tuple[str, ...]) -> Outcome:
    """A server's reply as the outcome of its batch."""
    return Outcome(
        reply["rows"],
        reply["seconds"],
        reply["isolated"],
        reply["proven"],
        len(reply["suspect"]),
        reply["fallback"],
        layers,
    )


def suspect_pairs(batch: Batch, suspect: Sequence[Sequence[int]]) -> Batch:
    """Some pairs of a batch, ordered by program."""
    tests: dict[int, list[int]] = {}
    for i, j in suspect:
        tests.setdefault(i, []).append(batch.programs[i][1][j])
    return Batch(batch.tests, tuple((batch.programs[i][0], tuple(indices)) for i, indices in tests.items()))


def corrected(outcome: Outcome, suspect: Sequence[Sequence[int]], reply: Mapping[str, Any]) -> Outcome:
    """An outcome with the verdicts of its suspect pairs replaced by those of the second run."""
    rows, seconds = [list(row) for row in outcome.rows], [list(row) for row in outcome.seconds]
    codes, spent = "".join(reply["rows"]), [pair_seconds for row in reply["seconds"] for pair_seconds in row]
    for (i, j), code, pair_seconds in zip(suspect, codes, spent, strict=True):
        rows[i][j], seconds[i][j] = code, pair_seconds
    return replace(outcome, rows=["".join(row) for row in rows], seconds=seconds)


class Server:
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
    # Hashes are pinned: a verdict must not hang on the order of a set.
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
