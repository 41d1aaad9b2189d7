"""The head of the page says no more than the intervals allow."""

from dataclasses import replace

import numpy as np
import pytest

from cascade.core.bootstrap import Interval, Measured, mean_of_studies
from cascade.report.answer import study_answer, sweep_answer
from cascade.report.content import Evaluated, recommended
from cascade.search.plan_file import Replacement
from tests.report.made_up import evaluated


def with_cascade(saving: tuple[float, float, float], accuracy: tuple[float, float, float]) -> Evaluated:
    """A study whose plan to use is a cascade with these numbers against one model."""
    study = evaluated(4)
    chosen = next(c for c in study.plans.front if c.replaces is not None)
    assert chosen.replaces is not None
    told = [Measured(own[0], Interval(*own[1:])) for own in (accuracy, saving)]
    chosen = replace(chosen, replaces=Replacement(chosen.replaces.plan, *told))
    return replace(study, plans=replace(study.plans, constrained=chosen))


@pytest.mark.parametrize(
    ("saving", "accuracy", "words"),
    [
        ((0.2, 0.1, 0.3), (0.01, -0.02, 0.04), ("It is cheaper than", "cannot be told from luck.")),
        (
            (0.2, -0.1, 0.3),
            (0.03, 0.01, 0.04),
            ("Whether it is cheaper than", "It is right more often, too."),
        ),
        ((-0.2, -0.3, -0.1), (-0.03, -0.05, -0.01), ("It is dearer than", "It is right less often.")),
    ],
)
def test_what_an_interval_allows(
    saving: tuple[float, float, float], accuracy: tuple[float, float, float], words: tuple[str, str]
) -> None:
    study = with_cascade(saving, accuracy)
    found = study_answer(study)
    assert found.label == "Use" and found.plan == recommended(study.plans).plan.describe(study.plans.models)
    assert found.text[0].startswith(words[0]) and found.text[0].endswith(words[1])
    assert found.cards[0].value == f"{100 * saving[0]:.1f} %"
    assert found.cards[1].value == f"{100 * accuracy[0]:+.1f} points"
    assert "select.min_accuracy asked for" in found.text[-1]


def test_one_model_is_an_answer_too() -> None:
    study = evaluated(3)
    alone = [replace(c, replaces=None) for c in study.plans.singular]
    proof = study.plans.proof
    assert proof is not None
    none = replace(proof, mean_saving=None, n_cascades=0, n_empty_windows=0)
    found = study_answer(replace(study, plans=replace(study.plans, front=tuple(alone), proof=none)))
    assert found.label == "Use one model:"
    assert found.text[0].startswith("It is a plan of one model")
    assert "No cascade was chosen" in found.text[1]
    assert [card.name for card in found.cards] == ["answers right (test)"]


def test_several_studies() -> None:
    studies = [evaluated(4, seed) for seed in range(3)]
    saved = [s.plans.proof.mean_saving.value for s in studies if s.plans.proof and s.plans.proof.mean_saving]
    assert len(saved) == 3
    found = sweep_answer({"all of them": studies, "one": studies[:1]})
    mean = mean_of_studies(np.array(saved), 0.9)
    assert found.cards[0].value == f"{100 * np.mean(saved):.1f} %"
    assert f"({100 * mean.interval.low:.1f} to {100 * mean.interval.high:.1f})" in found.cards[0].detail
    assert f"sd {100 * np.std(saved, ddof=1):.1f}," in found.cards[0].detail
    assert found.cards[1].value == f"{100 * saved[0]:.1f} %" and "one study" in found.cards[1].detail
