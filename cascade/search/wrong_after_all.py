"""What extended tests say of the answers that base tests call right, stage by stage (dataset.prove_on)."""

from collections.abc import Sequence
from dataclasses import dataclass

from cascade.core import Plan, StageTable
from cascade.search.plan_results import stage_shares


@dataclass(frozen=True)
class WrongAfterAll:
    """What extended tests say of the answers that a stage gives on the test side.

    Attributes:
        model: its name.
        answered: expected number of test problems that end with its answer.
        right_on_base: of them, those whose answer passes the base tests.
        wrong: of these, those whose answer fails the extended tests.
    """

    model: str
    answered: float
    right_on_base: float
    wrong: float


def wrong_after_all(
    models: Sequence[str], base: Sequence[StageTable], extended: Sequence[StageTable], plan: Plan
) -> tuple[WrongAfterAll, ...]:
    """Count the wrong answers of a plan that the base tests let pass; they sum to its lost accuracy.

    Args:
        models: names of the family's models.
        base: one table a model, over P problems that the base tests judge.
        extended: the same, judged by the extended tests; what is accepted and what it costs is the same.
        plan: whose options and θ are in the tables.
    """
    n_problems: int = base[0].correct.shape[1]

    def count(share: float) -> float:
        return round(n_problems * share, 9)  # a mean of whole numbers, without the last digits' noise

    return tuple(
        WrongAfterAll(
            models[before.model],
            count(before.answered),
            count(before.right),
            count(before.right - after.right),
        )
        for before, after in zip(stage_shares(base, plan), stage_shares(extended, plan), strict=True)
    )
