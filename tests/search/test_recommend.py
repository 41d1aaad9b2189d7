"""The plan to use: what the validation side says, what refutes it, and the sentence."""

from dataclasses import replace

import numpy as np
import pytest

from cascade.core.bootstrap import Interval, Measured, problem_weights
from cascade.core.plans import EXIT, SKIP, Option, Plan
from cascade.core.stage_tables import StageTable
from cascade.search import ChosenPlan, Estimate, PlanFile, Recommendation, Replacement
from cascade.search.provenance import Provenance
from cascade.search.recommend import candidate, largest_alone, recommend, refuted, sentence

MODELS = ("small", "large")
TESTED = Option(1, 2)
SMALL, LARGE = Plan((EXIT, SKIP), 0.0), Plan((SKIP, EXIT), 0.0)
CASCADE, DEAR = Plan((TESTED, EXIT), 0.5), Plan((TESTED, TESTED), 0.5)


def measured(value: float, half: float = 0.01) -> Measured:
    return Measured(value, Interval(value - half, value + half))


def chosen(plan: Plan, usd: float, accuracy: float, replaces: Replacement | None = None) -> ChosenPlan:
    return ChosenPlan(plan, Estimate(usd, accuracy), replaces=replaces)


def plan_file(*front: ChosenPlan, constrained: ChosenPlan | None = None) -> PlanFile:
    return PlanFile(
        MODELS,
        0.5,
        {},
        front,
        (chosen(SMALL, 1.0, 0.5), chosen(LARGE, 8.0, 0.8)),
        constrained,
        (),
        (),
        (),
        {},
        0.0,
        Provenance("f", "d", "h", 0, "first k", {}, {}),
    )


@pytest.mark.parametrize(
    ("accuracies", "index"),
    [
        ((0.5, 0.789, 0.8, 0.85), 2),
        ((0.5, 0.79, 0.8, 0.85), 1),  # within a point of the most accurate single model, 80 %
        ((0.5, 0.6, 0.7, 0.8), 3),
    ],
)
def test_the_cheapest_within_a_point_of_the_best_single_model(
    accuracies: tuple[float, ...], index: int
) -> None:
    front = [chosen(CASCADE, float(i), accuracy) for i, accuracy in enumerate(accuracies)]
    assert candidate(plan_file(*front)) is front[index]
    wanted = chosen(SMALL, 1.0, 0.5)
    assert candidate(plan_file(*front, constrained=wanted)) is wanted


@pytest.mark.parametrize(
    ("accuracy", "saving", "is_refuted"),
    [
        (Measured(-0.02, Interval(-0.04, 0.0)), measured(0.3), False),
        (Measured(-0.051, Interval(-0.2, 0.1)), measured(0.3), True),  # more than five points, sure or not
        (Measured(-0.05, Interval(-0.2, 0.1)), measured(0.3), False),
        (Measured(-0.03, Interval(-0.05, -0.011)), measured(0.3), True),  # surely more than a point
        (Measured(-0.03, Interval(-0.05, -0.009)), measured(0.3), False),
        (Measured(0.0, Interval(-0.01, 0.01)), Measured(-0.2, Interval(-0.3, -0.1)), True),  # surely dearer
        (Measured(0.0, Interval(-0.01, 0.01)), Measured(-0.2, Interval(-0.3, 0.0)), False),
        (
            Measured(0.05, Interval(0.01, 0.09)),
            Measured(-0.2, Interval(-0.3, -0.1)),
            False,
        ),  # and surely better
        (Measured(0.05, Interval(0.0, 0.09)), Measured(-0.2, Interval(-0.3, -0.1)), True),
    ],
)
def test_what_refutes_a_cascade(accuracy: Measured, saving: Measured, is_refuted: bool) -> None:
    assert refuted(chosen(CASCADE, 1.0, 0.8, Replacement(LARGE, accuracy, saving))) is is_refuted
    assert not refuted(chosen(LARGE, 1.0, 0.8))


def table(right: np.ndarray, usd: float, options: tuple[Option, ...] = (EXIT, TESTED)) -> StageTable:
    """Every option is right where the model is; a test accepts exactly what is right, for a tenth more."""
    n = len(right)
    correct = np.tile(right, (len(options), 1))
    accept = np.stack([np.ones(n) if option == EXIT else right for option in options])[:, None]
    cost = np.array([[usd if option == EXIT else 1.1 * usd] * n for option in options])
    none = np.zeros((len(options), n))
    return StageTable(options, (0.5,), accept, accept * correct[:, None], correct, cost, none, none)


N = 60
LARGE_RIGHT = (np.arange(N) % 5 < 4) * 1.0
TABLES = [table((np.arange(N) % 5 < 2) * 1.0, 1e-3), table(LARGE_RIGHT, 8e-3)]
WEIGHTS = problem_weights(N, 300, seed=0)


def test_the_largest_model_greedy_or_its_smallest_option() -> None:
    assert largest_alone(TABLES) == LARGE
    without = [TABLES[0], table(LARGE_RIGHT, 8e-3, (Option(3, 2), TESTED))]
    assert largest_alone(without) == Plan((SKIP, TESTED), 0.0)


def test_a_cascade_that_holds_is_recommended_beside_the_largest_model() -> None:
    good = chosen(CASCADE, 5.9, 0.8, Replacement(LARGE, measured(0.0), measured(0.2)))
    found = recommend(plan_file(good), TABLES, WEIGHTS, 0.9, {"rule": "paper"})
    assert (found.chosen, found.refuted, found.settings) == (good, None, {"rule": "paper"})
    assert found.largest is not None and found.largest.plan == LARGE
    # 1.1 $ and three fifths of 8 $ instead of 8 $; right wherever the large model is.
    assert found.largest.saving.value == pytest.approx(1 - (1.1 + 0.6 * 8) / 8)
    assert found.largest.accuracy.value == pytest.approx(0.0)
    assert found.sentence.startswith(
        "Use small 1:2 → large greedy, θ=0.5: 20 % cheaper (19 to 21) than large"
    )


def test_a_refuted_cascade_gives_way_to_what_it_was_to_replace() -> None:
    bad = chosen(CASCADE, 5.9, 0.8, Replacement(LARGE, measured(-0.06), measured(0.2)))
    found = recommend(plan_file(bad), TABLES, WEIGHTS, 0.9, {})
    assert (found.chosen.plan, found.refuted, found.largest) == (LARGE, bad, None)
    assert "no cascade is recommended" in found.sentence
    assert "6.0 points less accurate on the test problems" in found.sentence
    dear = chosen(DEAR, 9.0, 0.8, Replacement(LARGE, measured(0.0, 0.0), measured(-0.25, 0.1)))
    assert "25 % dearer on the test problems" in recommend(plan_file(dear), TABLES, WEIGHTS, 0.9, {}).sentence


def test_more_samples_of_one_model_for_no_certain_gain_are_no_advice() -> None:
    more = chosen(Plan((SKIP, TESTED), 0.0), 8.8, 0.8)
    found = recommend(plan_file(more), TABLES, WEIGHTS, 0.9, {})
    assert (found.chosen.plan, found.largest) == (LARGE, None)
    assert "the largest model alone" in found.sentence
    # Who asks for it by budget or accuracy gets it.
    wanted = recommend(plan_file(more, constrained=more), TABLES, WEIGHTS, 0.9, {})
    assert wanted.chosen is more and wanted.largest is not None
    assert "1.1 times the cost" in wanted.sentence


def test_the_sentence_names_both_plans_that_it_stands_beside() -> None:
    against = Replacement(SMALL, measured(0.3, 0.05), Measured(-0.5, Interval(-0.8, -0.2)))
    largest = Replacement(LARGE, measured(0.0), measured(0.25, 0.1))
    good = chosen(CASCADE, 5.9, 0.8, against)
    said = sentence(Recommendation(good, largest, None, "", {}), MODELS)
    assert said == (
        "Use small 1:2 → large greedy, θ=0.5: 1.5 times the cost (1.2 to 1.8) of small greedy at +30.0 "
        "points of accuracy (+25.0 to +35.0); 25 % cheaper (15 to 35) than large greedy at +0.0 "
        "points of accuracy (-1.0 to +1.0)."
    )
    # One that replaces the largest model says it once.
    same = replace(good, replaces=largest)
    assert sentence(Recommendation(same, largest, None, "", {}), MODELS).count("large greedy at") == 1
