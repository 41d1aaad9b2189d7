"""Which machine this is, and whether a process of it is still there."""

import os
import socket
from contextlib import suppress


def this_host() -> str:
    """This machine, and in a container the container: where a process's number means something."""
    try:
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no path behind it
    except OSError:
        return socket.gethostname()


def is_alive(process: int) -> bool:
    """Whether a process of this machine is there, by its number; whoever it belongs to."""
    with suppress(PermissionError):  # it is there, and somebody else's
        try:
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return False
    return True
