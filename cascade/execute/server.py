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

import gc
import json
import os
import signal
import struct
import sys
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from cascade.execute.analysis import Text, analyse
from cascade.execute.child import READY, RECORD, SECRET_BYTES, hide, run_guarded, run_plain
from cascade.execute.children import Children, Reply
from cascade.execute.layers import confine_server
from cascade.execute.loops import Loop

# Warm the modules that programs import most, so that children find them loaded.
WARM = (
    "array bisect collections copy datetime decimal fractions functools hashlib heapq inspect io "
    "itertools math numbers operator queue re statistics string textwrap typing unicodedata"
)


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
class Server:
    """Finds verdicts, with one child at a time."""

    children: Children
    prelude: CodeType = field(default_factory=lambda: compile("", "<prelude>", "exec"))

    def guarded(self, program: Text, test: Text, seconds: float) -> Verdict:
        """The verdict of one pair, from a process of its own."""
        secret = os.urandom(SECRET_BYTES)
        source, sink = os.pipe()
        os.write(sink, secret)
        os.close(sink)
        try:
            reply = self.children.run(
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
            return _of_last(reply)
        return Verdict("F" if reply.data == READY + b"F" else "E", reply.cpu_seconds)

    def plain(self, program: Text, tests: list[tuple[Text, float]], tally: Tally) -> list[Verdict]:
        """Verdicts of a plain program's plain tests."""
        found: dict[int, Verdict] = {}
        endless: set[str] = set()
        left = list(range(len(tests)))
        code, watched = program.load(), {line: Loop(*loop) for line, loop in program.loops}
        while left:
            group = [(tests[i][0].load(), tests[i][1]) for i in left]
            reply = self.children.run(
                lambda result, group=group: run_plain(
                    self.prelude, code, group, watched, program.source, result
                ),
                [seconds for _, seconds in group],
                len(READY) + RECORD.size * len(group),
            )
            if not reply.data.startswith(READY):
                # The program itself failed, and would before each of its tests.
                verdict = _of_last(reply)
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
                found[ended[-1]] = _of_last(reply)
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
        self.children.memory_mb = request["memory_mb"]
        self.prelude = compile(request["prelude"], "<prelude>", "exec")
        programs = request["programs"]
        tests = analyse([source for source, _ in request["tests"]], "<test>", self.children.confinement)
        texts = analyse([source for source, _ in programs], "<program>", self.children.confinement)
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


def _of_last(reply: Reply) -> Verdict:
    """The verdict of the test that was running when a child ended without a record of it."""
    if reply.out_of_time:
        return Verdict("T", reply.cpu_seconds, reply.doubtful)
    return Verdict("E", reply.cpu_seconds)


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
    server = Server(Children(confinement))
    hide()
    gc.collect()
    gc.freeze()
    while len(header := read_exactly(requests, 4)) == 4:
        request = json.loads(read_exactly(requests, struct.unpack("!I", header)[0]))
        send(replies, server.run(request))


if __name__ == "__main__":
    main()
