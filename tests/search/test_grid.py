"""The grid against running every plan, straight from METHOD's text, on random small studies."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from cascade.core.outcomes import DrawOutcome, ProblemOutcome, available_options
from cascade.core.plans import EXIT, SKIP, Growing, Option, Plan, option_space, plan_space
from cascade.core.stage_tables import StageTable, stage_table
from cascade.search import grid as grid_module
from cascade.search.grid import Combinations, GridResult, grid_search
from cascade.search.plan_results import combination_outcomes, plan_outcomes

K, L = (-1, 0, 1, 2, 3), (0, 1, 2)
THETAS = (0.0, 0.3, 0.5, 0.9, 1.0)
OPTIONS = option_space(K, L)


@st.composite
def draw_outcomes(draw: st.DrawFn, size: int) -> DrawOutcome:
    positions = [
        sorted(draw(st.sets(st.integers(1, 3), max_size=3))) for _ in range(size)
    ]  # which logical lines of each test are valid
    line_sample = [i for i, positions_of in enumerate(positions) for _ in positions_of]
    line_position = [position for positions_of in positions for position in positions_of]
    bits = draw(st.lists(st.booleans(), min_size=size * len(line_sample), max_size=size * len(line_sample)))
    tokens = st.lists(st.integers(0, 50), min_size=size, max_size=size)
    return DrawOutcome(
        passes=np.array(bits, dtype=bool).reshape(size, len(line_sample)),
        line_sample=np.array(line_sample, dtype=np.int64),
        line_position=np.array(line_position, dtype=np.int64),
        correct=np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size))),
        solution_tokens=np.array(draw(tokens), dtype=np.int64),
        test_tokens={l: np.array(draw(tokens), dtype=np.int64) for l in (1, 2)},  # noqa: E741
    )


@st.composite
def studies(draw: st.DrawFn, n_draws: int) -> list[list[ProblemOutcome]]:
    """By model, the outcomes on each problem."""
    n_models, n_problems = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    return [
        [
            ProblemOutcome(draw(draw_outcomes(1)), tuple(draw(draw_outcomes(3)) for _ in range(n_draws)))
            for _ in range(n_problems)
        ]
        for _ in range(n_models)
    ]


def answer(block: DrawOutcome, k: int, l: int) -> tuple[int, int, int]:  # noqa: E741
    """Section 3.1 word by word: the answer's index, its score, and N_t."""
    suite = [
        j for j in range(len(block.line_sample)) if block.line_sample[j] < k and block.line_position[j] <= l
    ]
    best, best_score = 0, -1
    for s in range(k):
        passed = [t for t in suite if block.passes[s, t]]
        n_s = len(passed)
        n_t = max((sum(bool(block.passes[other, t]) for other in range(k)) for t in passed), default=0)
        if n_s * n_t > best_score:
            best, best_score = s, n_s * n_t
    return best, best_score, len(suite)


def grow(
    blocks: dict[bool, DrawOutcome], option: Option, theta: float, accept_without_tests: bool
) -> tuple[bool, int, bool]:
    """A growing stage word by word: whether its answer is right, its tokens, and whether it is accepted."""
    begun, right = 0, False
    for size in [1, *(n for n in (2, 3, 5, 7, 10) if n < option.k), option.k]:
        block = blocks[size == 1]
        written = sum(
            int(block.solution_tokens[s]) + int(block.test_tokens[option.l][s]) for s in range(size)
        )
        if size == 1:
            begun, tokens = written, written
        else:
            tokens = begun + written
        best, score, n_lines = answer(block, size, option.l)
        right = bool(block.correct[best])
        reached = score >= Fraction(str(theta)) * size * n_lines if n_lines else accept_without_tests
        if reached:
            return right, tokens, True
    return right, tokens, False


def run_plan(
    plan: Plan,
    blocks: list[dict[bool, DrawOutcome]],
    prices: list[float],
    accept_without_tests: bool,
) -> tuple[bool, float]:
    """Whether a plan answers one problem right, and its cost; `blocks` by model and greedy-or-sampled."""
    stages = [(i, option) for i, option in enumerate(plan.options) if option != SKIP]
    cost = 0.0
    for number, (i, option) in enumerate(stages):
        theta = plan.theta[i] if isinstance(plan.theta, tuple) else plan.theta
        if option.growing:
            right, tokens, accepted = grow(blocks[i], option, theta, accept_without_tests)
            cost += tokens * prices[i]
            if accepted or number == len(stages) - 1:
                return right, cost
            continue
        block = blocks[i][option.k <= 1]
        if option == EXIT:
            return bool(block.correct[0]), cost + int(block.solution_tokens[0]) * prices[i]
        tokens = sum(
            int(block.solution_tokens[s]) + int(block.test_tokens[option.l][s]) for s in range(option.k)
        )
        cost += tokens * prices[i]
        best, score, n_lines = answer(block, option.k, option.l)
        accepted = score >= Fraction(str(theta)) * option.k * n_lines
        if n_lines == 0:
            accepted = accept_without_tests
        if accepted or number == len(stages) - 1:
            return bool(block.correct[best]), cost
    raise AssertionError("a plan has a last stage")


@settings(max_examples=25, deadline=None)
@given(studies(n_draws=1), st.booleans())
def test_one_draw_is_the_paper_s_simulation(study: list[list[ProblemOutcome]], accept: bool) -> None:
    check(study, accept)


@settings(max_examples=10, deadline=None)
@given(studies(n_draws=2), st.booleans())
def test_several_draws_are_the_mean_over_all_their_pairings(
    study: list[list[ProblemOutcome]], accept: bool
) -> None:
    check(study, accept)


@settings(max_examples=15, deadline=None)
@given(studies(n_draws=2), st.booleans(), st.sampled_from([Growing.also, Growing.only]))
def test_growing_stages_are_what_their_rounds_say(
    study: list[list[ProblemOutcome]], accept: bool, growing: Growing
) -> None:
    prices = [1e-6 * 3**i for i in range(len(study))]
    options = option_space(K, L, growing)
    tables = [
        stage_table(outcomes, options, THETAS, price, accept_without_tests=accept)
        for outcomes, price in zip(study, prices, strict=True)
    ]
    grid = grid_search(tables)
    every = [(t, p) for t in range(len(grid.thetas)) for p in range(len(grid.space))]
    check_plans(study, tables, grid, every[:: len(every) // 300 + 1], prices, accept)


def check(study: list[list[ProblemOutcome]], accept: bool) -> None:
    prices = [1e-6 * 3**i for i in range(len(study))]
    tables = [
        stage_table(outcomes, OPTIONS, THETAS, price, accept_without_tests=accept)
        for outcomes, price in zip(study, prices, strict=True)
    ]
    for per_stage in (False, True):
        grid = grid_search(tables, per_stage_theta=per_stage)
        every = [(t, p) for t in range(len(grid.thetas)) for p in range(len(grid.space))]
        # Every plan of one θ; of the many with one θ a stage an even part.
        step = len(every) // 300 + 1 if per_stage else 1
        check_plans(study, tables, grid, every[::step], prices, accept)


def check_plans(
    study: list[list[ProblemOutcome]],
    tables: list[StageTable],
    grid: GridResult,
    some: list[tuple[int, int]],
    prices: list[float],
    accept: bool,
) -> None:
    n_problems, n_draws = len(study[0]), len(study[0][0].draws)
    at = Combinations(*np.array(some).T)
    plans = grid.plans(at)
    by_plan = plan_outcomes(tables, plans)
    assert np.array_equal(by_plan, combination_outcomes(tables, grid, at))
    means = by_plan.mean(axis=2)
    assert means[0] == pytest.approx(grid.accuracy[at.theta, at.plan], abs=1e-12)
    assert means[1] == pytest.approx(grid.usd_per_1k_queries[at.theta, at.plan], abs=1e-12)
    for (t, p), plan in zip(some, plans, strict=True):
        results = []
        for problem in range(n_problems):
            # Every model has its draw independently of the others.
            for draws in itertools.product(range(n_draws), repeat=len(study)):
                blocks = [
                    {True: outcomes[problem].greedy, False: outcomes[problem].draws[d]}
                    for outcomes, d in zip(study, draws, strict=True)
                ]
                results.append(run_plan(plan, blocks, prices, accept))  # type: ignore[arg-type]
        right, cost = np.mean(results, axis=0)
        assert grid.accuracy[t, p] == pytest.approx(right, abs=1e-12)
        assert grid.usd_per_1k_queries[t, p] == pytest.approx(1000 * cost, abs=1e-12, rel=1e-12)


def test_every_subset_of_problems_has_its_own_table() -> None:
    rng = np.random.default_rng(0)

    def block(size: int) -> DrawOutcome:
        return DrawOutcome(
            rng.random((size, 2 * size)) < 0.5,
            np.repeat(np.arange(size), 2),
            np.tile([1, 2], size),
            rng.random(size) < 0.5,
            rng.integers(1, 9, size),
            {1: rng.integers(1, 9, size), 2: rng.integers(1, 9, size)},
        )

    outcomes = [ProblemOutcome(block(1), (block(3),)) for _ in range(6)]
    some = np.array([4, 1])
    whole = stage_table(outcomes, OPTIONS, THETAS, 1e-6, accept_without_tests=True)
    part = stage_table([outcomes[i] for i in some], OPTIONS, THETAS, 1e-6, accept_without_tests=True)
    assert np.array_equal(grid_search([whole.at(some)] * 2).accuracy, grid_search([part] * 2).accuracy)


@pytest.mark.parametrize("per_stage", [False, True])
def test_problems_in_parts_give_the_same(monkeypatch: pytest.MonkeyPatch, per_stage: bool) -> None:
    rng = np.random.default_rng(1)
    tables = [random_table(rng) for _ in range(3)]
    whole = grid_search(tables, per_stage_theta=per_stage)
    monkeypatch.setattr(grid_module, "MAX_NUMBERS", 1)
    parts = grid_search(tables, per_stage_theta=per_stage)
    assert np.allclose(whole.accuracy, parts.accuracy, rtol=0, atol=1e-12)
    assert np.allclose(whole.usd_per_1k_queries, parts.usd_per_1k_queries, rtol=0, atol=1e-12)


def random_table(rng: np.random.Generator) -> StageTable:
    n_problems = 7
    accept = rng.random((len(OPTIONS), len(THETAS), n_problems))
    correct, usd = rng.random((2, len(OPTIONS), n_problems))
    none = np.zeros_like(correct)
    return StageTable(OPTIONS, THETAS, accept, accept * correct[:, None], correct, usd, none, none)


def test_equal_theta_at_every_stage_is_one_theta() -> None:
    rng = np.random.default_rng(2)
    tables = [random_table(rng) for _ in range(3)]
    one, per_stage = grid_search(tables), grid_search(tables, per_stage_theta=True)
    found = {per_stage.space.plan(p, 0.0): per_stage.accuracy[0, p] for p in range(len(per_stage.space))}
    for t, theta in enumerate(THETAS):
        for p in range(len(one.space)):
            options = one.space.plan(p, theta).options
            last = max(i for i, option in enumerate(options) if option != SKIP)
            each = tuple(theta if o != SKIP and i < last else 0.0 for i, o in enumerate(options))
            assert one.accuracy[t, p] == pytest.approx(found[Plan(options, each)], abs=1e-12)


def test_samples_decide_which_options_there_are() -> None:
    empty = np.zeros(0, dtype=np.int64)

    def untested(size: int) -> DrawOutcome:
        ones = np.ones(size, dtype=np.int64)
        return DrawOutcome(np.zeros((size, 0), dtype=bool), empty, empty, ones > 0, ones, {})

    greedy_only = ProblemOutcome(untested(1), ())
    assert available_options([greedy_only], OPTIONS) == (EXIT,)
    assert available_options([ProblemOutcome(None, (untested(3),))], OPTIONS) == ()
    assert len(plan_space([(EXIT,), ()])) == 1
