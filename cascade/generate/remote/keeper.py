"""Keeps a server: starts it, and leaves none of its processes behind, whoever is killed.

Run as a script with the server's command as its arguments. The server goes when it is asked to end (SIGTERM),
and when standard input is closed, which the kernel does for a parent that is killed. Linux gives the
keeper whatever the server's processes leave behind (PR_SET_CHILD_SUBREAPER); elsewhere the server's process
group is all that is known of it. It imports nothing but the standard library.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

# The server has so long to end by itself before it is killed.
GRACE_S = 15.0
LOOK_S = 0.1
# From <linux/prctl.h>.
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LINUX = sys.platform == "linux"


def main(command: list[str]) -> int:
    """Run a command to its end, or to ours; returns its exit status, negative for a signal."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: asked.append(number))
    if LINUX:
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
    # In our own process group: whoever outlives us can still name it.
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_keeper)
    while server.poll() is None and not asked and not _closed(sys.stdin.fileno()):
        time.sleep(LOOK_S)
    status = server.poll()
    if status is None:
        os.killpg(0, signal.SIGTERM)
        if not _wait(lambda: server.poll() is not None, GRACE_S):
            server.kill()
    status = server.wait() if status is None else status
    _kill_the_rest()
    return status


def _kill_the_rest() -> None:
    """What the server started and left behind: first its children, whose own become ours then."""
    while children := _children():
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> list[int]:
    """Our child processes; none where the system does not say."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat") if LINUX else ():
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything; the parent is the second field behind it.
            if int(stat.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(stat.parent.name))
    return found


def _closed(descriptor: int) -> bool:
    readable, _, _ = select.select([descriptor], [], [], 0)
    return bool(readable) and not os.read(descriptor, 1)


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_S)
    return True


def _die_with_keeper() -> None:
    if LINUX:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) % 256)
