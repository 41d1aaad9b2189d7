"""The figures' interactive twins: traces and layouts as plotly.js takes them, without Python's plotly."""

from collections.abc import Mapping, Sequence
from typing import Any

from cascade.core import Plan
from cascade.report.content import Cloud, ThetaSweep
from cascade.report.curves import SavingCurve, band_of
from cascade.report.drawing import CASCADE, ONE_MODEL
from cascade.report.figures import COLOURS
from cascade.report.wording import ends, usd, usd_ends
from cascade.search import ChosenPlan, Estimate

Chart = dict[str, Any]

PLACE = "%{x:$.4~g} per 1,000 queries<br>%{y:.1f} % right"
USD = "US dollars per 1,000 queries"
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "star", "cross")
WIDE = 1000  # times the lowest cost
DASHES = ("solid", "dash", "dashdot", "dot")


def front_chart(
    side: str,
    cloud: Cloud,
    front: Sequence[ChosenPlan],
    singular: Sequence[ChosenPlan],
    models: Sequence[str],
    band: Sequence[tuple[float, float, float]],
) -> Chart:
    """Cost and accuracy of all plans with both fronts on one side (paper Figures 5 and 7)."""
    # Where some replicates have no plan that cheap, the band would reach down to 0.
    known = [row for row in band if row[1] > 0]
    costs = [row[0] for row in known]
    edge = {"mode": "lines", "line": {"width": 0, "shape": "hv"}, "hoverinfo": "skip"}
    traces: list[Chart] = [
        {
            "name": "all plans",
            "mode": "markers",
            "x": _short(cloud.cost),
            "y": _percents(cloud.accuracy),
            "text": cloud.names,
            "marker": {"size": 4, "color": "#7fb2d6"},
            "hovertemplate": f"%{{text}}<br>{PLACE}<extra></extra>",
        },
        edge | {"x": _short(costs), "y": _percents([r[1] for r in known]), "showlegend": False},
        edge
        | {
            "name": "the front's band",
            "x": _short(costs),
            "y": _percents([r[2] for r in known]),
            "fill": "tonexty",
            "fillcolor": "rgba(27,120,55,0.14)",
        },
        _front("cascade front", front, side, models, {"color": CASCADE, "symbol": "circle", "dash": "solid"}),
        _front("one-model front", singular, side, models, {"color": ONE_MODEL, "symbol": "x", "dash": "dot"}),
        # The chooser moves it.
        {
            "name": "the plan of the sliders",
            "mode": "markers",
            "x": [None],
            "y": [None],
            "marker": {"size": 17, "symbol": "circle-open", "color": "#000000", "line": {"width": 2.5}},
            "hoverinfo": "skip",
        },
    ]
    return _over_dollars(traces)


def _front(
    name: str, chosen: Sequence[ChosenPlan], side: str, models: Sequence[str], style: Mapping[str, str]
) -> Chart:
    known: list[tuple[Plan, Estimate]] = [(c.plan, e) for c in chosen if (e := getattr(c, side)) is not None]
    return {
        "name": name,
        "mode": "lines+markers",
        "x": _short([e.usd_per_1k_queries for _, e in known]),
        "y": _percents([e.accuracy for _, e in known]),
        "text": [
            f"{plan.describe(models)}<br>${usd(e.usd_per_1k_queries)}{usd_ends(e.usd_interval)} per 1,000 "
            "queries"
            f"<br>{100 * e.accuracy:.1f} % right{ends(e.accuracy_interval)}"
            for plan, e in known
        ],
        "marker": {"size": 9, "symbol": style["symbol"], "color": style["color"]},
        "line": {"width": 1.5, "dash": style["dash"], "color": style["color"]},
        "hovertemplate": "%{text}<extra></extra>",
    }


def curve_chart(curve: SavingCurve) -> Chart:
    """What equal accuracy costs with a cascade and with one model (paper Figure 1)."""
    traces: list[Chart] = []
    for name, cost, dots, color, dash, symbol in (
        ("cascade: the chosen plans", curve.cascade, curve.cascade_plans, CASCADE, "solid", "circle"),
        ("one model: the mean of its plans", curve.one_model, curve.one_model_plans, ONE_MODEL, "dash", "x"),
    ):
        same = {"legendgroup": name, "hovertemplate": f"{PLACE}<extra></extra>"}
        line = {"width": 2.5, "color": color, "dash": dash}
        lines = {
            "name": name,
            "mode": "lines",
            "x": _short(cost),
            "y": _percents(curve.accuracy),
            "line": line,
        }
        marker = {"size": 6, "color": color, "symbol": symbol}
        at = {"x": _short(dots[0]), "y": _percents(dots[1]), "marker": marker}
        traces += [same | lines, same | at | {"mode": "markers", "showlegend": False}]
    return _over_dollars(traces)


def theta_chart(sweep: ThetaSweep) -> Chart:
    """One plan's accuracy and cost at every θ (paper Figure 6)."""
    traces = []
    for axis, values, color, dash, symbol in (
        ("", _percents(sweep.accuracy), CASCADE, "solid", "circle"),
        ("2", _short(sweep.cost), ONE_MODEL, "dash", "square"),
    ):
        trace = {
            "marker": {"size": 7, "color": color, "symbol": symbol},
            "line": {"color": color, "dash": dash},
        }
        axes = {"xaxis": "x", "yaxis": f"y{axis}", "showlegend": False, "mode": "lines+markers"}
        hover = {"hovertemplate": "θ=%{x}<br>%{y:.4~g}<extra></extra>"}
        traces.append(trace | axes | hover | {"x": list(sweep.thetas), "y": values})
    layout = _layout("θ", "accuracy (%)")
    # One above the other: side by side they have no room on a telephone.
    layout |= {
        "xaxis": layout["xaxis"] | {"anchor": "y2"},
        "yaxis": layout["yaxis"] | {"domain": [0.55, 1]},
        "yaxis2": layout["yaxis"] | {"domain": [0, 0.45], "title": {"text": "$ per 1,000 queries"}},
    }
    return {"data": traces, "layout": layout}


def overlay_chart(fronts: Mapping[str, Sequence[Estimate]]) -> Chart:
    """The fronts of several studies over each other."""
    traces = [
        {
            "name": name,
            "mode": "lines+markers",
            "x": _short([e.usd_per_1k_queries for e in estimates]),
            "y": _percents([e.accuracy for e in estimates]),
            "marker": {"size": 7, "symbol": SYMBOLS[i % len(SYMBOLS)], "color": COLOURS[i % len(COLOURS)]},
            "line": {"width": 1.2, "dash": DASHES[i % len(DASHES)], "color": COLOURS[i % len(COLOURS)]},
            "hovertemplate": f"%{{fullData.name}}<br>{PLACE}<extra></extra>",
        }
        for i, (name, estimates) in enumerate(fronts.items())
    ]
    return _over_dollars(traces)


def band_chart(groups: Mapping[str, Sequence[Sequence[Estimate]]]) -> Chart:
    """The fronts of many studies: the median and a band for each group."""
    traces: list[Chart] = []
    for i, (name, studies) in enumerate(groups.items()):
        band, color = band_of(studies), COLOURS[i % len(COLOURS)]
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        line = {"width": 2, "color": color, "dash": DASHES[i % len(DASHES)]}
        shade = f"rgba({int(color[1:3], 16)},{int(color[3:5], 16)},{int(color[5:7], 16)},0.15)"
        cost = _short(band.cost)
        hover = f"%{{fullData.name}}<br>{PLACE}<extra></extra>"
        traces += [
            edge | {"x": cost, "y": _percents(band.low)},
            edge | {"x": cost, "y": _percents(band.high), "fill": "tonexty", "fillcolor": shade},
            {"name": f"{name} ({len(studies)} studies)", "mode": "lines", "x": cost, "line": line}
            | {"y": _percents(band.median), "hovertemplate": hover},
        ]
    return _over_dollars(traces)


def _over_dollars(traces: list[Chart]) -> Chart:
    """Accuracy over cost, on a logarithmic axis."""
    costs = [cost for trace in traces for cost in trace["x"] if cost]
    layout = _layout(USD, "accuracy (%)")
    # Ticks at 1, 2 and 5 of every decade, written in full; over many decades there is room for 1 alone.
    ticks = 1 if max(costs, default=1) > WIDE * min(costs, default=1) else "D2"
    layout["xaxis"] |= {"type": "log", "dtick": ticks, "tickformat": "~g"}
    return {"data": traces, "layout": layout}


def _layout(x: str, y: str) -> Chart:
    axis = {
        "gridcolor": "#e3e3e3",
        "linecolor": "#555555",
        "zeroline": False,
        "automargin": True,
        "exponentformat": "none",
    }
    return {
        "height": 430,
        "margin": {"l": 55, "r": 15, "t": 15, "b": 50},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#1a1a1a"},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "hovermode": "closest",
        # Above the plot it takes nothing of its width on a telephone, and meets no title of an axis.
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": axis | {"title": {"text": x}},
        "yaxis": axis | {"title": {"text": y}},
    }


def _short(values: Any) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def _percents(shares: Any) -> list[float]:
    return [round(100 * float(share), 3) for share in shares]
