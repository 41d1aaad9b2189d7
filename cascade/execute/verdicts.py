"""Verdicts for the pairs that somebody needs: from the store, or executed once and kept at once."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cascade.base import VerdictStore, digest
from cascade.execute.batches import Batch, Check, Isolation, Limits, Outcome
from cascade.execute.engine import execute

log = logging.getLogger(__name__)

# Called with (pairs done, pairs to do) after each batch.
Progress = Callable[[int, int], None]
# By index into some `Needs`, by program, ids of checks.
Missing = dict[int, dict[str, list[str]]]
# How long a process waits before it looks again at what another one executes.
LOOK_AGAIN_S = 0.5


def check_id(check: Check) -> str:
    """What a check is known by in the store."""
    return digest(
        check.source, repr(check.timeout_s), *(() if check.entry_point is None else (check.entry_point,))
    )


@dataclass(frozen=True)
class Needs:
    """The pairs that a piece of work needs.

    Attributes:
        task_id: the problem they belong to; pairs of a problem are executed and looked up together.
        checks: by program (its source), by check id, the check to run after it.
    """

    task_id: str
    checks: Mapping[str, Mapping[str, Check]]


@dataclass
class Work:
    """What executing took, summed over calls.

    Attributes:
        n_executed: pairs that were executed; the others were in the store.
        n_isolated: pairs of them that needed a process of their own.
        n_proven: pairs of them that were proven to outlast their limit.
        n_repeated: pairs of them that were run again in isolation, after a time-out on a busy machine.
        n_fallback: pairs of them whose verdict rests on an object that is no plain data.
        cpu_seconds: of the pairs' own code.
        layers: the isolation; empty where nothing was executed.
    """

    n_executed: int = 0
    n_isolated: int = 0
    n_proven: int = 0
    n_repeated: int = 0
    n_fallback: int = 0
    cpu_seconds: float = 0.0
    layers: tuple[str, ...] = ()

    def add(self, n_pairs: int, outcome: Outcome) -> None:
        """Count a batch."""
        self.n_executed += n_pairs
        self.n_isolated += outcome.n_isolated
        self.n_proven += outcome.n_proven
        self.n_repeated += outcome.n_repeated
        self.n_fallback += outcome.n_fallback
        self.cpu_seconds += sum(map(sum, outcome.seconds))
        self.layers = outcome.layers


@dataclass(frozen=True)
class Sandbox:
    """How pairs get their verdicts.

    Attributes:
        limits: what a program may use.
        workers: how many servers run at once.
        store: what is known, and where new verdicts are kept as soon as they are there.
        isolation: how the code is kept apart.
        work: what was done so far.
    """

    limits: Limits
    workers: int
    store: VerdictStore
    isolation: Isolation = field(default_factory=Isolation)
    work: Work = field(default_factory=Work)

    def verdicts(self, needs: Sequence[Needs], progress: Progress) -> list[dict[str, dict[str, str]]]:
        """A verdict for every pair; see `cascade.execute.execute` for their codes.

        Returns:
            For each of `needs`, by program, by check id, the verdict. A pair that several of `needs`
            share is executed once.
        """
        missing, waits = self._missing(needs), False
        total = left = _n_pairs(missing)
        progress(0, total)
        while missing:
            n_before = self.work.n_executed
            for n_pairs in self._execute(needs, missing):
                left -= n_pairs
                progress(total - left, total)
            if self.work.n_executed == n_before:
                if not waits:
                    log.info("another process is executing pairs that this study needs too; waiting for them")
                waits = True
                time.sleep(LOOK_AGAIN_S)
                self.store.refresh()
            missing = self._missing(needs)
            left = _n_pairs(missing)
            progress(total - left, total)
        return [self._known(need) for need in needs]

    def _execute(self, needs: Sequence[Needs], missing: Missing) -> Iterator[int]:
        """Execute what no other process has taken on; yields the pairs of each batch once they are kept."""
        owners = list(missing.items())
        batches = [_batch(needs[i].checks, programs) for i, programs in owners]
        claims = [digest(self._scope(needs[i]), *programs) for i, programs in owners]
        one_at_a_time = threading.Lock()

        def begins(index: int) -> bool:
            owner, programs = owners[index]
            with one_at_a_time:
                if not self.store.claims.take(claims[index]):
                    return False
                self.store.refresh()
                scope = self._scope(needs[owner])
                if any(self.store.known(scope, digest(program), ids) for program, ids in programs.items()):
                    self.store.claims.give_up([claims[index]])
                    return False
                return True

        for index, outcome in execute(batches, self.limits, self.workers, self.isolation, begins):
            owner, programs = owners[index]
            self._keep(needs[owner], programs, outcome.rows)
            self.store.claims.give_up([claims[index]])
            self.work.add(batches[index].n_pairs, outcome)
            yield batches[index].n_pairs

    def _scope(self, need: Needs) -> str:
        return f"{need.task_id} {digest(self.limits.signature)}"

    def _known(self, need: Needs) -> dict[str, dict[str, str]]:
        scope = self._scope(need)
        return {
            program: self.store.known(scope, digest(program), list(checks))
            for program, checks in need.checks.items()
        }

    def _missing(self, needs: Sequence[Needs]) -> Missing:
        """What nobody knows; a pair that several of `needs` share is the first one's."""
        claimed: dict[tuple[str, str], set[str]] = {}
        missing: Missing = {}
        for i, need in enumerate(needs):
            known = self._known(need)
            for program, checks in need.checks.items():
                others = claimed.setdefault((need.task_id, program), set())
                if left := [c for c in checks if c not in known[program] and c not in others]:
                    missing.setdefault(i, {})[program] = left
                    others.update(left)
        return missing

    def _keep(self, need: Needs, programs: Mapping[str, list[str]], rows: Sequence[str]) -> None:
        columns = list(dict.fromkeys(check for checks in programs.values() for check in checks))
        column = {check: i for i, check in enumerate(columns)}
        block = {}
        for (program, checks), row in zip(programs.items(), rows, strict=True):
            codes = ["."] * len(columns)
            for check, verdict in zip(checks, row, strict=True):
                codes[column[check]] = verdict
            block[digest(program)] = "".join(codes)
        self.store.add(self._scope(need), columns, block)


def _n_pairs(missing: Missing) -> int:
    return sum(len(ids) for programs in missing.values() for ids in programs.values())


def _batch(checks: Mapping[str, Mapping[str, Check]], programs: Mapping[str, list[str]]) -> Batch:
    wanted = {check: checks[program][check] for program, ids in programs.items() for check in ids}
    position = {check: i for i, check in enumerate(wanted)}
    return Batch(
        tuple(wanted.values()),
        tuple((program, tuple(position[check] for check in ids)) for program, ids in programs.items()),
    )
