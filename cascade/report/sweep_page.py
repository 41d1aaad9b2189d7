"""The report of several studies: what they save in the mean, a row each, their fronts over each other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from cascade.base import flat_settings
from cascade.core import Measured, mean_of_studies
from cascade.report.answer import sweep_answer
from cascade.report.charts import band_chart, overlay_chart
from cascade.report.content import Evaluated, one_a_split, recommended
from cascade.report.figures import MAX_LINES, overlay_figure
from cascade.report.page import Picture, ProvenanceSection, Section, Table, versions, write_page
from cascade.report.paper_section import table_1, table_2, table_3
from cascade.report.published import published
from cascade.report.wording import percent, points, theta_of, usd
from cascade.search import Estimate

Groups = Mapping[str, Sequence[Evaluated]]


# Studies that differ in these alone are a group: they are splits of one thing.
SPLIT = ("seed", "split.validation_ids")


def group_studies(studies: Sequence[Evaluated]) -> dict[str, list[Evaluated]]:
    """Studies that differ in their split alone belong together; by a name that tells the groups apart."""
    groups: dict[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], list[Evaluated]] = {}
    for study in studies:
        groups.setdefault((_key(study), tuple(sorted(_settings(study).items()))), []).append(study)
    keys = [key for key, _ in groups]
    differ = [i for i in range(len(keys[0])) if i < 2 or len({key[i] for key in keys}) > 1]
    named: dict[str, list[Evaluated]] = {}
    for (key, settings), studies in groups.items():
        family, dataset, *rest = (key[i] for i in differ)
        # Settings beyond the usual ones are named where they alone tell two groups apart.
        others = [dict(s) for k, s in groups if k == key]
        rest += [
            f"{name}={value}" for name, value in settings if len({other.get(name) for other in others}) > 1
        ]
        name = ", ".join([f"{family} on {dataset}", *filter(None, rest)])
        named[name] = sorted(studies, key=lambda s: s.provenance.seed)
    return named


def _settings(study: Evaluated) -> dict[str, str]:
    """Every setting that results depend on, by its key, and the hashes of prices, problems and samples."""
    settings: Any = OmegaConf.to_container(OmegaConf.create(study.record.yaml))
    found = {key: str(value) for key, value in flat_settings(settings).items() if key not in SPLIT}
    hashes = study.provenance.hashes
    return found | {f"hash of {name}": hashes[name][:8] for name in ("prices", "problems", "samples")}


def _labels(groups: Groups) -> dict[str, Evaluated]:
    """Every study by a name of its own; none takes another's."""
    labels: dict[str, Evaluated] = {}
    for name, studies in groups.items():
        for study in studies:
            seed = f"seed={study.provenance.seed}"
            label = seed if len(groups) == 1 else f"{name}, {seed}"
            labels[f"{label}, run {study.record.run_id[:8]}" if label in labels else label] = study
    return labels


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
        _constraint("budget $", selection["budget_usd_per_1k"]),
        _constraint("accuracy at least ", selection["min_accuracy"]),
    )


def _constraint(words: str, value: float | None) -> str:
    return "" if value is None else f"{words}{value:g}"


def write_sweep_page(folder: Path, studies: Sequence[Evaluated], again: str) -> Path:
    """Write the page with its figures and tables.

    Args:
        folder: where to; it is there.
        studies: evaluated ones.
        again: the command that makes this page.
    """
    groups = group_studies(studies)
    labels = _labels(groups)
    sections = [
        Section("studies", "The studies", (), (), [_studies_table(labels), *_means_table(groups)]),
        Section("fronts", "Their fronts", (), [_overlay(folder, groups, labels)]),
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


def _points(measured: Measured) -> str:
    return points(measured).replace(" points", "")


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
                "" if proof.saving_by_target is None else percent(proof.saving_by_target).replace(" %", ""),
                "" if proof.accuracy_by_target is None else _points(proof.accuracy_by_target),
                _points(proof.generalization_gap),
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
        "by target: cheaper (%)",
        "by target: points",
        "generalization gap (points)",
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
    return Table("studies", "One row a study", head, rows, note, words=(0, 7))


def _means_table(groups: Groups) -> list[Table]:
    """Means over the splits of each group; nothing where each has one."""
    rows = []
    for name, of_group in groups.items():
        studies = one_a_split(of_group)
        if len(studies) < 2:
            continue
        confidence = studies[0].plans.selection["interval"]
        proofs = [study.plans.proof for study in studies if study.plans.proof is not None]
        saved = np.array([p.saving_by_target.value for p in proofs if p.saving_by_target is not None])
        gained = np.array([p.accuracy_by_target.value for p in proofs if p.accuracy_by_target is not None])
        paper = np.array([p.mean_saving.value for p in proofs if p.mean_saving is not None])
        lost = np.array([p.generalization_gap.value for p in proofs])
        rows.append(
            (
                name,
                str(len(studies)),
                percent(mean_of_studies(saved, confidence)).replace(" %", "") if len(saved) > 1 else "",
                f"{100 * saved.std(ddof=1):.1f}" if len(saved) > 1 else "",
                f"{100 * saved.min():.1f} to {100 * saved.max():.1f}" if len(saved) else "",
                _points(mean_of_studies(gained, confidence)) if len(gained) > 1 else "",
                f"{np.mean([p.hypervolume for p in proofs]):.3f}",
                _points(mean_of_studies(lost, confidence)),
                f"{100 * np.mean([study.plans.optimism for study in studies]):.1f}",
                f"{100 * np.mean([p.regret for p in proofs]):.1f}",
                percent(mean_of_studies(paper, confidence)).replace(" %", "") if len(paper) > 1 else "",
            )
        )
    head = (
        "studies of",
        "splits",
        "by target: cheaper (%)",
        "sd",
        "range",
        "by target: points",
        "hypervolume, test",
        "generalization gap (points)",
        "expected gap",
        "regret (%)",
        "the paper's mean saving (%)",
    )
    note = (
        "Student's intervals over the splits; of studies on the same split the newest counts. "
        "The expected gap is what the validation sides alone say."
    )
    return (
        [Table("means", "Means over studies that differ in their split alone", head, rows, note)]
        if rows
        else []
    )


def _overlay(folder: Path, groups: Groups, labels: Mapping[str, Evaluated]) -> Picture:
    fronts = {label: _tested(study) for label, study in labels.items()}
    grouped = {name: [_tested(study) for study in one_a_split(studies)] for name, studies in groups.items()}
    path = folder / "fronts.svg"
    overlay_figure(path, f"Chosen plans of {len(fronts)} studies, test", fronts, grouped)
    many = len(fronts) > MAX_LINES
    return Picture(
        "fronts",
        "The chosen plans on the test problems",
        f"Accuracy over cost of {len(fronts)} studies; the table of studies has numbers.",
        "The best test accuracy that a study's chosen plans have for at most so much: the line is the median "
        "of the studies, the band holds four of five; cost on a logarithmic axis."
        if many
        else "Every mark is a chosen plan on its study's test problems; cost on a logarithmic axis.",
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
        band_chart(grouped) if many else overlay_chart(fronts),
    )


def _tested(study: Evaluated) -> list[Estimate]:
    known = [chosen.test for chosen in study.plans.front if chosen.test is not None]
    return sorted(known, key=lambda estimate: estimate.usd_per_1k_queries)


def _paper_tables(groups: Groups) -> list[Table]:
    rows, savings, tables = [], [], []
    seen: set[tuple[str, str, str]] = set()
    for of_group in groups.values():
        studies = one_a_split(of_group)
        provenance = studies[0].provenance
        cell = (provenance.family, provenance.dataset, provenance.hardware)
        paper = published(*cell)
        proofs = [study.plans.proof for study in studies if study.plans.proof is not None]
        saved = np.array([p.mean_saving.value for p in proofs if p.mean_saving is not None])
        compared = sum(p.n_cascades - p.n_empty_windows for p in proofs)
        rows.append(
            (
                provenance.family,
                provenance.dataset,
                _mean(saved, studies[0].plans.selection["interval"]),
                f"{compared} of {sum(p.n_cascades for p in proofs)}",
            )
        )
        savings.append(paper.saving)
        if cell in seen:
            continue
        seen.add(cell)
        for table in (table_1(studies[0], paper), table_2(studies[0], paper)):
            name = f"{table.name}_{'_'.join(cell)}"
            tables.append(replace(table, name=name, caption=f"{table.caption} ({cell[0]} on {cell[1]})"))
    return [table_3(rows, savings), *tables]


def _mean(saved: np.ndarray[tuple[int], np.dtype[np.float64]], confidence: float) -> str:
    if len(saved) == 0:
        return ""
    mean = mean_of_studies(saved, confidence)
    return percent(mean) if len(saved) > 1 else f"{100 * mean.value:.1f} %"
