"""The plan's rule as a service asks it: which solution is a stage's answer, and whether it is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cascade.base import DataError
from cascade.core import (
    CALIBRATED,
    FEATURES,
    RULES,
    Answer as Known,
    Calibrator,
    Rule,
    accepts,
    answer_probability,
    answered_by,
)
from cascade.search import ModelCalibration

# Of a calibrator, as a plan file names them.
PARTS = ("intercept", *FEATURES)


@dataclass(frozen=True)
class Decision:
    """What a rule says of one stage.

    Attributes:
        best: index of the solution that is the stage's answer.
        score, most: see `cascade.core.rules.Judgements`.
        accepted: whether it reaches the threshold.
        measure: what is held against θ or τ: the score as a share of the most, or the probability; without a
            valid test line 1 or 0, as such a stage accepts or escalates.
        probability: that it is right; None where the rule is not calibrated.
    """

    best: int
    score: int
    most: int
    accepted: bool
    measure: float
    probability: float | None = None


class Decider(Protocol):
    """A rule with all that its plan file says of it.

    Attributes:
        physical_lines: whether test lines are counted as the paper's author counts them (rule.lines).
    """

    @property
    def physical_lines(self) -> bool:
        """See above."""
        ...

    def decide(self, model: str, passes: NDArray[np.bool_], theta: Fraction) -> Decision:
        """The answer of a stage.

        Args:
            model: whose stage it is; a rule may have parameters by model.
            passes: bool array (solutions, test lines).
            theta: the stage's threshold.
        """
        ...


@dataclass(frozen=True)
class ThresholdRule:
    """A rule of `cascade.core.rules`: accepted if score ≥ θ·most."""

    rule: Rule
    accept_without_tests: bool
    physical_lines: bool = False

    def decide(self, model: str, passes: NDArray[np.bool_], theta: Fraction) -> Decision:
        """See `Decider`."""
        judged = self.rule(passes[None], np.array([passes.shape[1]]))
        best, score, most = int(judged.answer[0]), int(judged.score[0]), int(judged.most[0])
        taken = accepts(score, most, theta, accept_without_tests=self.accept_without_tests)
        measure = score / most if most else float(self.accept_without_tests)
        return Decision(best, score, most, taken, measure)


@dataclass(frozen=True)
class CalibratedRule:
    """The paper's answer, taken if it is right with a probability of at least τ, which stands in θ's place.

    Attributes:
        rule: chooses the answer.
        calibrators: by model.
        accept_without_tests: whether a stage without a valid test line may accept.
    """

    rule: Rule
    calibrators: Mapping[str, Calibrator]
    accept_without_tests: bool
    physical_lines: bool = False

    def decide(self, model: str, passes: NDArray[np.bool_], theta: Fraction) -> Decision:
        """See `Decider`."""
        k, n_lines = passes.shape
        judged = self.rule(passes[None], np.array([n_lines]))
        best, score, most = int(judged.answer[0]), int(judged.score[0]), int(judged.most[0])
        agreed = int((passes[best] * passes.sum(axis=0)).max(initial=0))
        known = Known(k, score, most, int(passes[best].sum()), agreed, n_lines)
        probability = answer_probability(self.calibrators[model], known)
        may = self.accept_without_tests or n_lines > 0
        taken = probability >= float(theta) and may
        return Decision(best, score, most, taken, probability if may else 0.0, probability)


def decider_of(settings: Mapping[str, object], calibration: Sequence[ModelCalibration] = ()) -> Decider:
    """The rule that a plan's settings name (`rule`, `no_tests`, `lines`); the paper's where they name none.

    Args:
        settings: what the plans are run with.
        calibration: each model's calibrator, where the rule is calibrated.

    Raises:
        DataError: no such rule is known here, or its calibrators are not in the plan file.
    """
    name, without_tests = str(settings.get("rule", "paper")), settings.get("no_tests", "accept") == "accept"
    physical = settings.get("lines") == "physical"
    if answered_by(name) not in RULES:
        raise DataError(f"rule={name}: plans of this rule are not served; there are {', '.join(RULES)}")
    rule = RULES[answered_by(name)]
    if name != CALIBRATED:
        return ThresholdRule(rule, without_tests, physical)
    if not calibration:
        raise DataError(
            f"rule={name}: the plan file has no calibrators, which its plans need; run task=select again"
        )
    calibrators = {
        calibrated.model: Calibrator(
            np.array([calibrated.coefficients[part] for part in PARTS]), calibrated.n_problems
        )
        for calibrated in calibration
    }
    return CalibratedRule(rule, calibrators, without_tests, physical)
