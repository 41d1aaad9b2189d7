"""A growing stage computed by hand."""

import numpy as np
import pytest

from cascade.core.growing import pool_sizes
from cascade.core.outcomes import DrawOutcome, ProblemOutcome, available_options
from cascade.core.plans import EXIT, Growing, Option, option_space
from cascade.core.stage_tables import stage_table

GROWS = Option(3, 1, growing=True)


def block(passes: list[list[int]], correct: list[int], tokens: int) -> DrawOutcome:
    """Every test has one line; a solution takes `tokens` tokens, a test one."""
    n = len(correct)
    return DrawOutcome(
        np.array(passes, dtype=bool),
        np.arange(n),
        np.ones(n, dtype=np.int64),
        np.array(correct, dtype=bool),
        np.full(n, tokens),
        {1: np.ones(n, dtype=np.int64)},
    )


# The greedy pair fails its test. Of the first two samples one passes one of two lines: 1·1 of 2·2. Of all
# three, the last passes all lines: line 2 alone is passed by another one, so 3·2 of 3·3.
PROBLEM = ProblemOutcome(block([[0]], [0], 4), (block([[0, 1, 0], [0, 0, 0], [1, 1, 1]], [0, 0, 1], 9),))


@pytest.mark.parametrize(
    ("theta", "accept", "correct", "tokens", "rounds"),
    [
        (0.0, 1, 0, 5, 1),  # 0 ≥ 0: the greedy pair
        (0.25, 1, 0, 5 + 2 * 10, 2),
        (0.6, 1, 1, 5 + 3 * 10, 3),
        (0.7, 0, 1, 5 + 3 * 10, 3),  # never reached: the best of all three, if it is the last stage
    ],
)
def test_by_hand(theta: float, accept: int, correct: int, tokens: int, rounds: int) -> None:
    table = stage_table([PROBLEM], [EXIT, GROWS], [theta], 1e-3, accept_without_tests=True)
    of_theta = [values[1, 0, 0] for values in table.by_theta]
    assert table.accept[1, 0, 0] == accept
    assert table.accept_correct[1, 0, 0] == accept * correct
    assert of_theta == pytest.approx([correct, tokens * 1e-3, rounds])
    # What does not depend on θ elsewhere cannot be taken for what it is not.
    assert np.isnan(table.usd[1]).all() and np.isnan(table.correct[1]).all()


def test_rounds_and_options() -> None:
    assert pool_sizes(10) == (2, 3, 5, 7, 10)
    assert pool_sizes(4) == (2, 3, 4)
    grown = [Option(3, 2, growing=True), Option(5, 2, growing=True)]
    also, only = (option_space([0, 1, 3, 5], [2], how) for how in (Growing.also, Growing.only))
    assert also == (EXIT, Option(1, 2), Option(3, 2), Option(5, 2), *grown)
    assert only == (EXIT, Option(1, 2), *grown)
    assert str(grown[0]) == "≤3:2"


def test_without_a_greedy_pair_nothing_grows() -> None:
    assert available_options([ProblemOutcome(None, PROBLEM.draws)], [GROWS]) == ()
    assert available_options([PROBLEM], [GROWS]) == (GROWS,)
