"""Whether a plan still holds: alarms when it does not, and no false ones."""

import numpy as np
import pytest

from cascade.core import EXIT, Option, Plan, StageTable
from cascade.search import StageExpectation, expected_stages
from cascade.serving.answer import StageTrace
from cascade.serving.drift import MeanTest, PlanWatch

PLAN = Plan((Option(3, 2), EXIT), 0.5)
MODELS = ("small", "large")


def tables(accept: np.ndarray, rng: np.random.Generator) -> list[StageTable]:
    """A testing model and one that ends the plan, on as many problems as `accept` has."""
    n = len(accept)
    zeros = np.zeros((1, n))
    acceptances = np.stack([np.minimum(1.0, accept + 0.1), accept])[None]
    small = StageTable(
        (Option(3, 2),),
        (0.1, 0.5),
        acceptances,
        0.5 * acceptances,
        0.5 + zeros,
        rng.uniform(1, 3, (1, n)),
        zeros,
        zeros,
    )
    ones = np.ones((1, 2, n))
    large = StageTable((EXIT,), (0.1, 0.5), ones, ones, 1 + zeros, rng.uniform(5, 9, (1, n)), zeros, zeros)
    return [small, large]


def query(tables: list[StageTable], p: int, rng: np.random.Generator) -> list[tuple[bool, float, int, float]]:
    accepted = bool(rng.random() < tables[0].accept[0, 1, p])
    noise = rng.gamma(4, 0.25, 2)
    rows = [(accepted, tables[0].usd[0, p] * noise[0], 10, 0.5)]
    return rows if accepted else [*rows, (True, tables[1].usd[0, p] * noise[1], 10, 0.5)]


def test_expectations_weigh_problems_by_how_far_they_come() -> None:
    made = tables(np.array([1.0, 0.5, 0.0, 0.5]), np.random.default_rng(0))
    first, last = expected_stages(made, PLAN, MODELS)
    assert (first.model, first.reached, first.accepted) == ("small", 1.0, 0.5)
    assert first.usd == pytest.approx(made[0].usd.mean())
    assert first.n_problems == pytest.approx(4)
    assert first.scores == ((0.1, pytest.approx(0.575)), (0.5, pytest.approx(0.5)))
    # Reach 0, ½, 1, ½.
    assert (last.reached, last.accepted) == (0.5, 1.0)
    assert last.usd == pytest.approx((made[1].usd[0] @ [0, 0.5, 1, 0.5]) / 2)
    assert last.n_problems == pytest.approx(4 / 1.5)


@pytest.mark.parametrize("seed", range(2))
def test_no_alarm_in_20000_queries_of_the_plans_own_population(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = tables(rng.beta(1, 1, 150), rng)
    watch = PlanWatch(expected_stages(made, PLAN, MODELS), 0.01)
    for p in rng.integers(150, size=20_000):
        watch.observe(query(made, p, rng))
    assert watch.alarm is None
    assert watch.queries == 20_000


@pytest.mark.parametrize("seed", range(5))
def test_an_alarm_within_200_queries_of_harder_problems(seed: int) -> None:
    rng = np.random.default_rng(seed)
    accept = rng.beta(1, 1, 150)
    made = tables(accept, rng)
    watch = PlanWatch(expected_stages(made, PLAN, MODELS), 0.01)
    hard = np.argsort(accept)[:50]
    alarms = [watch.observe(query(made, p, rng)) for p in rng.choice(hard, 200)]
    raised = [alarm for alarm in alarms if alarm is not None]
    assert len(raised) == 1, "once"
    assert raised[0].message.startswith("stage 1 (small) accepts ")
    assert raised[0].after <= 200


def test_false_alarms_are_as_rare_as_stated() -> None:
    """At the end of the interval that is expected, which is the worst case, of 100 tests."""
    rng, alarms = np.random.default_rng(1), 0
    for _ in range(100):
        test = MeanTest(0.3, 0.6)
        most = 0.0
        for value in rng.random(200) < 0.6:
            test.add(float(value))
            most = max(most, test.log_evidence)
        alarms += most > np.log(2 / 0.1)
    assert alarms <= 0.1 * 100


def test_means_in_the_interval_win_nothing_and_extremes_break_nothing() -> None:
    for low, high, value in ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, 1.0, 1.0), (0.2, 0.4, 0.3)):
        test = MeanTest(low, high)
        for _ in range(1000):
            test.add(value)
        assert test.log_evidence <= 1e-9
    test = MeanTest(0.0, 0.2)
    for _ in range(100):
        test.add(1.0)
    assert test.log_evidence > 50


def test_a_plan_without_expectations_is_never_alarming() -> None:
    watch = PlanWatch((), 0.01)
    for _ in range(100):
        assert watch.observe([(False, 1.0, 1, None), (True, 1.0, 1, None)]) is None
    assert not watch.report()["watched"]


def test_the_report_has_what_was_seen_beside_what_was_expected() -> None:
    stage = StageExpectation("small", 1.0, 0.5, 2.0, 1.0, 100.0, ((0.0, 1.0), (0.5, 0.4), (1.0, 0.1)))
    last = StageExpectation("large", 0.5, 1.0, 8.0, 1.0, 50.0)
    watch = PlanWatch((stage, last), 0.01)
    watch.observe([(True, 1.0, 10, 0.95)])
    watch.observe([(False, 3.0, 30, 0.05), (True, 8.0, 80, None)])
    report = watch.report()
    first, second = report["stages"]  # type: ignore[misc]
    assert first["accepted"]["seen"] == 0.5
    assert first["accepted"]["expected"] == 0.5
    assert first["usd_per_query"] == {"seen": 2.0, "expected": 2.0}
    assert first["tokens_per_query"]["seen"] == 20
    assert first["scores"] == {"from": [0, 0, 0.5, 1], "seen": [0, 1, 1, 0], "expected": [0, 0.6, 0.3, 0.1]}
    assert second["scores"] is None
    assert second["reached"] == {"seen": 0.5, "expected": 0.5, "n": 1}


def test_what_a_calibrated_stage_holds_against_its_threshold_is_its_probability() -> None:
    option = Option(3, 2)
    assert StageTrace("small", option, score=3, most=6, probability=0.9).measure == 0.9
    assert StageTrace("small", option, score=3, most=6).measure == 0.5
    assert StageTrace("small", option).measure is None
