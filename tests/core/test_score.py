"""The score and its threshold on hand-computed toys."""

import numpy as np
import pytest

from cascade.core.score import accepts, best_solutions, exact_theta


@pytest.mark.parametrize(
    ("passes", "best", "score"),
    [
        # s0 passes t0 (solved by both) and t1: n_s = 2, n_t = 2; s1 passes t0 only: 1 * 2.
        ([[1, 1], [1, 0]], 0, 4),
        # A later solution with a higher score wins: s1 passes three lines, each solved by it alone.
        ([[1, 0, 0, 0], [0, 1, 1, 1]], 1, 3),
        # n_t is the best line's, not the sum: s0 has 2 lines (solved by 1 and 3), score 2 * 3.
        ([[1, 1, 0], [0, 1, 0], [0, 1, 0]], 0, 6),
        # A tie goes to the earliest.
        ([[0, 1], [1, 0]], 0, 1),
        # Nothing passes: the first solution, score 0.
        ([[0, 0], [0, 0]], 0, 0),
        # No valid test line at all.
        ([[], []], 0, 0),
    ],
)
def test_best_solution(passes: list[list[int]], best: int, score: int) -> None:
    matrix = np.array(passes, dtype=bool).reshape(len(passes), -1)
    assert best_solutions(matrix[None]) == ([best], [score])


def test_paper_figure_4() -> None:
    """3 solutions x 6 lines and no pass: 0 < 0.5 * 18; then 1 solution x 2 lines, both pass: 2 >= 1."""
    theta = exact_theta(0.5)
    _, [score] = best_solutions(np.zeros((1, 3, 6), dtype=bool))
    assert not accepts(score, 3 * 6, theta, accept_without_tests=True)
    _, [score] = best_solutions(np.ones((1, 1, 2), dtype=bool))
    assert score == 2
    assert accepts(score, 1 * 2, theta, accept_without_tests=True)


@pytest.mark.parametrize(
    ("theta", "k", "n_lines", "least"),
    # The threshold is not rounded: 0.3 * 3 * 5 = 4.5 needs 5; 0.7 * 10 * 10 is 70, whatever floats say.
    [
        (0.3, 3, 5, 5),
        (0.7, 10, 10, 70),
        (0.1, 3, 10, 3),
        (1.0, 3, 6, 18),
        (0.0, 5, 20, 0),
        (0.29, 10, 10, 29),
    ],
)
def test_threshold_is_exact(theta: float, k: int, n_lines: int, least: int) -> None:
    exact = exact_theta(theta)
    assert accepts(least, k * n_lines, exact, accept_without_tests=True)
    assert least == 0 or not accepts(least - 1, k * n_lines, exact, accept_without_tests=True)


@pytest.mark.parametrize("rule", [True, False])
def test_without_a_valid_line_the_rule_decides(rule: bool) -> None:
    assert accepts(0, 5 * 0, exact_theta(1.0), accept_without_tests=rule) is rule
