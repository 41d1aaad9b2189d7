"""What a Linux kernel can take away from a process: Landlock, namespaces, capabilities (by ctypes)."""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = (
    1,
    4,
    22,
    36,
    38,
)
NEW_NS, NEW_IPC, NEW_USER, NEW_PID, NEW_NET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH, AT_RECURSIVE, AT_FDCWD, MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 2, 0x8000, -100, 1, 2
# Numbers that all architectures share, and two that they do not.
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT, MOUNT_SETATTR = 444, 445, 446, 442
X86 = os.uname().machine == "x86_64"
PIVOT_ROOT, CAPSET = (155, 126) if X86 else (41, 91)
CAPABILITY_VERSION = 0x20080522
# Who the code runs as inside a user namespace; nobody, by custom.
INSIDE_UID = 65534
# Where it may write inside a new root, and how much.
SCRATCH, SCRATCH_BYTES = "/scratch", 64 << 20
ENOSYS = 38
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")

libc = ctypes.CDLL(None, use_errno=True)


class RefusedError(OSError):
    """The kernel does not allow a layer."""


def call(name: str, result: int) -> int:
    """The result of a C call.

    Raises:
        RefusedError: it is negative.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise RefusedError(number, f"{name}: {os.strerror(number)}")
    return result


def syscall(name: str, number: int, *arguments: object) -> int:
    return call(name, libc.syscall(ctypes.c_long(number), *arguments))


def prctl(option: int, value: int) -> None:
    """One of the simple prctl calls."""
    call(
        "prctl",
        libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)),
    )


_READ = (1 << 0) | (1 << 2) | (1 << 3)  # execute, read file, read directory
_FILE_RIGHTS = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 14) | (1 << 15)


def landlock_abi() -> int:
    """The version of Landlock that the kernel speaks; 0 without it."""
    if sys.platform != "linux":
        return 0
    return max(
        0, int(libc.syscall(ctypes.c_long(LANDLOCK_CREATE), None, ctypes.c_size_t(0), ctypes.c_uint32(1)))
    )


def landlock(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Hide every file but some folders, of which some may be written; no TCP. Needs no-new-privileges."""
    abi = landlock_abi()
    if not abi:
        raise RefusedError(ENOSYS, "landlock: not in this kernel")
    rights = (1 << 13) - 1
    rights |= sum(1 << bit for bit, least in ((13, 2), (14, 3), (15, 5)) if abi >= least)
    attributes = struct.pack("=QQQ", rights, 3 if abi >= 4 else 0, 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = syscall(
        "landlock", LANDLOCK_CREATE, ctypes.c_char_p(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0)
    )
    try:
        for paths, allowed in ((readable, _READ & rights), (writable, rights & ~1)):
            for path in paths:
                try:
                    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
                except OSError:
                    continue
                is_folder = os.path.isdir(path)  # noqa: PTH112 - the server stays light
                # Of this path only: what comes after a file in the list may be a folder.
                rule = struct.pack("=Qi", allowed if is_folder else allowed & _FILE_RIGHTS, folder)
                try:
                    syscall("landlock", LANDLOCK_ADD, ruleset, 1, ctypes.c_char_p(rule), ctypes.c_uint32(0))
                finally:
                    os.close(folder)
        syscall("landlock", LANDLOCK_RESTRICT, ruleset, ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def landlock_scope() -> None:
    """Let this process signal only itself and what it starts; abstract sockets likewise (ABI 6)."""
    ruleset = syscall(
        "landlock",
        LANDLOCK_CREATE,
        ctypes.c_char_p(struct.pack("=QQQ", 0, 0, 3)),
        ctypes.c_size_t(24),
        ctypes.c_uint32(0),
    )
    syscall("landlock", LANDLOCK_RESTRICT, ruleset, ctypes.c_uint32(0))
    os.close(ruleset)


def unshare() -> None:
    """Enter new namespaces: users (unless root), mounts, network, IPC, processes (what is forked next)."""
    flags = NEW_NS | NEW_IPC | NEW_PID | NEW_NET
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0:
        flags |= NEW_USER
    call("unshare", libc.unshare(flags))
    if uid != 0:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{INSIDE_UID} {uid} 1"),
            ("gid_map", f"{INSIDE_UID} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
                file.write(text)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    call(
        f"mount {target}",
        libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode()),
    )


def new_root(readable: Iterable[str], scratch: str) -> None:
    """Leave the file system behind for a bare one: the readable folders, a few devices, a small scratch.

    Args:
        readable: folders and files that stay visible, for reading, at their own places.
        scratch: an empty folder of the old tree that the new one is put on.
    """
    _mount("none", "/", "none", MS_REC | MS_PRIVATE)
    _mount("cascade", scratch, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
    kept: list[str] = []
    for path in readable:
        # A folder inside one that is there already is there already.
        if not os.path.exists(path) or any(f"{path}/".startswith(f"{k}/") for k in kept):  # noqa: PTH110
            continue
        kept.append(path)
        target = scratch + path
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        if os.path.islink(path):  # noqa: PTH114
            os.symlink(os.readlink(path), target)  # noqa: PTH115, PTH211
            continue
        if os.path.isdir(path):  # noqa: PTH112
            os.makedirs(target, exist_ok=True)  # noqa: PTH103
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        _mount(path, target, "none", MS_BIND | MS_REC)
        if path not in DEVICES:
            read_only = struct.pack("=QQQQ", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0)
            syscall(
                "mount_setattr",
                MOUNT_SETATTR,
                ctypes.c_int(AT_FDCWD),
                ctypes.c_char_p(target.encode()),
                ctypes.c_uint(AT_RECURSIVE),
                ctypes.c_char_p(read_only),
                ctypes.c_size_t(len(read_only)),
            )
    # Not /tmp: readable folders may lie there.
    os.mkdir(f"{scratch}{SCRATCH}")  # noqa: PTH102
    _mount(
        "cascade",
        f"{scratch}{SCRATCH}",
        "tmpfs",
        MS_NOSUID | MS_NODEV,
        f"size={SCRATCH_BYTES},nr_inodes=4k,mode=755",
    )
    _mount("cascade", scratch, "none", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)
    os.chdir(scratch)
    syscall("pivot_root", PIVOT_ROOT, ctypes.c_char_p(b"."), ctypes.c_char_p(b"."))
    call("umount", libc.umount2(b".", MNT_DETACH))
    os.chdir("/")


def drop_capabilities() -> None:
    """Give up every capability, for good."""
    header = struct.pack("=Ii", CAPABILITY_VERSION, 0)
    syscall("capset", CAPSET, ctypes.c_char_p(header), ctypes.c_char_p(bytes(24)))
