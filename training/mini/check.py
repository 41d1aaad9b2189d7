"""Checking: whether short programs run to their end, in the project's own sandbox."""

import os
from collections.abc import Sequence

from cascade.execute import PASS, Batch, Check, Limits, execute

_LIMITS = Limits(timeout_s=1.0, reference_timeout_s=1.0, memory_mb=1024)
_BATCH = 100


def passes(programs: Sequence[str]) -> list[bool]:
    """Whether each program runs to its end without an exception within a second of CPU time."""
    nothing_more = (Check("", _LIMITS.timeout_s),)
    batches = [
        Batch(nothing_more, tuple((program, (0,)) for program in programs[at : at + _BATCH]))
        for at in range(0, len(programs), _BATCH)
    ]
    done = dict(execute(batches, _LIMITS, os.cpu_count() or 1))
    return [row == PASS for index in range(len(batches)) for row in done[index].rows]
