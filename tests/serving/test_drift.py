"""Whether a plan still holds: alarms when it does not, and no false ones."""

import numpy as np
import pytest

from cascade.core import EXIT, Option, Plan, StageTable
from cascade.search import StageExpectation, expected_stages
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


def query(
    tables: list[StageTable], p: int, rng: np.random.Generator
) -> list[tuple[bool, float, int, float | None]]:
    """One query of a problem: a score that reaches each θ as often as the table says."""
    lower, upper = tables[0].accept[0, :, p]
    score = rng.random()
    measure = 0.6 if score < upper else 0.3 if score < lower else 0.0
    noise = rng.gamma(4, 0.25, 2)
    rows: list[tuple[bool, float, int, float | None]] = [
        (measure == 0.6, tables[0].usd[0, p] * noise[0], 10, measure)
    ]
    return rows if measure == 0.6 else [*rows, (True, tables[1].usd[0, p] * noise[1], 10, None)]


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


def test_no_alarm_in_20000_queries_of_the_plans_own_population() -> None:
    rng = np.random.default_rng(0)
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
    assert raised[0].message.startswith("stage 1 (small) ")
    assert raised[0].after <= 200


def test_an_alarm_within_200_queries_of_a_plan_of_one_stage() -> None:
    """Nothing escalates: a greedy answer has its cost alone, a tested one its scores as well."""
    rng = np.random.default_rng(0)
    accept = rng.beta(4, 1, 150)
    cost = 1 + 2 * (1 - accept) + rng.uniform(0, 0.5, 150)
    hard = np.argsort(accept)[:50]
    greedy = StageExpectation("large", 1.0, 1.0, cost.mean(), cost.std(), 150.0)
    watch = PlanWatch((greedy,), 0.01)
    alarms = [watch.observe([(True, cost[p], 10, None)]) for p in rng.choice(hard, 200)]
    [raised] = [alarm for alarm in alarms if alarm is not None]
    assert raised.message.startswith("stage 1 (large) costs ")
    # Equal costs: the scores alone tell.
    reached = np.stack([accept > theta for theta in (0.25, 0.5, 0.75, 0.9)])
    scores = tuple(zip((0.25, 0.5, 0.75, 0.9), reached.mean(axis=1).tolist(), strict=True))
    spread = float(reached.mean(axis=0).std())
    tested = StageExpectation("large", 1.0, 1.0, 1.0, 0.0, 150.0, scores, spread)
    watch = PlanWatch((tested,), 0.01)
    alarms = [watch.observe([(True, 1.0, 10, accept[p])]) for p in rng.choice(hard, 200)]
    [raised] = [alarm for alarm in alarms if alarm is not None]
    assert raised.message.startswith("stage 1 (large) has scores that reach ")
    calm = PlanWatch((tested,), 0.01)
    for p in rng.integers(150, size=2000):
        calm.observe([(True, 1.0, 10, accept[p])])
    assert calm.alarm is None


def test_false_alarms_are_as_rare_as_stated() -> None:
    """Of 150 studies of 100 problems whose estimates err, each watched for 200 queries."""
    rng, alarms = np.random.default_rng(1), 0
    for _ in range(150):
        test = MeanTest(rng.binomial(100, 0.6) / 100, np.sqrt(0.24 / 100), 0.2)
        for value in rng.random(200) < 0.6:
            test.add(float(value))
            if test.ahead > 0:
                alarms += 1
                break
    assert 0 < alarms <= 0.2 * 150


def test_what_was_expected_wins_nothing_and_extremes_break_nothing() -> None:
    for mean, error in ((0.0, 0.0), (1.0, 0.0), (1.0, 0.1), (0.0, 0.1), (0.3, 0.1)):
        test = MeanTest(mean, error, 0.01)
        for _ in range(1000):
            test.add(mean)
        assert test.ahead < -4
    for mean, value in ((0.2, 1.0), (0.8, 0.0)):
        test = MeanTest(mean, 0.05, 0.01)
        for _ in range(100):
            test.add(value)
        assert test.ahead > 10


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
