"""Draws of different sizes side by side see what each of them sees alone."""

from typing import Any

import numpy as np
from hypothesis import given, settings, strategies as st

from cascade.core.draw_arrays import DrawArrays
from cascade.core.outcomes import DrawOutcome


@st.composite
def draw_outcomes(draw: Any) -> DrawOutcome:
    k, t = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    places = draw(st.sets(st.tuples(st.integers(0, t - 1), st.integers(1, 4)), max_size=10))
    samples, positions = np.array(sorted(places), dtype=np.int64).reshape(-1, 2).T
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    tokens = {l: rng.integers(1, 99, t) for l in (2, 4)}  # noqa: E741 - the paper's own letter
    passes = rng.random((k, len(samples))) < 0.5
    return DrawOutcome(passes, samples, positions, rng.random(k) < 0.5, rng.integers(1, 99, k), tokens)


@settings(max_examples=60, deadline=None)
@given(st.lists(draw_outcomes(), min_size=1, max_size=4), st.sampled_from([2, 4]), st.integers(0, 1000))
def test_runs_see_what_their_draw_has(draws: list[DrawOutcome], l: int, seed: int) -> None:  # noqa: E741
    rng = np.random.default_rng(seed)
    k = min(min(len(d.correct), len(d.test_tokens[l])) for d in draws)
    of = rng.integers(0, len(draws), 5)
    solutions = np.array([rng.permutation(len(draws[d].correct))[:k] for d in of])
    tests = np.array([rng.permutation(len(draws[d].test_tokens[l]))[:k] for d in of])
    for size, taken in zip((1, k), DrawArrays.of(draws).gather(of, solutions, tests, l, (1, k)), strict=True):
        passes, n_lines, correct, tokens = taken
        for r, d in enumerate(of):
            one, mine, its_tests = draws[d], solutions[r, :size], tests[r, :size]
            seen = {
                (t, position): j
                for j, (t, position) in enumerate(zip(one.line_sample, one.line_position, strict=True))
                if position <= l
            }
            for i, s in enumerate(mine):
                expected = [
                    (t, position) in seen and bool(one.passes[s, seen[t, position]])
                    for t in its_tests
                    for position in range(1, l + 1)
                ]
                assert passes[r, i].tolist() == expected
            assert n_lines[r] == sum(t in its_tests for t, _ in seen)
            assert correct[r].tolist() == one.correct[mine].tolist()
            assert tokens[r] == one.solution_tokens[mine].sum() + one.test_tokens[l][its_tests].sum()
