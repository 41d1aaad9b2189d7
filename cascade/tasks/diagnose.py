"""Diagnostics of an executed study: its options, its score, its rules, and who solves what."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from cascade.config import Study
from cascade.core import (
    MAX_SUBSETS,
    RULES,
    ByScore,
    Estimator,
    ModelRuns,
    Option,
    OutcomeArrays,
    ProblemOutcome,
    Resample,
    StageRuns,
    StageTable,
    advice,
    answered_by,
    first_answers,
    judge_samples,
    rng_key,
    table_of_runs,
    take_samples,
)
from cascade.report import (
    Runs,
    acceptance_table,
    calibration_figure,
    calibration_table,
    options_table,
    solved_table,
)
from cascade.search import Executed, rule_comparison
from cascade.tasks.context import RunContext

log = logging.getLogger(__name__)


def diagnose(context: RunContext, executed: Executed, outcomes: dict[str, list[ProblemOutcome]]) -> None:
    """Write the tables, draw the calibration, say what the paper would advise."""
    study = context.study
    solved = np.stack([first_answers(outcomes[model]) for model in executed.models])
    for line in advice(executed.models, solved.mean(axis=1).tolist()):
        log.warning(line)
    by_every, by_none = int(solved.all(axis=0).sum()), int((~solved).all(axis=0).sum())
    n_problems = len(executed.task_ids)
    log.info("%d of %d problems are solved by every model, %d by none", by_every, n_problems, by_none)
    tables = {"who_solves_what": solved_table(executed.models, solved, executed.task_ids)}

    every_run = _runs(study, executed, outcomes)
    runs = {key: option_runs for key, option_runs in every_run.items() if key[2].tests}
    if runs:
        accepted = acceptance_table(runs, study.thetas, accept_without_tests=study.accept_without_tests)
        options = options_table(runs)
        tables |= {
            "options": options,
            "acceptance": accepted,
            "calibration": calibration_table(runs),
            "rules": _rules_table(study, executed, every_run, options, accepted),
        }
        calibration = tables["calibration"]
        answering = calibration[calibration["rule"] == answered_by(study.rule)]
        context.save_and_log(
            "diagnostics_calibration.png",
            lambda path: calibration_figure(
                path, f"{context.name}, rule={answered_by(study.rule)}", executed.models, answering
            ),
        )
    for name, table in tables.items():
        context.save_text(f"diagnostics_{name}.csv", table.to_csv(index=False, float_format="%.6g"))
    metrics = {"n_solved_by_every_model": float(by_every), "n_solved_by_no_model": float(by_none)}
    context.log(metrics=metrics)


def _runs(study: Study, executed: Executed, outcomes: Mapping[str, list[ProblemOutcome]]) -> Runs:
    """Every option of every model under every rule; all rules judge the same samples."""
    found: dict[str, dict[tuple[str, Option], StageRuns]] = {rule: {} for rule in study.compared_rules}
    for i, (model, table) in enumerate(zip(executed.models, executed.tables, strict=True)):
        of_model = OutcomeArrays(outcomes[model])
        for option in table.options:
            if option.growing:
                continue  # its samples are those of the options that it passes through
            samples = take_samples(of_model, option, _estimator(study), rng_key(i, option))
            for rule, of_rule in found.items():
                of_rule[model, option] = judge_samples(samples, RULES[rule])
    return {(rule, *key): runs for rule, of_rule in found.items() for key, runs in of_rule.items()}


def _rules_table(
    study: Study, executed: Executed, runs: Runs, options: pd.DataFrame, accepted: pd.DataFrame
) -> pd.DataFrame:
    """One row a rule: the plans that it chooses, and means over the models' testing options."""

    def tables(rule: str) -> tuple[StageTable, ...]:
        return tuple(
            table_of_runs(
                ModelRuns(fixed, tuple((runs[rule, model, option],) for option in fixed)),
                study.thetas,
                price,
                ByScore(study.accept_without_tests),
            )
            for model, table, price in zip(
                executed.models, executed.tables, _usd_per_token(executed), strict=True
            )
            for fixed in [tuple(option for option in table.options if not option.growing)]
        )

    chosen = rule_comparison({rule: tables(rule) for rule in study.compared_rules}, executed.split)
    rows = []
    for result in chosen:
        at = (accepted["rule"] == result.rule) & (accepted["theta"] == result.theta)
        rows.append(
            asdict(result)
            | options[options["rule"] == result.rule][["accuracy", "auc", "calibration_error"]]
            .mean()
            .to_dict()
            | accepted[at][["accepted", "accepted_wrong", "escalated_right"]].mean().to_dict()
        )
    return pd.DataFrame(rows)


def _estimator(study: Study) -> Estimator:
    """The study's own way to take samples; of many random subsets some are enough to describe."""
    estimator = study.estimator
    return (
        replace(estimator, n_subsets=min(estimator.n_subsets, MAX_SUBSETS))
        if isinstance(estimator, Resample)
        else estimator
    )


def _usd_per_token(executed: Executed) -> list[float]:
    return [executed.provenance.prices[model].usd_per_token for model in executed.models]
