"""Calibrated acceptance: a fit by hand, no problem judged by its own label, tables by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize

from cascade.core.calibration import (
    FEATURES,
    Answer,
    Calibrator,
    answer_probability,
    evidence,
    features,
    fit_calibrator,
)
from cascade.core.estimators import FirstK
from cascade.core.model_runs import ModelRuns, model_runs
from cascade.core.plans import EXIT, Growing, Option, option_space
from cascade.core.rules import paper
from cascade.core.stage_acceptance import ByProbability, ByScore, calibrate
from cascade.core.stage_tables import table_of_runs
from tests.core.test_estimators import pool

OPTIONS = option_space([0, 1, 2, 4], [2], Growing.also)
TAUS = (0.0, 0.3, 0.5, 0.7, 1.0)


def runs(n_problems: int, seed: int = 0) -> ModelRuns:
    outcomes = [pool(seed + i) for i in range(n_problems)]
    return model_runs(outcomes, OPTIONS, FirstK(), 0, paper)


def test_features_by_hand() -> None:
    """2 of 3 lines passed by the answer, one of them by both solutions: 2·2 of 2·3."""
    coefficients = np.zeros(1 + len(FEATURES))
    for feature, expected in zip(
        range(len(FEATURES)), (4 / 6, 2 / 3, 2 / 2, np.log(3), 0.0, 0.0, np.log(2)), strict=True
    ):
        changed = coefficients.copy()
        changed[1 + feature] = 1.0
        logit = np.log(1 / (1 / answer_probability(Calibrator(changed, 1), Answer(2, 4, 6, 2, 2, 3)) - 1))
        assert logit == pytest.approx(expected), FEATURES[feature]
    changed = coefficients.copy()
    changed[1 + FEATURES.index("no_lines")] = 1.0
    assert answer_probability(Calibrator(changed, 1), Answer(2, 0, 0, 0, 0, 0)) == pytest.approx(
        1 / (1 + np.exp(-1))
    )


def test_the_fit_is_the_penalised_maximum() -> None:
    known = runs(12)
    rows = [one for o, rounds in zip(known.options, known.rounds, strict=True) if o.tests for one in rounds]
    fitted = fit_calibrator(evidence(rows), np.arange(12), ridge=0.7)
    x = np.concatenate([features(one) for one in rows])
    y = np.concatenate([one.right for one in rows]).astype(float)
    weight = np.concatenate([one.weight * 12 / len(rows) for one in rows])
    centre = weight @ x / 12
    scale = np.sqrt(weight @ (x - centre) ** 2 / 12)
    scale = np.where(scale > 1e-9, scale, 1.0)

    def loss(beta: np.ndarray) -> float:
        logit = beta[0] + ((x - centre) / scale) @ beta[1:]
        return float(
            weight @ (np.logaddexp(0, logit) - y * logit) + 0.35 * (beta[1:] ** 2).sum() + 5e-4 * beta[0] ** 2
        )

    best = minimize(loss, np.zeros(1 + len(FEATURES)), tol=1e-12).x
    slopes = best[1:] / scale
    expected = np.concatenate([[best[0] - slopes @ centre], slopes])
    logit, other = (
        np.column_stack([np.ones(len(x)), x]) @ coefficients
        for coefficients in (fitted.coefficients, expected)
    )
    assert logit == pytest.approx(other, abs=1e-3)


def test_no_problem_is_judged_by_its_own_label() -> None:
    """Turning a problem's truth round changes nobody's probability on that problem, on either side."""
    known = runs(24)
    validation = np.arange(12)
    before = calibrate(known, validation, 3, without_tests=True)
    for problem in (0, 7, 11, 20):
        turned = ModelRuns(
            known.options,
            tuple(
                tuple(
                    type(one)(
                        **{**vars_of(one), "right": np.where(one.problem == problem, ~one.right, one.right)}
                    )
                    for one in rounds
                )
                for rounds in known.rounds
            ),
        )
        after = calibrate(turned, validation, 3, without_tests=True)
        for rounds in known.rounds:
            for one in rounds:
                at = one.problem == problem
                assert before.probability(one)[at] == pytest.approx(after.probability(one)[at], abs=1e-12)
    # The labels of the test side are never looked at.
    assert all(
        np.array_equal(a.coefficients, b.coefficients)
        for a, b in zip(before.calibrators, after.calibrators, strict=True)
    )


def vars_of(one: object) -> dict[str, object]:
    return {name: getattr(one, name) for name in type(one).__dataclass_fields__}  # type: ignore[attr-defined]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.booleans(), st.lists(st.floats(-2, 2), min_size=8, max_size=8))
def test_tables_are_what_every_run_says(seed: int, without_tests: bool, coefficients: list[float]) -> None:
    known = runs(3, seed)
    accept = ByProbability(
        (Calibrator(np.array(coefficients), 3),), np.zeros(3, dtype=np.int64), without_tests
    )
    table = table_of_runs(known, TAUS, 1e-6, accept)
    for o, option in enumerate(OPTIONS):
        for t, tau in enumerate(TAUS):
            for p in range(3):
                answers = by_hand(known.rounds[o], option, p, tau, np.array(coefficients), without_tests)
                accepted, right, tokens, rounds = np.mean(answers, axis=0)
                both = np.mean([a * r for a, r, _, _ in answers])
                correct, usd, n_rounds = (values[o, t, p] for values in table.by_theta)
                got = [table.accept[o, t, p], table.accept_correct[o, t, p], correct, usd, n_rounds]
                expected = [accepted, both, right, 1e-6 * tokens, rounds]
                assert got == pytest.approx(expected, abs=1e-12), (option, tau)


def by_hand(
    rounds: tuple, option: Option, problem: int, tau: float, beta: np.ndarray, without_tests: bool
) -> list[tuple[float, float, float, float]]:
    """Every run of an option on a problem, word by word: accepted, right, tokens, rounds."""
    found = []
    for r in np.flatnonzero(rounds[0].problem == problem):
        for number, one in enumerate(rounds, 1):
            lines = int(one.n_lines[r])
            x = [
                one.score[r] / one.most[r] if one.most[r] else 0.0,
                one.passed[r] / lines if lines else 0.0,
                one.agreed[r] / one.k,
                np.log(lines) if lines else 0.0,
                float(lines > 0 and one.passed[r] == lines),
                float(lines == 0),
                np.log(one.k),
            ]
            probability = 1 / (1 + np.exp(-(beta[0] + np.dot(beta[1:], x))))
            accepted = option == EXIT or (probability >= tau and (without_tests or lines > 0))
            if accepted or number == len(rounds):
                found.append((float(accepted), float(one.right[r]), float(one.tokens[r]), float(number)))
                break
    return found


def test_arrays_round_trip_and_parts() -> None:
    known = runs(5)
    again = ModelRuns.from_arrays(known.to_arrays())
    assert again.options == known.options
    for rounds, other in zip(known.rounds, again.rounds, strict=True):
        for one, two in zip(rounds, other, strict=True):
            for name in vars_of(one):
                assert np.array_equal(getattr(one, name), getattr(two, name)), name
    some = known.at(np.array([3, 1])).part(OPTIONS[1:3])
    accept = calibrate(some, np.arange(2), 0, without_tests=True)
    whole = table_of_runs(known, TAUS, 1.0, ByProbability(accept.calibrators, np.zeros(5, int), True))
    part = table_of_runs(some, TAUS, 1.0, accept)
    assert np.array_equal(part.accept, whole.accept[1:3][:, :, [3, 1]])


@pytest.mark.parametrize("calibrated", [True, False])
def test_shrunk_tables_are_half_what_is_right_and_half_what_is_believed(calibrated: bool) -> None:
    known = runs(20)
    beliefs = calibrate(known, np.arange(12), 0, without_tests=True)
    accept = beliefs if calibrated else ByScore(without_tests=True)
    ours = table_of_runs(known, TAUS, 2.0, accept, beliefs)
    counted = table_of_runs(known, TAUS, 2.0, accept)
    correct, usd, rounds = ours.by_theta
    assert np.array_equal(ours.accept, counted.accept)
    assert np.allclose(usd, counted.by_theta[1]) and np.allclose(rounds, counted.by_theta[2])
    pair = known.rounds[[o.k for o in OPTIONS].index(1)][0]
    for o, (option, every) in enumerate(zip(known.options, known.rounds, strict=True)):
        for t, tau in enumerate(TAUS):
            for p in range(20):
                right, accepted = [], []
                for run in np.flatnonzero(every[0].problem == p):
                    if option == EXIT:
                        at = np.flatnonzero(pair.problem == p)
                        right.append((every[0].right[run] + beliefs.probability(pair)[at].mean()) / 2)
                        accepted.append(1.0)
                        continue
                    taken = [bool(accept(one, [tau])[0, run]) for one in every]
                    last = taken.index(True) if any(taken) else len(every) - 1
                    one = every[last]
                    right.append((one.right[run] + beliefs.probability(one)[run]) / 2)
                    accepted.append(float(any(taken)))
                assert correct[o, t, p] == pytest.approx(np.mean(right))
                assert ours.accept_correct[o, t, p] == pytest.approx(np.mean(np.multiply(right, accepted)))
