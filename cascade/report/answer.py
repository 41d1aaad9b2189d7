"""The head of a report: which plan to use, what it saves, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cascade.core import Measured, mean_of_studies
from cascade.report.content import Evaluated, recommended
from cascade.report.wording import ends, usd
from cascade.search import PlanFile, Proof


@dataclass(frozen=True)
class Card:
    """One number that matters."""

    name: str
    value: str
    detail: str


@dataclass(frozen=True)
class Answer:
    """What a person should know who reads no further.

    Attributes:
        label, plan: the plan to use, and the words before it; empty where there are several studies.
        cards: numbers.
        text: what they mean.
    """

    label: str
    plan: str
    cards: Sequence[Card]
    text: Sequence[str]


def card(name: str, measured: Measured, unit: str, detail: str, *, signed: bool = False) -> Card:
    """A card of a share with its interval, in percent or points."""
    value = format(100 * measured.value, "+.1f" if signed else ".1f")
    return Card(name, f"{value} {unit}", f"{ends(measured.interval).strip()} {detail}")


def study_answer(study: Evaluated) -> Answer:
    """The plan to use, what the test side says of it, and of all chosen plans together."""
    plans = study.plans
    chosen = recommended(plans)
    proof, test = plans.proof, chosen.test
    assert proof is not None and test is not None
    cards: list[Card] = []
    text: list[str] = []
    if chosen.replaces is not None:
        other = chosen.replaces
        name = other.plan.describe(plans.models)
        cards += [
            card("cost saved (test)", other.saving, "%", f"in place of {name}"),
            card("accuracy (test)", other.accuracy, "points", f"against {name}", signed=True),
        ]
        text.append(f"{_cheaper(other.saving, name)} {_better(other.accuracy)}")
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
    if proof.mean_saving is not None:
        cards.append(card("mean saving of all chosen cascades", proof.mean_saving, "%", "at equal accuracy"))
    text += [
        _all_cascades(proof),
        f"In brackets: {100 * plans.selection['interval']:g} % intervals, from the bootstrap over "
        f"{len(plans.test_ids)} test problems. {_why(plans)}",
    ]
    label = "Use" if len(chosen.plan.stages) > 1 else "Use one model:"
    return Answer(label, chosen.plan.describe(plans.models), cards, text)


def _cheaper(saving: Measured, name: str) -> str:
    if saving.interval.low > 0:
        return f"It is cheaper than {name}: the whole interval lies above 0."
    if saving.interval.high < 0:
        return f"It is dearer than {name}: the whole interval lies below 0."
    return f"Whether it is cheaper than {name} cannot be told from luck: the interval includes 0."


def _better(accuracy: Measured) -> str:
    if accuracy.interval.low > 0:
        return "It is right more often, too."
    if accuracy.interval.high < 0:
        return "It is right less often."
    return "A difference in accuracy cannot be told from luck."


def _all_cascades(proof: Proof) -> str:
    if proof.n_cascades == 0:
        return "No cascade was chosen: one model alone is best at every cost."
    if proof.mean_saving is None:
        return "No chosen cascade has a plan of one model within ±1 point of its accuracy to compare with."
    n_compared = proof.n_cascades - proof.n_empty_windows
    return (
        f"Mean saving: over the {n_compared} of {proof.n_cascades} chosen cascades that have plans of one "
        "model within ±1 point of their accuracy on the test problems, against the mean cost of those plans "
        "(the paper's measure)."
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
    for name, own in groups.items():
        proofs = [study.plans.proof for study in own]
        savings = np.array(
            [p.mean_saving.value for p in proofs if p is not None and p.mean_saving is not None]
        )
        if len(savings) == 0:
            text.append(f"{name}: no chosen cascade could be compared with plans of one model.")
            continue
        mean = mean_of_studies(savings, own[0].plans.selection["interval"])
        n = f"{len(savings)} studies" if len(savings) > 1 else "one study"
        if len(savings) == 1:
            cards.append(Card(name, f"{100 * mean.value:.1f} %", f"mean saving, {n}"))
            continue
        spread = f"sd {100 * savings.std(ddof=1):.1f}, {100 * savings.min():.1f} to {100 * savings.max():.1f}"
        cards.append(card(name, mean, "%", f"mean saving over {n}; {spread}"))
    text.append(
        "Each study's mean saving is over its chosen cascades, on its test problems, against plans of one "
        "model within ±1 point of their accuracy. In brackets: Student's intervals over the studies, which "
        "tell how far the mean hangs on the split; all studies of a group share their samples."
    )
    return Answer("", "", cards, text)
