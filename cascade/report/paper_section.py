"""The paper's Tables 1, 2, 3 and Figures 1, 2, 6 with a study's numbers, and the paper's own beside them."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cascade.report.charts import curve_chart, theta_chart
from cascade.report.content import Evaluated, ThetaSweep, curve, greedy_right, sweep_of
from cascade.report.curves import SavingCurve
from cascade.report.figures import saving_curve_figure, theta_figure
from cascade.report.page import Picture, Section, Table
from cascade.report.published import Published, ThetaPeak
from cascade.report.venn import Patterns, patterns, solved_by, solved_figure
from cascade.report.wording import percent, usd
from cascade.search import GridResult

PAPER = "the paper's"


def paper_sections(folder: Path, study: Evaluated, test: GridResult, paper: Published) -> list[Section]:
    """The models, and the method's results, as the paper shows them.

    Args:
        folder: where figures go.
        study: an evaluated study.
        test: the plans on its test side.
        paper: the cells that the paper has for it.
    """
    counts = patterns(study.plans.models, study.diagnostics["who_solves_what"])
    family = Section(
        "family",
        "The models: what they cost, and what they solve",
        (_beside(paper),),
        (_solved(folder, study.plans.models, counts),),
        [*figure_2(study.plans.models, counts, paper), table_1(study, paper), table_2(study, paper)],
    )
    pictures = []
    if (found := curve(study, test)) is not None:
        pictures.append(_curve(folder, found, paper))
    if (sweep := sweep_of(study, paper)) is not None:
        pictures.append(_theta(folder, sweep, paper.peak, len(study.executed.task_ids)))
    proof = study.plans.proof
    assert proof is not None
    saving_row = [
        (
            study.provenance.family,
            study.provenance.dataset,
            "" if proof.mean_saving is None else percent(proof.mean_saving),
            f"{proof.n_cascades - proof.n_empty_windows} of {proof.n_cascades}",
        )
    ]
    saved = Section("saved", "What cascading saves", (), pictures, [table_3(saving_row, [paper.saving])])
    return [family, saved]


def _beside(paper: Published) -> str:
    if paper.accuracy:
        return "The paper printed numbers for this family and data set: they stand beside ours."
    return (
        "The tables and figures are those of the paper; it has no numbers for this family, data set and "
        "hardware to stand beside ours."
    )


def table_1(study: Evaluated, paper: Published) -> Table:
    """Greedy accuracy and price of every model."""
    n = len(study.executed.task_ids)
    solved = study.diagnostics["who_solves_what"]
    rows = []
    for model in study.plans.models:
        right = greedy_right(solved, model)
        row = [model, usd(study.provenance.prices[model].usd_per_1m_tokens)]
        if paper.usd_per_1m_tokens:
            row.append(f"{paper.usd_per_1m_tokens[model]:.2f}" if model in paper.usd_per_1m_tokens else "")
        row += [f"{right} of {n}", f"{100 * right / n:.1f}"]
        if paper.accuracy:
            row.append(f"{100 * paper.accuracy[model]:.1f}" if model in paper.accuracy else "")
        rows.append(row)
    head = ["model", "$ per 1M tokens, here"]
    head += [f"$ per 1M tokens, {PAPER} (mean of 3 data sets)"] if paper.usd_per_1m_tokens else []
    head += ["greedy answers right", "greedy accuracy (%)"]
    head += [f"greedy accuracy (%), {PAPER}"] if paper.accuracy else []
    return Table("table_1", "The paper's Table 1: cost and greedy accuracy", head, rows)


def table_2(study: Evaluated, paper: Published) -> Table:
    """Where the price of a token comes from."""
    names = ("GPUs", "hours", "batch", "$")
    rows = []
    for model in study.plans.models:
        price = study.provenance.prices[model]
        ours = (
            str(price.gpus),
            _or_empty(price.hours_per_1m_tokens, ".3g"),
            _or_empty(price.batch, "d"),
            usd(study.provenance.prices[model].usd_per_1m_tokens),
        )
        its = paper.speed.get(model)
        theirs = (
            ("",) * 4
            if its is None
            else (str(its.gpus), f"{its.hours:.2f}", str(its.batch), f"{its.usd:.2f}")
        )
        pairs = zip(ours, theirs, strict=True)
        rows.append([model, *((cell for pair in pairs for cell in pair) if paper.speed else ours)])
    head = ["model", *(n for name in names for n in ((name, f"{name}, {PAPER}") if paper.speed else (name,)))]
    caption = "The paper's Table 2: time and cost of a million generated tokens"
    return Table(
        "table_2", caption, head, rows, "" if paper.speed else "A machine without GPUs counts as one."
    )


def _or_empty(value: float | None, spec: str) -> str:
    return "" if value is None else format(value, spec)


def table_3(rows: Sequence[Sequence[str]], savings: Sequence[float | None]) -> Table:
    """Mean savings beside the paper's.

    Args:
        rows: family, data set, our saving, and from what.
        savings: the paper's own, one a row; None where it has none.
    """
    head = ["family", "data set", "mean saving, test", "cascade plans compared"]
    whole = [list(row) for row in rows]
    if any(saving is not None for saving in savings):
        head.insert(3, f"mean saving, {PAPER}")
        for row, saving in zip(whole, savings, strict=True):
            row.insert(3, "" if saving is None else f"{100 * saving:.1f} %")
    note = (
        "For each chosen cascade plan C_0 is the mean cost of all plans of one model within ±1 point of its "
        "accuracy on the test problems, and (C_0 − C_1)/C_0 is saved; then the mean over plans."
    )
    return Table("table_3", "The paper's Table 3: mean cost saving", head, whole, note, words=(0, 1))


def figure_2(models: Sequence[str], counts: Patterns, paper: Published) -> list[Table]:
    """Who solves what beside the paper's caption; nothing where it has none."""
    if not paper.solved:
        return []
    its = {tuple(model in pattern for model in models): n for pattern, n in paper.solved.items()}
    rows = [
        (solved_by(models, pattern), str(counts.get(pattern, 0)), str(its.get(pattern, "")))
        for pattern in dict.fromkeys([*counts, *its])
    ]
    head = ("solved by", "problems", f"problems, {PAPER}")
    note = "The paper's caption does not name every set."
    return [
        Table("figure_2", "The paper's Figure 2: problems solved by exactly these models", head, rows, note)
    ]


def _solved(folder: Path, models: Sequence[str], counts: Patterns) -> Picture:
    path = folder / "solved.svg"
    n = sum(counts.values())
    title = f"Who solves what: {n} problems, greedy"
    solved_figure(path, title, models, counts)
    each = "; ".join(f"{solved_by(models, pattern)}: {count}" for pattern, count in counts.items())
    said = f"Problems solved by exactly these models: {each}."
    return Picture(
        "solved",
        "Which problems each model solves (the paper's Figure 2)",
        said,
        said,
        path,
        pd.DataFrame(
            [(*pattern, count) for pattern, count in counts.items()], columns=[*models, "n_problems"]
        ),
    )


def _curve(folder: Path, found: SavingCurve, paper: Published) -> Picture:
    path = folder / "figure_1.svg"
    saving_curve_figure(path, "The cost of equal accuracy, test", found)
    low, high = 100 * found.accuracy[0], 100 * found.accuracy[-1]
    how = f"{100 * abs(found.saving):.1f} % {'less' if found.saving >= 0 else 'more'}"
    said = f"From {low:.1f} to {high:.1f} % accuracy the cascade costs {how} in the mean"
    its = "" if paper.curve_saving is None else f" The paper: {100 * paper.curve_saving:.0f} %."
    return Picture(
        "figure-1",
        "Cascade against one model (the paper's Figure 1)",
        f"Two rising curves of accuracy over cost. {said}.",
        f"{said}: PCHIP curves through the chosen plans and through all plans of one model, each of these at "
        f"the mean cost of those within ±1 point.{its}",
        path,
        pd.DataFrame(
            {
                "accuracy": found.accuracy,
                "cascade_usd_per_1k_queries": found.cascade,
                "one_model_usd_per_1k_queries": found.one_model,
            }
        ),
        curve_chart(found),
    )


def _theta(folder: Path, sweep: ThetaSweep, peak: ThetaPeak | None, n_problems: int) -> Picture:
    path = folder / "figure_6.svg"
    theta_figure(path, f"{sweep.name}: {n_problems} problems", sweep.thetas, sweep.cost, sweep.accuracy)
    best = sweep.best
    said = (
        f"{sweep.name} on all {n_problems} problems is most accurate at θ={sweep.thetas[best]:g}: "
        f"{100 * sweep.accuracy[best]:.1f} % for ${usd(sweep.cost[best])} per 1,000 queries."
    )
    if sweep.is_papers and peak is not None:
        said += (
            f" The paper, for the same plan: {100 * peak.accuracy:.1f} % at θ={peak.theta:g} for "
            f"${peak.usd_per_1k_queries:.2f}."
        )
    return Picture(
        "figure-6",
        "One plan at every θ (the paper's Figure 6)",
        said,
        said,
        path,
        pd.DataFrame({"theta": sweep.thetas, "accuracy": sweep.accuracy, "usd_per_1k_queries": sweep.cost}),
        theta_chart(sweep),
    )
