"""Forking a child for untrusted code, and ending it with all that it left."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cascade.execute.isolation.hook import guard
from cascade.execute.isolation.layers import Confinement

# CPU time passes as wall time does, unless others want the processor too; this much may be lost anyway.
LOADED, LOST_S = 2.0, 0.25


@dataclass
class Child:
    """A running child.

    Attributes:
        pid: its process.
        began: when, by the monotonic clock.
        out_of_time: whether it is ended for the CPU or wall time that it took.
        slept: whether for wall time.
    """

    pid: int
    began: float
    out_of_time: bool = False
    slept: bool = False


@dataclass
class ChildExit:
    """How a child ended.

    Attributes:
        status: its exit status; negative for a signal.
        cpu_seconds: what it took.
        out_of_time: whether that was too much.
        busy: whether it might have had the time on a quiet machine.
    """

    status: int
    cpu_seconds: float
    out_of_time: bool
    busy: bool

    @property
    def busy_timeout(self) -> bool:
        """Whether a time-out is not to be believed yet."""
        return self.out_of_time and self.busy


@dataclass
class Children:
    """Forks and ends children.

    Attributes:
        confinement: what they are put behind.
        memory_mb: address space of each.
    """

    confinement: Confinement
    memory_mb: int = 0

    @property
    def keeps_strays_out(self) -> bool:
        """Whether a child can leave no process behind."""
        return "seccomp" in self.confinement.layers

    def fork(
        self,
        work: Sequence[tuple[int, int, int]],
        run: Callable[..., None],
        cpu_seconds: float,
        keep: tuple[int, ...],
    ) -> Child:
        """Fork a child that reads its work, goes behind the confinement and runs.

        Args:
            work: where its work lies, in pieces: descriptor, offset, size.
            run: what it does with them, as bytes.
            cpu_seconds: CPU time that it may take in all, for one that stops its timers.
            keep: the descriptors that it needs.
        """
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                pieces = [os.pread(file, size, offset) for file, offset, size in work]
                silence(keep)
                self.confinement.enter_child(self.memory_mb, cpu_seconds)
                sys.addaudithook(guard(os.getpid(), self.keeps_strays_out))
                run(*pieces)
            os._exit(0)
        return Child(pid, time.monotonic())

    def fresh_scratch(self) -> None:
        """An empty folder for the next candidate."""
        scratch = f"{self.confinement.scratch}/run"
        with contextlib.suppress(OSError):
            os.rmdir(scratch)  # noqa: PTH106
        if os.listdir(self.confinement.scratch):  # noqa: PTH208 - the server stays light
            _clear(self.confinement.scratch)
        os.mkdir(scratch, 0o700)  # noqa: PTH102
        if self.confinement.uid is not None:
            os.chown(scratch, self.confinement.uid, self.confinement.uid)

    def has_ended(self, child: Child) -> bool:
        """Whether a child has ended; something that it left may hold its pipes."""
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end_strays(self) -> None:
        """End the processes that children have left, once no child runs."""
        if self.keeps_strays_out:
            return
        if self.confinement.is_init:  # all others in this namespace but its first
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        elif sys.platform == "linux":
            while strays := _children_of(os.getpid()):
                for pid in strays:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(pid, 0)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def end(self, child: Child) -> ChildExit:
        """Kill a child and whatever it left."""
        for kill, target in ((os.killpg, child.pid), (os.kill, child.pid)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(target, signal.SIGKILL)
        _, wait_status, usage = os.wait4(child.pid, 0)
        cpu, wall = usage.ru_utime + usage.ru_stime, time.monotonic() - child.began
        status = os.waitstatus_to_exitcode(wait_status)
        late = child.out_of_time or -status in (signal.SIGPROF, signal.SIGXCPU)
        return ChildExit(status, cpu, late, child.slept or wall > LOADED * cpu + LOST_S)


def silence(keep: tuple[int, ...]) -> None:
    """Empty stdin, output to nowhere, and no descriptor but some."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    at = 3
    for descriptor in sorted(keep):
        os.closerange(at, descriptor)
        at = descriptor + 1
    os.closerange(at, 1024)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far; 0 where the system does not tell."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _children_of(pid: int) -> set[int]:
    return {child for child in _processes() if _parent(child) == pid}


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
