"""The warm process that forks children for programs and tells their verdicts.

It imports next to nothing and stays single-threaded, so that forking is cheap and safe. It confines
itself first and says how; then requests and replies are length-prefixed JSON on stdin and stdout:

    {"memory_mb": m, "prelude": source, "tests": [[source, cpu_seconds], …],
     "programs": [[source, [test, …]], …]}
    {"rows": ["PFE", …], "seconds": [[…], …], "alone": n, "proven": n, "doubtful": [[program, test], …]}

A row has a letter for each test named with the program: P passed, F an assertion failed, E any other
exception or a crash, T the CPU or wall time ran out. Nothing that a child writes is believed beyond
the verdict of its own program.
"""

import contextlib
import gc
import json
import os
import select
import signal
import struct
import sys
import time
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from cascade.execute.analysis import Text, analyse
from cascade.execute.child import READY, RECORD, SECRET_BYTES, enter, hide, run_guarded, run_plain
from cascade.execute.layers import Confinement, confine_server
from cascade.execute.loops import Loop

# Warm the modules that programs import most, so that children find them loaded.
WARM = (
    "array bisect collections copy datetime decimal fractions functools hashlib heapq inspect io "
    "itertools math numbers operator queue re statistics string textwrap typing unicodedata"
)
WALL_PER_CPU_SECOND = 5.0  # a loaded machine may be slow: CPU time decides, wall time only ends sleepers
LEAST_WALL_S = 3.0
# A child that switched its timers off is ended by the server, which looks this often.
LOOK_S = 0.25
# CPU time passes as wall time does, unless others want the processor too.
LOADED = 2.0


@dataclass
class Verdict:
    """What is known of a pair.

    Attributes:
        letter: see the module.
        seconds: CPU time of the test.
        doubtful: whether it ran out of time while the machine was busy.
    """

    letter: str
    seconds: float
    doubtful: bool = False


@dataclass
class Tally:
    """What a request took, besides its verdicts."""

    alone: int = 0
    proven: int = 0


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

    def verdict(self) -> Verdict:
        """Of the test that was running when the child ended without a record of it."""
        if self.out_of_time:
            return Verdict("T", self.cpu_seconds, self.doubtful)
        return Verdict("E", self.cpu_seconds)


@dataclass
class Server:
    """Forks, watches and ends children, one at a time."""

    confinement: Confinement
    memory_mb: int = 0
    prelude: CodeType = field(default_factory=lambda: compile("", "<prelude>", "exec"))

    def child(self, run: Any, seconds: list[float], expect: int, keep: tuple[int, ...] = ()) -> Reply:
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
        with contextlib.suppress(FileNotFoundError):
            try:
                os.rmdir(scratch)  # noqa: PTH106
            except OSError:
                _remove(scratch)
        os.mkdir(scratch, 0o700)  # noqa: PTH102
        if self.confinement.uid is not None:
            os.chown(scratch, self.confinement.uid, self.confinement.uid)

    def guarded(self, program: Text, test: Text, seconds: float) -> Verdict:
        """The verdict of one pair, from a process of its own."""
        secret = os.urandom(SECRET_BYTES)
        source, sink = os.pipe()
        os.write(sink, secret)
        os.close(sink)
        try:
            reply = self.child(
                lambda result: run_guarded(
                    self.prelude, program.load(), test.load(), seconds, result, source
                ),
                [seconds],
                len(READY) + SECRET_BYTES,
                (source,),
            )
        finally:
            os.close(source)
        if reply.data == READY + secret:
            return Verdict("P", reply.cpu_seconds)
        if reply.out_of_time:
            return reply.verdict()
        return Verdict("F" if reply.data == READY + b"F" else "E", reply.cpu_seconds)

    def plain(self, program: Text, tests: list[tuple[Text, float]], tally: Tally) -> list[Verdict]:
        """Verdicts of a plain program's plain tests."""
        found: dict[int, Verdict] = {}
        endless: set[str] = set()
        left = list(range(len(tests)))
        code, watched = program.load(), {line: Loop(*loop) for line, loop in program.loops}
        while left:
            group = [(tests[i][0].load(), tests[i][1]) for i in left]
            reply = self.child(
                lambda result, group=group: run_plain(
                    self.prelude, code, group, watched, program.source, result
                ),
                [seconds for _, seconds in group],
                len(READY) + RECORD.size * len(group),
            )
            if not reply.data.startswith(READY):
                # The program itself failed, and would before each of its tests.
                verdict = reply.verdict()
                return [verdict] * len(tests)
            whole = (len(reply.data) - len(READY)) // RECORD.size * RECORD.size
            records = list(RECORD.iter_unpack(reply.data[len(READY) : len(READY) + whole]))
            for i, (letter, microseconds) in zip(left, records, strict=False):
                found[i] = Verdict(letter.decode(), microseconds / 1e6)
            ended = left[: len(records)]
            if ended and found[ended[-1]].letter == "U":
                tally.proven += 1
                found[ended[-1]].letter = "T"
            elif len(records) < len(left):
                ended.append(left[len(records)])
                found[ended[-1]] = reply.verdict()
                if found[ended[-1]].letter == "E":
                    # It took the child with it; perhaps with the memory that others had left.
                    found[ended[-1]].letter = "M"
            if found[ended[-1]].letter == "T" and (call := tests[ended[-1]][0].first_call) is not None:
                endless.add(call)
            left = left[len(ended) :]
            for i in left:
                if tests[i][0].first_call in endless:
                    found[i] = Verdict("T", 0.0)
            left = [i for i in left if i not in found]
        for i, verdict in found.items():
            if verdict.letter not in "PFET":
                tally.alone += 1
                found[i] = self.guarded(program, *tests[i])
        return [found[i] for i in range(len(tests))]

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to a request."""
        self.memory_mb = request["memory_mb"]
        self.prelude = compile(request["prelude"], "<prelude>", "exec")
        programs = request["programs"]
        tests = analyse([source for source, _ in request["tests"]], "<test>", self.confinement)
        texts = analyse([source for source, _ in programs], "<program>", self.confinement)
        limits = [seconds for _, seconds in request["tests"]]
        twins: dict[str, list[int]] = {}
        for i, text in enumerate(texts):
            twins.setdefault(text.key, []).append(i)
        tally = Tally()
        verdicts: list[list[Verdict]] = [[] for _ in programs]
        for alike in twins.values():
            wanted = sorted({t for i in alike for t in programs[i][1]})
            row = self.row(texts[alike[0]], [(tests[t], limits[t]) for t in wanted], tally)
            by_test = dict(zip(wanted, row, strict=True))
            for i in alike:
                verdicts[i] = [by_test[t] for t in programs[i][1]]
        return {
            "rows": ["".join(v.letter for v in row) for row in verdicts],
            "seconds": [[round(v.seconds, 6) for v in row] for row in verdicts],
            "alone": tally.alone,
            "proven": tally.proven,
            "doubtful": [[i, j] for i, row in enumerate(verdicts) for j, v in enumerate(row) if v.doubtful],
        }

    def row(self, program: Text, tests: list[tuple[Text, float]], tally: Tally) -> list[Verdict]:
        """The verdicts of one program; equal tests run once."""
        if program.broken:
            return [Verdict("E", 0.0)] * len(tests)
        row: dict[int, Verdict] = {i: Verdict("E", 0.0) for i, (test, _) in enumerate(tests) if test.broken}
        together = [i for i, (test, _) in enumerate(tests) if i not in row and program.plain and test.plain]
        if together:
            row |= zip(together, self.plain(program, [tests[i] for i in together], tally), strict=True)
        endless = {tests[i][0].first_call for i in together if row[i].letter == "T"} - {None}
        for i, (test, seconds) in enumerate(tests):
            if i in row:
                continue
            if test.first_call in endless:
                row[i] = Verdict("T", 0.0)
                continue
            tally.alone += 1
            row[i] = self.guarded(program, test, seconds)
            if row[i].letter == "T" and test.first_call is not None:
                endless.add(test.first_call)
        return [row[i] for i in range(len(tests))]


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


def _remove(folder: str) -> None:
    """Remove a folder however it was filled: forbidden, deep or with odd names."""
    number = 0
    todo = [folder]
    while todo:
        at = todo.pop()
        with contextlib.suppress(OSError):
            os.chmod(at, 0o700)  # noqa: PTH101
        entries = list(os.scandir(at))
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                # Up to the top, so that no path grows too long.
                number += 1
                with contextlib.suppress(OSError):
                    os.chmod(entry.path, 0o700)  # noqa: PTH101
                os.rename(entry.path, f"{folder}/..r{number}")  # noqa: PTH104
                todo.append(f"{folder}/..r{number}")
            else:
                os.unlink(entry.path)  # noqa: PTH108
        if at != folder:
            os.rmdir(at)  # noqa: PTH106
    os.rmdir(folder)  # noqa: PTH106


def read_exactly(stream: int, size: int) -> bytes:
    """`size` bytes from a descriptor, or fewer where it ends."""
    data = bytearray()
    while len(data) < size:
        chunk = os.read(stream, min(size - len(data), 1 << 20))
        if not chunk:
            break
        data += chunk
    return bytes(data)


def send(stream: int, message: object) -> None:
    """A length-prefixed JSON message."""
    data = json.dumps(message).encode()
    view = memoryview(struct.pack("!I", len(data)) + data)
    while view:
        view = view[os.write(stream, view) :]


def _warm() -> None:
    """Import what programs import, without what some modules do in each child that is forked."""
    # random would draw a seed from the kernel, and every child gets one anyway (see `child`).
    register, os.register_at_fork = os.register_at_fork, lambda **_: None
    for name in WARM.split():
        __import__(name)
    os.register_at_fork = register


def main() -> None:
    """Serve requests until stdin closes."""
    asked, scratch = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _warm()
    confinement = confine_server(asked, scratch)
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    send(replies, confinement.layers)
    server = Server(confinement)
    hide()
    gc.collect()
    gc.freeze()
    while len(header := read_exactly(requests, 4)) == 4:
        request = json.loads(read_exactly(requests, struct.unpack("!I", header)[0]))
        send(replies, server.run(request))


if __name__ == "__main__":
    main()
