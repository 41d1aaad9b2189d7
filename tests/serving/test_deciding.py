"""The rule of a plan file as the service asks it."""

from fractions import Fraction
from math import exp, log

import numpy as np
import pytest

from cascade.base import DataError
from cascade.core import FEATURES
from cascade.search import ModelCalibration
from cascade.serving import decider_of

# Three solutions, four lines: n_s·n_t is 3·2 for the first, 2·2 for the second, 0 for the third.
PASSES = np.array([[True, True, True, False], [True, True, False, False], [False, False, False, False]])


def calibration(**coefficients: float) -> tuple[ModelCalibration, ...]:
    known = dict.fromkeys(("intercept", *FEATURES), 0.0) | coefficients
    return (ModelCalibration("small", 45, known, "test", 105, 0.1, 0.1, ()),)


def test_the_papers_rule_takes_what_reaches_theta() -> None:
    decider = decider_of({})
    for theta, taken in ((Fraction(1, 2), True), (Fraction(51, 100), False)):
        decision = decider.decide("small", PASSES, theta)
        assert (decision.best, decision.score, decision.most) == (0, 6, 12)
        assert (decision.accepted, decision.measure, decision.probability) == (taken, 0.5, None)


def test_a_stage_without_tests_does_what_the_setting_says() -> None:
    none = np.zeros((1, 0), dtype=bool)
    for settings, accepts in (({}, True), ({"no_tests": "escalate"}, False)):
        decision = decider_of(settings).decide("small", none, Fraction(int(accepts)))
        assert (decision.accepted, decision.measure) == (accepts, float(accepts))


def test_a_calibrated_rule_takes_what_is_probably_right() -> None:
    # Shares: 6/12 of the score, 3/4 of the lines, 2/3 of the solutions; ln 4 lines; ln 3 solutions.
    by_score = {"score_share": 2.0, "passed_share": 1.0, "agreed_share": 0.5}
    calibrated = calibration(intercept=-1.0, ln_lines=0.1, all_pass=9.0, ln_k=-0.2, **by_score)
    decider = decider_of({"rule": "calibrated"}, calibrated)
    logit = -1 + 2 * 0.5 + 0.75 + 0.5 * 2 / 3 + 0.1 * log(4) - 0.2 * log(3)
    right = 1 / (1 + exp(-logit))
    for theta, taken in ((right - 0.01, True), (right + 0.01, False)):
        decision = decider.decide("small", PASSES, Fraction(theta))
        assert decision.best == 0
        assert decision.accepted is taken
        assert decision.probability == decision.measure == pytest.approx(right)


def test_an_unknown_rule_or_one_without_its_calibrators_is_one_line() -> None:
    with pytest.raises(DataError, match="rule=votes: plans of this rule are not served; there are paper"):
        decider_of({"rule": "votes"})
    with pytest.raises(DataError, match="the plan file has no calibrators"):
        decider_of({"rule": "calibrated"})
