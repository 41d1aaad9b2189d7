"""Who may come in: so many requests at a time, so many that wait, and no more."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# Weight of the newest request in the mean time of one.
NEWEST = 0.1
MOST_RETRY_AFTER_S = 60


class RefusedError(Exception):
    """No place: `draining` says that the service is about to end, and `retry_after_s` when to come again."""

    def __init__(self, *, draining: bool, retry_after_s: int) -> None:
        super().__init__("no place")
        self.draining, self.retry_after_s = draining, retry_after_s


class Admission:
    """Places for requests, first come, first served."""

    def __init__(self, concurrency: int, queue: int) -> None:
        """All places are free.

        Args:
            concurrency: requests that are answered at a time.
            queue: requests that may wait for a place.
        """
        self._concurrency, self._queue = concurrency, queue
        self._places = asyncio.Semaphore(concurrency)
        self.running = self.waiting = 0
        self.draining = False
        self._mean_s = 1.0

    def retry_after_s(self) -> int:
        """When a place may be free for somebody who comes now."""
        rounds = (self.waiting + 1) / self._concurrency
        return min(MOST_RETRY_AFTER_S, max(1, math.ceil(rounds * self._mean_s)))

    def check(self) -> None:
        """Raise RefusedError where nobody can come in now."""
        full = self._places.locked() and self.waiting >= self._queue
        if self.draining or full:
            raise RefusedError(draining=self.draining, retry_after_s=self.retry_after_s())

    @asynccontextmanager
    async def place(self) -> AsyncIterator[float]:
        """A place for as long as the block lasts; gives the seconds that it was waited for.

        Raises:
            RefusedError: too many wait already, or the service is about to end.
        """
        self.check()
        began = time.monotonic()
        self.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.waiting -= 1
        waited = time.monotonic() - began
        self.running += 1
        try:
            yield waited
        finally:
            self.running -= 1
            self._places.release()
            self._mean_s += NEWEST * (time.monotonic() - began - waited - self._mean_s)
