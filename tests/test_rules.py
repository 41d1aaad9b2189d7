"""Every rule on stages computed by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.rules import RULES, Judgement

# Three solutions on four lines: s0 and s1 agree on two lines, s2 passes three on its own, all fail t3.
STAGE = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 1]]


@pytest.mark.parametrize(
    ("rule", "passes", "expected"),
    [
        # t1 is passed by all: s0 2·3, s1 2·3, s2 3·3.
        ("paper", STAGE, Judgement(2, 9, 12)),
        # The set {s0, s1} scores 2 solutions · 2 lines, the set {s2} 1 · 3.
        ("codet", STAGE, Judgement(0, 4, 12)),
        ("pass_rate", STAGE, Judgement(2, 3, 4)),
        ("agreement", STAGE, Judgement(0, 2, 3)),
        # Those that fail alike agree too, but pass nothing.
        ("agreement", [[1, 0], [0, 0], [0, 0]], Judgement(1, 2, 3)),
        ("codet", [[1, 0], [0, 0], [0, 0]], Judgement(0, 1, 6)),
        # One solution agrees with itself.
        ("agreement", [[0, 0]], Judgement(0, 1, 1)),
        # A tie goes to the earliest.
        ("codet", [[0, 1], [1, 0]], Judgement(0, 1, 4)),
        ("pass_rate", [[0, 1], [1, 0]], Judgement(0, 1, 2)),
    ],
)
def test_by_hand(rule: str, passes: list[list[int]], expected: Judgement) -> None:
    assert RULES[rule](np.array(passes, dtype=bool)) == expected


@pytest.mark.parametrize("rule", RULES)
def test_without_a_line_there_is_no_evidence(rule: str) -> None:
    assert RULES[rule](np.zeros((3, 0), dtype=bool)) == Judgement(0, 0, 0)


@pytest.mark.parametrize("rule", RULES)
@given(st.integers(1, 6), st.integers(1, 20), st.randoms(use_true_random=False))
def test_the_score_lies_between_nothing_and_the_most(rule: str, k: int, lines: int, random: object) -> None:
    passes = np.random.default_rng(random.getrandbits(32)).random((k, lines)) < 0.6  # type: ignore[attr-defined]
    judged = RULES[rule](passes)
    assert 0 <= judged.answer < k and 0 <= judged.score <= judged.most
    # All pass everything: every rule is as sure as it can be, and takes the first.
    sure = RULES[rule](np.ones_like(passes))
    assert (sure.answer, sure.score) == (0, sure.most)
    # CodeT's sets pass the same lines, so its score is at most the paper's of the same solution.
    assert RULES["codet"](passes).score <= RULES["paper"](passes).score
