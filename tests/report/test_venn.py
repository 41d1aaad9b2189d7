"""Who solves what, drawn: every number stands where it belongs."""

import math
import re
from itertools import product
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from cascade.report.diagnostics import solved_table
from cascade.report.venn import CENTRES, RADIUS, REGIONS, patterns, solved_by, solved_figure

MODELS = ("a", "b", "c")
# Problem by problem: solved by a, b, c.
SOLVED = np.array([[1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 1, 1, 0, 0], [1, 1, 0, 1, 1, 1, 0]], dtype=bool)


def counts(solved: np.ndarray, models: tuple[str, ...]) -> dict[tuple[bool, ...], int]:
    return patterns(models, solved_table(models, solved, [f"P/{i}" for i in range(solved.shape[1])]))


def words(path: Path) -> list[str]:
    """What is written in an SVG whose text is text."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text(encoding="utf-8"))


def test_patterns_by_hand() -> None:
    found = counts(SOLVED, MODELS)
    assert found == {
        (True, True, True): 2,
        (False, True, True): 2,
        (True, False, False): 1,
        (False, False, True): 1,
        (False, False, False): 1,
    }
    # The most frequent first.
    assert list(found.values()) == [2, 2, 1, 1, 1]
    assert {solved_by(MODELS, pattern) for pattern in found} == {"all", "b and c", "a only", "c only", "none"}


@pytest.mark.parametrize("pattern", [p for p in product([True, False], repeat=3) if any(p)])
def test_a_number_stands_inside_its_circles_alone(pattern: tuple[bool, ...]) -> None:
    x, y = REGIONS[pattern]
    for solves, (cx, cy) in zip(pattern, CENTRES, strict=True):
        distance = math.hypot(x - cx, y - cy)
        # Not on the line either: a digit has some width.
        assert distance < RADIUS - 0.1 if solves else distance > RADIUS + 0.1


def test_three_models_are_a_venn_diagram(tmp_path: Path) -> None:
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        solved_figure(tmp_path / "own.svg", "title", MODELS, counts(SOLVED, MODELS))
    said = words(tmp_path / "own.svg")
    assert {"a: 3", "b: 4", "c: 5", "solved by none: 1"} <= set(said)
    # A number for each of the seven regions, 0 where nothing is.
    assert sorted(text for text in said if text.isdigit()) == ["0", "0", "0", "1", "1", "2", "2"]


@pytest.mark.parametrize("n_models", [1, 2, 4, 5])
def test_any_other_number_is_an_upset_plot(tmp_path: Path, n_models: int) -> None:
    models = ("m1", "m2", "m3", "m4", "m5")[:n_models]
    solved = np.random.default_rng(0).random((n_models, 60)) < 0.6
    found = counts(solved, models)
    assert sum(found.values()) == 60
    for pattern, n in found.items():
        assert n == sum(tuple(column) == pattern for column in solved.T)
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        solved_figure(tmp_path / "own.svg", "title", models, found)
    said = words(tmp_path / "own.svg")
    assert set(models) <= set(said)
    # The bars' labels, in the order of the patterns: the last of the digits but those of the axis.
    labels = [text for text in said if text.isdigit()]
    assert labels[-len(found) :] == [str(n) for n in found.values()]
