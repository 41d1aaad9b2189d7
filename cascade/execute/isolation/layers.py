"""Which layers of isolation a server can have here, put on in the right order, and named."""

import contextlib
import os
import resource
import signal
import site
import sys
import sysconfig
from dataclasses import dataclass

if sys.platform == "linux":
    from cascade.execute.isolation import linux, seccomp

# The folder that holds the package: four levels up from this file.
PACKAGE_ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))  # noqa: PTH100, PTH118, PTH120
# What may be asked for besides the limits that every child has; all by default.
LAYERS = ("namespaces", "landlock", "seccomp", "uid")
# Any of these sets hides files, network and other processes from the code.
CONFINED = ({"landlock", "seccomp"}, {"namespaces"})
# A uid that nobody has; each server takes one of its own, so that the limits count its own processes.
FIRST_UID = 0x6CA5_0000
FILE_SIZE_BYTES = 1 << 20
MAX_FILES, MAX_TASKS = 64, 64
SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/etc/localtime", "/opt", "/nix/store")


def is_confined(layers: list[str]) -> bool:
    """Whether a set of layers keeps the code from files, network and other processes."""
    return any(needed <= set(layers) for needed in CONFINED)


def _readable() -> list[str]:
    """What a child may read: the interpreter, its libraries, this package."""
    paths = sysconfig.get_paths()
    interpreter = [sys.base_prefix, sys.base_exec_prefix, paths["stdlib"], paths["purelib"], paths["platlib"]]
    interpreter += _user_site()
    return list(dict.fromkeys([*SYSTEM_FOLDERS, *interpreter, f"{PACKAGE_ROOT}/cascade"]))


def _user_site() -> list[str]:
    """Where packages of this user's own are, if there are any."""
    folder = site.getusersitepackages() if site.ENABLE_USER_SITE else ""
    return [folder] if os.path.isdir(folder) else []  # noqa: PTH112 - the server stays light


def _reachable(path: str) -> bool:
    """Whether any user may walk to a path."""
    while path != "/":
        with contextlib.suppress(OSError):
            if not os.stat(path).st_mode & 1:  # noqa: PTH116
                return False
        path = os.path.dirname(path)  # noqa: PTH120
    return True


@dataclass
class Confinement:
    """What a server did to itself, and does to each of its children.

    Attributes:
        layers: names of the layers that hold, for people.
        scratch: the folder that children write in.
        uid: what children run as; None to stay who they are.
        max_tasks: limit on processes and threads of the user; None where it binds nobody.
        is_init: whether the server is the first process of a namespace of its own.
    """

    layers: list[str]
    scratch: str
    uid: int | None = None
    max_tasks: int | None = None
    is_init: bool = False

    def enter_zygote(self) -> None:
        """The process that children are forked by: it ends with the server and gets what they leave."""
        if sys.platform == "linux":
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)

    def enter_child(self, memory_mb: int, cpu_seconds: float) -> None:
        """Cut this process off for good; it has been forked for untrusted code."""
        os.setsid()
        os.chdir(f"{self.scratch}/run")
        memory = memory_mb << 20
        cpu = int(cpu_seconds) + 2
        for what, limit in (
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_FSIZE, FILE_SIZE_BYTES),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NOFILE, MAX_FILES),
            (resource.RLIMIT_CPU, cpu),
            *([(resource.RLIMIT_NPROC, self.max_tasks)] if self.max_tasks is not None else []),
        ):
            with contextlib.suppress(ValueError, OSError):  # macOS has no limit on address space
                resource.setrlimit(what, (limit, limit))
        if self.uid is not None:
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)
        if sys.platform == "linux":
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            linux.prctl(linux.PR_SET_DUMPABLE, 0)
            linux.drop_capabilities()
            if "landlock scope" in self.layers:
                linux.landlock_scope()
            if "seccomp" in self.layers:
                seccomp.seccomp(os.getpid())


def confine_server(asked: list[str], scratch: str) -> Confinement:
    """Put this process behind the layers that are asked for and can be had; it may return in a child.

    Args:
        asked: from `LAYERS`.
        scratch: an empty folder of this server's own.
    """
    result = Confinement(["process group", "rlimits"], scratch)
    if sys.platform != "linux":
        return result
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)  # without which only root may filter calls
    root = os.geteuid() == 0
    outer_pid = os.getpid()
    readable = _readable()
    if "namespaces" in asked and _works(lambda: _namespaces(readable, scratch)):
        _namespaces(readable, scratch)
        result.layers.append("namespaces")
        result.scratch, result.is_init = linux.SCRATCH, True
        result.max_tasks = MAX_TASKS
    uid = FIRST_UID + outer_pid % 65536
    if (
        root
        and "uid" in asked
        and (result.is_init or all(map(_reachable, (sys.base_prefix, PACKAGE_ROOT, scratch, *_user_site()))))
        # In a namespace of users, as of a container, there may be no other.
        and _works(lambda: os.setresuid(uid, uid, uid))
    ):
        result.uid = uid
        result.max_tasks = MAX_TASKS
        result.layers.append("uid")
    if result.max_tasks is None and not root:
        result.max_tasks = _tasks_of_user() + MAX_TASKS
    with_seccomp = "seccomp" in asked and _works(lambda: seccomp.seccomp(os.getpid()))
    if with_seccomp:
        seccomp.seccomp_program(0)  # so that the children find it made
    if "landlock" in asked and linux.landlock_abi():
        # Where children may start processes, the server has to find those that they leave behind.
        seen = [] if with_seccomp or result.is_init else ["/proc"]
        linux.landlock([*readable, *seen, *linux.DEVICES], [result.scratch, "/dev/null"])
        result.layers.append("landlock")
        if linux.landlock_abi() >= 6:
            result.layers.append("landlock scope")
    if with_seccomp:
        result.layers.append("seccomp")
    linux.prctl(linux.PR_SET_DUMPABLE, 0)  # nobody of the same user reads its memory or writes there
    result.layers.append("no new privileges")
    return result


def _works(attempt: object) -> bool:
    """Whether something can be done, tried in a process that ends."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            attempt()  # type: ignore[operator]
            os._exit(0)
        os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def _namespaces(readable: list[str], scratch: str) -> None:
    """Go on as the first process of new namespaces, over a new root; the old process waits for it."""
    linux.unshare()
    pid = os.fork()
    if pid:
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
        for descriptor in (0, 1):
            os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 255)
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    linux.new_root([*linux.DEVICES, *readable], scratch)


def _tasks_of_user() -> int:
    """How many threads the user runs now: the kernel's limit counts them all."""
    uid, count = os.geteuid(), 0
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == uid:  # noqa: PTH116
                    count += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
    return count
