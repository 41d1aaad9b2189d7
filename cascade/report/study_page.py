"""The report of one study: which plan to use and what it saves, then everything that says so."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from cascade.report.answer import study_answer
from cascade.report.charts import front_chart
from cascade.report.chooser import chooser, plans_table, singular_table
from cascade.report.content import Cloud, Evaluated, RunRecord, band_on_test, cloud
from cascade.report.figures import cost_accuracy_figure
from cascade.report.page import Picture, ProvenanceSection, Section, Table, versions, write_page
from cascade.report.paper_section import paper_sections
from cascade.report.published import published
from cascade.report.study_tables import diagnostics_section, proof_section
from cascade.report.target_curves import TargetCurve, target_curves, target_figure, target_rows
from cascade.report.wording import usd
from cascade.search import Estimate, GridResult

SIDES = ("validation", "test")


def write_study_page(folder: Path, study: Evaluated, grids: Mapping[str, GridResult], again: str) -> Path:
    """Write the page with its figures and tables.

    Args:
        folder: where to; it is there.
        study: an evaluated study.
        grids: by side, the plans that stand behind the fronts.
        again: the command that makes this page.
    """
    plans, provenance = study.plans, study.provenance
    paper = published(provenance.family, provenance.dataset, provenance.hardware)
    confidence = plans.selection["interval"]
    bands = {"validation": plans.band, "test": band_on_test(study, plans.selection["replicates"], confidence)}
    clouds = {side: cloud(grid, plans) for side, grid in grids.items()}
    fronts = [_front_picture(folder, study, side, clouds[side], bands[side]) for side in SIDES]
    if (curves := target_curves(plans)) is not None:
        fronts.append(_target_picture(folder, study, curves))
    front = Section(
        "front",
        "The front",
        (
            "Every plan is a dot: what it costs, and how often it is right. The chosen plans (circles) were "
            "found on the validation problems alone; on the test problems they are seen for the first time. "
            f"The shaded band is the {100 * confidence:g} % interval of the best accuracy for at most "
            "that cost.",
        ),
        fronts,
    )
    sections = [
        front,
        *paper_sections(folder, study, grids["test"], paper),
        proof_section(study),
        *diagnostics_section(folder, study),
    ]
    front_table, singular = plans_table(study), singular_table(study)
    how = _provenance(study.record, provenance.hashes, again)
    return write_page(
        folder,
        "study.html.j2",
        sections,
        [front_table, singular, *how.tables],
        title=f"{provenance.family} on {provenance.dataset}: which plan to use, and what it saves",
        kind="Report of one study",
        facts=_facts(study),
        contents=[
            ("answer", "The answer"),
            ("choose", "Choose a plan"),
            *((section.anchor, section.title) for section in sections),
            ("made", "How it was made"),
        ],
        answer=study_answer(study),
        interval=f"{100 * confidence:g} %",
        chooser=chooser(study),
        plans_table=front_table,
        singular_table=singular,
        provenance=how,
    )


def _facts(study: Evaluated) -> str:
    provenance, plans = study.provenance, study.plans
    return (
        f"Models {', '.join(plans.models)} · priced on {provenance.hardware} · {len(plans.validation_ids)} "
        f"validation and {len(plans.test_ids)} test problems, seed {provenance.seed} · "
        f"{study.record.started:%Y-%m-%d}"
    )


def _front_picture(
    folder: Path, study: Evaluated, side: str, behind: Cloud, band: Sequence[tuple[float, float, float]]
) -> Picture:
    plans = study.plans
    fronts = {"front": plans.front, "singular": plans.singular}
    known = {
        name: [e for c in chosen if (e := getattr(c, side)) is not None] for name, chosen in fronts.items()
    }
    ids = plans.validation_ids if side == "validation" else plans.test_ids
    path = folder / f"front_{side}.svg"
    title = f"{side.capitalize()}: {len(ids)} problems"
    cost_accuracy_figure(path, title, behind.cost, behind.accuracy, known["front"], known["singular"], band)
    first, last = known["front"][0], known["front"][-1]
    alone = known["singular"][-1]
    return Picture(
        f"front-{side}",
        f"{title} (the paper's Figure {'5' if side == 'validation' else '7'})",
        f"Accuracy over cost. The {len(known['front'])} chosen plans go from {_place(first)} to "
        f"{_place(last)}; the {len(known['singular'])} best plans of one model end at {_place(alone)}. "
        f"The table of chosen plans has all numbers.",
        f"{len(behind.cost):,} of {behind.n_plans:,} plans"
        + ("" if plans.theta is None else f" at the chosen θ={plans.theta:g}")
        + "; cost on a logarithmic axis.",
        path,
        _front_data(side, study, behind, band),
        front_chart(side, behind, plans.front, plans.singular, plans.models, band),
    )


def _target_picture(folder: Path, study: Evaluated, curves: tuple[TargetCurve, TargetCurve]) -> Picture:
    path, models = folder / "targets.svg", study.plans.models
    target_figure(path, "What each accuracy target costs", curves)
    first, last = (100 * curves[0].edges[i] for i in (0, -1))
    return Picture(
        "targets",
        "What each accuracy target costs",
        f"Cost, accuracy and rounds over accuracy targets from {first:.1f} to {last:.1f} %: a line of steps "
        "for the chosen cascades and one for single models. The file targets.csv has all numbers.",
        "For every accuracy that both fronts promise, the cheapest chosen plan that promises it: what it "
        "costs and how often it is right on the test problems, with intervals, and for how many rounds of "
        "generation a query waits. The headline “by target” is the mean difference of the two lines.",
        path,
        target_rows(curves, models),
    )


def _front_data(
    side: str, study: Evaluated, behind: Cloud, band: Sequence[tuple[float, float, float]]
) -> pd.DataFrame:
    """Everything that a front's figure shows, a row each."""
    plans = study.plans
    rows: list[tuple[object, ...]] = [
        (kind, one.plan.describe(plans.models), estimate.usd_per_1k_queries, estimate.accuracy, None, None)
        for kind, chosen in (("cascade front", plans.front), ("one-model front", plans.singular))
        for one in chosen
        if (estimate := getattr(one, side)) is not None
    ]
    dots = zip(behind.names, behind.cost, behind.accuracy, strict=True)
    rows += [("plan", name, cost, accuracy, None, None) for name, cost, accuracy in dots]
    rows += [("band", "", cost, None, low, high) for cost, low, high in band]
    columns = ["kind", "plan", "usd_per_1k_queries", "accuracy", "accuracy_low", "accuracy_high"]
    return pd.DataFrame(rows, columns=columns)


def _place(estimate: Estimate) -> str:
    return f"{100 * estimate.accuracy:.1f} % for ${usd(estimate.usd_per_1k_queries)} per 1,000 queries"


def _provenance(record: RunRecord, hashes: Mapping[str, str], again: str) -> ProvenanceSection:
    facts = [
        ("MLflow run", record.run_id),
        ("MLflow run that was executed", record.source_run_id),
        ("started", f"{record.started:%Y-%m-%d %H:%M} UTC"),
        (
            "isolation of the programs",
            record.isolation or "nothing was executed: every verdict was in the store",
        ),
        *((f"hash of {name}", value) for name, value in hashes.items()),
        ("cascade, at the study", record.version),
        ("versions, at this page", versions()),
    ]
    seconds = [(step, f"{took:.1f}") for step, took in record.seconds.items()]
    tables = [
        Table("made", "What it was made from", ("what", "value"), facts, words=(0, 1)),
        Table("seconds", "Seconds by step", ("step", "seconds"), seconds),
    ]
    return ProvenanceSection(record.version, record.command, again, tables, record.yaml)
