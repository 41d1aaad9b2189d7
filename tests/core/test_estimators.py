"""Random subsets against all subsets, counted out on a small pool."""

import itertools

import numpy as np
import pytest

from cascade.core.estimators import FirstK, Resample
from cascade.core.outcomes import DrawOutcome, ProblemOutcome
from cascade.core.plans import EXIT, Option
from cascade.core.score import accepts, best_solutions, exact_theta
from cascade.core.stage_tables import ARRAYS, StageTable, stage_table
from cascade.generate.sample import Draw, ModelSamples, SelfTest, Solution

OPTIONS = (EXIT, Option(1, 2), Option(2, 2), Option(4, 2))
THETAS = (0.0, 0.5, 1.0)
SIZE = 4


def pool(seed: int) -> ProblemOutcome:
    rng = np.random.default_rng(seed)

    def block(size: int) -> DrawOutcome:
        return DrawOutcome(
            rng.random((size, 2 * size)) < 0.6,
            np.repeat(np.arange(size), 2),
            np.tile([1, 2], size),
            rng.random(size) < 0.5,
            rng.integers(1, 90, size),
            {2: rng.integers(1, 90, size)},
        )

    return ProblemOutcome(block(1), (block(SIZE),))


def table(outcomes: list[ProblemOutcome], estimator: FirstK | Resample) -> StageTable:
    return stage_table(outcomes, OPTIONS, THETAS, 1e-6, accept_without_tests=True, estimator=estimator)


def test_subsets_come_to_the_mean_over_all_of_them() -> None:
    """Ordered pairs: on a tie the earliest of a subset wins, so its order counts."""
    outcome = pool(3)
    [block] = outcome.draws
    rights, accepted, tokens = [], [], []
    for solutions in itertools.permutations(range(SIZE), 2):
        for tests in itertools.combinations(range(SIZE), 2):
            lines = [j for j in range(2 * SIZE) if block.line_sample[j] in tests]
            [best], [score] = best_solutions(block.passes[np.ix_(solutions, lines)][None])
            rights.append(block.correct[solutions[best]])
            accepted.append(accepts(score, 2 * len(lines), exact_theta(0.5), accept_without_tests=True))
            tokens.append(
                block.solution_tokens[list(solutions)].sum() + block.test_tokens[2][list(tests)].sum()
            )
    ours = table([outcome], Resample(20_000))
    o = OPTIONS.index(Option(2, 2))
    assert ours.correct[o, 0] == pytest.approx(np.mean(rights), abs=0.02)
    assert ours.accept[o, 1, 0] == pytest.approx(np.mean(accepted), abs=0.02)
    assert ours.usd[o, 0] == pytest.approx(1e-6 * np.mean(tokens), rel=0.02)
    both = np.logical_and(rights, accepted)
    assert ours.accept_correct[o, 1, 0] == pytest.approx(both.mean(), abs=0.02)


def test_the_error_is_the_spread_over_seeds() -> None:
    outcomes = [pool(seed) for seed in range(5)]
    o = OPTIONS.index(Option(2, 2))
    means = [table(outcomes, Resample(40, seed)).correct[o].mean() for seed in range(60)]
    accuracy, _ = table(outcomes, Resample(40)).monte_carlo_error()
    assert accuracy == pytest.approx(np.std(means, ddof=1), rel=0.4)
    more, _ = table(outcomes, Resample(4000)).monte_carlo_error()
    assert more == pytest.approx(accuracy / 10, rel=0.3)


def test_what_has_one_subset_only_is_the_paper_s() -> None:
    outcomes = [pool(seed) for seed in range(3)]
    paper, ours = table(outcomes, FirstK()), table(outcomes, Resample(50))
    for name in ARRAYS:
        for option in (EXIT, Option(1, 2), Option(4, 2)):
            o = OPTIONS.index(option)
            assert np.array_equal(getattr(paper, name)[o], getattr(ours, name)[o]), (name, option)
    assert paper.monte_carlo_error() == (0.0, 0.0)


def test_the_same_seed_is_the_same_table() -> None:
    outcomes = [pool(seed) for seed in range(3)]
    first, again, other = (table(outcomes, Resample(30, seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.correct, again.correct)
    assert not np.array_equal(first.correct, other.correct)


def test_pooled_draws_are_one() -> None:
    def draw(n: int) -> Draw:
        return Draw((Solution(f"s{n}", n),), (SelfTest(f"t{n}", n),))

    samples = ModelSamples(draw(0), (draw(1), draw(2)))
    [pooled] = samples.pooled().draws
    assert [s.text for s in pooled.solutions] == ["s1", "s2"]
    assert [t.text for t in pooled.tests] == ["t1", "t2"]
    assert samples.pooled().greedy == samples.greedy


def test_words_tell_estimators_apart() -> None:
    assert FirstK().describe() == "first k"
    assert Resample(100).describe() == "100 random subsets of the pooled draws (seed 0)"
    assert Resample(100, 1, pool_draws=False).describe() == "100 random subsets of each draw (seed 1)"
