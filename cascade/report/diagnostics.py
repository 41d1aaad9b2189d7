"""Diagnostics as tables and a figure for people: one row a thing, one file a question."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cascade.core import Bin, Option, StageRuns, acceptance, quality, reliability, who_solves_what
from cascade.report.drawing import plain_text, save
from cascade.report.figures import LINES, MARKERS

# By rule, model and option.
Runs = Mapping[tuple[str, str, Option], StageRuns]


def options_table(runs: Runs) -> pd.DataFrame:
    """How good every option of every model is under every rule; see `cascade.core.diagnostics.Quality`."""
    return pd.DataFrame([_key(*key) | asdict(quality(model_runs)) for key, model_runs in runs.items()])


def acceptance_table(runs: Runs, thetas: Sequence[float], *, accept_without_tests: bool) -> pd.DataFrame:
    """What every θ does to every option's answers; see `cascade.core.diagnostics.Acceptance`."""
    return pd.DataFrame(
        [
            _key(*key) | {"theta": theta} | asdict(one)
            for key, model_runs in runs.items()
            for theta, one in zip(
                thetas,
                acceptance(model_runs, thetas, accept_without_tests=accept_without_tests),
                strict=True,
            )
        ]
    )


def calibration_table(runs: Runs) -> pd.DataFrame:
    """The score of every option against the truth, in ten bins; see `cascade.core.diagnostics.Bin`."""
    rows = [_key(*key) | asdict(one_bin) for key, runs_ in runs.items() for one_bin in reliability(runs_)]
    # Models whose tests are all invalid have no scores, and the table no rows.
    return pd.DataFrame(rows, columns=["rule", "model", "k", "l", *(one.name for one in fields(Bin))])


def solved_table(models: Sequence[str], solved: NDArray[np.bool_], task_ids: Sequence[str]) -> pd.DataFrame:
    """Which problems are solved by exactly which models (paper Figure 2).

    Args:
        models: names from small to large.
        solved: bool array (models, problems).
        task_ids: of the problems.
    """
    return pd.DataFrame(
        [
            {**dict(zip(models, pattern, strict=True)), "n_problems": len(indices)}
            | {"task_ids": " ".join(task_ids[i] for i in indices)}
            for pattern, indices in who_solves_what(solved).items()
        ]
    )


def calibration_figure(path: Path, title: str, models: Sequence[str], table: pd.DataFrame) -> None:
    """Reliability diagrams, one a model: the score of an answer against how often it is right.

    Args:
        path: the PNG or SVG to write.
        title: one line above the plots.
        models: names from small to large.
        table: of one rule, see `calibration_table`.
    """
    figure = Figure(figsize=(3.6 * len(models) + 1, 4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(plain_text(title))
    all_axes = figure.subplots(1, len(models), sharex=True, sharey=True, squeeze=False)[0]
    for axes, model in zip(all_axes, models, strict=True):
        axes.plot([0, 100], [0, 100], color="#bbbbbb", linewidth=1)
        options = table[table["model"] == model].groupby(["k", "l"])
        for i, ((k, lines), bins) in enumerate(options):
            score, right = 100 * bins["confidence"], 100 * bins["right"]
            style = LINES[i % len(LINES)]
            [line] = axes.plot(score, right, linewidth=0.7, linestyle=style, label=f"{k}:{lines}")
            # A dot's area is the share of the runs that it stands for.
            marker = MARKERS[i % len(MARKERS)]
            axes.scatter(score, right, s=200 * bins["share"], color=line.get_color(), marker=marker)
        axes.set_title(plain_text(model))
        axes.set_xlabel("score, % of the most")
        axes.grid(alpha=0.3)
        if len(options):
            axes.legend(title="k:l", fontsize="small", loc="lower right")
    all_axes[0].set_ylabel("right answers (%)")
    save(figure, path)


def _key(rule: str, model: str, option: Option) -> dict[str, Any]:
    return {"rule": rule, "model": model, "k": option.k, "l": option.l}
