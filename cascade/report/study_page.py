"""The report of one study: which plan to use and what it saves, then everything that says so."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cascade.plan_file import ChosenPlan, Estimate
from cascade.report.charts import front_chart
from cascade.report.content import Cloud, Evaluated, Made, cloud, recommended, shares, test_band
from cascade.report.figures import cost_accuracy_figure
from cascade.report.page import Picture, Section, Table, versions, write_page
from cascade.report.paper_section import paper_sections
from cascade.report.published import published
from cascade.report.study_tables import diagnostics_section, proof_section
from cascade.report.wording import ends, percent, points, stage_sentences, usd, usd_ends
from cascade.search.grid import GridResult
from cascade.stats import Measured

SIDES = ("validation", "test")


def write_study_page(folder: Path, study: Evaluated, grids: Mapping[str, GridResult], again: str) -> Path:
    """Write the page with its figures and tables.

    Args:
        folder: where to; it is there.
        study: an evaluated study.
        grids: by side, the plans that stand behind the fronts.
        again: the command that makes this page.
    """
    plans, origin = study.plans, study.origin
    paper = published(origin["family"], origin["dataset"], origin["hardware"])
    confidence = plans.selection["interval"]
    bands = {"validation": plans.band, "test": test_band(study, plans.selection["replicates"], confidence)}
    clouds = {side: cloud(grid, plans) for side, grid in grids.items()}
    fronts = [_front_picture(folder, study, side, clouds[side], bands[side]) for side in SIDES]
    front = Section(
        "front",
        "The front",
        (
            f"Every plan is a dot: what it costs, and how often it is right. The chosen plans (circles) were found "
            f"on the validation problems alone; on the test problems they are seen for the first time. The shaded "
            f"band is the {confidence:.0%} interval of the best accuracy for at most that cost.",
        ),
        fronts,
    )
    sections = [
        front,
        *paper_sections(folder, study, grids["test"], paper),
        proof_section(study),
        *diagnostics_section(folder, study),
    ]
    own, singular = _plans_table(study), _singular_table(study)
    made = _made(study.made, origin["hashes"], again)
    return write_page(
        folder,
        "study.html.j2",
        [own, singular, *made["tables"], *(table for section in sections for table in section.tables)],
        title=f"{origin['family']} on {origin['dataset']}: which plan to use, and what it saves",
        kind="Report of one study",
        facts=_facts(study),
        contents=[
            ("answer", "The answer"),
            ("choose", "Choose a plan"),
            *((section.anchor, section.title) for section in sections),
            ("made", "How it was made"),
        ],
        answer=_answer(study),
        interval=f"{confidence:.0%}",
        chooser=_chooser(study),
        plans_table=own,
        singular_table=singular,
        sections=sections,
        made=made,
    )


def _facts(study: Evaluated) -> str:
    origin, plans = study.origin, study.plans
    return (
        f"Models {', '.join(plans.models)} · priced on {origin['hardware']} · {len(plans.validation_ids)} "
        f"validation and {len(plans.test_ids)} test problems, seed {origin['seed']} · {study.made.started:%Y-%m-%d}"
    )


def _answer(study: Evaluated) -> dict[str, Any]:
    """The headline: the plan to use, what the test side says of it, and of all chosen plans together."""
    plans = study.plans
    chosen = recommended(plans)
    proof, test = plans.proof, chosen.test
    assert proof is not None and test is not None
    cards: list[dict[str, str]] = []
    text: list[str] = []
    if chosen.replaces is None:
        text.append(
            "It is a plan of one model: no cascade was as accurate for less on the validation problems."
            if plans.intended is None
            else "It is a plan of one model."
        )
    else:
        other = chosen.replaces
        name = other.plan.describe(plans.models)
        cards += [
            _card("cost saved", other.saving, "%", f"in place of {name}"),
            _card("accuracy gained", other.accuracy, "points", f"against {name}"),
        ]
        text.append(_in_words(other.saving, other.accuracy, name))
    cards += [
        {
            "name": "answers right (test)",
            "value": f"{100 * test.accuracy:.1f} %",
            "detail": f"{ends(test.accuracy_interval).strip()}, for ${usd(test.usd_per_1k_queries)} per 1,000 queries",
        }
    ]
    if proof.mean_saving is not None:
        n = proof.n_cascades - proof.n_empty_windows
        cards.append(
            _card(
                "all chosen cascades: mean saving",
                proof.mean_saving,
                "%",
                "against one model, equal accuracy",
            )
        )
        text.append(
            f"Mean saving: over the {n} of {proof.n_cascades} chosen cascade plans that have plans of one model "
            "within ±1 point of their accuracy on the test problems, against the mean cost of those plans (the "
            "paper's measure)."
        )
    elif proof.n_cascades:
        text.append(
            "No chosen cascade has a plan of one model within ±1 point of its accuracy to compare with."
        )
    text.append(
        f"In brackets: {plans.selection['interval']:.0%} intervals, from the bootstrap over "
        f"{len(plans.test_ids)} test problems. " + _why(study)
    )
    return {
        "label": "Use" if len(chosen.plan.stages) > 1 else "Use one model:",
        "plan": chosen.plan.describe(plans.models),
        "cards": cards,
        "text": text,
    }


def _why(study: Evaluated) -> str:
    if study.plans.intended is not None:
        return "The plan is the one that select.budget_usd_per_1k and select.min_accuracy asked for."
    return (
        "The plan is the cheapest that was at least as accurate on the validation problems as the best plan of "
        "one model; the test problems had no say in it."
    )


def _card(name: str, measured: Measured, unit: str, detail: str) -> dict[str, str]:
    interval = ends(measured.interval).strip()
    return {"name": name, "value": f"{100 * measured.value:.1f} {unit}", "detail": f"{interval} {detail}"}


def _in_words(saving: Measured, accuracy: Measured, name: str) -> str:
    if saving.interval.low > 0:
        cost = f"It costs less than {name}, beyond doubt of this sample of problems"
    elif saving.interval.high < 0:
        cost = f"It costs more than {name}, beyond doubt of this sample of problems"
    else:
        cost = f"Whether it costs less than {name} cannot be told from luck"
    if accuracy.interval.low > 0:
        right = "and is right more often"
    elif accuracy.interval.high < 0:
        right = "and is right less often"
    else:
        right = "and a difference in accuracy cannot be told from luck"
    return f"{cost}, {right}."


def _front_picture(
    folder: Path, study: Evaluated, side: str, behind: Cloud, band: Sequence[tuple[float, float, float]]
) -> Picture:
    plans = study.plans
    fronts = {"front": plans.front, "singular": plans.singular}
    known = {name: [e for c in own if (e := getattr(c, side)) is not None] for name, own in fronts.items()}
    ids = plans.validation_ids if side == "validation" else plans.test_ids
    path = folder / f"front_{side}.svg"
    title = f"{side.capitalize()}: {len(ids)} problems"
    cost_accuracy_figure(path, title, behind.cost, behind.accuracy, known["front"], known["singular"], band)
    first, last = known["front"][0], known["front"][-1]
    alone = known["singular"][-1]
    return Picture(
        f"front-{side}",
        f"{title} (the paper's Figure {'5' if side == 'validation' else '7'})",
        f"Accuracy over cost. The {len(known['front'])} chosen plans rise from {_place(first)} to {_place(last)}; "
        f"the {len(known['singular'])} best plans of one model end at {_place(alone)}. "
        f"The table of chosen plans has all numbers.",
        f"{len(behind.cost):,} of {behind.n_plans:,} plans"
        + ("" if plans.theta is None else f" at the chosen θ={plans.theta:g}")
        + "; cost on a logarithmic axis.",
        path,
        front_chart(side, behind, plans.front, plans.singular, plans.models, band),
    )


def _place(estimate: Estimate) -> str:
    return f"{100 * estimate.accuracy:.1f} % for ${usd(estimate.usd_per_1k_queries)} per 1,000 queries"


def _chooser(study: Evaluated) -> dict[str, Any]:
    """What the sliders choose from: the front, by rising cost and accuracy on the validation side."""
    plans = study.plans
    best = recommended(plans)
    accuracy = [chosen.validation.accuracy for chosen in plans.front]
    start = max(
        (
            i
            for i, c in enumerate(plans.front)
            if c.validation.usd_per_1k_queries <= best.validation.usd_per_1k_queries * (1 + 1e-9)
        ),
        default=0,
    )
    return {
        "plans": [_choice(study, chosen) for chosen in plans.front],
        "start": start,
        "accuracies": [math.floor(1000 * own + 1e-6) / 10 for own in (accuracy[0], accuracy[-1])],
    }


def _choice(study: Evaluated, chosen: ChosenPlan) -> dict[str, Any]:
    models = study.plans.models
    name = chosen.plan.describe(models)
    test, validation = chosen.test, chosen.validation
    assert test is not None
    said = stage_sentences(chosen.plan, models)
    stages = [
        {"model": model, "does": does, "asked": _share(own.asked), "answered": _share(own.answered)}
        for (model, does), own in zip(said, shares(study, chosen, "test"), strict=True)
    ]
    return {
        "cost": validation.usd_per_1k_queries,
        "accuracy": validation.accuracy,
        "summary": f"{name}: {100 * test.accuracy:.1f} % right for ${usd(test.usd_per_1k_queries)} "
        f"per 1,000 queries (test)",
        "test_usd": usd(test.usd_per_1k_queries) + usd_ends(test.usd_interval),
        "test_accuracy": f"{100 * test.accuracy:.1f} %{ends(test.accuracy_interval)}",
        "validation_usd": usd(validation.usd_per_1k_queries) + usd_ends(validation.usd_interval),
        "validation_accuracy": f"{100 * validation.accuracy:.1f} %{ends(validation.accuracy_interval)}",
        "replaces": _replaces(study, chosen),
        "stages": stages,
        "places": {
            f"chart-front-{side}": [own.usd_per_1k_queries, 100 * own.accuracy]
            for side, own in (("validation", validation), ("test", test))
        },
    }


def _replaces(study: Evaluated, chosen: ChosenPlan) -> str:
    if chosen.replaces is None:
        return "Nothing: it is itself a plan of one model."
    other = chosen.replaces
    said = (
        f"{other.plan.describe(study.plans.models)}. On the test problems it saves {percent(other.saving)} of that "
        f"plan's cost, and gains {points(other.accuracy)} of accuracy."
    )
    if chosen.saving is not None and chosen.saving_interval is not None:
        mean = Measured(chosen.saving, chosen.saving_interval)
        said += (
            f" Against the mean of all plans of one model within ±1 point of its accuracy: {percent(mean)}."
        )
    return said


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"


def _plans_table(study: Evaluated) -> Table:
    rows = []
    for chosen in study.plans.front:
        test, other = chosen.test, chosen.replaces
        assert test is not None
        reach = " → ".join(f"{100 * own.asked:.0f} %" for own in shares(study, chosen, "test"))
        rows.append(
            (
                chosen.plan.describe(study.plans.models),
                usd(test.usd_per_1k_queries) + usd_ends(test.usd_interval),
                f"{100 * test.accuracy:.1f}{ends(test.accuracy_interval)}",
                usd(chosen.validation.usd_per_1k_queries),
                f"{100 * chosen.validation.accuracy:.1f}{ends(chosen.validation.accuracy_interval)}",
                reach,
                "" if other is None else other.plan.describe(study.plans.models),
                "" if other is None else percent(other.saving).replace(" %", ""),
                "" if other is None else points(other.accuracy).replace(" points", ""),
            )
        )
    head = (
        "plan",
        "$ per 1,000 queries, test",
        "right (%), test",
        "$, validation",
        "right (%), validation",
        "reaches each model",
        "instead of",
        "saves (%)",
        "gains (points)",
    )
    note = (
        "A stage is written k:l: k solutions and k tests, of each of which up to l lines count; greedy is one "
        "solution and no test. θ is the share of the highest possible score that an answer must reach."
    )
    return Table("plans", "All chosen plans, by rising cost", head, rows, note, words=(0, 6))


def _singular_table(study: Evaluated) -> Table:
    rows = []
    for chosen in study.plans.singular:
        assert chosen.test is not None
        rows.append(
            (
                chosen.plan.describe(study.plans.models),
                usd(chosen.test.usd_per_1k_queries) + usd_ends(chosen.test.usd_interval),
                f"{100 * chosen.test.accuracy:.1f}{ends(chosen.test.accuracy_interval)}",
                usd(chosen.validation.usd_per_1k_queries),
                f"{100 * chosen.validation.accuracy:.1f}{ends(chosen.validation.accuracy_interval)}",
            )
        )
    head = (
        "plan",
        "$ per 1,000 queries, test",
        "right (%), test",
        "$, validation",
        "right (%), validation",
    )
    return Table("singular", "The best plans of one model, to compare with", head, rows)


def _made(made: Made, hashes: Mapping[str, str], again: str) -> dict[str, Any]:
    own = versions()
    facts = [
        ("MLflow run", made.run_id),
        ("MLflow run that was executed", made.source_run_id),
        ("started", f"{made.started:%Y-%m-%d %H:%M} UTC"),
        (
            "isolation of the programs",
            made.isolation or "nothing was executed: every verdict was in the store",
        ),
        *((f"hash of {name}", value) for name, value in hashes.items()),
        ("cascade, at the study", made.version),
        ("versions, at this page", ", ".join(f"{name} {number}" for name, number in own.items())),
    ]
    seconds = [(step, f"{took:.1f}") for step, took in made.seconds.items()]
    tables = [
        Table("made", "What it was made from", ("what", "value"), facts, words=(0, 1)),
        Table("seconds", "Seconds by step", ("step", "seconds"), seconds),
    ]
    return {
        "version": made.version,
        "command": made.command,
        "again": again,
        "tables": tables,
        "yaml": made.yaml,
    }
