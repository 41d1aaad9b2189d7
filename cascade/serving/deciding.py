"""The plan's rule as a service asks it: which solution is a stage's answer, and whether it is taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cascade.base import DataError
from cascade.core import RULES, Rule, accepts


@dataclass(frozen=True)
class Decision:
    """What a rule says of one stage.

    Attributes:
        best: index of the solution that is the stage's answer.
        score, most: see `cascade.core.rules.Judgements`.
        accepted: whether it reaches the threshold.
        probability: that it is right; None where the rule is not calibrated.
    """

    best: int
    score: int
    most: int
    accepted: bool
    probability: float | None = None


class Decider(Protocol):
    """A rule with all that its plan file says of it."""

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

    def decide(self, model: str, passes: NDArray[np.bool_], theta: Fraction) -> Decision:
        """See `Decider`."""
        judged = self.rule(passes[None], np.array([passes.shape[1]]))
        best, score, most = int(judged.answer[0]), int(judged.score[0]), int(judged.most[0])
        taken = accepts(score, most, theta, accept_without_tests=self.accept_without_tests)
        return Decision(best, score, most, taken)


def decider_of(settings: Mapping[str, object]) -> Decider:
    """The rule that a plan's settings name (`rule` and `no_tests`); the paper's where they name none.

    Raises:
        DataError: no such rule is known here.
    """
    name = str(settings.get("rule", "paper"))
    if name not in RULES:
        raise DataError(f"rule={name}: plans of this rule are not served; there are {', '.join(RULES)}")
    return ThresholdRule(RULES[name], settings.get("no_tests", "accept") == "accept")
