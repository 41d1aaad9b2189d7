"""What all figures share: names of people in them as plain text, and saving them."""

import warnings
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from cascade.base import shortened

CASCADE, ONE_MODEL = "#1b7837", "#6a3d9a"  # the two fronts, in every figure
MAX_CHARS = 120  # of a title: a longer one leaves no room for the plot


def plain_text(text: str) -> str:
    """A text that holds names, as matplotlib shows it: one line, no formulas, never hidden from a legend."""
    plain = shortened(" ".join(text.split()), MAX_CHARS).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


def save(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure; a character that the font lacks is a box in it and no warning on the terminal."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        figure.savefig(path, **options)
