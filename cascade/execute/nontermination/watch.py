"""Watching a pure program for a loop that never ends, and proof of it: the whole state came back.

A pure program (see `purity`) has no input and no memory but what its calls hold. If a `while` loop
stands at the same place twice, without having been left in between, and everything that its frame can
reach is the same both times, then it will come there again, forever. The state is compared exactly, and
whatever cannot be compared (iterators, sets whose order could be seen, objects of unknown types) gives
up. Left out are numbers and lists that the loop only adds to. Another proof is tried on the same loops
(see `loop_proof`). Where lists grow, memory could be short before time is: then the growth is measured for a
while, and must be slow enough to outlast the limit.
"""

import ast
import collections
import resource
import signal
import sys
import time
import types
from collections.abc import Callable
from typing import Any

from cascade.execute.fingerprint import PROGRAM_FILE, UNKNOWN, UNORDERED, UnknownStateError, state_of
from cascade.execute.nontermination import loop_proof, recursion_proof
from cascade.execute.nontermination.loop_sites import ORDERLESS_CALLS, Loop

# After this much CPU time in one test it is watched for a loop that never ends, for a while, and again; in a
# call of a data set's test, after this share of the limit: whatever was watched and ends is run once more.
WATCH_AFTER_S, WATCH_AGAIN_S, WATCH_S = 0.02, 0.5, 0.02
WATCH_AFTER_SHARE = 0.05
# No look takes longer, but for one long step of the program.
LONGEST_LOOK_S = 0.3
# How often a proof by bounds is tried on a loop in one look; how long proofs are tried in one test, and in
# programs of how many characters.
MAX_TRIES, MAX_TRIES_S, MAX_SOURCE = 2, 0.05, 20_000
# How long the growth of a loop is measured, and how much faster it may be in another run.
MEASURE_S, SPARE = 0.05, 1.3


class _Seen:
    """A kept state of a loop that later ones are compared with; renewed at ever longer distances."""

    def __init__(self, state: list[object]) -> None:
        self.state, self.age, self.renew_at = state, 0, 1

    def again(self, state: list[object]) -> bool:
        """Whether a later state is the kept one."""
        if state == self.state:
            return True
        self.age += 1
        if self.age == self.renew_at:
            self.state, self.age, self.renew_at = state, 0, 2 * self.renew_at
        return False


class _Growth:
    """The memory of a loop that never ends but grows, from now on."""

    def __init__(self) -> None:
        self._began, self._touched = time.process_time(), _touched()

    def outlasts(self, seconds: float) -> bool:
        """Whether at this rate, and with some to spare, the memory lasts for some CPU seconds more."""
        rate = (_touched() - self._touched) / (time.process_time() - self._began)
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        unit = 1 if sys.platform == "darwin" else 1024
        most = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return limit == resource.RLIM_INFINITY or most + SPARE * rate * seconds < limit


def _touched() -> int:
    """Bytes of memory that were new to this process; unlike its size, it also grows below an earlier peak."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt * resource.getpagesize()


class Watch:
    """Looks at a program that has been running for long, now and then, for a short while."""

    def __init__(
        self, watched: dict[int, Loop], provable: bool, source: str, globals_: Callable[[], list[object]]
    ) -> None:
        """Prepare.

        Args:
            watched: see `loop_sites.loops`.
            provable: whether proofs on numbers may be tried.
            source: the program's.
            globals_: gives the state of its names.
        """
        self.used = False
        self._provable = provable
        self._watched = watched
        self._source = source
        self._globals = globals_
        self._tree: ast.Module | None = None
        self._tried: collections.Counter[int] = collections.Counter()
        self._limit_s = self._left = self._own_s = self._tries_s = 0.0
        self._until = self._began = 0.0
        self._frames: dict[types.FrameType, dict[int, _Seen]] = {}
        self._growing: _Growth | None = None
        self._stop: Callable[[], None] = lambda: None

    def start(self, stop: Callable[[], None]) -> None:
        """Look when ITIMER_VIRTUAL goes off; call `stop`, which must not return, once there is a proof."""
        self._stop = stop
        signal.signal(signal.SIGVTALRM, self._look)

    def begin(self, seconds: float) -> None:
        """A test begins, which may take so many CPU seconds."""
        sys.settrace(None)
        self._frames.clear()
        self.used, self._growing, self._limit_s, self._tries_s = False, None, seconds, 0.0
        signal.setitimer(signal.ITIMER_PROF, seconds)
        if self._watched or self._provable:
            signal.setitimer(signal.ITIMER_VIRTUAL, WATCH_AFTER_S, WATCH_AGAIN_S)

    def begin_call(self) -> None:
        """A call of a data set's test begins: of thousands, each is short."""
        if self._watched or self._provable:
            after = max(WATCH_AFTER_S, WATCH_AFTER_SHARE * self._limit_s)
            signal.setitimer(signal.ITIMER_VIRTUAL, after, WATCH_AGAIN_S)

    def _look(self, _signal: int, frame: types.FrameType | None) -> None:
        self.used = True
        if self._growing is not None:
            if self._growing.outlasts(signal.getitimer(signal.ITIMER_PROF)[0]):
                self._stop()
            return  # it never ends, but the memory might
        if sys.gettrace() is not None:
            self._end()  # the last look has met one long step
        self._began = time.process_time()
        self._until = self._began + WATCH_S
        self._left, _ = signal.getitimer(signal.ITIMER_PROF)
        signal.setitimer(signal.ITIMER_PROF, self._left + LONGEST_LOOK_S)
        self._frames.clear()
        self._tried.clear()
        self._own_s = 0.0
        running = []
        while frame is not None and frame.f_code.co_filename == PROGRAM_FILE:
            frame.f_trace = self._trace
            running.append(frame)
            frame = frame.f_back
        if self._provable and len({one.f_code for one in running}) < len(running):
            self._try(
                lambda tree: False if recursion_proof.outlasts(running[-1], tree, self._limit_s) else None
            )
        if self._watched:
            sys.settrace(self._trace)
        else:
            self._end()

    def _end(self) -> None:
        sys.settrace(None)
        self._frames.clear()
        # The limit is put off by what the look took, but not by what the program did in one long step.
        steps_s = time.process_time() - self._began - self._own_s
        left = self._left - max(0.0, steps_s - 2 * WATCH_S)
        signal.setitimer(signal.ITIMER_PROF, max(left, 1e-6))

    def _trace(self, frame: types.FrameType, event: str, _argument: object) -> Any:
        if time.process_time() > self._until:
            self._end()
            return None
        if frame.f_code.co_filename != PROGRAM_FILE:
            return None
        if event == "return":
            self._frames.pop(frame, None)
        elif event == "line":
            line = frame.f_lineno
            kept = self._frames.get(frame)
            if kept:
                for at in [at for at in kept if not self._watched[at][0] <= line <= self._watched[at][1]]:
                    del kept[at]
            if line in self._watched:
                self._outlasts(frame, line)
                self._compare(frame, line)
        return self._trace

    def _compare(self, frame: types.FrameType, line: int) -> None:
        if (sinks := self._watched[line].sinks) is None:
            return
        variables: dict[str, Any] = dict(frame.f_locals)
        left_out = {}
        for name, tail in sinks:
            if type(variables.get(name)) is list or (type(variables.get(name)) is int and not tail):
                left_out[name] = value = variables.pop(name)
                if tail:
                    variables[f"{name}[-{tail}:]"] = value[-tail:]
        try:
            # The prelude could have put other functions in the place of builtins.
            unordered = self._watched[line].unordered and ORDERLESS_CALLS.isdisjoint(frame.f_globals)
            state = [frame.f_lasti, *left_out, *map(type, left_out.values())]
            sets = UNORDERED if unordered else UNKNOWN
            state += state_of([variables], sets, identities=False) + self._globals()
        except (UnknownStateError, ValueError):  # a cell may be empty
            return
        kept = self._frames.setdefault(frame, {})
        if line not in kept:
            kept[line] = _Seen(state)
        elif kept[line].again(state):
            self._proven(grows=list in map(type, left_out.values()))

    def _outlasts(self, frame: types.FrameType, line: int) -> None:
        """Try the proof by bounds, a few times in a look."""
        self._tried[line] += 1
        if not self._provable or self._tried[line] > MAX_TRIES:
            return
        first = self._watched[line].first

        def attempt(tree: ast.Module) -> bool | None:
            found = [n for n in ast.walk(tree) if isinstance(n, ast.While | ast.For) and n.lineno == first]
            return loop_proof.outlasts(found[0], frame, tree, self._limit_s) if len(found) == 1 else None

        self._try(attempt)

    def _try(self, attempt: Callable[[ast.Module], bool | None]) -> None:
        """Try a proof on the program; it says whether memory grows, or None."""
        if self._tries_s > MAX_TRIES_S or len(self._source) > MAX_SOURCE:
            return
        began = time.process_time()
        if self._tree is None:
            self._tree = ast.parse(self._source)
        grows = attempt(self._tree)
        spent = time.process_time() - began
        self._own_s, self._tries_s = self._own_s + spent, self._tries_s + spent
        self._until += spent
        if grows is not None:
            self._proven(grows)

    def _proven(self, grows: bool) -> None:
        if not grows:
            self._stop()
        self._end()
        self._growing = _Growth()
        signal.setitimer(signal.ITIMER_VIRTUAL, MEASURE_S, WATCH_AGAIN_S)
