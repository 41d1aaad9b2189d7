"""The engine: programs and tests in, verdicts out, computed by a pool of forking servers."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cascade.execute.batches import Batch, Isolation, Limits, Outcome
from cascade.execute.server_handle import ServerHandle


def execute(
    batches: Sequence[Batch],
    limits: Limits,
    workers: int,
    isolation: Isolation | None = None,
    begins: Callable[[int], bool] = lambda index: True,
) -> Iterator[tuple[int, Outcome]]:
    """Run batches in parallel; yields (index of the batch, its verdicts) as they finish.

    Closing the iterator ends all processes. It may be called from any thread, any number at once.

    Args:
        batches: the work; its order does not change a verdict.
        limits: see `Limits`.
        workers: how many servers run at once.
        isolation: see `Isolation`; the strongest that this machine has by default.
        begins: asked before a batch is run, from any thread; where it says no the batch is left out.

    Raises:
        ExecutionError: a server cannot be started, dies again and again on one batch, or cannot be
            confined as required.
    """
    isolation = isolation or Isolation()
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(batches)):
        todo.put(index)
    done: queue.SimpleQueue[tuple[int, dict[str, Any], tuple[str, ...]] | BaseException | None]
    done = queue.SimpleQueue()
    stop = threading.Event()
    servers = [ServerHandle(isolation) for _ in range(min(workers, len(batches)))]

    def work(server: ServerHandle) -> None:
        try:
            while not stop.is_set():
                index = todo.get_nowait()
                if begins(index):
                    done.put((index, server.run(batches[index], limits, stop), server.layers))
                else:
                    done.put(None)
        except queue.Empty:
            pass
        except BaseException as error:
            done.put(error)
        finally:
            server.close()

    threads = [threading.Thread(target=work, args=(server,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    later: list[tuple[int, Outcome, list[list[int]]]] = []
    single = ServerHandle(isolation)
    try:
        for _ in batches:
            item = done.get()
            if item is None:
                continue
            if isinstance(item, BaseException):
                raise item
            index, reply, layers = item
            outcome = outcome_of(reply, layers)
            if reply["suspect"]:
                later.append((index, outcome, reply["suspect"]))
            else:
                yield index, outcome
        for thread in threads:
            thread.join()
        # Now that nobody else is at work: once more, and then it is believed.
        for index, outcome, suspect in later:
            pairs = suspect_pairs(batches[index], suspect)
            yield index, corrected(outcome, suspect, single.run(pairs, limits, stop))
    finally:
        stop.set()
        for server in (*servers, single):
            server.close()
        for thread in threads:
            thread.join()


def outcome_of(reply: Mapping[str, Any], layers: tuple[str, ...]) -> Outcome:
    """A server's reply as the outcome of its batch."""
    return Outcome(
        reply["rows"],
        reply["seconds"],
        reply["isolated"],
        reply["proven"],
        len(reply["suspect"]),
        reply["fallback"],
        layers,
    )


def suspect_pairs(batch: Batch, suspect: Sequence[Sequence[int]]) -> Batch:
    """Some pairs of a batch, ordered by program."""
    tests: dict[int, list[int]] = {}
    for i, j in suspect:
        tests.setdefault(i, []).append(batch.programs[i][1][j])
    return Batch(batch.tests, tuple((batch.programs[i][0], tuple(indices)) for i, indices in tests.items()))


def corrected(outcome: Outcome, suspect: Sequence[Sequence[int]], reply: Mapping[str, Any]) -> Outcome:
    """An outcome with the verdicts of its suspect pairs replaced by those of the second run."""
    rows, seconds = [list(row) for row in outcome.rows], [list(row) for row in outcome.seconds]
    codes, spent = "".join(reply["rows"]), [pair_seconds for row in reply["seconds"] for pair_seconds in row]
    for (i, j), code, pair_seconds in zip(suspect, codes, spent, strict=True):
        rows[i][j], seconds[i][j] = code, pair_seconds
    return replace(outcome, rows=["".join(row) for row in rows], seconds=seconds)
