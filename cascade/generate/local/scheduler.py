"""A queue of prompts through one batch: rows that end are replaced, so that the batch stays full."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cascade.generate.local.batch import ContinuousBatch, GenerationRequest
from cascade.generate.local.work_timer import WorkTimer

# Rows are looked at after so many tokens: what a row writes after its end is lost, but each look makes
# the device wait for the host.
STEPS_BETWEEN_REPORTS = 16
# New rows join once this part of the slots is free: reading prompts one by one would be slow.
JOIN_AT = 1 / 8
# When nothing is left to join, free slots are given up once this part of them is free.
SHRINK_AT = 1 / 4


@dataclass(frozen=True)
class StepReport:
    """What happened since the last report.

    Attributes:
        ended: (position in the queue, tokens without EOS, how many of them were there before) of each row
            that ended.
        going: by position in the queue, the tokens so far of the rows that go on; each wrote `steps` of
            them. Lists that grow with the next report.
        rows: rows that were in flight.
        steps: tokens that each row wrote, were it beyond its end.
        seconds: that the device worked, reading the prompts of new rows included.
        passed: wall time.
        full: whether every slot was in use but those that wait for others to join.
    """

    ended: tuple[tuple[int, list[int], int], ...]
    going: Mapping[int, list[int]]
    rows: int
    steps: int
    seconds: float
    passed: float
    full: bool


# Told the rows' positions in the queue and their tokens, says which of them are done.
Done = Callable[[Sequence[int], Sequence[list[int]]], Sequence[bool]]


def run_queue(
    rows: ContinuousBatch, requests: Sequence[GenerationRequest], ends: frozenset[int], done: Done
) -> Iterator[StepReport]:
    """Continue every prompt until an end token, its limit, or `done`.

    Args:
        rows: an empty batch.
        requests: what is to be continued, longest prompt first.
        ends: token ids that end a row.
        done: says which rows have all that is wanted of them.

    Yields:
        A `StepReport` after every few tokens; each row is among the ended ones of one of them.
    """
    slots, waiting = rows.slots, 0
    in_flight: dict[int, int] = {}  # slot -> position in the queue
    written: dict[int, list[int]] = {}
    warm = False  # the first steps pay for what is set up once
    timer = WorkTimer(rows.device)
    while in_flight or waiting < len(requests):
        free = rows.free
        if waiting < len(requests) and (not in_flight or len(free) >= JOIN_AT * slots):
            joining = dict(zip(free, range(waiting, len(requests)), strict=False))
            rows.drop_unused_columns()
            rows.admit({slot: requests[position] for slot, position in joining.items()})
            waiting += len(joining)
            in_flight |= joining
            written |= {position: [] for position in joining.values()}
        elif waiting == len(requests) and rows.can_shrink and len(free) >= SHRINK_AT * rows.slots:
            rows.drop_unused_columns()
            in_flight = {new: in_flight[old] for new, old in enumerate(rows.shrink())}
        in_flight = {new: in_flight[old] for new, old in enumerate(rows.arrange()) if old in in_flight}
        news = rows.advance(STEPS_BETWEEN_REPORTS)
        n_rows = len(in_flight)
        before = {position: len(written[position]) for position in in_flight.values()}
        over = set()
        for slot, position in in_flight.items():
            ids, limit = written[position], requests[position].limit
            ids += news[slot]
            end = next((i for i in range(before[position], len(ids)) if ids[i] in ends), len(ids))
            if end < len(ids) or end >= limit:
                over.add(position)
                del ids[min(end, limit) :]
        going = [position for position in in_flight.values() if position not in over]
        over |= {
            p for p, is_done in zip(going, done(going, [written[p] for p in going]), strict=True) if is_done
        }
        for slot in [slot for slot, position in in_flight.items() if position in over]:
            rows.release(slot)
            del in_flight[slot]
        seconds, passed = timer.lap()
        yield StepReport(
            ended=tuple((p, written.pop(p), before[p]) for p in sorted(over)),
            going=dict(written),
            rows=n_rows,
            steps=STEPS_BETWEEN_REPORTS,
            seconds=seconds,
            passed=passed,
            full=warm and n_rows > (1 - JOIN_AT) * slots,
        )
        warm = True
        timer.lap()
