"""An explained cascade does what the stage tables say, problem by problem."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from cascade.base.errors import DataError
from cascade.core.outcomes import DrawOutcome, ProblemOutcome
from cascade.core.plans import EXIT, SKIP, Option, Plan, option_space
from cascade.core.rules import RULES, Rule, paper
from cascade.core.stage_tables import stage_table
from cascade.generate.sample import Draw, ModelSamples, SelfTest, Solution
from cascade.problems.base import Problem
from cascade.report.explain import Block, Example, choose_examples, explain_plan, load_examples, save_examples

K = 3
OPTIONS = option_space([0, 1, 3], [2, 4])
PRICE = {"small": 1.0, "large": 10.0}


def draw(rng: np.random.Generator, k: int) -> tuple[Draw, DrawOutcome]:
    lines = [(i, at) for i in range(k) for at in range(1, 1 + int(rng.integers(0, 5)))]
    tests = [[f"assert f({i}) == {at}" for j, at in lines if j == i] for i in range(k)]
    outcome = DrawOutcome(
        passes=rng.random((k, len(lines))) < 0.6,
        line_sample=np.array([i for i, _ in lines], dtype=np.int64),
        line_position=np.array([at for _, at in lines], dtype=np.int64),
        correct=rng.random(k) < 0.5,
        solution_tokens=rng.integers(1, 50, k),
        test_tokens={at: rng.integers(1, 50, k) for at in (2, 4)},
    )
    samples = Draw(
        tuple(Solution(f"s{i}", 1) for i in range(k)), tuple(SelfTest("\n".join(lines), 1) for lines in tests)
    )
    return samples, outcome


def example(seed: int) -> tuple[Example, dict[str, ProblemOutcome]]:
    rng = np.random.default_rng(seed)
    samples, outcomes = {}, {}
    for model in PRICE:
        (greedy, greedy_outcome), (sampled, sampled_outcome) = draw(rng, 1), draw(rng, K)
        samples[model] = {"T/0": ModelSamples(greedy, (sampled,))}
        outcomes[model] = ProblemOutcome(greedy_outcome, (sampled_outcome,))
    problem = Problem("T/0", "write f", "f", "assert True", None)
    [one] = choose_examples([problem], samples, {m: [o] for m, o in outcomes.items()}, [0], OPTIONS)
    return one, outcomes


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    first=st.sampled_from([SKIP, *(o for o in OPTIONS if o.tests)]),
    last=st.sampled_from(OPTIONS),
    theta=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    accept_without_tests=st.booleans(),
    rule=st.sampled_from(list(RULES.values())),
)
def test_it_is_what_the_tables_say(
    seed: int, first: Option, last: Option, theta: float, accept_without_tests: bool, rule: Rule
) -> None:
    one, outcomes = example(seed)
    steps = explain_plan(
        Plan((first, last), (theta, 0.0)),
        tuple(PRICE),
        one,
        PRICE,
        rule,
        accept_without_tests=accept_without_tests,
    )
    tables = {
        model: stage_table(
            [model_outcomes],
            OPTIONS,
            [theta],
            PRICE[model] / 1e6,
            accept_without_tests=accept_without_tests,
            rule=rule,
        )
        for model, model_outcomes in outcomes.items()
    }
    asked = [("small", first)] if first != SKIP else []
    if not asked or tables["small"].accept[OPTIONS.index(first), 0, 0] == 0:
        asked.append(("large", last))
    assert [(step.model, step.option) for step in steps] == asked
    for step in steps:
        table, o = tables[step.model], OPTIONS.index(step.option)
        assert step.usd == pytest.approx(table.usd[o, 0])
        assert step.correct == bool(table.correct[o, 0])
    assert steps[-1].accepted and not any(step.accepted for step in steps[:-1])


def test_by_hand() -> None:
    """Two solutions, three lines: s1 passes all of them, two together with s0: 3·2 of at least 0.5·3·3."""
    block = Block(
        solutions=("a", "b", "c"),
        lines=((0, 1, "assert 1"), (0, 3, "assert 9"), (1, 1, "assert 2"), (2, 2, "assert 3")),
        passes=((True, True, True, False), (True, True, True, True), (False, True, False, False)),
        correct=(False, True, False),
        solution_tokens=(10, 20, 30),
        test_tokens={2: (1, 2, 3)},
    )
    one = Example("T/0", "write f", {}, {"small": block})
    plan = Plan((Option(3, 2), EXIT), 0.5)
    [step] = explain_plan(plan, ("small", "large"), one, PRICE, paper, accept_without_tests=True)
    assert step.lines == ("assert 1", "assert 2", "assert 3")
    assert (step.passed, step.agreed) == ((2, 3, 0), (2, 2, 0))
    assert (step.best, step.score, step.threshold, step.accepted, step.correct) == (1, 6, 4.5, True, True)
    assert step.usd == pytest.approx(66e-6)
    assert step.describe() == "small 3:2 scores 6 of at least 4.5: accepted"


def test_problems_that_differ_come_first() -> None:
    def of(*right: bool) -> list[ProblemOutcome]:
        none = np.zeros(0, dtype=np.int64)
        return [
            ProblemOutcome(
                DrawOutcome(
                    np.zeros((1, 0), dtype=bool), none, none, np.array([r]), np.array([1], dtype=np.int64), {}
                ),
                (),
            )
            for r in right
        ]

    n = 20
    outcomes = {"small": of(*[True] * 18, False, False), "large": of(*[True] * 19, False)}
    problems = [Problem(f"T/{i}", "", "f", "", None) for i in range(n)]
    samples = {
        m: {p.task_id: ModelSamples(Draw((Solution("x", 1),), ()), ()) for p in problems} for m in outcomes
    }
    chosen = [e.task_id for e in choose_examples(problems, samples, outcomes, list(range(n)), [EXIT])]
    assert {"T/0", "T/18", "T/19"} <= set(chosen) and len(chosen) == 6


def test_examples_survive_the_file(tmp_path: Path) -> None:
    one, _ = example(3)
    save_examples(tmp_path / "examples.json", [one])
    assert load_examples(tmp_path / "examples.json") == [one]
    (tmp_path / "examples.json").write_text("{")
    with pytest.raises(DataError, match="not a file of examples"):
        load_examples(tmp_path / "examples.json")
