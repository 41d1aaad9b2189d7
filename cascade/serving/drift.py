"""Does the plan still hold? Live acceptance and cost by stage against the study's, by a sequential test.

For a mean of numbers in [0, 1] that is expected between `low` and `high`, a bettor stakes a share λ of his
money on every query: with x observed, 1 + λ·(x − high) for means above, 1 + λ·(low − x) for means below.
While the mean is where it is expected his money does not grow in expectation, so that the probability that
it is *ever* more than c times what he had is at most 1/c (Ville's inequality; Waudby-Smith and Ramdas 2024).
It is spread over many λ, because nobody knows how far a mean will move. The estimate of a study of n problems
is itself uncertain: half of the false-alarm rate goes into the interval that it stands for.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import ndtri

from cascade.search import StageExpectation
from cascade.serving.answer import Answer

# Shares of the largest stake that ruins nobody.
STAKES = 0.9 * np.geomspace(1 / 512, 1.0, 10)
# A query that costs more than so many times what is expected counts as so much.
MOST_TIMES = 8.0


class MeanTest:
    """Whether the mean of numbers in [0, 1] has left an interval, after every one of them."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = max(0.0, low), min(1.0, high)
        # Where nothing lies beyond an end, nothing can be won there.
        self._above = STAKES / self.high if self.high > 0 else np.zeros_like(STAKES)
        self._below = STAKES / (1 - self.low) if self.low < 1 else np.zeros_like(STAKES)
        self._log_above = np.zeros_like(STAKES)
        self._log_below = np.zeros_like(STAKES)
        self.n, self.total = 0, 0.0

    def add(self, value: float) -> None:
        """One more number."""
        self.n += 1
        self.total += value
        self._log_above += np.log1p(self._above * (value - self.high))
        self._log_below += np.log1p(self._below * (self.low - value))

    @property
    def mean(self) -> float | None:
        """Of all so far; None before the first."""
        return self.total / self.n if self.n else None

    @property
    def log_evidence(self) -> float:
        """Logarithm of the larger of the two bettors' money, each of whom began with 1."""
        ends = (_log_mean(self._log_above), _log_mean(self._log_below))
        return max(ends)


def _log_mean(logs: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    most = float(logs.max())
    return most + math.log(float(np.exp(logs - most).mean()))


@dataclass(frozen=True)
class Alarm:
    """That a plan does not do any more what its study says.

    Attributes:
        message: one line.
        after: queries of the plan.
    """

    message: str
    after: int


class StageWatch:
    """One stage of a plan."""

    def __init__(self, expected: StageExpectation, *, watches_acceptance: bool, rate: float) -> None:
        """Nothing was seen yet.

        Args:
            expected: what the study says.
            watches_acceptance: whether the stage may escalate.
            rate: of false intervals, for each of its estimates.
        """
        self.expected = expected
        z = float(ndtri(1 - rate / 2))
        n = max(expected.n_problems, 1.0)
        # Wilson's interval; acceptance varies less between problems than heads and tails do.
        p = expected.accepted
        centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
        scale = 1 + z * z / n
        self.acceptance = (
            MeanTest((centre - half) / scale, (centre + half) / scale) if watches_acceptance else None
        )
        self._most_usd = MOST_TIMES * expected.usd
        margin = z * expected.usd_deviation / math.sqrt(n) + 0.02 * expected.usd
        self.usd = MeanTest(
            (expected.usd - margin) / self._most_usd if self._most_usd else 0.0,
            (expected.usd + margin) / self._most_usd if self._most_usd else 1.0,
        )
        self.tokens = 0
        self.usd_total = 0.0
        self.thresholds = [threshold for threshold, _ in expected.scores]
        self.measured = [0] * (len(self.thresholds) + 1)

    def add(self, *, accepted: bool, usd: float, tokens: int, measure: float | None) -> None:
        """One query that reached the stage."""
        if self.acceptance is not None:
            self.acceptance.add(float(accepted))
        self.tokens += tokens
        self.usd_total += usd
        self.usd.add(min(1.0, usd / self._most_usd) if self._most_usd else 0.0)
        if measure is not None:
            # As acceptance has it: a score that is θ but for a rounding error reaches it.
            self.measured[bisect_right(self.thresholds, measure + 1e-9)] += 1


class PlanWatch:
    """A plan in service: what it did, what was expected, and one alarm if they part."""

    def __init__(self, expected: Sequence[StageExpectation], rate: float) -> None:
        """Nothing was seen yet; without expectations there is never an alarm.

        Args:
            expected: the study's, by stage.
            rate: probability of a false alarm over the plan's whole life.
        """
        self.rate, self.queries = rate, 0
        self.alarm: Alarm | None = None
        n_tests = max(1, 2 * len(expected) - 1)
        self.stages = [
            StageWatch(one, watches_acceptance=i < len(expected) - 1, rate=rate / 2 / n_tests)
            for i, one in enumerate(expected)
        ]
        # Two bettors a test share the other half.
        self._threshold = math.log(2 * n_tests / (rate / 2))

    def add(self, answer: Answer) -> Alarm | None:
        """One more answer; returns the alarm when it is raised, once."""
        if answer.stopped_by is not None or any(stage.failed for stage in answer.stages):
            return None  # it says nothing of the plan
        rows = [(stage.accepted, stage.usd, stage.tokens, stage.measure) for stage in answer.stages]
        return self.observe(rows)

    def observe(self, stages: Sequence[tuple[bool, float, int, float | None]]) -> Alarm | None:
        """The same from (accepted, US dollars, tokens, `StageTrace.measure`) of each stage that was asked."""
        self.queries += 1
        for watch, (accepted, usd, tokens, measure) in zip(self.stages, stages, strict=False):
            watch.add(accepted=accepted, usd=usd, tokens=tokens, measure=measure)
        if self.alarm is not None:
            return None
        for number, watch in enumerate(self.stages, 1):
            if watch.acceptance is not None and watch.acceptance.log_evidence > self._threshold:
                seen = watch.acceptance.mean or 0.0
                return self._raise(
                    f"stage {number} ({watch.expected.model}) accepts {seen:.0%} of what reaches it, and "
                    f"{watch.expected.accepted:.0%} was expected"
                )
            if watch.usd.log_evidence > self._threshold:
                seen = watch.usd_total / watch.usd.n
                return self._raise(
                    f"stage {number} ({watch.expected.model}) costs {seen:.3g} $ a query, and "
                    f"{watch.expected.usd:.3g} $ was expected"
                )
        return None

    def _raise(self, what: str) -> Alarm:
        self.alarm = Alarm(
            f"{what} (after {self.queries} queries, at a false-alarm rate of {self.rate:g})", self.queries
        )
        return self.alarm

    def report(self) -> dict[str, object]:
        """What was seen against what was expected, as JSON."""
        return {
            "queries": self.queries,
            "holds": self.alarm is None,
            "alarm": None if self.alarm is None else self.alarm.message,
            "watched": bool(self.stages),
            "false_alarm_rate": self.rate,
            "stages": [_stage_report(watch, self.queries) for watch in self.stages],
        }


def _stage_report(watch: StageWatch, queries: int) -> dict[str, object]:
    expected, n = watch.expected, watch.usd.n
    survivals = [1.0, *(share for _, share in expected.scores), 0.0]
    return {
        "model": expected.model,
        "reached": {"seen": n / queries if queries else None, "expected": expected.reached, "n": n},
        "accepted": None
        if watch.acceptance is None
        else {
            "seen": watch.acceptance.mean,
            "expected": expected.accepted,
            "expected_interval": [watch.acceptance.low, watch.acceptance.high],
        },
        "usd_per_query": {"seen": watch.usd_total / n if n else None, "expected": expected.usd},
        "tokens_per_query": {"seen": watch.tokens / n if n else None},
        # None where there is nothing to hold it against: without tests, and where a stage grows.
        "scores": {
            "from": [0.0, *watch.thresholds],
            "seen": watch.measured,
            "expected": [round(a - b, 6) for a, b in pairwise(survivals)],
        }
        if watch.thresholds
        else None,
    }
