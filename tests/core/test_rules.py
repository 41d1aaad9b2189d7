"""Every rule on stages computed by hand."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from cascade.core.rules import RULES

# Three solutions on four lines: s0 and s1 agree on two lines, s2 passes three on its own, all fail t3.
STAGE = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 1]]


def judge_family(rule: str, passes: NDArray[np.bool_]) -> tuple[int, int, int]:
    """One stage on all lines: answer, score, most."""
    judged = RULES[rule](passes[None], np.array([passes.shape[1]]))
    return int(judged.answer[0]), int(judged.score[0]), int(judged.most[0])


@pytest.mark.parametrize(
    ("rule", "passes", "expected"),
    [
        # t1 is passed by all: s0 2·3, s1 2·3, s2 3·3.
        ("paper", STAGE, (2, 9, 12)),
        # The set {s0, s1} scores 2 solutions · 2 lines, the set {s2} 1 · 3.
        ("codet", STAGE, (0, 4, 12)),
        ("pass_rate", STAGE, (2, 3, 4)),
        ("agreement", STAGE, (0, 2, 3)),
        # Those that fail alike agree too, but pass nothing.
        ("agreement", [[1, 0], [0, 0], [0, 0]], (1, 2, 3)),
        ("codet", [[1, 0], [0, 0], [0, 0]], (0, 1, 6)),
        # One solution agrees with itself.
        ("agreement", [[0, 0]], (0, 1, 1)),
        # A tie goes to the earliest.
        ("codet", [[0, 1], [1, 0]], (0, 1, 4)),
        ("pass_rate", [[0, 1], [1, 0]], (0, 1, 2)),
    ],
)
def test_by_hand(rule: str, passes: list[list[int]], expected: tuple[int, int, int]) -> None:
    assert judge_family(rule, np.array(passes, dtype=bool)) == expected


@pytest.mark.parametrize("rule", RULES)
def test_without_a_line_there_is_no_evidence(rule: str) -> None:
    assert judge_family(rule, np.zeros((3, 0), dtype=bool)) == (0, 0, 0)


@pytest.mark.parametrize("rule", RULES)
@given(st.integers(1, 6), st.integers(1, 20), st.randoms(use_true_random=False))
def test_the_score_lies_between_nothing_and_the_most(rule: str, k: int, lines: int, random: object) -> None:
    passes = np.random.default_rng(random.getrandbits(32)).random((k, lines)) < 0.6  # type: ignore[attr-defined]
    answer, score, most = judge_family(rule, passes)
    assert 0 <= answer < k and 0 <= score <= most
    # All pass everything: every rule is as sure as it can be, and takes the first.
    answer, score, most = judge_family(rule, np.ones_like(passes))
    assert (answer, score) == (0, most)
    # CodeT's sets pass the same lines, so its score is at most the paper's of the same solution.
    assert judge_family("codet", passes)[1] <= judge_family("paper", passes)[1]


@pytest.mark.parametrize("rule", RULES)
@given(st.integers(1, 5), st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_stages_judged_at_once_are_judged_apart(rule: str, k: int, lines: int, seed: int) -> None:
    """And a line that does not count is as good as none."""
    rng = np.random.default_rng(seed)
    counts = rng.random((7, lines)) < 0.7
    passes = (rng.random((7, k, lines)) < 0.6) & counts[:, None, :]
    judged = RULES[rule](passes, counts.sum(axis=1))
    for i in range(7):
        alone = judge_family(rule, passes[i][:, counts[i]])
        assert (judged.answer[i], judged.score[i], judged.most[i]) == alone


def test_one_line_is_evidence_and_none_is_not() -> None:
    passes = np.array([[[1], [1], [0]], [[0], [0], [0]]], dtype=bool)
    judged = RULES["agreement"](passes, np.array([1, 0]))
    assert (judged.score.tolist(), judged.most.tolist()) == ([2, 0], [3, 0])
