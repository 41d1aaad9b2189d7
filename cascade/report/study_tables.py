"""Parts of a study's report for researchers: what the validation side promised too much, and diagnostics."""

from dataclasses import astuple
from pathlib import Path
from typing import Any

import pandas as pd

from cascade.core import advice, answered_by
from cascade.report.content import Evaluated, greedy_right, recommended
from cascade.report.diagnostics import calibration_figure
from cascade.report.page import Picture, Section, Table
from cascade.report.wording import points, theta_of, wrong_after_all


def proof_section(study: Evaluated) -> Section:
    """The generalization gap, the regret, and how often each chosen plan is on the front."""
    plans = study.plans
    proof = plans.proof
    assert proof is not None
    rows = []
    for chosen in plans.front:
        assert chosen.test is not None and chosen.on_front is not None
        lost = chosen.validation.accuracy - chosen.test.accuracy
        dearer = chosen.test.usd_per_1k_queries / chosen.validation.usd_per_1k_queries - 1
        rows.append(
            (
                chosen.plan.describe(plans.models),
                f"{100 * lost:.1f}",
                f"{100 * dearer:+.1f}",
                f"{100 * chosen.on_front:.0f}",
            )
        )
    thetas = [(f"{theta:g}", f"{volume:.4f}") for theta, volume in plans.hypervolume.items()]
    tables = [
        Table(
            "generalization_gap",
            "From validation to test, plan by plan",
            (
                "plan",
                "generalization gap (points)",
                "cost more by (%)",
                "on the front in (%) of the replicates",
            ),
            rows,
        )
    ]
    refuted = [
        (chosen.plan.describe(plans.models), stage.model, *map(_count, astuple(stage)[1:]))
        for chosen in plans.front
        for stage in chosen.wrong_after_all
    ]
    if refuted:
        tables.append(
            Table(
                "wrong_after_all",
                "Answers that pass the base tests and fail the extended ones, on the test side",
                ("plan", "stage", "accepted answers", "pass the base tests", "wrong after all"),
                refuted,
            )
        )
    if thetas:
        tables.append(
            Table(
                "theta",
                f"Hypervolume of the front by θ, validation (chosen: {theta_of(plans)})",
                ("θ", "hypervolume in (ln cost, accuracy)"),
                thetas,
            )
        )
    text = (
        "Generalization gap, validation less test accuracy in the mean over the chosen plans: "
        f"{points(proof.generalization_gap)}. Cross-validation on the validation side alone "
        f"expected {100 * plans.optimism:.1f} points of its cascades, as they were chosen.",
        f"Regret: the chosen plans miss {100 * proof.regret:.1f} % of the hypervolume of the front that the "
        "test side itself would have chosen.",
        "A plan that is on the front in few of the bootstrap's replicates was selected partly by chance; its "
        "neighbours are as good.",
        *wrong_after_all(recommended(plans)),
    )
    return Section("proof", "From validation to test", text, (), tables)


def diagnostics_section(folder: Path, study: Evaluated) -> list[Section]:
    """How good each model's options are, how far their scores can be trusted, and the rules side by side."""
    tables = study.diagnostics
    models = study.plans.models
    n = len(study.executed.task_ids)
    accuracy = [greedy_right(tables["who_solves_what"], model) / n for model in models]
    text = [*advice(models, accuracy)] or [
        "The family is as the paper advises: every model solves at least 10 % "
        "of the problems, and larger ones more than smaller ones."
    ]
    if "options" not in tables:
        return [
            Section(
                "models", "The models one by one", [*text, "No model has tests: there is no score to judge."]
            )
        ]
    rule = answered_by(study.rule)
    options = tables["options"]
    options = options[options["rule"] == rule]
    accepted = tables["acceptance"]
    theta = study.plans.theta if study.plans.theta is not None else study.executed.tables[0].thetas[-1]
    accepted = accepted[(accepted["rule"] == rule) & ((accepted["theta"] - theta).abs() < 1e-9)]
    joined = options.merge(accepted, on=["rule", "model", "k", "l"])
    rows = [
        (
            f"{row.model} {row.k}:{row.l}",
            *(
                _percent(getattr(row, name))
                for name in ("accuracy", "pass_at_1", "oracle_pass_at_k", "without_tests")
            ),
            _number(row.auc),
            _number(row.calibration_error),
            *(_percent(getattr(row, name)) for name in ("accepted", "accepted_wrong", "escalated_right")),
        )
        for row in joined.itertuples()
    ]
    head = (
        "model and k:l",
        "right",
        "one solution at random",
        "one of k right",
        "no test line",
        "AUC",
        "calibration error",
        f"accepted at θ={theta:g}",
        "accepted though wrong",
        "escalated though right",
    )
    found = [
        Table(
            "options",
            f"Every option of every model, in % of all {n} problems (rule: {rule})",
            head,
            rows,
            "AUC: how often a right answer scores above a wrong one (0.5: the score says nothing). "
            "Calibration error: mean distance between score and share of right answers.",
        ),
    ]
    if "rules" in tables:
        found.append(_rules(tables["rules"]))
    else:
        text.append(
            "The rules are not compared here: the run that was executed compared them at other prices or in "
            "another search space."
        )
    calibration = tables["calibration"]
    path = folder / "calibration.svg"
    calibration_figure(path, "Score against truth", models, calibration[calibration["rule"] == rule])
    picture = Picture(
        "calibration",
        "How far scores can be trusted",
        f"One panel for each of {', '.join(models)}: the share of right answers over the score, for every "
        "option. On the diagonal a score is the probability of being right.",
        "A mark's area is the share of the answers that it stands for; above the grey line answers are "
        "better than their score.",
        path,
        calibration[calibration["rule"] == rule],
    )
    return [Section("models", "The models one by one", text, (picture,), found)]


def _rules(rules: pd.DataFrame) -> Table:
    rows = [
        (
            str(row.rule),
            f"{row.theta:g}",
            f"{row.n_front}",
            f"{row.hypervolume:.4f}",
            f"{row.test_hypervolume:.4f}",
            _percent(row.mean_saving),
            _number(row.auc),
            _number(row.calibration_error),
        )
        for row in rules.itertuples()
    ]
    head = (
        "rule",
        "θ",
        "plans on the front",
        "hypervolume, validation",
        "hypervolume, test",
        "mean saving (%)",
        "AUC",
        "calibration error",
    )
    note = (
        "Every rule has the θ whose front is best on the validation problems: its scores are on a scale of "
        "its own, so the values of θ cannot be compared between rules."
    )
    return Table("rules", "Rules that could judge an answer, side by side", head, rows, note)


def _count(expected: float) -> str:
    return f"{expected:.1f}"


def _percent(share: Any) -> str:
    return "" if share != share else f"{100 * share:.1f}"


def _number(value: Any) -> str:
    return "" if value != value else f"{value:.2f}"
