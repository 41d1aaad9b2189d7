"""Progress without a terminal is told in lines."""

import pytest

from cascade.base import progress
from cascade.base.progress import Progress


def test_a_line_when_it_begins_and_one_every_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with caplog.at_level("INFO"), Progress("writing small", "samples", 3000) as going:
        for _ in range(30):
            now += 10.0
            going.add(100)
    assert caplog.messages == [
        "writing small: 3,000 samples",
        *(f"writing small: {600 * minute:,} of 3,000 samples" for minute in range(1, 6)),
    ]


def test_a_total_that_is_known_later_and_nothing_to_do(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        with Progress("executing", "pairs") as going:
            going.reached(5, 20)
            going.reached(20, 20)
        with Progress("executing", "pairs") as going:
            going.reached(0, 0)
    assert caplog.messages == ["executing: pairs"]
