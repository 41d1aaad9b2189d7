"""What runs come to: their means, their errors and the samples that they take, by hand."""

import numpy as np
import pytest

from cascade.core import stage_runs
from cascade.core.draw_arrays import OutcomeArrays
from cascade.core.estimators import FirstK, Resample
from cascade.core.outcomes import DrawOutcome, ProblemOutcome
from cascade.core.plans import EXIT, Option
from cascade.core.rules import paper
from cascade.core.stage_runs import StageRuns, judge_samples, take_samples


def runs(problem: list[int], right: list[int], tokens: list[int], n_draws: list[int]) -> StageRuns:
    n = len(problem)
    none = np.zeros(n, dtype=np.int64)
    return StageRuns(
        1, np.array(n_draws), np.array(problem), np.array(tokens), np.array(right) > 0, *[none] * 6
    )


def test_errors_by_hand() -> None:
    """The standard error of a mean of n: √(Σ(x − x̄)² / (n − 1) / n)."""
    by_hand = runs([0, 0, 0, 0, 1, 1], [1, 1, 1, 0, 1, 1], [10, 20, 30, 40, 7, 7], [1, 1])
    assert by_hand.per_problem(by_hand.right).tolist() == [0.75, 1.0]
    # Squares: 3·(1/4)² + (3/4)² = 0.75, over 3 and over 4.
    assert by_hand.errors(by_hand.right) == pytest.approx([np.sqrt(0.75 / 3 / 4), 0.0])
    assert by_hand.errors(by_hand.tokens) == pytest.approx([np.sqrt(500 / 3 / 4), 0.0])
    assert by_hand.weight == pytest.approx([0.125] * 4 + [0.25] * 2)


def test_draws_that_were_looked_at_once_each_have_no_monte_carlo_error() -> None:
    by_hand = runs([0, 0, 1, 1, 1], [1, 0, 1, 0, 0], [1, 2, 3, 4, 5], [2, 1])
    assert by_hand.errors(by_hand.right)[0] == 0.0
    assert by_hand.errors(by_hand.right)[1] == pytest.approx(np.std([1, 0, 0], ddof=1) / np.sqrt(3))


def block(size: int, seed: int) -> DrawOutcome:
    """A test a sample with lines at places 1 and 3; what it cost up to line 2 and up to line 4."""
    rng = np.random.default_rng(seed)
    return DrawOutcome(
        rng.random((size, 2 * size)) < 0.5,
        np.repeat(np.arange(size), 2),
        np.tile([1, 3], size),
        rng.random(size) < 0.5,
        np.arange(size) + 10,
        {2: np.arange(size) + 100, 4: np.arange(size) + 200},
    )


@pytest.mark.parametrize(("l", "n_lines", "tokens"), [(2, 3, 10 + 11 + 12 + 303), (4, 6, 10 + 11 + 12 + 603)])
def test_the_first_k_up_to_line_l(l: int, n_lines: int, tokens: int) -> None:  # noqa: E741
    outcome = ProblemOutcome(block(1, 0), (block(5, 1),))
    taken = take_samples(OutcomeArrays([outcome]), Option(3, l), FirstK(), (0, 0))
    [draw] = outcome.draws
    assert (taken.n_lines.tolist(), taken.tokens.tolist()) == ([n_lines], [tokens])
    assert taken.correct.tolist() == [draw.correct[:3].tolist()]
    seen = [j for j in range(10) if draw.line_sample[j] < 3 and draw.line_position[j] <= l]
    [passes] = taken.passes
    assert passes.sum(axis=1).tolist() == draw.passes[:3][:, seen].sum(axis=1).tolist()


def test_an_exit_is_the_greedy_solution_alone() -> None:
    outcome = ProblemOutcome(block(1, 0), ())
    taken = take_samples(OutcomeArrays([outcome, outcome]), EXIT, FirstK(), (0, 0))
    assert taken.passes.shape == (2, 1, 0)
    assert (taken.tokens.tolist(), taken.n_lines.tolist(), taken.problem.tolist()) == (
        [10, 10],
        [0, 0],
        [0, 1],
    )


def test_runs_are_judged_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = [ProblemOutcome(block(1, 0), (block(5, seed),)) for seed in range(3)]
    samples = take_samples(OutcomeArrays(outcomes), Option(3, 4), Resample(10), (0, 0))
    whole = judge_samples(samples, paper)
    monkeypatch.setattr(stage_runs, "RUNS_AT_A_TIME", 7)
    parts = judge_samples(samples, paper)
    assert len(samples.problem) == 30
    for name in ("right", "score", "most", "share_right"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))
