"""The interpreter's hook: what Python code may not do on any layer; it guards the machine, not verdicts."""

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


def guard(pid: int, filtered: bool) -> Callable[[str, tuple[Any, ...]], None]:
    """A hook for the process with some pid; `filtered` where the kernel filters its calls."""
    denied = DENIED if filtered else DENIED | FOREIGN
    starts, refusal = str.startswith, PermissionError

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in denied or starts(event, "socket."):
            if event == "socket.gethostname":
                return
            raise refusal(event)
        if (event == "os.kill" or event == "os.killpg") and arguments[0] != pid:
            raise refusal(event)

    return hook
