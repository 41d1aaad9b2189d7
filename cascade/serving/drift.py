"""Does the plan still hold? Live acceptance, scores and cost by stage against the study's, sequentially.

Whether numbers in [0, 1] have the mean μ is tested by a bet: a share λ of the money is staked on every query,
and with x observed 1 + λ·(x − μ) times as much comes back. While the mean is at most μ the money does not
grow in expectation, so it is *ever* more than c times what there was with probability 1/c at most (Ville's
inequality; Waudby-Smith and Ramdas 2024). It is spread over several λ: nobody knows how far a mean will move.

The study knows μ up to its own error: it lies z standard errors from the estimate with density φ(z). So every
μ has a bet of its own, which must win c(z) = φ(z) / (α·g(z)), g being normal too and twice as wide: much for
what is likely, little for what hardly can be. Over both the study's chance and the queries' a false alarm has
the probability ∫ φ(z)/c(z) dz = α∫g at most. An alarm is raised once no μ is left.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cascade.search import StageExpectation
from cascade.serving.answer import Answer

# Shares of the largest stake that ruins nobody.
STAKES = 0.9 * np.geomspace(1 / 128, 1.0, 7)
# How far from the study's estimate, in standard errors, and how much wider g is than φ.
ERRORS = np.linspace(0.0, 5.0, 26)
WIDER = 2.0
# A side's false-alarm rate for α: α/2 where the study erred to that side, at most α/(2·WIDER) where not.
OF_ALPHA = 0.5 + 0.5 / WIDER
# A query that costs more than so many times what is expected counts as so much.
MOST_TIMES = 8.0
# Costs that differ by less are none of a plan's doing.
TOLERANCE = 0.01


class MeanTest:
    """Whether the mean of numbers in [0, 1] is another than a study's estimate, after every one of them."""

    def __init__(self, mean: float, error: float, rate: float, *, tolerance: float = 0.0) -> None:
        """Nothing was seen yet.

        Args:
            mean, error: the study's estimate and its standard error.
            rate: probability of ever a false alarm.
            tolerance: how far the mean may be off besides.
        """
        self.expected, self.error = mean, error
        margins = ERRORS * error + tolerance
        above, below = np.minimum(mean + margins, 1.0), np.maximum(mean - margins, 0.0)
        self._ends = np.stack([above, 1 - below])
        # Where nothing lies beyond an end, nothing can be won there.
        beyond = np.where(self._ends < 1.0, 1 / np.maximum(self._ends, 1e-9), 0.0)
        self._stakes = STAKES[:, None, None] * beyond
        self._logs = np.zeros_like(self._stakes)
        alpha = rate / (2 * OF_ALPHA)
        # Of the next smaller z, so that it holds for all in between as well.
        needed = math.log(WIDER / alpha) - (1 - WIDER**-2) * np.maximum(ERRORS - ERRORS[1], 0.0) ** 2 / 2
        # Beyond that no bet is needed, but for means that cannot be left.
        self._needed = np.where(self._ends < 1.0, np.maximum(needed, 0.0), np.inf)
        self.n, self.total = 0, 0.0

    def add(self, value: float) -> None:
        """One more number."""
        self.n += 1
        self.total += value
        sides = np.array([value, 1 - value])[:, None]
        self._logs += np.log1p(self._stakes * (sides - self._ends))

    @property
    def mean(self) -> float | None:
        """Of all so far; None before the first."""
        return self.total / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """The study's estimate with its 95 % interval."""
        return max(0.0, self.expected - 1.96 * self.error), min(1.0, self.expected + 1.96 * self.error)

    @property
    def ahead(self) -> float:
        """By how much the last of a side's bets is ahead of what it must win (logarithm); above 0: alarm."""
        most = self._logs.max(axis=0)
        money = most + np.log(np.exp(self._logs - most).mean(axis=0))
        return float((money - self._needed).min(axis=1).max())


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

    def __init__(self, expected: StageExpectation, *, escalates: bool, rate: float) -> None:
        """Nothing was seen yet.

        Args:
            expected: what the study says.
            escalates: whether the stage may.
            rate: of false alarms, for each mean that is watched.
        """
        self.expected = expected
        n = max(expected.n_problems, 1.0)

        def error(variance: float) -> float:
            # Where all problems agreed, a few of many others may not.
            return math.sqrt((variance + 2 / n) / n)

        p = expected.accepted
        # Acceptance varies less between problems than heads and tails do.
        self.acceptance = MeanTest(p, error(p * (1 - p)), rate) if escalates else None
        self.thresholds = [threshold for threshold, _ in expected.scores]
        self.measured = [0] * (len(self.thresholds) + 1)
        # Of a growing stage that may escalate, acceptance says the same.
        self.scores = None
        if len(self.thresholds) > 1 or (self.thresholds and not escalates):
            mean = sum(share for _, share in expected.scores) / len(self.thresholds)
            self.scores = MeanTest(mean, error(expected.scores_deviation**2), rate)
        self._most_usd = MOST_TIMES * expected.usd
        spread = expected.usd_deviation / expected.usd if expected.usd else 0.0
        mean = 1 / MOST_TIMES if expected.usd else 0.0
        self.usd = MeanTest(mean, mean * error(spread**2), rate, tolerance=mean * TOLERANCE)
        self.tokens = 0
        self.usd_total = 0.0

    @property
    def tests(self) -> list[MeanTest]:
        """What is tested."""
        return [test for test in (self.acceptance, self.scores, self.usd) if test is not None]

    def add(self, *, accepted: bool, usd: float, tokens: int, measure: float | None) -> None:
        """One query that reached the stage."""
        if self.acceptance is not None:
            self.acceptance.add(float(accepted))
        self.tokens += tokens
        self.usd_total += usd
        self.usd.add(min(1.0, usd / self._most_usd) if self._most_usd else 0.0)
        if measure is not None:
            # As acceptance has it: a score that is θ but for a rounding error reaches it.
            reached = bisect_right(self.thresholds, measure + 1e-9)
            self.measured[reached] += 1
            if self.scores is not None:
                self.scores.add(reached / len(self.thresholds))

    def said(self, test: MeanTest) -> str:
        """What one of the tests has found, in words."""
        expected = self.expected
        if test is self.acceptance:
            return f"accepts {test.mean:.0%} of what reaches it, and {expected.accepted:.0%} was expected"
        if test is self.scores:
            share = f"has scores that reach {test.mean:.0%} of the thresholds"
            return f"{share}, and {test.expected:.0%} was expected"
        seen = self.usd_total / self.usd.n
        return f"costs {seen:.3g} $ a query, and {expected.usd:.3g} $ was expected"


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
        last = len(expected) - 1
        # Each stage has at most three means, the last one two.
        n_means = max(1, 3 * len(expected) - 1)
        self.stages = [
            StageWatch(one, escalates=i < last, rate=rate / n_means) for i, one in enumerate(expected)
        ]

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
        if self.alarm is not None or not self.stages:
            return None
        tests = [
            (test.ahead, number, test) for number, watch in enumerate(self.stages) for test in watch.tests
        ]
        ahead, number, test = max(tests, key=lambda one: one[0])
        if ahead <= 0.0:
            return None
        watch = self.stages[number]
        return self._raise(f"stage {number + 1} ({watch.expected.model}) {watch.said(test)}")

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
            "expected_interval": watch.acceptance.interval,
        },
        "usd_per_query": {"seen": watch.usd_total / n if n else None, "expected": expected.usd},
        "tokens_per_query": {"seen": watch.tokens / n if n else None},
        # None where there is nothing to hold it against: without tests.
        "scores": {
            "from": [0.0, *watch.thresholds],
            "seen": watch.measured,
            "expected": [round(a - b, 6) for a, b in pairwise(survivals)],
        }
        if watch.thresholds
        else None,
    }
