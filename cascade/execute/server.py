"""The process that the engine talks to: it reads programs and tests, and lets a zygote run them.

It imports next to nothing and stays single-threaded, so that forking is cheap and safe. It confines itself
first and says how; then requests and replies are length-prefixed JSON on stdin and stdout:

    {"memory_mb": m, "prelude": source, "tests": [[source, cpu_seconds, entry point or null], …],
     "programs": [[source, [test, …]], …], "proofs": bool}
    {"rows": ["PFE", …], "seconds": [[…], …], "isolated": n, "proven": n, "fallback": n,
     "suspect": [[program, test], …]}

A row has a letter for each test named with the program: P passed, F an assertion failed, E any other
exception or a crash, T the CPU or wall time ran out. What it knows no candidate can read: candidates are
forked by the zygote (see `zygote`), which was made before the first request.
"""

import ast
import contextlib
import gc
import hashlib
import json
import marshal
import os
import signal
import sys
from dataclasses import dataclass
from types import CodeType
from typing import Any

from cascade.execute.analysis import Text, analyse
from cascade.execute.children import Children
from cascade.execute.isolation.layers import Confinement, confine_server
from cascade.execute.library import remember
from cascade.execute.preparation import PREPARE
from cascade.execute.purity import is_pure, modules_named
from cascade.execute.results import ProgramVerdicts, Verdict
from cascade.execute.wire import receive, send
from cascade.execute.zygote import serve

# Warm the modules that programs import most, so that children find them loaded.
WARM = (
    "array bisect collections copy datetime decimal fractions functools hashlib heapq inspect io "
    "itertools math numbers operator queue re statistics string textwrap typing unicodedata"
)

# Programs that share a referee at most.
MAX_TOGETHER = 64


@dataclass
class Work:
    """Some tests of a program, for a trial.

    Attributes:
        verdicts: the program's.
        tests: indices of its tests.
        fresh: whether each gets a candidate of its own.
    """

    verdicts: ProgramVerdicts
    tests: list[int]
    fresh: bool


@dataclass
class Server:
    """Finds verdicts, with one trial at a time.

    Attributes:
        confinement: what it and all that it starts are behind.
        zygote: the zygote's pid.
        requests, replies: to and from the zygote.
        programs, tests: files that the work of candidates and of referees is written to.
    """

    confinement: Confinement
    zygote: int
    requests: int
    replies: int
    programs: int
    tests: int
    memory_mb: int = 0
    prelude: CodeType | None = None
    prelude_source: str = ""
    proofs: bool = True

    def trial(self, works: list[Work]) -> None:
        """Run some tests of some programs in one trial, and what it leaves in others."""
        checks: dict[int, int] = {}
        texts: list[Any] = []
        plan, places, prepares = [], [], []
        data = b""
        for work in works:
            asked: list[tuple[int, float]] = []
            work.tests.sort(key=lambda i: not work.verdicts.runs_itself(i))
            lines = [work.verdicts.tests[i] for i in work.tests if work.verdicts.runs_itself(i)]
            for test, seconds in (work.verdicts.tests[i] for i in work.tests[len(lines) :]):
                if id(test) not in checks:
                    at = checks[id(test)] = len(texts)
                    texts.append(test.for_a_referee())
                    if test.entry_point is not None and PREPARE in test.source:
                        prepares.append([at, self._key(test.source), seconds])
                asked.append((checks[id(test)], seconds))
            plan.append((work.verdicts.program.pure and not work.fresh, asked))
            calls = [line.only_call for line, _ in lines]
            piece = marshal.dumps(self._candidate_work(work, lines))
            seconds_of_all = [work.verdicts.tests[i][1] for i in work.tests]
            place = [len(data), len(piece)]
            known = work.verdicts.program.plain_data
            numbers = [calls.index(call) if call and known else -1 for call in calls]
            places.append([place, work.fresh, seconds_of_all, numbers])
            data += piece
        tests = marshal.dumps((self.prelude, texts, plan))
        for file, content in ((self.programs, data), (self.tests, tests)):
            os.ftruncate(file, 0)
            os.pwrite(file, content, 0)
        asked_for = {
            "memory_mb": self.memory_mb,
            "programs": places,
            "size": len(tests),
            "prepares": prepares,
        }
        send(self.requests, asked_for)
        reply = receive(self.replies)
        for work, records, loading in zip(works, reply["records"], reply["loading"], strict=False):
            work.verdicts.take(work.tests, records, work.fresh, loading)
        if reply["ended"] is not None:
            # The referee ended at the test after the last record: its own verdict.
            at = len(reply["records"]) - 1
            work, done = works[at], len(reply["records"][at])
            code, seconds, suspect = reply["ended"]
            record = [code, 0, seconds, suspect, False]
            work.verdicts.take([work.tests[done]], [record], work.fresh, reply["loading"][at])
        for work, fate in zip(works, reply["fates"], strict=False):
            if fate is not None:
                work.verdicts.never_loads(*fate)

    def _key(self, source: str) -> str:
        text = f"{self.prelude_source}\0{source}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def _candidate_work(self, work: Work, lines: list[tuple[Text, float]]) -> tuple[Any, ...]:
        program = work.verdicts.program
        shared = program.pure and not work.fresh
        proofs = (program.loops, program.provable) if shared and self.proofs else ((), False)
        # What a line names it may pass to the program.
        used = {*program.used, *(name for line, _ in lines for name in line.used)} if shared else None
        codes = [(line.code or line.source, seconds) for line, seconds in lines]
        return self.prelude, program.load(), program.source, *proofs, used, codes

    def find(self, every: list[ProgramVerdicts]) -> None:
        """Find all verdicts: many programs with one referee, then what needs both for itself."""
        together = MAX_TOGETHER if "seccomp" in self.confinement.layers else 1
        while any(verdicts_of.left() or verdicts_of.left_isolated() for verdicts_of in every):
            while todo := [verdicts_of for verdicts_of in every if verdicts_of.left()]:
                works = [
                    Work(verdicts_of, verdicts_of.left(), not verdicts_of.program.pure)
                    for verdicts_of in todo[:together]
                ]
                if together == 1 and works[0].fresh:
                    works[0].tests = works[0].tests[:1]
                self.trial(works)
            for verdicts_of in every:
                while left := verdicts_of.left_isolated():
                    self.trial([Work(verdicts_of, left[:1], fresh=True)])

    def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to a request."""
        self.memory_mb, self.proofs = request["memory_mb"], request["proofs"]
        self.prelude_source = request["prelude"]
        self.prelude = compile(self.prelude_source, "<prelude>", "exec")
        programs = request["programs"]
        prelude = ast.parse(request["prelude"])
        modules = modules_named(prelude)
        tests = analyse([source for source, *_ in request["tests"]], "<test>", self.confinement, modules)
        for test, (_, _, entry_point) in zip(tests, request["tests"], strict=True):
            test.entry_point = entry_point
        texts = analyse([source for source, _ in programs], "<program>", self.confinement, modules)
        brings = [one for one in prelude.body if not isinstance(one, ast.Import | ast.ImportFrom)]
        if brings or not is_pure(prelude):  # whatever it brings, anybody may name
            for text in (*tests, *texts):
                text.pure, text.key = False, text.source
        limits = [seconds for _, seconds, _ in request["tests"]]
        twins: dict[str, list[int]] = {}
        for i, text in enumerate(texts):
            seen = all(tests[t].pure or tests[t].entry_point is not None for t in programs[i][1])
            twins.setdefault(text.key if seen else f"{i}", []).append(i)
        every, wanted = [], []
        for alike in twins.values():
            wanted.append(sorted({t for i in alike for t in programs[i][1]}))
            every.append(ProgramVerdicts(texts[alike[0]], [(tests[t], limits[t]) for t in wanted[-1]]))
        self.find(every)
        verdicts: list[list[Verdict]] = [[] for _ in programs]
        for alike, columns, verdicts_of in zip(twins.values(), wanted, every, strict=True):
            by_test = {t: verdicts_of.found[i] for i, t in enumerate(columns)}
            for i in alike:
                verdicts[i] = [by_test[t] for t in programs[i][1]]
        return {
            "rows": ["".join(v.code for v in row) for row in verdicts],
            "seconds": [[round(v.seconds, 6) for v in row] for row in verdicts],
            "isolated": sum(one.n_isolated for one in every),
            "proven": sum(one.n_proven for one in every),
            "fallback": sum(v.fallback for row in verdicts for v in row),
            "suspect": [[i, j] for i, row in enumerate(verdicts) for j, v in enumerate(row) if v.suspect],
        }


def _warm() -> None:
    """Import what programs import, without what some modules do in each child that is forked."""
    # random would draw a seed from the kernel, and every candidate gets one anyway.
    register, os.register_at_fork = os.register_at_fork, lambda **_: None
    for name in WARM.split():
        __import__(name)
    remember()
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
    server = _with_zygote(confinement, (requests, replies))
    gc.collect()
    gc.freeze()
    with contextlib.suppress(EOFError):
        while True:
            send(replies, server.run(receive(requests)))
    os.close(server.requests)  # which ends the zygote; its children's times are added to ours
    os.waitpid(server.zygote, 0)


def _with_zygote(confinement: Confinement, engine: tuple[int, int]) -> Server:
    """Fork the zygote while there is nothing to know yet."""
    files = [_file(confinement.scratch) for _ in range(2)]
    # What tests prepare may be larger than the folder.
    linux = sys.platform == "linux"
    files.append(os.memfd_create("prepared") if linux else _file(confinement.scratch))
    (asked, ask), (told, tell) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for end in (*engine, ask, told):
                os.close(end)
            confinement.enter_zygote()
            for name in [*sys.modules]:
                if name == "__main__" or name.partition(".")[0] == "cascade":
                    _hidden.append(sys.modules.pop(name))
            gc.collect()
            gc.freeze()
            serve(Children(confinement), asked, tell, *files)
        finally:
            os._exit(0)
    os.close(asked)
    os.close(tell)
    return Server(confinement, pid, ask, told, files[0], files[1])


# Modules that programs do not find, in use all the same.
_hidden: list[object] = []


def _file(folder: str) -> int:
    """A file without a name."""
    path = f"{folder}/work"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)  # noqa: PTH108
    return descriptor


if __name__ == "__main__":
    main()
