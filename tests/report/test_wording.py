"""Numbers and plans in words."""

import pytest

from cascade.core.bootstrap import Interval, Measured
from cascade.core.plans import EXIT, SKIP, Option, Plan
from cascade.report.wording import ends, percent, points, stage_sentences, usd, usd_ends


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0.0, "0.000"),
        (63.581, "63.58"),
        (1.5, "1.500"),
        (0.00012345, "0.0001234"),
        (0.0000230249, "0.00002302"),
    ],
)
def test_four_digits_of_any_amount(amount: float, said: str) -> None:
    assert usd(amount) == said


def test_intervals() -> None:
    measured = Measured(-0.0612, Interval(-0.104, 0.0251))
    assert percent(measured) == "-6.1 % (-10.4 to 2.5)"
    assert points(measured) == "-6.1 points (-10.4 to 2.5)"
    assert ends(None) == usd_ends(None) == ""
    assert usd_ends(Interval(1.0, 20.0)) == " (1.000 to 20.00)"


def test_what_every_stage_does() -> None:
    plan = Plan((Option(1, 2), Option(5, 4), EXIT), (0.5, 0.85, 0.0))
    said = stage_sentences(plan, ("a", "b", "c"))
    assert [model for model, _ in said] == ["a", "b", "c"]
    assert said[0][1].startswith("Writes one greedy solution and one greedy test, of which up to 2 lines")
    assert "at least 50 % of the most" in said[0][1]
    assert said[1][1].startswith("Writes 5 solutions and 5 tests, of each of which up to 4 lines count.")
    assert "at least 85 % of the most" in said[1][1]
    assert said[2][1] == "Writes one greedy solution and no test. Its solution is the answer."


def test_a_model_that_is_skipped_does_nothing() -> None:
    [(model, does)] = stage_sentences(Plan((SKIP, Option(3, 2)), 0.5), ("a", "b"))
    assert model == "b" and does.endswith("Its best solution is the answer.")
