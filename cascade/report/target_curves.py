"""What each accuracy target costs with the chosen cascades and with single models: figure and numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cascade.core import Floats
from cascade.report.drawing import CASCADE, ONE_MODEL, plain_text, save
from cascade.search import ChosenPlan, PlanFile, targets

Arrays = Sequence[float]


@dataclass(frozen=True)
class TargetCurve:
    """The plans of one front that are deployed for each target (METHOD, Measures of a choice).

    Attributes:
        edges: the ends of the parts of the range of targets, 0..1 ascending; one more than there are plans.
        plans: for each part the cheapest plan whose promised accuracy reaches it.
    """

    edges: Arrays
    plans: Sequence[ChosenPlan]


def target_curves(plans: PlanFile) -> tuple[TargetCurve, TargetCurve] | None:
    """The chosen cascades' curve and the single models', over the targets that both promise.

    Args:
        plans: evaluated ones: every plan has its estimate on the test side.

    Returns:
        None where the fronts have no range of targets in common.
    """
    results = [
        np.array([[one.promised for one in front], [one.validation.usd_per_1k_queries for one in front]])
        for front in (plans.front, plans.singular)
    ]
    deployed = targets(*results)
    lowest = max(result[0].min() for result in results)
    if deployed is None or deployed.accuracy[-1] - lowest < 1e-9:
        return None
    edges = [float(lowest), *map(float, deployed.accuracy)]
    return (
        TargetCurve(edges, [plans.front[i] for i in deployed.cascade]),
        TargetCurve(edges, [plans.singular[i] for i in deployed.single]),
    )


def target_rows(curves: tuple[TargetCurve, TargetCurve], models: Sequence[str]) -> pd.DataFrame:
    """Everything that the figure shows, a row for each part of the range and front."""
    rows = []
    for name, curve in zip(("cascade", "one model"), curves, strict=True):
        for low, high, one in zip(curve.edges[:-1], curve.edges[1:], curve.plans, strict=True):
            test = _test(one)
            rows.append(
                {
                    "front": name,
                    "target_above": low,
                    "target_up_to": high,
                    "plan": one.plan.describe(models),
                    "usd_per_1k_queries": test[0][0],
                    "usd_low": test[0][1],
                    "usd_high": test[0][2],
                    "accuracy": test[1][0],
                    "accuracy_low": test[1][1],
                    "accuracy_high": test[1][2],
                    "rounds": one.rounds,
                }
            )
    return pd.DataFrame(rows)


def target_figure(path: Path, title: str, curves: tuple[TargetCurve, TargetCurve]) -> None:
    """Draw cost and accuracy, with their bands, and the rounds of what is deployed for each target.

    Args:
        path: the file to write, a PNG or an SVG.
        title: one line above the plots.
        curves: the chosen cascades' and the single models', see `target_curves`.
    """
    figure = Figure(figsize=(11, 4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(plain_text(title))
    cost, accuracy, rounds = figure.subplots(1, 3)
    cost.set_yscale("log")
    cost.yaxis.set_major_formatter("{x:g}")
    cost.set_ylabel("US dollars per 1,000 queries, test")
    accuracy.set_ylabel("accuracy on the test side (%)")
    rounds.set_ylabel("expected rounds of generation")
    edges = [100 * edge for edge in curves[0].edges]
    accuracy.plot(edges, edges, color="#bbbbbb", linewidth=1, label="as promised")
    for curve, style, color, label in (
        (curves[0], "-", CASCADE, "cascades"),
        (curves[1], ":", ONE_MODEL, "one model"),
    ):
        measured = np.array([_test(one) for one in curve.plans])
        _steps(cost, edges, measured[:, 0].T, style, color, label)
        _steps(accuracy, edges, 100 * measured[:, 1].T, style, color, label)
        waited = [np.nan if one.rounds is None else one.rounds for one in curve.plans]
        _steps(rounds, edges, np.array([waited]), style, color, label)
    for axes in (cost, accuracy, rounds):
        axes.set_xlabel("accuracy target (%)")
        axes.grid(alpha=0.3)
    cost.legend(loc="upper left")
    accuracy.legend(loc="upper left")
    save(figure, path)


def _steps(axes: Axes, edges: Arrays, values: Floats, style: str, color: str, label: str) -> None:
    """A line of steps, and its band where there are three rows: value, low, high."""
    axes.stairs(values[0], edges, baseline=None, linestyle=style, color=color, linewidth=1.8, label=label)
    if len(values) == 3:
        low, high = (np.append(ends, ends[-1]) for ends in values[1:])
        axes.fill_between(edges, low, high, step="post", color=color, alpha=0.13, linewidth=0)


def _test(one: ChosenPlan) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Cost and accuracy on the test side, each with the ends of its interval."""
    test = one.test
    assert test is not None and test.usd_interval is not None and test.accuracy_interval is not None
    usd, accuracy = test.usd_interval, test.accuracy_interval
    return (
        (test.usd_per_1k_queries, usd.low, usd.high),
        (test.accuracy, accuracy.low, accuracy.high),
    )
