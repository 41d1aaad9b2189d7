"""The process that forks candidates and referees, watches and ends them; it knows neither program nor test.

What it forks reads its work from a file that the server has written, and closes that file before anything
untrusted runs: a candidate inherits nothing but the interpreter. A *trial* is one referee and, one after
another, candidates for its programs; lines that a candidate runs itself (see `candidate`) are no referee's.
"""

import mmap
import os
import select
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from cascade.execute.candidate import LOADED, PROVEN_STATUS, RECORD, run_candidate
from cascade.execute.children import Child, ChildExit, Children, cpu_seconds
from cascade.execute.preparation import LEAST_WALL_S, LOOK_S, WALL_PER_CPU_SECOND, Place, Preparations
from cascade.execute.referee import AGAIN, BROKEN, CONTROL, FATE, GO, READY, RENEW, run_referee
from cascade.execute.trial_work import MAX_SECONDS, Fate, Record, TrialProgram, program_of, referee_work
from cascade.execute.wire import drain, receive, send

# CPU time decides; wall time ends only what sleeps, or makes hardly any use of the processor for long.
MOST_WALLS = 4
# A child that switched its timers off is ended by the zygote, which looks this often; a new process that was
# done before that, but this much too late, was too late.
SPARE_S = 0.1
AWAKE_S = 1e-4
# What a referee says of a test: its verdict, or that another candidate is needed.
WORDS = b"PFET" + RENEW


def _pipes() -> dict[str, tuple[int, int]]:
    return {name: os.pipe() for name in ("requests", "replies", "control", "records", "life")}


@dataclass
class Trial:
    """One referee and the candidates of its programs.

    Attributes:
        children: forks them.
        tests: where the referee's work lies.
        programs: the programs.
        prepared: by index of a test, where lies what it has prepared (see `preparation`).
    """

    children: Children
    tests: Place
    programs: list[TrialProgram]
    prepared: dict[int, Place]
    _pipes: dict[str, tuple[int, int]] = field(default_factory=_pipes)
    _referee: Child | None = None
    _candidate: Child | None = None
    _loaded: bool = False
    _loading: float = 0.0
    _scratch_used: bool = False
    _fate: Fate | None = None
    _last: ChildExit | None = None
    _seconds: float = 0.0
    _was_busy: bool = False
    _asks: bool = True
    _missed: bool = False

    def run(self) -> dict[str, Any]:
        """The records of each program's tests, the CPU seconds of its definitions where a referee has asked
        it, how the referee ended if early, programs that never load.
        """
        found: list[list[Record]] = []
        loading: list[float] = []
        fates: list[Any] = []
        ended: list[Any] | None = None
        try:
            self.children.fresh_scratch()
            if any(len(program.calls) < len(program.seconds) for program in self.programs):
                self._referee = self._fork_referee(self.prepared)
            for program in self.programs:
                self._loaded, self._fate, self._was_busy = False, None, False
                self._asks, self._missed, self._loading = True, False, 0.0
                found.append(self._lines(program) if program.calls else [])
                for seconds in program.seconds[len(program.calls) :]:
                    record = self._test(program, seconds)
                    if record is None:
                        ended = self._ended(seconds)
                        break
                    found[-1].append(record)
                self._end_candidate()
                fate = self._fate
                fates.append(fate and [fate.code, fate.suspect, fate.seconds])
                loading.append(self._loading)
                if ended is not None:
                    break
        finally:
            self._end_candidate()
            if self._referee is not None:
                self.children.end(self._referee)
            self.children.end_strays()
            for ends in self._pipes.values():
                for end in ends:
                    os.close(end)
        return {"records": found, "loading": loading, "ended": ended, "fates": fates}

    def _ended(self, seconds: float) -> list[Any]:
        """The verdict of the test that a referee ended with."""
        assert self._referee is not None
        exit_ = self.children.end(self._referee)
        self._referee = None
        late = exit_.out_of_time
        return ["T" if late else "E", min(seconds, exit_.cpu_seconds), exit_.busy_timeout]

    def _lines(self, program: TrialProgram) -> list[Record]:
        """The records of the lines that a program runs itself."""
        found: dict[int, Record] = {}
        late: dict[int, tuple[float, bool]] = {}
        todo = [*range(len(program.calls))]
        while todo:
            at = todo[0]
            seconds, call = program.seconds[at], program.calls[at]
            if self._fate is not None and seconds <= self._fate.seconds:
                found[todo.pop(0)] = self._fate.code, FATE, 0.0, self._fate.suspect, False
            elif call in late and seconds <= late[call][0]:
                found[todo.pop(0)] = "T", 0, 0.0, late[call][1], False
            else:
                some = todo[:1] if program.fresh else todo
                records = self._run_lines(program, some)
                found |= zip(some, records, strict=False)
                todo = todo[len(records) :]
                if records and records[-1][0] == "T" and (call := program.calls[some[len(records) - 1]]) >= 0:
                    late[call] = program.seconds[some[len(records) - 1]], records[-1][3]
        return [found[i] for i in range(len(program.calls))]

    def _run_lines(self, program: TrialProgram, todo: list[int]) -> list[Record]:
        """The records of some lines, up to the one that the candidate ended with or was stale before."""
        with mmap.mmap(-1, len(todo) * RECORD.size) as page:
            self._candidate = self._fork_candidate(program, program.seconds[todo[0]], todo, page)
            ended = self._await_lines([program.seconds[i] for i in todo], page)
            n = _n_records(page)
            written = [*RECORD.iter_unpack(page[: n * RECORD.size])]
        found: list[Record] = [
            (one.decode(), AGAIN * bool(f), s / 1e6, False, False) for one, f, s in written
        ]
        if ended and n < len(todo):
            assert self._last is not None
            proven = self._last.status == PROVEN_STATUS
            late = self._last.out_of_time or proven
            again = AGAIN * (n > 0 and not late)  # what came before it may be why
            seconds = min(program.seconds[todo[n]], self._last.cpu_seconds)
            found.append(("T" if late else "E", again, seconds, self._last.busy_timeout, proven))
        if program.fresh or n < len(todo):
            self._end_candidate()
        return found

    def _await_lines(self, seconds: list[float], page: mmap.mmap) -> bool:
        """Wait until a candidate has run its lines, or not all; whether it has ended."""
        assert self._candidate is not None
        life = self._pipes["life"][0]
        poll = select.poll()
        poll.register(life, select.POLLIN)
        n, used, began = -1, 0.0, time.monotonic()
        while True:
            if poll.poll(1000 * LOOK_S):
                words = os.read(life, 2)
                self._loaded |= LOADED in words
                if words and words != LOADED:
                    return False
                if not words:
                    break
            elif self.children.has_ended(self._candidate):
                break
            spent, done = cpu_seconds(self._candidate.pid), _n_records(page) if self._loaded else -1
            if done != n:
                n, used, began = done, spent, time.monotonic()
            limit = seconds[min(max(n, 0), len(seconds) - 1)]
            slept = time.monotonic() - began > MOST_WALLS * max(LEAST_WALL_S, WALL_PER_CPU_SECOND * limit)
            if spent - used > limit + 2 * LOOK_S or slept:
                self._candidate.out_of_time, self._candidate.slept = True, slept
                break
        self._bury()
        return True

    def _test(self, program: TrialProgram, seconds: float) -> Record | None:
        """One test's record; None where the referee has ended."""
        fresh = program.fresh
        while True:
            suspect = proven = False
            if not self._asks:
                pass  # the referee goes on with the candidate that it has
            elif self._fate is not None and seconds <= self._fate.seconds:
                suspect = self._fate.suspect
                os.write(self._pipes["control"][1], CONTROL.pack(self._fate.code.encode(), 0))
            else:
                if self._candidate is None:
                    self._candidate = self._fork_candidate(program, seconds)
                os.write(self._pipes["control"][1], CONTROL.pack(GO, self._candidate.pid))
            before, missed = self._candidate, self._missed
            self._seconds, self._missed = seconds, False
            record = self._await(seconds, fresh)
            if record is None:
                return None
            data, flags, micro = RECORD.unpack(record)
            self._asks = bool(fresh or data == RENEW or flags & (BROKEN | FATE))
            if data == RENEW:
                self._end_candidate()
                continue
            if before is not None and self._candidate is None:
                self._missed = not self._asks  # the next test meets what became of it
                assert self._last is not None
                self._drain()
                suspect, proven = self._last.busy_timeout, self._last.status == PROVEN_STATUS
                micro = max(micro, int(1e6 * self._last.cpu_seconds)) if data == b"T" else micro
                self._was_busy |= suspect
            elif fresh or flags & BROKEN:
                self._end_candidate()
            if missed:  # it had ended before the test began
                self._missed = not flags & FATE
                flags |= AGAIN
                self._drain()
            if data == b"T" and before is not None and self._candidate is before:
                suspect |= self._was_busy  # a call that was late before is late again
            return data.decode(), flags, micro / 1e6, suspect, proven

    def _await(self, seconds: float, fresh: bool) -> bytes | None:
        """The referee's next record, while candidates and the clock are watched."""
        records, life = self._pipes["records"][0], self._pipes["life"][0]
        poll = select.poll()
        poll.register(records, select.POLLIN)
        if self._candidate is not None:
            poll.register(life, select.POLLIN)
        wall = max(LEAST_WALL_S, WALL_PER_CPU_SECOND * seconds)
        assert self._referee is not None
        began, judged = time.monotonic(), cpu_seconds(self._referee.pid)
        used = cpu_seconds(self._candidate.pid) if self._candidate else 0.0
        slept, looked, before, late = 0.0, began, 0.0, False
        while True:
            ready = dict(poll.poll(1000 * LOOK_S))
            if records in ready and (self._loaded or life not in ready):
                record = os.read(records, RECORD.size)
                if len(record) < RECORD.size:
                    return None
                if record[:1] not in WORDS:  # a line of a model's own has written it
                    return b"E" + record[1:]
                late |= fresh and self._overran(used + seconds)
                return b"T" + record[1:] if late and record[:1] != RENEW else record
            if life in ready:
                if LOADED in (word := os.read(life, 1)) and not self._loaded and self._candidate is not None:
                    if late := fresh and self._overran(used + seconds):
                        self._candidate.out_of_time, word = True, b""
                    else:
                        self._loaded, used = True, cpu_seconds(self._candidate.pid)
                        self._loading = max(self._loading, used)
                if not word:
                    poll.unregister(life)
                    self._gone()
            elif self._candidate is not None and self.children.has_ended(self._candidate):
                poll.unregister(life)
                self._gone()
            elif (
                self._candidate is not None and cpu_seconds(self._candidate.pid) - used > seconds + 2 * LOOK_S
            ):
                poll.unregister(life)
                self._candidate.out_of_time = True
                self._gone()
            if cpu_seconds(self._referee.pid) - judged > seconds + 2 * LOOK_S:
                self._referee.out_of_time = True
                return None
            now, spent = time.monotonic(), cpu_seconds(self._referee.pid)
            spent += cpu_seconds(self._candidate.pid) if self._candidate else 0.0
            slept += now - looked if spent - before < AWAKE_S else 0.0
            looked, before = now, spent
            if slept > wall or now - began > MOST_WALLS * wall:
                if self._candidate is None:
                    self._referee.out_of_time = True
                    return None
                poll.unregister(life)
                self._candidate.out_of_time = self._candidate.slept = True
                began, slept = time.monotonic(), 0.0
                self._gone()

    def _overran(self, seconds: float) -> bool:
        """Whether the candidate has had more CPU time than that, though its timers have not told."""
        return self._candidate is not None and cpu_seconds(self._candidate.pid) > seconds + SPARE_S

    def _gone(self) -> None:
        """Tell the referee what became of the candidate."""
        late = self._bury()
        os.write(self._pipes["control"][1], CONTROL.pack(b"T" if late else b"E", 1))

    def _bury(self) -> bool:
        """End a candidate that has ended or must; whether it was out of time."""
        assert self._candidate is not None
        self._last = self.children.end(self._candidate)
        self._candidate = None
        late = self._last.out_of_time or self._last.status == PROVEN_STATUS
        if not self._loaded:
            code, seconds = ("T", self._seconds) if late else ("E", MAX_SECONDS)
            self._fate = Fate(code, self._last.busy_timeout, seconds)
        return late

    def _end_candidate(self) -> None:
        if self._candidate is not None:
            self.children.end(self._candidate)
            self._candidate = None
            self._drain()

    def _drain(self) -> None:
        """Nothing of one candidate is read by the next; the referee waits meanwhile."""
        for name in ("requests", "replies"):
            drain(self._pipes[name][0])

    def _fork_referee(self, places: dict[int, Place]) -> Child:
        pipes = self._pipes
        for end in pipes["records"]:
            os.close(end)
        pipes["records"] = os.pipe()
        keep = (pipes["requests"][1], pipes["replies"][0], pipes["control"][0], pipes["records"][1])
        seconds = [seconds for program in self.programs for seconds in program.seconds[len(program.calls) :]]

        def run(data: bytes, *values: bytes) -> None:
            work = referee_work(data, dict(zip(places, values, strict=True)))
            if places:
                os.write(pipes["records"][1], RECORD.pack(READY, 0, 0))
            run_referee(*work, keep)

        # What it reads before its tests is nobody's time.
        spare = LEAST_WALL_S if places else 0.0
        work = (self.tests, *places.values())
        child = self.children.fork(work, run, sum(seconds) + max(seconds) + spare, keep)
        os.close(pipes["records"][1])  # so that the referee's end is seen
        pipes["records"] = (pipes["records"][0], os.open(os.devnull, os.O_WRONLY))
        if places and not self._has_read():
            self.children.end(child)
            return self._fork_referee({})
        return child

    def _has_read(self) -> bool:
        """Whether the referee has read what was prepared, which may be large."""
        records, until = self._pipes["records"][0], time.monotonic() + MOST_WALLS * LEAST_WALL_S
        poll = select.poll()
        poll.register(records, select.POLLIN)
        while (left := until - time.monotonic()) > 0:
            if poll.poll(1000 * left):
                return os.read(records, RECORD.size) == RECORD.pack(READY, 0, 0)
        return False

    def _fork_candidate(
        self,
        program: TrialProgram,
        seconds: float,
        todo: list[int] | None = None,
        records: mmap.mmap | None = None,
    ) -> Child:
        pipes, self._seconds = self._pipes, seconds
        for end in pipes["life"]:
            os.close(end)
        pipes["life"] = os.pipe()
        keep = (pipes["requests"][0], pipes["replies"][1], pipes["life"][1])

        def run(data: bytes) -> None:
            run_candidate(program_of(data, seconds), todo or [], records, *keep)

        # The first one finds the folder that was made before the referee, which is perhaps on its way there.
        if self._scratch_used:
            self.children.fresh_scratch()
        self._scratch_used = True
        child = self.children.fork((program.place,), run, sum(program.seconds) + 2 * seconds, keep)
        os.close(pipes["life"][1])  # so that the candidate's end is seen
        pipes["life"] = (pipes["life"][0], os.open(os.devnull, os.O_WRONLY))
        return child


def _n_records(page: mmap.mmap) -> int:
    """How many lines have been run."""
    codes = page[:: RECORD.size]
    return len(codes.rstrip(b"\0"))


def serve(children: Children, requests: int, replies: int, programs: int, tests: int, prepared: int) -> None:
    """Run trials until the server is gone.

    Args:
        children: forks.
        requests, replies: messages from and to the server.
        programs, tests: files that it writes the work of candidates and of referees to.
        prepared: a file for what tests prepare.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    preparations = Preparations(children, prepared)
    while True:
        try:
            request = receive(requests)
        except EOFError:
            return
        children.memory_mb = request["memory_mb"]
        on_trial = [TrialProgram((programs, *place), *rest) for place, *rest in request["programs"]]
        work = (tests, 0, request["size"])
        places = preparations.of_trial(work, request["prepares"])
        send(replies, Trial(children, work, on_trial, places).run())
