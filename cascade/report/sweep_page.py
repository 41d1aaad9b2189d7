"""The report of several studies: what they save in the mean, a row each, their fronts over each other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cascade.core import mean_of_studies
from cascade.report.answer import sweep_answer
from cascade.report.charts import overlay_chart
from cascade.report.content import Evaluated, recommended
from cascade.report.figures import overlay_figure
from cascade.report.page import Picture, ProvenanceSection, Section, Table, versions, write_page
from cascade.report.paper_section import table_1, table_2, table_3
from cascade.report.published import published
from cascade.report.wording import percent, points, theta_of, usd
from cascade.search import Estimate

Groups = Mapping[str, Sequence[Evaluated]]


def group_studies(studies: Sequence[Evaluated]) -> dict[str, list[Evaluated]]:
    """Studies that differ in their split alone belong together; by a name that tells the groups apart."""
    groups: dict[tuple[str, ...], list[Evaluated]] = {}
    for study in studies:
        groups.setdefault(_key(study), []).append(study)
    keys = list(groups)
    differ = [i for i in range(len(keys[0])) if i < 2 or len({key[i] for key in keys}) > 1]
    named: dict[str, list[Evaluated]] = {}
    for key, own in groups.items():
        family, dataset, *rest = (key[i] for i in differ)
        named[", ".join([f"{family} on {dataset}", *filter(None, rest)])] = sorted(
            own, key=lambda s: s.provenance.seed
        )
    return named


def _key(study: Evaluated) -> tuple[str, ...]:
    provenance, selection = study.provenance, study.plans.selection
    return (
        provenance.family,
        provenance.dataset,
        provenance.hardware,
        f"rule {study.rule}",
        provenance.estimator,
        f"θ {selection['theta']}",
        f"plans {selection['plans']}",
        _wish("budget $", selection["budget_usd_per_1k"]),
        _wish("accuracy at least ", selection["min_accuracy"]),
    )


def _wish(words: str, value: float | None) -> str:
    return "" if value is None else f"{words}{value:g}"


def write_sweep_page(folder: Path, studies: Sequence[Evaluated], again: str) -> Path:
    """Write the page with its figures and tables.

    Args:
        folder: where to; it is there.
        studies: evaluated ones.
        again: the command that makes this page.
    """
    groups = group_studies(studies)
    labels = {
        ("" if len(groups) == 1 else f"{name}, ") + f"seed={study.provenance.seed}": study
        for name, own in groups.items()
        for study in own
    }
    sections = [
        Section("studies", "The studies", (), (), [_studies_table(labels), *_means_table(groups)]),
        Section("fronts", "Their fronts", (), [_overlay(folder, labels)]),
        Section("paper", "Beside the paper", (), (), _paper_tables(groups)),
    ]
    runs = [
        (label, study.record.run_id, f"{study.record.started:%Y-%m-%d %H:%M}", study.record.command or "")
        for label, study in labels.items()
    ]
    first = studies[0]
    facts = [("cascade", first.record.version), ("versions, at this page", versions())]
    how = ProvenanceSection(
        first.record.version,
        None,
        again,
        [
            Table(
                "runs",
                "The studies' MLflow runs",
                ("study", "run", "started", "command"),
                runs,
                words=(0, 1, 2, 3),
            ),
            Table("made", "What wrote it", ("what", "value"), facts, words=(0, 1)),
        ],
        "",
    )
    n_problems = {len(study.executed.task_ids) for study in studies}
    return write_page(
        folder,
        "sweep.html.j2",
        sections,
        how.tables,
        title=f"{len(studies)} studies: what cascading saves",
        kind="Report of several studies",
        facts=f"{'; '.join(groups)} · {' or '.join(map(str, sorted(n_problems)))} problems",
        contents=[
            ("answer", "The answer"),
            *((section.anchor, section.title) for section in sections),
            ("made", "How it was made"),
        ],
        answer=sweep_answer(groups),
        provenance=how,
    )


def _studies_table(labels: Mapping[str, Evaluated]) -> Table:
    rows = []
    for label, study in labels.items():
        plans, best = study.plans, recommended(study.plans)
        proof = plans.proof
        assert proof is not None and best.test is not None
        rows.append(
            (
                label,
                theta_of(plans).removeprefix("θ="),
                f"{proof.n_cascades} of {len(plans.front)}",
                "" if proof.mean_saving is None else percent(proof.mean_saving).replace(" %", ""),
                points(proof.drop).replace(" points", ""),
                f"{100 * proof.regret:.1f}",
                best.plan.describe(plans.models),
                usd(best.test.usd_per_1k_queries),
                f"{100 * best.test.accuracy:.1f}",
                "" if best.replaces is None else percent(best.replaces.saving).replace(" %", ""),
            )
        )
    head = (
        "study",
        "θ",
        "cascades on the front",
        "mean saving (%)",
        "drop (points)",
        "regret (%)",
        "plan to use",
        "its $ per 1,000 queries, test",
        "right (%), test",
        "saves (%)",
    )
    note = (
        "The plan to use is the cheapest that came within one point of the most accurate plan of one model "
        "on the study's validation problems; it saves that much against the plan of one model in its place."
    )
    return Table("studies", "One row a study", head, rows, note, words=(0, 6))


def _means_table(groups: Groups) -> list[Table]:
    """Means over the studies of each group; nothing where each has one."""
    rows = []
    for name, own in groups.items():
        if len(own) < 2:
            continue
        confidence = own[0].plans.selection["interval"]
        proofs = [study.plans.proof for study in own if study.plans.proof is not None]
        saved = np.array([p.mean_saving.value for p in proofs if p.mean_saving is not None])
        lost = np.array([p.drop.value for p in proofs])
        rows.append(
            (
                name,
                str(len(own)),
                percent(mean_of_studies(saved, confidence)).replace(" %", "") if len(saved) > 1 else "",
                f"{100 * saved.std(ddof=1):.1f}" if len(saved) > 1 else "",
                f"{100 * saved.min():.1f} to {100 * saved.max():.1f}" if len(saved) else "",
                points(mean_of_studies(lost, confidence)).replace(" points", ""),
                f"{100 * np.mean([study.plans.optimism for study in own]):.1f}",
                f"{100 * np.mean([p.regret for p in proofs]):.1f}",
            )
        )
    head = (
        "studies of",
        "studies",
        "mean saving (%)",
        "sd",
        "range",
        "drop (points)",
        "expected drop",
        "regret (%)",
    )
    note = (
        "Student's intervals over the studies. The expected drop is what the validation sides alone foretold."
    )
    return (
        [Table("means", "Means over studies that differ in their split alone", head, rows, note)]
        if rows
        else []
    )


def _overlay(folder: Path, labels: Mapping[str, Evaluated]) -> Picture:
    fronts: dict[str, list[Estimate]] = {}
    for label, study in labels.items():
        known = [chosen.test for chosen in study.plans.front if chosen.test is not None]
        fronts[label] = sorted(known, key=lambda estimate: estimate.usd_per_1k_queries)
    path = folder / "fronts.svg"
    overlay_figure(path, f"Chosen plans of {len(fronts)} studies, test", fronts)
    return Picture(
        "fronts",
        "The chosen plans on the test problems",
        f"Accuracy over cost, a line for each of {len(fronts)} studies; the table of studies has numbers.",
        "Every mark is a chosen plan on its study's test problems; cost on a logarithmic axis.",
        path,
        pd.DataFrame(
            [
                (label, chosen.plan.describe(study.plans.models), test.usd_per_1k_queries, test.accuracy)
                for label, study in labels.items()
                for chosen in study.plans.front
                if (test := chosen.test) is not None
            ],
            columns=["study", "plan", "usd_per_1k_queries", "accuracy"],
        ),
        overlay_chart(fronts),
    )


def _paper_tables(groups: Groups) -> list[Table]:
    rows, savings, tables = [], [], []
    seen: set[tuple[str, str, str]] = set()
    for own in groups.values():
        provenance = own[0].provenance
        place = (provenance.family, provenance.dataset, provenance.hardware)
        paper = published(*place)
        proofs = [study.plans.proof for study in own if study.plans.proof is not None]
        saved = np.array([p.mean_saving.value for p in proofs if p.mean_saving is not None])
        compared = sum(p.n_cascades - p.n_empty_windows for p in proofs)
        rows.append(
            (
                provenance.family,
                provenance.dataset,
                _mean(saved, own[0].plans.selection["interval"]),
                f"{compared} of {sum(p.n_cascades for p in proofs)}",
            )
        )
        savings.append(paper.saving)
        if place in seen:
            continue
        seen.add(place)
        for table in (table_1(own[0], paper), table_2(own[0], paper)):
            name = f"{table.name}_{'_'.join(place)}"
            tables.append(replace(table, name=name, caption=f"{table.caption} ({place[0]} on {place[1]})"))
    return [table_3(rows, savings), *tables]


def _mean(saved: np.ndarray[tuple[int], np.dtype[np.float64]], confidence: float) -> str:
    if len(saved) == 0:
        return ""
    mean = mean_of_studies(saved, confidence)
    return percent(mean) if len(saved) > 1 else f"{100 * mean.value:.1f} %"
