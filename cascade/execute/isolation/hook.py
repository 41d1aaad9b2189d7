"""The interpreter's hook: what Python code may not do on any layer; it guards the machine, not verdicts."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

DENIED = frozenset(
    (
        *(
            "os.system",
            "os.exec",
            "os.fork",
            "os.forkpty",
            "os.posix_spawn",
            "os.spawn",
            "os.symlink",
            "os.link",
        ),
        *("os.startfile", "pty.spawn", "subprocess.Popen", "resource.prlimit", "sys.addaudithook"),
    )
)
# Foreign functions could do all this beneath Python: they are left to programs where the kernel forbids it.
FOREIGN = frozenset(
    ("ctypes.dlsym", "ctypes.dlsym/handle", "ctypes.call_function", "ctypes.cdata", "ctypes.set_errno")
)
# Who gets a signal from a file: F_SETOWN, F_SETSIG, F_SETOWN_EX; FIOSETOWN, SIOCSPGRP, TIOCSTI, TIOCCONS.
OWNERS = frozenset(
    (8, 10, 15, 0x8901, 0x8902, 0x5412, 0x541C)
    if sys.platform == "linux"
    else (6, 0x8004667C, 0x80047308, 0x80017472)
)
# Functions that signal other processes, and that no hook is told of.
UNTOLD = ("pidfd_open", "pidfd_send_signal")


def guard(pid: int, filtered: bool) -> Callable[[str, tuple[Any, ...]], None]:
    """A hook for the process with some pid; `filtered` where the kernel filters its calls.

    Where it does not, functions that no hook is told of are taken away.
    """
    denied = DENIED if filtered else DENIED | FOREIGN
    for name in () if filtered else UNTOLD:
        for module in (os, sys.modules[os.name], signal, sys.modules["_signal"]):
            vars(module).pop(name, None)
    starts, refusal = str.startswith, PermissionError

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in denied or starts(event, "socket."):
            if event == "socket.gethostname":
                return
            raise refusal(event)
        if (event == "os.kill" or event == "os.killpg") and arguments[0] != pid:
            raise refusal(event)
        if (event == "fcntl.fcntl" or event == "fcntl.ioctl") and arguments[1] in OWNERS:
            raise refusal(event)

    return hook
