"""Forking a child for untrusted code, waiting for what it writes, and ending it with all that it left."""

import contextlib
import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

from cascade.execute.child import enter
from cascade.execute.isolation.layers import Confinement

WALL_PER_CPU_SECOND = 5.0  # a loaded machine may be slow: CPU time decides, wall time only ends sleepers
LEAST_WALL_S = 3.0
# A child that switched its timers off is ended by the server, which looks this often.
LOOK_S = 0.25
# CPU time passes as wall time does, unless others want the processor too.
LOADED = 2.0


@dataclass
class Reply:
    """What a child wrote before it ended, and how it ended."""

    data: bytes
    status: int
    cpu_seconds: float
    wall_seconds: float
    out_of_cpu: bool
    out_of_wall: bool

    @property
    def out_of_time(self) -> bool:
        """Whether it was ended for the time it took."""
        ended = os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else 0
        return self.out_of_cpu or self.out_of_wall or ended in (signal.SIGPROF, signal.SIGXCPU)

    @property
    def doubtful(self) -> bool:
        """Whether it might have had the time on a quiet machine."""
        return self.out_of_wall or self.wall_seconds > LOADED * self.cpu_seconds + LOOK_S


@dataclass
class Children:
    """Forks, watches and ends children, one at a time.

    Attributes:
        confinement: what they are put behind.
        memory_mb: address space of each.
    """

    confinement: Confinement
    memory_mb: int = 0

    def run(self, run: Any, seconds: list[float], expect: int, keep: tuple[int, ...] = ()) -> Reply:
        """Fork a child that calls `run(result descriptor)`.

        Args:
            run: what the child does.
            seconds: CPU limits of its tests, one after another.
            expect: bytes that it may write.
            keep: other descriptors that it needs.
        """
        self._fresh_scratch()
        reader, result = os.pipe()
        most = max(seconds)
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                # All the time that its tests may take together, for one that stops its timers.
                enter(self.confinement, self.memory_mb, sum(seconds) + most, (result, *keep))
                run(result)
            os._exit(0)
        os.close(result)
        began = time.monotonic()
        try:
            data, out_of_cpu, out_of_wall = _receive(pid, reader, most, expect)
        finally:
            os.close(reader)
            status, cpu = self._end(pid)
        return Reply(data, status, cpu, time.monotonic() - began, out_of_cpu, out_of_wall)

    def _end(self, pid: int) -> tuple[int, float]:
        """Kill a child and whatever it left; its wait status and CPU seconds."""
        for kill, target in ((os.killpg, pid), (os.kill, pid)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(target, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        if "seccomp" not in self.confinement.layers:
            _kill_orphans(self.confinement.is_init)
        return status, usage.ru_utime + usage.ru_stime

    def _fresh_scratch(self) -> None:
        """An empty folder for the next child."""
        scratch = f"{self.confinement.scratch}/run"
        with contextlib.suppress(OSError):
            os.rmdir(scratch)  # noqa: PTH106
        if os.listdir(self.confinement.scratch):  # noqa: PTH208 - the server stays light
            _clear(self.confinement.scratch)
        os.mkdir(scratch, 0o700)  # noqa: PTH102
        if self.confinement.uid is not None:
            os.chown(scratch, self.confinement.uid, self.confinement.uid)


def _receive(pid: int, reader: int, seconds: float, expect: int) -> tuple[bytes, bool, bool]:
    """What a child writes until it ends, and whether it had to be stopped for its CPU or wall time."""
    data = b""
    wall = max(LEAST_WALL_S, WALL_PER_CPU_SECOND * seconds)
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    since, cpu_since = time.monotonic(), 0.0
    while True:
        if poll.poll(1000 * LOOK_S):
            piece = os.read(reader, 65536)
            if not piece:
                return data, False, False
            data += piece
            if len(data) > expect:
                return data, False, False
            since, cpu_since = time.monotonic(), _cpu_seconds(pid)
        elif os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return data, False, False  # it ended, and something that it left holds the pipe
        elif _cpu_seconds(pid) - cpu_since > seconds + 2 * LOOK_S:
            return data, True, False
        elif time.monotonic() - since > wall:
            return data, False, True


def _cpu_seconds(pid: int) -> float:
    """CPU time of a process so far; 0 where the system does not tell."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _kill_orphans(is_init: bool) -> None:
    """End the processes that a child left, which are this process's children now."""
    if is_init:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    elif sys.platform == "linux":
        own = os.getpid()
        while orphans := [pid for pid in _processes() if _parent(pid) == own]:
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0 if is_init else os.WNOHANG)[0]:
            pass


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    except OSError:
        return []


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _clear(folder: str) -> None:
    """Empty a folder however it was filled: forbidden, deep or with odd names."""
    todo = [folder]
    while todo:
        at = todo.pop()
        for entry in list(os.scandir(at)):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)  # noqa: PTH108
                continue
            with contextlib.suppress(OSError):
                os.chmod(entry.path, 0o700)  # noqa: PTH101
            # Up to the top, so that no path grows too long, by a name that nobody could have taken.
            todo.append(f"{folder}/{os.urandom(8).hex()}")
            os.rename(entry.path, todo[-1])  # noqa: PTH104
        if at != folder:
            os.rmdir(at)  # noqa: PTH106
