"""Cost and accuracy: a study's plans (paper Figures 5 and 7), curves (1 and 6), fronts of several studies."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cascade.report.curves import SavingCurve, band_of
from cascade.report.drawing import CASCADE, ONE_MODEL, plain_text, save
from cascade.search import Estimate, ModelCalibration

MAX_LINES = 8  # studies in one figure; of more there is a band for each group
MAX_POINTS = 20_000  # more dots only make the file larger
COLOURS = ("#1b7837", "#6a3d9a", "#b35806", "#2166ac", "#b2182b", "#4d4d4d", "#01665e", "#8c510a")
MARKERS, LINES = "os^Dv*P", ("-", "--", "-.", ":")


def cost_accuracy_figure(
    path: Path,
    title: str,
    cost: NDArray[np.float64],
    accuracy: NDArray[np.float64],
    front: Sequence[Estimate],
    singular: Sequence[Estimate],
    band: Sequence[tuple[float, float, float]] = (),
) -> None:
    """Draw a PNG or an SVG.

    Args:
        path: the file to write.
        title: one line above the plot.
        cost, accuracy: float arrays (plans,) of all plans: US dollars per 1,000 queries, and 0..1.
        front, singular: the chosen plans on the same problems.
        band: rows of cost, low and high end of the front's accuracy.
    """
    figure, axes = _axes(title)
    step = max(1, len(cost) // MAX_POINTS)
    axes.scatter(
        cost[::step],
        100 * accuracy[::step],
        s=4,
        color="#9ecae1",
        linewidths=0,
        rasterized=True,
        label="all plans",
    )
    # Where some replicates have no plan that cheap, the band would reach down to 0.
    if known := [row for row in band if row[1] > 0]:
        at, low, high = np.array(known).T
        axes.fill_between(
            at,
            100 * low,
            100 * high,
            step="post",
            color=CASCADE,
            alpha=0.12,
            linewidth=0,
            label="the front's band",
        )
    for plans, style, color, label in (
        (front, "o-", CASCADE, "cascade front"),
        # Last, so that its crosses lie over the circles of the plans that both fronts have.
        (singular, "x:", ONE_MODEL, "one-model front"),
    ):
        axes.plot(
            [plan.usd_per_1k_queries for plan in plans],
            [100 * plan.accuracy for plan in plans],
            style,
            color=color,
            markersize=7,
            linewidth=1,
            label=label,
        )
    axes.legend(loc="lower right")
    save(figure, path)


def reliability_figure(path: Path, title: str, calibration: Sequence[ModelCalibration]) -> None:
    """Draw reliability diagrams, one a model: the probability of an answer against how often it is right.

    Args:
        path: the file to write.
        title: one line above the plots.
        calibration: one a model, with what held-out problems say.
    """
    figure = Figure(figsize=(3.6 * len(calibration) + 1, 4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(plain_text(title))
    for axes, model in zip(figure.subplots(1, len(calibration), squeeze=False)[0], calibration, strict=True):
        axes.plot([0, 100], [0, 100], color="#bbbbbb", linewidth=1)
        said = [100 * one.confidence for one in model.bins]
        right = [100 * one.right for one in model.bins]
        axes.plot(said, right, linewidth=0.8, color=CASCADE)
        # A dot's area is the share of the answers that it stands for.
        axes.scatter(said, right, s=[300 * one.share for one in model.bins], color=CASCADE)
        known = "no answer was tested"
        if model.brier is not None and model.calibration_error is not None:
            known = f"Brier {model.brier:.3f}, ECE {model.calibration_error:.3f}"
        axes.set_title(
            f"{plain_text(model.model)}: {known}\n{model.n_held_out} {model.held_out} problems",
            fontsize="small",
        )
        axes.set_xlabel("probability of being right (%)")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("right answers (%)")
    save(figure, path)


def overlay_figure(
    path: Path,
    title: str,
    fronts: Mapping[str, Sequence[Estimate]],
    groups: Mapping[str, Sequence[Sequence[Estimate]]],
) -> None:
    """Draw the fronts of several studies over each other, as a PNG or an SVG.

    Args:
        path: the file to write.
        title: one line above the plot.
        fronts: by name, the chosen plans of every study; a line each, where they are few.
        groups: the same by what tells them apart beside their split; a band and a line each, where they are
            many.
    """
    figure, axes = _axes(title)
    if len(fronts) > MAX_LINES:
        for i, (name, studies) in enumerate(groups.items()):
            band, color = band_of(studies), COLOURS[i % len(COLOURS)]
            axes.fill_between(
                band.cost, 100 * band.low, 100 * band.high, color=color, alpha=0.15, linewidth=0
            )
            text = f"{name} ({len(studies)} studies: median, 10 to 90 %)"
            line = LINES[i % len(LINES)]
            axes.plot(
                band.cost,
                100 * band.median,
                color=color,
                linestyle=line,
                linewidth=1.8,
                label=plain_text(text),
            )
    else:
        for i, (name, plans) in enumerate(fronts.items()):
            by_cost = sorted(plans, key=lambda plan: plan.usd_per_1k_queries)
            axes.plot(
                [plan.usd_per_1k_queries for plan in by_cost],
                [100 * plan.accuracy for plan in by_cost],
                color=COLOURS[i % len(COLOURS)],
                marker=MARKERS[i % len(MARKERS)],
                linestyle=LINES[i % len(LINES)],
                markersize=5,
                linewidth=1,
                label=plain_text(name),
            )
    # Below the plot: names of groups are long, and would cover the lines.
    figure.legend(loc="outside lower center", fontsize="small", ncols=1 if len(fronts) > MAX_LINES else 2)
    save(figure, path)


def saving_curve_figure(path: Path, title: str, curve: SavingCurve) -> None:
    """Draw what equal accuracy costs with a cascade and with one model (paper Figure 1)."""
    figure, axes = _axes(title)
    at = 100 * curve.accuracy
    for cost, plans, line, marker, color, label in (
        (curve.cascade, curve.cascade_plans, "-", "o", CASCADE, "cascade: the chosen plans"),
        (curve.one_model, curve.one_model_plans, "--", "x", ONE_MODEL, "one model: the mean of its plans"),
    ):
        axes.plot(cost, at, line, color=color, linewidth=1.8, label=label)
        axes.plot(plans[0], 100 * plans[1], marker, color=color, markersize=5, linestyle="")
    axes.fill_betweenx(at, curve.cascade, curve.one_model, color="#888888", alpha=0.15, linewidth=0)
    axes.legend(loc="lower right")
    save(figure, path)


def theta_figure(
    path: Path,
    title: str,
    thetas: Sequence[float],
    cost: NDArray[np.float64],
    accuracy: NDArray[np.float64],
) -> None:
    """Draw one plan's cost and accuracy at every θ (paper Figure 6).

    Args:
        path: the file to write.
        title: one line above the plot.
        thetas: the grid.
        cost, accuracy: float arrays (thetas,): US dollars per 1,000 queries, and 0..1.
    """
    figure = Figure(figsize=(7.5, 5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(plain_text(title))
    left, right = figure.subplots(1, 2)
    for axes, values, style, color, label in (
        (left, 100 * accuracy, "o-", CASCADE, "accuracy (%)"),
        (right, cost, "s--", ONE_MODEL, "US dollars per 1,000 queries"),
    ):
        axes.plot(thetas, values, style, color=color, markersize=5, linewidth=1.2)
        axes.set_xlabel("θ")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    save(figure, path)


def _axes(title: str) -> tuple[Figure, Axes]:
    """An empty plot of accuracy against cost."""
    figure = Figure(figsize=(7.5, 5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("US dollars per 1,000 queries")
    axes.set_ylabel("accuracy (%)")
    axes.set_title(plain_text(title))
    axes.grid(alpha=0.3)
    return figure, axes
