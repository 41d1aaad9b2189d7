"""Execution for a service: servers that stay up between batches, shared by whoever asks."""

import queue
import threading
from collections.abc import Sequence

from cascade.base import ExecutionError
from cascade.execute.batches import Batch, Isolation, Limits, Outcome
from cascade.execute.engine import corrected, outcome_of, suspect_pairs
from cascade.execute.server_handle import ServerHandle


class ServerPool:
    """Execution servers that are started once and then asked batch by batch.

    `execute` ends its servers with the work; a service that judges one query at a time would pay the start
    of a server for each. Any number of threads may ask at once: those beyond the servers wait their turn.
    """

    def __init__(self, limits: Limits, workers: int, isolation: Isolation | None = None) -> None:
        """A pool whose servers start when first needed.

        Args:
            limits: what a program may use.
            workers: how many servers there are.
            isolation: how the code is kept apart; the strongest that this machine has by default.
        """
        self.limits = limits
        self._servers = [ServerHandle(isolation or Isolation()) for _ in range(workers)]
        self._free: queue.LifoQueue[ServerHandle] = queue.LifoQueue()
        for server in reversed(self._servers):
            self._free.put(server)
        self._busy: dict[ServerHandle, threading.Event] = {}
        self._closed = False
        self._lock = threading.Lock()
        # For what has to be repeated on a quieter machine.
        self._alone = threading.Lock()
        self.waiting = 0  # batches without a server

    @property
    def layers(self) -> tuple[str, ...]:
        """The isolation of the servers that have started; empty before."""
        return next((server.layers for server in self._servers if server.layers), ())

    def run(self, batch: Batch, stop: threading.Event | None = None) -> Outcome:
        """The verdicts of a batch, waiting for a free server.

        A time-out on a busy machine is run again, one such batch at a time, before it is believed.

        Args:
            batch: the work.
            stop: what `cancel` is given to stop it; None for work that nobody stops.

        Raises:
            ExecutionError: a server cannot be started, dies again and again on the batch, cannot be
                confined as required, or the work was stopped.
        """
        stop = stop or threading.Event()
        with self._lock:
            self.waiting += 1
        try:
            server = self._free.get()
        finally:
            with self._lock:
                self.waiting -= 1
        try:
            with self._lock:
                if self._closed:
                    raise ExecutionError("the execution servers are closed")
                if stop.is_set():
                    raise ExecutionError("the execution was stopped")
                self._busy[server] = stop
            reply = server.run(batch, self.limits, stop)
            outcome = outcome_of(reply, server.layers)
            suspect: Sequence[Sequence[int]] = reply["suspect"]
            if suspect:
                with self._alone:
                    again = server.run(suspect_pairs(batch, suspect), self.limits, stop)
                outcome = corrected(outcome, suspect, again)
            return outcome
        finally:
            with self._lock:
                self._busy.pop(server, None)
            self._free.put(server)

    def cancel(self, stop: threading.Event) -> None:
        """Stop the work that was started with `stop`, its processes too; the server starts again later."""
        stop.set()
        with self._lock:
            servers = [server for server, other in self._busy.items() if other is stop]
        for server in servers:
            server.close()

    def close(self) -> None:
        """End the servers and everything that they run."""
        with self._lock:
            self._closed = True
            for stop in self._busy.values():
                stop.set()
        for server in self._servers:
            server.close()
