"""Diagnostics on runs computed by hand."""

import math

import numpy as np
import pytest

from cascade.core.diagnostics import (
    Acceptance,
    acceptance,
    advice,
    first_answers,
    price_advice,
    quality,
    reliability,
    who_solves_what,
)
from cascade.core.draw_arrays import OutcomeArrays
from cascade.core.outcomes import DrawOutcome, ProblemOutcome
from cascade.core.plans import Option
from cascade.core.rules import paper
from cascade.core.stage_runs import StageRuns, judge_samples, take_samples
from cascade.core.stage_tables import FIRST_K

# Four problems; the last has no valid test line.
RUNS = StageRuns(
    k=2,
    n_draws=np.ones(4, dtype=np.int64),
    problem=np.arange(4),
    tokens=np.ones(4, dtype=np.int64),
    right=np.array([True, False, True, False]),
    score=np.array([7, 7, 10, 0]),
    most=np.array([10, 10, 10, 0]),
    passed=np.array([7, 7, 5, 0]),
    agreed=np.array([1, 1, 2, 0]),
    n_lines=np.array([5, 5, 5, 0]),
    n_right=np.array([2, 1, 1, 0]),
)


def test_quality_by_hand() -> None:
    measured = quality(RUNS)
    assert (measured.accuracy, measured.oracle_pass_at_k, measured.pass_at_1, measured.without_tests) == (
        0.5,
        0.75,
        0.5,
        0.25,
    )
    # Two right ones against one wrong one: a tie at 0.7 and a win.
    assert measured.auc == pytest.approx((0.5 + 1) / 2)
    assert measured.brier == pytest.approx((0.3**2 + 0.7**2 + 0) / 3)
    # At 0.7 half are right: two thirds of the runs are 0.2 off; at 1.0 all are right.
    assert measured.calibration_error == pytest.approx(2 / 3 * 0.2)


def test_bins_by_hand() -> None:
    low, high = reliability(RUNS)
    # 7 of 10 belongs to the bin that begins at 0.7, and 10 of 10 to the last.
    assert (low.low, low.high, high.low, high.high) == (0.7, 0.8, 0.9, 1.0)
    assert (low.share, low.confidence, low.right) == pytest.approx((2 / 3, 0.7, 0.5))
    assert (high.share, high.confidence, high.right) == pytest.approx((1 / 3, 1.0, 1.0))


@pytest.mark.parametrize(
    ("theta", "without", "expected"),
    [
        (0.7, True, Acceptance(1.0, 0.5, 0.0)),
        (0.8, True, Acceptance(0.5, 0.25, 0.25)),
        (0.8, False, Acceptance(0.25, 0.0, 0.25)),
    ],
)
def test_acceptance_by_hand(theta: float, without: bool, expected: Acceptance) -> None:
    assert acceptance(RUNS, [theta], accept_without_tests=without) == [expected]


def test_no_line_anywhere_and_nothing_to_tell_apart() -> None:
    none = np.zeros(1, dtype=np.int64)
    silent = StageRuns(1, none + 1, none, none, none > 0, *[none] * 6)
    measured = quality(silent)
    assert measured.without_tests == 1.0 and reliability(silent) == ()
    assert all(math.isnan(x) for x in (measured.auc, measured.brier, measured.calibration_error))


def draw(correct: list[bool], passes: list[list[int]]) -> DrawOutcome:
    k = len(correct)
    ones = np.ones(k, dtype=np.int64)
    return DrawOutcome(np.array(passes, bool), np.arange(k), ones, np.array(correct), ones, {2: ones})


def test_runs_of_two_draws() -> None:
    # First draw: s1 passes both lines and is right. Second: nobody passes, the wrong s0 stands.
    outcome = ProblemOutcome(
        draw([True], [[1]]), (draw([False, True], [[1, 0], [1, 1]]), draw([False, True], [[0, 0], [0, 0]]))
    )
    runs = judge_samples(take_samples(OutcomeArrays([outcome]), Option(2, 2), FIRST_K, (0, 0)), paper)
    assert runs.weight.tolist() == [0.5, 0.5] and runs.tokens.tolist() == [4, 4]
    assert runs.right.tolist() == [True, False] and quality(runs).oracle_pass_at_k == 1.0
    assert runs.score.tolist() == [4, 0] and runs.most.tolist() == [4, 4]
    assert runs.share_right.tolist() == [0.5, 0.5]
    assert first_answers([outcome, ProblemOutcome(None, outcome.draws)]).tolist() == [True, False]


def test_who_solves_what() -> None:
    solved = np.array([[1, 0, 1, 0], [1, 1, 1, 0]], dtype=bool)
    found = {pattern: indices.tolist() for pattern, indices in who_solves_what(solved).items()}
    assert found == {(True, True): [0, 2], (False, False): [3], (False, True): [1]}
    assert next(iter(found)) == (True, True)


def test_advice() -> None:
    assert advice(["a", "b", "c"], [0.3, 0.4, 0.4]) == []
    [weak, worse] = advice(["a", "b", "c"], [0.09, 0.5, 0.4])
    assert weak.startswith("a solves 9.0 %") and "under 10%" in weak
    assert (
        worse.startswith("c solves 40.0 %") and "smaller b 50.0 %" in worse and worse.endswith("leave c out")
    )


def test_a_smaller_model_that_is_dearer_is_told() -> None:
    assert price_advice(["s", "m", "l"], [1.0, 2.0, 3.0]) == []
    [line] = price_advice(["s", "m", "l"], [9.0, 2.0, 30.0])
    assert line.startswith("s costs 9 $ per million tokens and the larger m 2 $")
