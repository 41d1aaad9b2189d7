"""The chosen plans with what is known of them, the proof of a front, the recommendation, the certificate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cascade.core import Interval, Measured, Plan
from cascade.search.expectations import StageExpectation
from cascade.search.wrong_after_all import WrongAfterAll


@dataclass(frozen=True)
class Estimate:
    """What a plan costs and how often it is right, on one side of the split.

    Attributes:
        usd_per_1k_queries: US dollars per 1,000 queries.
        accuracy: share of problems answered right, 0..1.
        usd_interval, accuracy_interval: of the paired bootstrap over problems.
    """

    usd_per_1k_queries: float
    accuracy: float
    usd_interval: Interval | None = None
    accuracy_interval: Interval | None = None


@dataclass(frozen=True)
class Replacement:
    """A cascade plan beside the one-stage plan that it replaces, on the test side, problem by problem.

    Attributes:
        plan: the cheapest plan of the singular front that is as accurate on the validation side; the
            most accurate one where none is.
        accuracy: the cascade's accuracy less that plan's.
        saving: the share of that plan's cost that the cascade saves.
    """

    plan: Plan
    accuracy: Measured
    saving: Measured


@dataclass(frozen=True)
class ChosenPlan:
    """A plan of a front with what is known of it.

    Attributes:
        plan: its options and θ.
        rounds: rounds of generation that a query waits for, one after the other, in the mean over the
            validation side: its latency; None where nobody counted them.
        validation: its estimate where it was chosen.
        on_front: share of the bootstrap's replicates of the validation side in which it is on the
            front; None for the singular front.
        test: its estimate on the test side, once evaluated.
        saving: share of cost saved against one-stage plans of equal accuracy on the test side;
            None where there is none, for one-stage plans and before the evaluation.
        saving_interval: of the bootstrap's replicates of the test side where there is such a plan.
        replaces: the one-stage plan that a cascade plan replaces, once evaluated.
        expected: what its stages do, over all problems of the study; empty where nobody counted.
        promise: the accuracy by which it was chosen, which `select.accuracy` and `select.promise` may set
            below that of its estimate; None where that is it.
        wrong_after_all: stage by stage, once evaluated on extended tests; empty where the tests that chose it
            proved it.
    """

    plan: Plan
    validation: Estimate
    on_front: float | None = None
    test: Estimate | None = None
    saving: float | None = None
    saving_interval: Interval | None = None
    replaces: Replacement | None = None
    rounds: float | None = None
    expected: tuple[StageExpectation, ...] = ()
    promise: float | None = None
    wrong_after_all: tuple[WrongAfterAll, ...] = ()

    @property
    def promised(self) -> float:
        """The accuracy that the choice promises of it."""
        return self.validation.accuracy if self.promise is None else self.promise


@dataclass(frozen=True)
class Proof:
    """What the test side says of a front as a whole.

    Attributes:
        mean_saving: the paper's measure as `saving.*` sets it; None where nothing can be compared.
        n_cascades: how many cascade plans the front has.
        n_empty_windows: how many of them have no one-stage plan of equal accuracy.
        generalization_gap: accuracy on the validation side less that on the test side, in the mean over
            the front.
        regret: share of the hypervolume of the test side's own front that is missed.
        saving_by_target, accuracy_by_target: the headline, against the chosen front of one-stage plans;
            None where the two fronts have no target in common.
        promise_gap: what the choice promised less what the test side says, in the mean over the front.
        saving_at_equal_accuracy: with plans picked by the test side.
        hypervolume: of the front on the test side.
        mean_saving_as_written, mean_saving_as_printed: the paper's measure as its text has it and as its
            Table 3 was made; None where nothing can be compared.
    """

    mean_saving: Measured | None
    n_cascades: int
    n_empty_windows: int
    generalization_gap: Measured
    regret: float
    saving_by_target: Measured | None = None
    accuracy_by_target: Measured | None = None
    saving_at_equal_accuracy: Measured | None = None
    hypervolume: float = 0.0
    mean_saving_as_written: float | None = None
    mean_saving_as_printed: float | None = None
    promise_gap: float = 0.0


@dataclass(frozen=True)
class Recommendation:
    """The one plan to use, and all that running it needs.

    Attributes:
        chosen: the plan.
        largest: the plan beside the largest model alone, greedy; None where it is that.
        refuted: the cascade that the validation side would have taken, where the test side shows that it
            loses too much; `chosen` is then the one-stage plan that it was to replace.
        sentence: the answer in one sentence.
        settings: rule, no-tests rule, temperature, prompts, and what the models are served as.
    """

    chosen: ChosenPlan
    largest: Replacement | None
    refuted: ChosenPlan | None
    sentence: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Certificate:
    """Plans of which a promise holds over new problems of the same kind, see `cascade.search.certify`.

    Attributes:
        accuracy, usd_per_1k: the promise; None where nothing is promised of it.
        confidence: with which every certified plan keeps it.
        n_problems: that it was tested on.
        plans: the certified plans by rising cost.
        sentence: what was found, in words.
    """

    accuracy: float | None
    usd_per_1k: float | None
    confidence: float
    n_problems: int
    plans: tuple[Plan, ...]
    sentence: str
