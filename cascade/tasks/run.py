"""task=run: read or generate the samples, execute and score them, log every combination."""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cascade import tracking
from cascade.base import CascadeError, ConfigError, digest
from cascade.config import Study
from cascade.core import (
    CALIBRATED,
    RULES,
    Acceptance,
    ByScore,
    ModelRuns,
    ProblemOutcome,
    Split,
    Throughput,
    answered_by,
    available_options,
    balanced_split,
    calibrate,
    listed_split,
    model_runs,
    price_advice,
    table_of_runs,
)
from cascade.execute import JudgeReport
from cascade.generate import ModelSamples, SampleSet, price_warnings
from cascade.problems import Problem, load_problems
from cascade.report import EXAMPLES, choose_examples, save_examples
from cascade.search import STAGE_TABLES, Executed, Provenance
from cascade.tasks.common import EXECUTED, ISOLATION, study_run
from cascade.tasks.context import RunContext
from cascade.tasks.continuing import next_command, prices_digest
from cascade.tasks.executing import execute, generate, own_samples, run_shard
from cascade.tasks.searching import check_size, save_combinations

log = logging.getLogger(__name__)


def main(study: Study, output: Path) -> None:
    """Execute a study and log it as a new run; of a shard, fill the store and no more."""
    if study.n_shards > 1:
        run_shard(study)
        return
    with study_run(study, "run", output) as context:
        execute_study(context)
    log.info("executed; to choose plans from it: %s", next_command(study.overrides, "select", context.run_id))


def execute_study(context: RunContext) -> Executed:
    """Load, generate, execute, tabulate; what describes the result is put off."""
    study = context.study
    if study.more_problems is not None:
        raise ConfigError(
            "select.more_problems: task=select takes it, from a study that was run; leave it out"
        )
    started = time.monotonic()
    problems = load_problems(study.dataset)
    context.in_run(lambda tracker, run_id: tracking.log_data_set(tracker, run_id, study.dataset, problems))
    size = check_size(study, len(problems))
    generated = generate(study, problems, begins=context.open)
    prices = study.prices or _measured_prices(study, generated)
    for line in price_advice(
        [model.name for model in study.family.models], [price.usd_per_1m_tokens for price in prices]
    ):
        log.warning(line)
    loaded = time.monotonic()

    samples = own_samples(study, generated)
    outcomes, report = execute(study, problems, samples, begins=context.open)
    executed_at = time.monotonic()

    models = tuple(model.name for model in study.family.models)
    task_ids = tuple(problem.task_id for problem in problems)
    split = _split(study, task_ids, models, outcomes)
    # A problem is judged by the tests of its side: those that choose plans, or those that prove them.
    base_runs = _runs(study, models, outcomes) if study.dataset.prove_on is not None else ()
    base_outcomes, outcomes = outcomes, _by_side(outcomes, split)
    runs = _runs(study, models, outcomes)
    provenance = _provenance(study, prices, problems, generated.samples)
    executed = tabulated(study, models, task_ids, runs, split, provenance, base_runs)
    tabulated_at = time.monotonic()

    context.put_off(lambda: context.save_and_log(STAGE_TABLES, executed.save))
    n_combinations = save_combinations(context, executed) if size.feasible else 0

    def describe() -> None:
        from cascade.tasks.diagnose import diagnose

        with context.timed("diagnose"):
            diagnose(context, executed, outcomes)
        shown = split.test if len(split.test) else split.validation
        examples = choose_examples(
            problems, samples, outcomes, shown.tolist(), study.options, physical=study.physical_lines
        )
        context.save_and_log(EXAMPLES, lambda path: save_examples(path, examples))

    context.put_off(describe)
    log.info(
        "%s combinations on %d validation problems; %d test problems are kept aside",
        f"{n_combinations:,}" if size.feasible else "too many",
        len(split.validation),
        len(split.test),
    )
    metrics = _model_metrics(executed, prices, base_outcomes) | _work_metrics(report)
    metrics |= {
        "n_problems": float(len(problems)),
        "n_combinations": float(n_combinations),
        "split_redraws": float(split.redraws),
        "seconds.load": loaded - started,
        "seconds.execute": executed_at - loaded,
        "seconds.tabulate": tabulated_at - executed_at,
    }
    context.log(metrics=metrics, tags={EXECUTED: "true"} | _isolation(report))
    return executed


def _by_side(outcomes: Mapping[str, list[ProblemOutcome]], split: Split) -> dict[str, list[ProblemOutcome]]:
    """The outcomes with the test side's problems judged by the tests that prove plans."""
    test = set(split.test.tolist())
    return {
        model: [outcome.by_proof() if p in test else outcome for p, outcome in enumerate(of_model)]
        for model, of_model in outcomes.items()
    }


def _runs(
    study: Study, models: tuple[str, ...], outcomes: Mapping[str, list[ProblemOutcome]]
) -> tuple[ModelRuns, ...]:
    runs = []
    for i, model in enumerate(models):
        options = available_options(outcomes[model], study.options)
        if not options:
            raise CascadeError(
                f"{model}: its samples allow none of the options in search.k and search.l; record greedy "
                "solutions (k=0) or tests (k>0), or leave the model out of the family"
            )
        rule = RULES[answered_by(study.rule)]
        runs.append(model_runs(outcomes[model], options, study.estimator, i, rule))
    return tuple(runs)


def tabulated(
    study: Study,
    models: tuple[str, ...],
    task_ids: tuple[str, ...],
    runs: tuple[ModelRuns, ...],
    split: Split,
    provenance: Provenance,
    base_runs: tuple[ModelRuns, ...],
) -> Executed:
    """An executed study with its stage tables, and with its calibration where the rule needs one.

    `base_runs` are those by the tests that choose plans, where others prove them; see `Executed.base_tables`.
    """
    calibration = None
    accept: tuple[Acceptance, ...] = tuple(ByScore(study.accept_without_tests) for _ in models)
    if study.rule == CALIBRATED:
        accept = calibration = tuple(
            calibrate(model_runs, split.validation, study.seed, without_tests=study.accept_without_tests)
            for model_runs in runs
        )
    tables, base_tables = (
        tuple(
            table_of_runs(model_runs, study.thetas, provenance.prices[model].usd_per_token, how)
            for model, model_runs, how in zip(models, some, accept, strict=False)
        )
        for some in (runs, base_runs)
    )
    return Executed(models, task_ids, tables, split, provenance, runs, calibration, base_tables)


def _model_metrics(
    executed: Executed, prices: Sequence[Throughput], outcomes: Mapping[str, list[ProblemOutcome]]
) -> dict[str, float]:
    """What each model can do alone, and how exact its table is; told too."""
    metrics: dict[str, float] = {}
    for model, price, table in zip(executed.models, prices, executed.tables, strict=True):
        solved = _solved(outcomes[model])
        log.info(
            "%s: %d of %d right (greedy), %.3g $ per million tokens",
            model,
            round(solved.sum()),
            len(solved),
            price.usd_per_1m_tokens,
        )
        metrics[f"greedy_accuracy.{model}"] = float(solved.mean())
        if executed.base_tables:
            proved = _solved([outcome.by_proof() for outcome in outcomes[model]])
            log.info("%s: %d of them on the extended tests too", model, round(proved.sum()))
            metrics[f"greedy_accuracy_on_plus.{model}"] = float(proved.mean())
        metrics[f"usd_per_1m_tokens.{model}"] = price.usd_per_1m_tokens
        accuracy, usd = table.monte_carlo_error()
        if accuracy > 0:
            metrics[f"monte_carlo_error.accuracy.{model}"] = accuracy
            metrics[f"monte_carlo_error.usd_per_1k_queries.{model}"] = usd
            log.info(
                "%s: Monte-Carlo standard errors of at most %.2f points and %.2g $ per 1,000 queries",
                model,
                100 * accuracy,
                usd,
            )
    return metrics


def _work_metrics(report: JudgeReport) -> dict[str, float]:
    return {
        "n_pairs": float(report.n_pairs),
        "n_executed": float(report.n_executed),
        "n_isolated": float(report.work.n_isolated),
        "n_proven_endless": float(report.work.n_proven),
        "n_repeated_alone": float(report.work.n_repeated),
        "timeout_share": report.n_timeouts / max(report.n_pairs, 1),
        "cpu_seconds.execute": report.work.cpu_seconds,
        "n_timeouts": float(report.n_timeouts),
        "n_broken_lines": float(report.n_broken_lines),
        "n_unproven": float(len(report.unproven)),
    }


def _isolation(report: JudgeReport) -> dict[str, str]:
    """A tag that names the layers; none where every verdict was in the store."""
    return {ISOLATION: ", ".join(report.work.layers)} if report.work.layers else {}


def _solved(outcomes: list[ProblemOutcome]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Float array (problems,): whether the greedy solution is right; without one, the samples' mean."""
    return np.array(
        [
            float(o.greedy.correct[0])
            if o.greedy is not None
            else np.concatenate([draw.correct for draw in o.draws]).mean()
            for o in outcomes
        ]
    )


def _split(
    study: Study,
    task_ids: tuple[str, ...],
    models: tuple[str, ...],
    outcomes: dict[str, list[ProblemOutcome]],
) -> Split:
    settings = study.split
    if (path := settings.validation_ids) is not None:
        try:
            ids = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise CascadeError(f"{path}: cannot be read ({error}); see split.validation_ids") from None
        return listed_split(task_ids, [line for line in ids if line], str(path))
    split = balanced_split(
        np.stack([_solved(outcomes[model]) for model in models]),
        models,
        seed=study.seed,
        validation_fraction=settings.validation_fraction,
        max_accuracy_gap=settings.max_accuracy_gap,
        max_redraws=settings.max_redraws,
    )
    if split.redraws:
        log.info("the split was drawn %d times until every model was balanced", split.redraws + 1)
    return split


def _measured_prices(study: Study, generated: SampleSet) -> tuple[Throughput, ...]:
    """What the generator measured, priced; for a hardware profile without numbers of its own."""
    missing = [model.name for model in study.family.models if model.name not in generated.measured]
    if missing:
        raise CascadeError(
            f"hardware={study.hardware.name} is priced by what the generator measures, and nothing "
            f"was measured for {', '.join(missing)}; choose a hardware profile with throughput, or "
            "generator=transformers"
        )
    usd = study.hardware.usd_per_gpu_hour
    for line in price_warnings([model.name for model in study.family.models], generated.measured):
        log.warning(line)
    return tuple(generated.measured[model.name].throughput(usd) for model in study.family.models)


def _provenance(
    study: Study,
    prices: Sequence[Throughput],
    problems: list[Problem],
    samples: Mapping[str, Mapping[str, ModelSamples]],
) -> Provenance:
    """What the study is made from, with the hashes of its inputs."""
    by_model = {m.name: price for m, price in zip(study.family.models, prices, strict=True)}
    usd = {name: price.usd_per_1m_tokens for name, price in by_model.items()}
    return Provenance(
        family=study.family.name,
        dataset=study.dataset.name,
        hardware=study.hardware.name,
        seed=study.seed,
        estimator=study.estimator.describe(),
        prices=by_model,
        hashes={
            "config": study.signature,
            "prices": prices_digest(usd),
            "problems": digest(*(repr(problem) for problem in problems)),
            "samples": digest(*(repr(by_task[p.task_id]) for by_task in samples.values() for p in problems)),
        },
        settings=study.plan_settings,
    )
