"""What each sample costs a server that writes many at once: its share of the wall time, while it is full."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from cascade.generate.sample_store import Timing

# A server counts as full while so large a part of the rows that it takes at a time is in flight, ...
FULL_AT = 7 / 8
# ... and a request as measured at full batch if it was so for all but this part of its time.
SHORT_SHARE = 0.05


@dataclass(frozen=True)
class Work:
    """A request in flight: its rows, and what the clock read when it was sent."""

    rows: int
    began: float
    shared: float
    short: float


class WorkClock:
    """Shares the wall time out among the rows in flight.

    Each moment belongs in equal parts to the rows that are in flight then, so that the shares of all
    requests add up to the time in which there were any, and each is paid for by its own tokens: a
    request that began before the server was full, or ended after, distorts no other.
    """

    def __init__(self, batch: int, gpus: int, now: Callable[[], float] = time.monotonic) -> None:
        """Start the clock.

        Args:
            batch: rows that the server writes at a time.
            gpus: devices that it occupies.
            now: the time in seconds.
        """
        self._batch, self._gpus, self._now = batch, gpus, now
        self._rows = 0
        self._at = now()
        self._shared = 0.0  # seconds divided by the rows in flight, summed up
        self._short = 0.0  # seconds in which the server was not full

    def begin(self, rows: int) -> Work:
        """A request with so many rows is sent."""
        at = self._tick()
        self._rows += rows
        return Work(rows, at, self._shared, self._short)

    def end(self, work: Work, tokens: int) -> Timing:
        """It is answered, with so many tokens that count."""
        at = self._tick()
        in_flight = self._rows
        self._rows -= work.rows
        short = self._short - work.short
        return Timing(
            seconds=work.rows * (self._shared - work.shared),
            tokens=tokens,
            rows=min(in_flight, self._batch),
            full=short <= SHORT_SHARE * (at - work.began),
            gpus=self._gpus,
        )

    def _tick(self) -> float:
        at = self._now()
        elapsed, self._at = at - self._at, at
        if self._rows:
            self._shared += elapsed / self._rows
        if self._rows < FULL_AT * self._batch:
            self._short += elapsed
        return at
