"""Which problems each model solves (paper Figure 2): a Venn diagram for three models, bars for any number."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from cascade.report.drawing import plain_text, save
from cascade.report.figures import COLOURS

CENTRES = ((-0.55, 0.45), (0.55, 0.45), (0.0, -0.5))
RADIUS = 0.95
LABELS = ((-1.5, 1.35, "right"), (1.5, 1.35, "left"), (0.0, -1.72, "center"))
# Where the number of each pattern stands: solved by the first, second, third model.
REGIONS = {
    (True, False, False): (-1.02, 0.72),
    (False, True, False): (1.02, 0.72),
    (False, False, True): (0.0, -1.05),
    (True, True, False): (0.0, 0.9),
    (True, False, True): (-0.6, -0.2),
    (False, True, True): (0.6, -0.2),
    (True, True, True): (0.0, 0.13),
}
DOTS = ("#d0d0d0", "#222222")  # of an UpSet's matrix: not solved, solved

Patterns = dict[tuple[bool, ...], int]


def patterns(models: Sequence[str], solved: pd.DataFrame) -> Patterns:
    """How many problems are solved by exactly which models.

    Args:
        models: names from small to large.
        solved: as `cascade.report.diagnostics.solved_table` makes it.

    Returns:
        By pattern (one flag a model), the most frequent first.
    """
    flags = solved[list(models)].astype(bool).itertuples(index=False, name=None)
    return dict(zip(map(tuple, flags), solved["n_problems"].tolist(), strict=True))


def solved_by(models: Sequence[str], pattern: Sequence[bool]) -> str:
    """A pattern in words."""
    names = [model for model, solves in zip(models, pattern, strict=True) if solves]
    if not names:
        return "none"
    return (
        "all" if len(names) == len(models) > 1 else " and ".join(names) + (" only" if len(names) == 1 else "")
    )


def solved_figure(path: Path, title: str, models: Sequence[str], counts: Patterns) -> None:
    """Draw who solves what: a Venn diagram where there are three models, else an UpSet plot.

    Args:
        path: the file to write.
        title: one line above the plot.
        models: names from small to large.
        counts: see `patterns`.
    """
    three = len(models) == 3
    figure = Figure(figsize=(6, 4.6) if three else (7.5, 5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(plain_text(title))
    if three:
        _venn(figure.add_subplot(), models, counts)
    else:
        _upset(figure, models, counts)
    save(figure, path)


def _venn(axes: Axes, models: Sequence[str], counts: Patterns) -> None:
    for i, ((x, y), model) in enumerate(zip(CENTRES, models, strict=True)):
        axes.add_patch(Circle((x, y), RADIUS, facecolor=COLOURS[i], alpha=0.16, linewidth=0))
        style = ("-", "--", "-.")[i]
        axes.add_patch(
            Circle((x, y), RADIUS, fill=False, edgecolor=COLOURS[i], linestyle=style, linewidth=1.6)
        )
        total = sum(n for pattern, n in counts.items() if pattern[i])
        at_x, at_y, side = LABELS[i]
        text = axes.text(
            at_x, at_y, plain_text(f"{model}: {total}"), ha=side, va="center", fontsize=11, color=COLOURS[i]
        )
        text.set_fontweight("bold")
    for pattern, (x, y) in REGIONS.items():
        axes.text(x, y, str(counts.get(pattern, 0)), ha="center", va="center", fontsize=13)
    axes.text(1.5, -1.35, f"solved by none: {counts.get((False,) * 3, 0)}", ha="center", fontsize=11)
    axes.set_xlim(-2.4, 2.4)
    axes.set_ylim(-1.95, 1.65)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _upset(figure: Figure, models: Sequence[str], counts: Patterns) -> None:
    bars, matrix = figure.subplots(2, 1, sharex=True, height_ratios=(3, max(1.0, 0.35 * len(models))))
    places = range(len(counts))
    bars.bar(places, list(counts.values()), color="#555555", width=0.6)
    for x, n in zip(places, counts.values(), strict=True):
        bars.annotate(str(n), (x, n), ha="center", va="bottom")
    bars.set_ylabel("problems")
    bars.spines[["top", "right"]].set_visible(False)
    bars.margins(y=0.12)
    for x, pattern in enumerate(counts):
        solving = [y for y, flag in enumerate(pattern) if flag]
        matrix.plot([x] * len(solving), solving, color=DOTS[1], linewidth=2)
        colours = [DOTS[flag] for flag in pattern]
        matrix.scatter([x] * len(pattern), range(len(pattern)), s=70, c=colours, zorder=3)
    matrix.set_yticks(range(len(models)), [plain_text(model) for model in models])
    matrix.set_ylim(-0.6, len(models) - 0.4)
    matrix.set_xticks([])
    matrix.spines[:].set_visible(False)
    matrix.set_xlabel("solved by the models with a dark dot")
