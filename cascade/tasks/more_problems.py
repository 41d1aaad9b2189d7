"""Problems of today beside those of a study: asked and executed as it was, for task=select to choose by.

What a service kept (`serve.shadow_output`) is such a file. A problem without references tells what plans cost
and when stages accept; one with `tests` joins the validation side.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cascade.base import CascadeError, DataError, digest
from cascade.config import Study
from cascade.core import (
    RULES,
    Acceptance,
    ByScore,
    ModelRuns,
    Split,
    StageTable,
    answered_by,
    available_options,
    model_runs,
    table_of_runs,
)
from cascade.problems import Problem, read_prompts
from cascade.search import Executed
from cascade.tasks.executing import execute, generate, own_samples
from cascade.tasks.run import tabulated

log = logging.getLogger(__name__)


def with_more_problems(study: Study, executed: Executed) -> Executed:
    """An executed study with the problems of `select.more_problems`.

    Raises:
        CascadeError: a problem is in the study already, or the study is of a kind that takes none.
    """
    if study.more_problems is None:
        return executed
    where = f"select.more_problems={study.more_problems}"
    problems = read_prompts(Path(study.more_problems))
    if known := {problem.task_id for problem in problems} & set(executed.task_ids):
        raise DataError(f"{where}: {min(known)} is a problem of the study already; give another `task_id`")
    if not executed.runs:
        raise CascadeError(f"{where}: the study's stage tables have no runs; run task=run again")
    labelled = [problem for problem in problems if problem.reference_test]
    unlabelled = [problem for problem in problems if not problem.reference_test]
    if labelled and executed.base_tables:
        raise DataError(f"{where}: tests beside dataset.prove_on are not taken; leave the field `tests` out")
    runs = _runs(study, executed, [*labelled, *unlabelled], where)
    n = len(labelled)
    if labelled:
        executed = _labelled(study, executed, labelled, [one.at(np.arange(n)) for one in runs])
    if unlabelled:
        others = [one.at(np.arange(n, len(problems))) for one in runs]
        executed = replace(executed, unlabelled=_tables(study, executed, others))
    hashes = {**executed.provenance.hashes, "more_problems": digest(*(repr(one) for one in problems))}
    log.info(
        "%s: %d problems with tests join the validation side; of %d without, cost and acceptance count",
        where,
        n,
        len(unlabelled),
    )
    return replace(executed, provenance=replace(executed.provenance, hashes=hashes))


def _runs(study: Study, executed: Executed, problems: list[Problem], where: str) -> list[ModelRuns]:
    """Every option of every model on the problems, from samples that are written now or in the store."""
    generated = generate(study, problems, frozenset(executed.task_ids), may_all_fail=True)
    outcomes, _ = execute(study, problems, own_samples(study, generated))
    rule, found = RULES[answered_by(study.rule)], []
    for i, (model, known) in enumerate(zip(executed.models, executed.runs, strict=True)):
        if missing := set(known.options) - set(available_options(outcomes[model], known.options)):
            lacks = min(missing)
            raise DataError(f"{where}: {model}: its samples allow no stage k={lacks.k}, l={lacks.l}")
        found.append(model_runs(outcomes[model], known.options, study.estimator, i, rule))
    return found


def _labelled(
    study: Study, executed: Executed, problems: Sequence[Problem], runs: Sequence[ModelRuns]
) -> Executed:
    """The study with the problems on its validation side; calibrators are fitted anew."""
    n = len(executed.task_ids)
    split = executed.split
    validation = np.concatenate([split.validation, np.arange(n, n + len(problems))])
    return tabulated(
        study,
        executed.models,
        (*executed.task_ids, *(problem.task_id for problem in problems)),
        tuple(old.with_problems(new) for old, new in zip(executed.runs, runs, strict=True)),
        Split(validation, split.test, split.redraws),
        executed.provenance,
        (),
    )


def _tables(study: Study, executed: Executed, runs: Sequence[ModelRuns]) -> tuple[StageTable, ...]:
    """The stage tables of problems without references; the calibrators decide that plans are served with."""
    tables = []
    for i, (model, known) in enumerate(zip(executed.models, runs, strict=True)):
        accept: Acceptance = ByScore(study.accept_without_tests)
        if executed.calibration is not None:
            accept = executed.calibration[i].served(len(known.rounds[0][0].n_draws))
        price = executed.provenance.prices[model].usd_per_token
        tables.append(table_of_runs(known, executed.tables[i].thetas, price, accept))
    return tuple(tables)
