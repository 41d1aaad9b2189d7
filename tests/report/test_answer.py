"""The head of the page says no more than the intervals allow."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from cascade.core.bootstrap import Interval, Measured, mean_of_studies
from cascade.report.answer import study_answer, sweep_answer, tone
from cascade.report.content import Evaluated, recommended
from cascade.search import Replacement
from tests.report.made_up import evaluated


def with_cascade(saving: tuple[float, float, float], accuracy: tuple[float, float, float]) -> Evaluated:
    """A study whose plan to use is a cascade with these numbers against one model."""
    study = evaluated(4)
    chosen = next(c for c in study.plans.front if c.replaces is not None)
    assert chosen.replaces is not None
    told = [Measured(numbers[0], Interval(*numbers[1:])) for numbers in (accuracy, saving)]
    chosen = replace(chosen, replaces=Replacement(chosen.replaces.plan, *told))
    return replace(study, plans=replace(study.plans, constrained=chosen))


@pytest.mark.parametrize(
    ("saving", "accuracy", "words"),
    [
        ((0.2, 0.1, 0.3), (0.01, -0.02, 0.04), ("It is cheaper than", "is not statistically significant.")),
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
    assert found.text[2].startswith(words[0]) and found.text[2].endswith(words[1])
    assert found.text[0].endswith(f"To run it: {study.record.use}") and "a month at" in found.text[0]
    assert f"saves {100 * saving[0]:.1f} %" in " ".join(found.text)
    assert "select.min_accuracy asked for" in found.text[-1]


def test_one_model_is_an_answer_too() -> None:
    study = evaluated(3)
    alone = [replace(c, replaces=None) for c in study.plans.singular]
    proof = study.plans.proof
    assert proof is not None
    none = replace(proof, mean_saving=None, n_cascades=0, n_empty_windows=0, saving_by_target=None)
    found = study_answer(replace(study, plans=replace(study.plans, front=tuple(alone), proof=none)))
    assert found.label == "Use"
    assert found.text[1].startswith("It is a plan of one model")
    assert "No cascade was chosen" in found.text[2]
    assert [card.name for card in found.cards] == ["answers right (test)"]
    assert found.banner.startswith("Only 15 validation and 25 test problems")


def test_several_studies() -> None:
    studies = [by_target(evaluated(4, seed), 0.1 + 0.1 * seed, -0.01) for seed in range(3)]
    found = sweep_answer({"all of them": studies, "one": studies[:1]})
    mean = mean_of_studies(np.array([0.1, 0.2, 0.3]), 0.9)
    assert found.cards[0].value == "20.0 %"
    assert f"({100 * mean.interval.low:.1f} to {100 * mean.interval.high:.1f})" in found.cards[0].detail
    assert "at -1.0 points" in found.cards[0].detail and "sd 10.0, 10.0 to 30.0" in found.cards[0].detail
    assert found.cards[1].value == "10.0 %" and "one split" in found.cards[1].detail


def test_one_split_is_counted_once() -> None:
    """The same study again tells nothing new of the split: no mean and no interval comes from it."""
    first, other = (by_target(evaluated(4, seed), saving, -0.01) for seed, saving in ((0, 0.1), (1, 0.3)))
    later = replace(first.record, run_id="again", started=first.record.started + timedelta(days=1))
    again = replace(by_target(first, 0.2, -0.01), record=later)
    alone, both = sweep_answer({"alone": [first, again], "both": [again, first, other]}).cards
    assert alone.value == "20.0 %" and "one split" in alone.detail and alone.tone == ""
    assert both.value == "25.0 %" and "over 2 splits" in both.detail


def by_target(study: Evaluated, saving: float, gained: float) -> Evaluated:
    """The study with another headline."""
    proof = study.plans.proof
    assert proof is not None
    told = [Measured(value, Interval(value, value)) for value in (saving, gained)]
    proof = replace(proof, saving_by_target=told[0], accuracy_by_target=told[1])
    return replace(study, plans=replace(study.plans, proof=proof))


def test_green_is_good_and_certain() -> None:
    for ends, expected in (((0.1, 0.3), "good"), ((-0.1, 0.3), "unsure"), ((-0.3, -0.1), "bad")):
        assert tone(Measured(sum(ends) / 2, Interval(*ends))) == expected
