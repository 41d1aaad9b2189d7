"""The seccomp filter: no sockets, processes, programs, traces or mounts; signals to itself only."""

import ctypes
import functools
import os
import struct

from cascade.execute.isolation.linux import ENOSYS, PR_SET_SECCOMP, call, libc

CLONE_THREAD = 0x10000
MACHINE = os.uname().machine
# Per machine: audit architecture, then the calls that untrusted code has no use for.
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NUMBERS = {
    # name: (x86_64, aarch64); -1 where there is no such call
    "socket": (41, 198),
    "connect": (42, 203),
    "accept": (43, 202),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept4": (288, 242),
    "sendmmsg": (307, 269),
    "fork": (57, -1),
    "vfork": (58, -1),
    "execve": (59, 221),
    "execveat": (322, 281),
    "uselib": (134, -1),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "fsconfig": (431, 431),
    "fspick": (433, 433),
    "open_tree_attr": (467, 467),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semctl": (66, 191),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgctl": (71, 187),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "sync": (162, 81),
    "syncfs": (306, 267),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "process_mrelease": (448, 448),
    "personality": (135, 92),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "nfsservctl": (180, 42),
    "lookup_dcookie": (212, 18),
    "vhangup": (153, 58),
    "modify_ldt": (154, -1),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "clock_settime": (227, 112),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "setpriority": (141, 140),
    # Landlock leaves a file's owner, mode, times and attributes alone.
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "fchown": (93, 55),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}
_SPECIAL = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "clone": (56, 220),
    "clone3": (435, 435),
    "prlimit64": (302, 261),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
}
# Commands by which the kernel sends signals to others or types for them: F_SETOWN, F_SETSIG, F_SETOWN_EX;
# FIOSETOWN, SIOCSPGRP, TIOCSTI, TIOCLINUX.
_COMMANDS = {"fcntl": (8, 10, 15), "ioctl": (0x8901, 0x8902, 0x5412, 0x541C)}
# Calls that were made after this list; nobody's code needs them yet.
FIRST_UNKNOWN = 470
EPERM = 1
_LD_W, _JEQ, _JSET, _JGE, _RET = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000


def _number(name: str) -> int:
    pair = _SPECIAL.get(name) or _NUMBERS[name]
    return pair[MACHINE != "x86_64"]


@functools.cache
def _pieces() -> list[bytes]:
    """The filter of any process, as the kernel reads it, cut where its pid stands."""
    pieces = [b""]

    def add(operation: int, jump_true: int, jump_false: int, value: int | None) -> None:
        pieces[-1] += struct.pack("=HBB", operation, jump_true, jump_false)
        if value is None:
            pieces.append(b"")
        else:
            pieces[-1] += struct.pack("=I", value)

    def load(offset: int) -> None:
        add(_LD_W, 0, 0, offset)

    load(4)
    add(_JEQ, 1, 0, _ARCHITECTURE[MACHINE])
    add(_RET, 0, 0, _KILL)
    load(0)
    if MACHINE == "x86_64":  # the x32 calls have numbers of their own
        add(_JGE, 0, 1, 0x40000000)
        add(_RET, 0, 0, _KILL)
    add(_JGE, 0, 1, FIRST_UNKNOWN)
    add(_RET, 0, 0, _ERRNO | ENOSYS)
    add(_JEQ, 0, 6, _number("prlimit64"))  # one's own, which is 0 too
    load(16)
    add(_JEQ, 1, 0, 0)
    add(_JEQ, 0, 1, None)
    add(_RET, 0, 0, _ALLOW)
    add(_RET, 0, 0, _ERRNO | EPERM)
    load(0)
    for name, commands in _COMMANDS.items():
        add(_JEQ, 0, 3 + len(commands), _number(name))
        load(24)
        for left, command in zip(range(len(commands), 0, -1), commands, strict=True):
            add(_JEQ, left, 0, command)
        add(_RET, 0, 0, _ALLOW)
        add(_RET, 0, 0, _ERRNO | EPERM)
    for name in ("kill", "tgkill"):
        add(_JEQ, 0, 4, _number(name))
        load(16)
        add(_JEQ, 0, 1, None)
        add(_RET, 0, 0, _ALLOW)
        add(_RET, 0, 0, _ERRNO | EPERM)
    add(_JEQ, 0, 4, _number("clone"))  # threads, and nothing else
    load(16)
    add(_JSET, 0, 1, CLONE_THREAD)
    add(_RET, 0, 0, _ALLOW)
    add(_RET, 0, 0, _ERRNO | EPERM)
    # Its flags lie behind a pointer that a filter cannot follow: glibc falls back on clone.
    add(_JEQ, 0, 1, _number("clone3"))
    add(_RET, 0, 0, _ERRNO | ENOSYS)
    for name in (*_NUMBERS, "tkill"):
        if (number := _number(name)) >= 0:
            add(_JEQ, 0, 1, number)
            add(_RET, 0, 0, _ERRNO | EPERM)
    add(_RET, 0, 0, _ALLOW)
    return pieces


def seccomp_program(pid: int) -> bytes:
    """The filter of the process with some pid; made once for all that are forked after the first call."""
    return struct.pack("=I", pid).join(_pieces())


def seccomp(pid: int) -> None:
    """Filter this process's calls from now on, for good."""
    program = seccomp_program(pid)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    call(
        "seccomp",
        libc.prctl(
            PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.c_char_p(header), ctypes.c_ulong(0), ctypes.c_ulong(0)
        ),
    )
