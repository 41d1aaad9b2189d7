"""Progress of long work: a bar on a terminal, elsewhere a line when it begins and one every minute."""

import logging
import sys
import time
from types import TracebackType

from tqdm import tqdm

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 60.0


class Progress:
    """How far some work is; a context manager."""

    def __init__(self, what: str, unit: str, total: int | None = None) -> None:
        """Begin.

        Args:
            what: the work in a word or two, e.g. ``writing small``.
            unit: of what is counted, e.g. ``samples``.
            total: how many there are; None where `reached` says it later.
        """
        self._what, self._unit, self._done, self._total = what, unit, 0, total
        self._bar = tqdm(
            desc=what, unit=f" {unit}", unit_scale=True, total=total, disable=None, file=sys.stderr
        )
        self._given = total
        self._said = time.monotonic()
        self._began = False
        if total:
            self._begin()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def add(self, n: int) -> None:
        """So many more are done."""
        self.reached(self._done + n, self._total)

    def reached(self, done: int, total: int | None) -> None:
        """So many are done, of so many."""
        self._total, self._bar.total = total, total
        self._bar.update(done - self._done)
        self._done = done
        if not self._began:
            self._begin()
        now = time.monotonic()
        if self._bar.disable and now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            of = "" if total is None else f" of {total:,}"
            log.info("%s: %s%s %s", self._what, f"{done:,}", of, self._unit)

    def _begin(self) -> None:
        self._began = True
        if self._bar.disable and self._total:
            # A total that is told later may grow.
            log.info(
                "%s: %s", self._what, self._unit if self._given is None else f"{self._given:,} {self._unit}"
            )
