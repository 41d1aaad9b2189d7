"""The head of a report: which plan to use, what it saves, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cascade.core import Measured, mean_of_studies
from cascade.report.content import Evaluated, one_a_split, recommended
from cascade.report.terminal import answer_sentence
from cascade.report.wording import by_target, ends, few_problems, monthly, percent, points, usd
from cascade.search import PlanFile, Proof


@dataclass(frozen=True)
class Card:
    """One number that matters.

    Attributes:
        tone: good where it is better with confidence, bad where it is worse, unsure where the interval
            includes 0; empty where it compares nothing.
    """

    name: str
    value: str
    detail: str
    tone: str = ""


@dataclass(frozen=True)
class Answer:
    """What a person should know who reads no further.

    Attributes:
        label, plan, rest: the answer in one sentence, in three parts; empty where there are several studies.
        banner: a warning above everything; empty where none is needed.
        cards: numbers.
        text: what they mean.
    """

    label: str
    plan: str
    cards: Sequence[Card]
    text: Sequence[str]
    rest: str = ""
    banner: str = ""


def card(name: str, measured: Measured, unit: str, detail: str, *, signed: bool = False) -> Card:
    """A card of a share with its interval, in percent or points."""
    value = format(100 * measured.value, "+.1f" if signed else ".1f")
    return Card(name, f"{value} {unit}", f"{ends(measured.interval).strip()} {detail}", tone(measured))


def _cost_card(saving: Measured, name: str) -> Card:
    """What is saved against another plan; of a plan that costs more, how many times as much."""
    if saving.value >= 0:
        return card("cost saved (test)", saving, "%", f"in place of {name}")
    low, high = 1 - saving.interval.high, 1 - saving.interval.low
    detail = f"({low:.1f} to {high:.1f}) the cost of {name}"
    return Card("cost (test)", f"{1 - saving.value:.1f} times", detail, tone(saving))


def tone(measured: Measured) -> str:
    """Good or bad only where the interval lies on one side of 0."""
    if measured.interval.low > 0:
        return "good"
    return "bad" if measured.interval.high < 0 else "unsure"


def study_answer(study: Evaluated) -> Answer:
    """The plan to use, what the test side says of it, and of all chosen plans together."""
    plans = study.plans
    chosen = recommended(plans)
    proof, test = plans.proof, chosen.test
    assert proof is not None and test is not None
    told = answer_sentence(plans)
    name = chosen.plan.describe(plans.models)
    cards: list[Card] = []
    text: list[str] = []
    largest = None if plans.recommended is None else plans.recommended.largest
    if largest is not None:
        alone = largest.plan.describe(plans.models)
        cards += [
            _cost_card(largest.saving, alone),
            card("accuracy difference (test)", largest.accuracy, "points", f"against {alone}", signed=True),
        ]
    text.append(f"It costs {monthly(chosen)}. To run it: {study.record.use}")
    if chosen.replaces is not None:
        other = chosen.replaces
        replaced = other.plan.describe(plans.models)
        if largest is None or largest.plan.stages != other.plan.stages:
            text.append(
                f"Against {replaced}, the cheapest single model that is as accurate on the validation "
                f"problems, it saves {percent(other.saving)} of the cost at an accuracy difference of "
                f"{points(other.accuracy)}."
            )
        text.append(f"{_cheaper(other.saving, replaced)} {_better(other.accuracy)}")
    elif plans.recommended is not None and plans.recommended.refuted is not None:
        text.append(
            "The test problems refute the cascade that was chosen: this is no recommendation for one."
        )
    elif plans.constrained is None:
        text.append(
            "It is a plan of one model: on the validation problems no cascade came within a point of its "
            "accuracy for less."
        )
    cards.append(
        Card(
            "answers right (test)",
            f"{100 * test.accuracy:.1f} %",
            f"{ends(test.accuracy_interval).strip()} for ${usd(test.usd_per_1k_queries)} per 1,000 queries",
        )
    )
    if proof.saving_by_target is not None and proof.accuracy_by_target is not None:
        gained = proof.accuracy_by_target
        cards.append(
            card(
                "all chosen plans, by target",
                proof.saving_by_target,
                "%",
                f"cheaper, at {100 * gained.value:+.1f} points{ends(gained.interval)}",
            )
        )
    if plans.certificate is not None:
        text.append(plans.certificate.sentence)
    text += [
        _by_target(proof),
        f"In brackets: {100 * plans.selection['interval']:g} % intervals, from the bootstrap over "
        f"{len(plans.test_ids)} test problems; grey numbers are not statistically significant. {_why(plans)}",
    ]
    return Answer("Use", name, cards, text, told.removeprefix(f"Use {name}"), few_problems(plans) or "")


def _cheaper(saving: Measured, name: str) -> str:
    if saving.interval.low > 0:
        return f"It is cheaper than {name}: the whole interval lies above 0."
    if saving.interval.high < 0:
        return f"It is dearer than {name}: the whole interval lies below 0."
    return f"Whether it is cheaper than {name} is not statistically significant: the interval includes 0."


def _better(accuracy: Measured) -> str:
    if accuracy.interval.low > 0:
        return "It is right more often, too."
    if accuracy.interval.high < 0:
        return "It is right less often."
    return "The difference in accuracy is not statistically significant."


def _by_target(proof: Proof) -> str:
    if proof.n_cascades == 0:
        return "No cascade was chosen: one model alone is best at every cost."
    headline = by_target(proof)
    if headline is None:
        return "The chosen cascades and the plans of one model have no accuracy target in common."
    return (
        f"By target, all chosen plans together are {headline} against the chosen plans of one model: for "
        "every accuracy that both promised on the validation problems, the cheapest plan of either that "
        "promised it, judged on the test problems."
    )


def _why(plans: PlanFile) -> str:
    if plans.constrained is not None:
        return "The plan is the one that select.budget_usd_per_1k and select.min_accuracy asked for."
    return (
        "The plan is the cheapest that came within one point of the most accurate plan of one model on the "
        "validation problems; the test problems had no say in it."
    )


def sweep_answer(groups: Mapping[str, Sequence[Evaluated]]) -> Answer:
    """What several studies say together: the mean over each group, whose studies differ in their split."""
    cards, text = [], []
    for name, of_group in groups.items():
        studies = one_a_split(of_group)
        proofs = [study.plans.proof for study in studies if study.plans.proof is not None]
        saving = np.array([p.saving_by_target.value for p in proofs if p.saving_by_target is not None])
        gained = np.array([p.accuracy_by_target.value for p in proofs if p.accuracy_by_target is not None])
        if len(saving) == 0:
            text.append(f"{name}: the chosen plans and those of one model have no target in common.")
            continue
        confidence = studies[0].plans.selection["interval"]
        mean, accuracy = mean_of_studies(saving, confidence), mean_of_studies(gained, confidence)
        at = f"cheaper by target, at {100 * accuracy.value:+.1f} points"
        if len(saving) == 1:
            cards.append(Card(name, f"{100 * mean.value:.1f} %", f"{at}, one split"))
            continue
        spread = f"sd {100 * saving.std(ddof=1):.1f}, {100 * saving.min():.1f} to {100 * saving.max():.1f}"
        detail = f"{at}{ends(accuracy.interval)}, over {len(saving)} splits; {spread}"
        cards.append(card(name, mean, "%", detail))
    text.append(
        "By target: for every accuracy that the chosen plans and the chosen plans of one model both promised "
        "on the validation problems, the cheapest plan of either, judged on the test problems. In brackets: "
        "Student's intervals over the splits, which tell how far the mean depends on them; all studies of a "
        "group share their samples, so another recording may lie outside. Of studies on the same split the "
        "newest counts."
    )
    return Answer("", "", cards, text)
