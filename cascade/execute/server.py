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

import ast
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
from cascade.execute.children import Children
from cascade.execute.isolation.layers import confine_server
from cascade.execute.results import LETTERS, Row, Told, Verdict, of_last

# Warm the modules that programs import most, so that children find them loaded.
WARM = (
    "array bisect collections copy datetime decimal fractions functools hashlib heapq inspect io "
    "itertools math numbers operator queue re statistics string textwrap typing unicodedata"
)

# Programs that share a child at most.
MAX_TOGETHER = 64


@dataclass
class Server:
    """Finds verdicts, with one child at a time."""

    children: Children
    prelude: CodeType = field(default_factory=lambda: compile("", "<prelude>", "exec"))
    imports_only: bool = True

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
            return of_last(reply)
        return Verdict("F" if reply.data == READY + b"F" else "E", reply.cpu_seconds)

    def plain(self, rows: list[Row]) -> None:
        """Find the verdicts of plain programs' plain tests: many of them in one child, until it ends."""
        todo = [row for row in rows if row.left()]
        while todo:
            group = todo[:MAX_TOGETHER]
            left = [row.left() for row in group]
            jobs = [row.job(tests) for row, tests in zip(group, left, strict=True)]
            reply = self.children.run(
                lambda result, jobs=jobs: run_plain(self.prelude, jobs, result, self.imports_only),
                [seconds for job in jobs for _, seconds in job.tests],
                sum(len(READY) + RECORD.size * len(tests) for tests in left),
            )
            told = Told(reply)
            for row, tests in zip(group, left, strict=True):
                if not told.take(row, tests):
                    break
            todo = [row for row in todo if row.left()]

    def alone(self, row: Row) -> None:
        """Find the verdicts that are left, each in a process of its own."""
        endless = row.endless()
        for i, (test, seconds) in enumerate(row.tests):
            if i in row.found and row.found[i].letter in LETTERS:
                continue
            if i not in row.found and row.known_late(i, endless):
                continue
            row.n_alone += 1
            row.found[i] = self.guarded(row.program, test, seconds)
            if row.found[i].letter == "T" and test.first_call is not None:
                endless = row.endless()

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to a request."""
        self.children.memory_mb = request["memory_mb"]
        self.prelude = compile(request["prelude"], "<prelude>", "exec")
        self.imports_only = all(
            isinstance(statement, ast.Import | ast.ImportFrom)
            for statement in ast.parse(request["prelude"]).body
        )
        programs = request["programs"]
        tests = analyse([source for source, _ in request["tests"]], "<test>", self.children.confinement)
        texts = analyse([source for source, _ in programs], "<program>", self.children.confinement)
        limits = [seconds for _, seconds in request["tests"]]
        twins: dict[str, list[int]] = {}
        for i, text in enumerate(texts):
            twins.setdefault(text.key, []).append(i)
        rows, wanted = [], []
        for alike in twins.values():
            wanted.append(sorted({t for i in alike for t in programs[i][1]}))
            rows.append(Row(texts[alike[0]], [(tests[t], limits[t]) for t in wanted[-1]]))
        self.plain(rows)
        verdicts: list[list[Verdict]] = [[] for _ in programs]
        for alike, own, row in zip(twins.values(), wanted, rows, strict=True):
            self.alone(row)
            by_test = {t: row.found[i] for i, t in enumerate(own)}
            for i in alike:
                verdicts[i] = [by_test[t] for t in programs[i][1]]
        return {
            "rows": ["".join(v.letter for v in row) for row in verdicts],
            "seconds": [[round(v.seconds, 6) for v in row] for row in verdicts],
            "alone": sum(row.n_alone for row in rows),
            "proven": sum(row.n_proven for row in rows),
            "doubtful": [[i, j] for i, row in enumerate(verdicts) for j, v in enumerate(row) if v.doubtful],
        }


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
