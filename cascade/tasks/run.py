"""task=run: read or generate the samples, execute and score them, log every combination."""

import json
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cascade.artifacts import COMBINATIONS, STAGE_TABLES, Executed, combinations_table
from cascade.config import Study
from cascade.errors import CascadeError
from cascade.explain import EXAMPLES, choose_examples, save_examples
from cascade.generate import Request, SampleSet
from cascade.generate.sample import ModelSamples
from cascade.judge import JudgeReport, judge
from cascade.pricing import Throughput
from cascade.problems import load_problems
from cascade.problems.base import Problem
from cascade.search.grid import grid_search
from cascade.split import Split, balanced_split, listed_split
from cascade.store import VerdictStore, digest
from cascade.tables import ProblemOutcome, available_options, stage_table
from cascade.tasks.common import EXECUTED, keep, open_tracker, study_run, timed
from cascade.tracking import Tracker
from cascade.tracking.layout import log_combinations, log_data_set
from cascade.verdicts import Sandbox

log = logging.getLogger(__name__)


def main(study: Study, output: Path) -> None:
    """Execute a study and log it as a new run."""
    tracker = open_tracker(study)
    with study_run(study, tracker, "run", output, None) as run_id:
        execute_study(study, output, tracker, run_id)
    log.info("executed; task=select run_id=%s chooses its plans", run_id)


def execute_study(study: Study, output: Path, tracker: Tracker, run_id: str) -> Executed:
    """Load, generate, execute, tabulate, search, log."""
    started = time.monotonic()
    problems = load_problems(study.dataset)
    log_data_set(tracker, run_id, study.dataset, problems)
    looked_at = sorted({option.l for option in study.options if option.tests})
    generated = study.generator.samples(
        Request(
            study.family,
            problems,
            draw_size=max(1, *(option.k for option in study.options)),
            lines=max(looked_at, default=0),
            hardware=study.hardware.name,
            store=study.store,
        )
    )
    prices = study.prices or _measured_prices(study, generated)
    for note in generated.notes:
        log.warning(note)
    loaded = time.monotonic()

    models = tuple(model.name for model in study.family.models)
    outcomes, report = _judge(study, problems, generated.samples, looked_at)
    executed_at = time.monotonic()

    task_ids = tuple(problem.task_id for problem in problems)
    split = _split(study, task_ids, models, outcomes)
    tables = []
    for model, price in zip(models, prices, strict=True):
        options = available_options(outcomes[model], study.options)
        if not options:
            raise CascadeError(
                f"{model}: its samples allow none of the options in search.k and search.l; record greedy "
                "solutions (k=0) or tests (k>0), or leave the model out of the family"
            )
        tables.append(
            stage_table(
                outcomes[model],
                options,
                study.thetas,
                price.usd_per_token,
                accept_without_tests=study.accept_without_tests,
            )
        )
    executed = Executed(
        models, task_ids, tuple(tables), split, _origin(study, prices, problems, generated.samples)
    )
    grid = grid_search([table.at(split.validation) for table in tables])
    combinations = combinations_table(grid, "validation")
    searched = time.monotonic()
    keep(tracker, run_id, output / STAGE_TABLES, executed.save)
    keep(tracker, run_id, output / COMBINATIONS, lambda path: combinations.to_parquet(path, index=False))
    with timed(tracker, run_id, "log_combinations"):
        log_combinations(tracker, run_id, combinations, models, as_runs=study.combinations_as_runs)
    shown = split.test if len(split.test) else split.validation
    examples = choose_examples(
        problems, generated.samples, outcomes, shown.tolist(), max(looked_at, default=0)
    )
    keep(tracker, run_id, output / EXAMPLES, lambda path: save_examples(path, examples))

    greedy = {model: _solved(outcomes[model]) for model in models}
    for model, price in zip(models, prices, strict=True):
        log.info(
            "%s: %d of %d right (greedy), %.3g $ per million tokens",
            model,
            round(greedy[model].sum()),
            len(problems),
            price.usd_per_1m_tokens,
        )
    log.info(
        "%s combinations on %d validation problems; %d test problems are kept aside",
        f"{len(combinations):,}",
        len(split.validation),
        len(split.test),
    )
    metrics = {f"greedy_accuracy.{model}": float(greedy[model].mean()) for model in models}
    metrics |= {f"usd_per_1m_tokens.{m}": p.usd_per_1m_tokens for m, p in zip(models, prices, strict=True)}
    metrics |= {
        "n_pairs": float(report.n_pairs),
        "n_executed": float(report.n_executed),
        "n_timeouts": float(report.n_timeouts),
        "n_broken_lines": float(report.n_broken_lines),
        "n_unproven": float(len(report.unproven)),
    }
    metrics |= {
        "n_problems": float(len(problems)),
        "n_combinations": float(len(combinations)),
        "split_redraws": float(split.redraws),
        "seconds.load": loaded - started,
        "seconds.execute": executed_at - loaded,
        "seconds.search": searched - executed_at,
    }
    tracker.log(run_id, metrics=metrics, tags={EXECUTED: "true"})
    return executed


def _judge(
    study: Study,
    problems: list[Problem],
    samples: Mapping[str, Mapping[str, ModelSamples]],
    looked_at: list[int],
) -> tuple[dict[str, list[ProblemOutcome]], JudgeReport]:
    """Execute what the store does not know, under a progress bar."""
    store = VerdictStore(study.store)
    # tqdm draws on terminals only; elsewhere the log says what was done.
    with tqdm(desc="executing", unit=" pairs", unit_scale=True, disable=None, file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        try:
            outcomes, report = judge(
                problems, samples, looked_at, Sandbox(study.limits, study.workers, store), progress
            )
        finally:
            store.close()
    log.info(
        "%s pairs of program and test: %s executed now, the others known from the store; %.2f %% out of time",
        f"{report.n_pairs:,}",
        f"{report.n_executed:,}",
        100 * report.n_timeouts / max(report.n_pairs, 1),
    )
    if report.n_broken_lines:
        log.info("%s test lines are not Python and were skipped", f"{report.n_broken_lines:,}")
    if report.unproven:
        log.warning(
            "%d problems' own solutions fail their reference tests here: %s",
            len(report.unproven),
            ", ".join(report.unproven[:5]) + (", …" if len(report.unproven) > 5 else ""),
        )
    return outcomes, report


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
            ids = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
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
    return tuple(generated.measured[model.name].throughput(usd) for model in study.family.models)


def _origin(
    study: Study,
    throughputs: tuple[Throughput, ...],
    problems: list[Problem],
    samples: Mapping[str, Mapping[str, ModelSamples]],
) -> dict[str, object]:
    """What the study is made from, with the hashes of its inputs."""
    prices = {m.name: p.usd_per_1m_tokens for m, p in zip(study.family.models, throughputs, strict=True)}
    return {
        "family": study.family.name,
        "dataset": study.dataset.name,
        "hardware": study.hardware.name,
        "seed": study.seed,
        "usd_per_1m_tokens": prices,
        "hashes": {
            "config": study.signature,
            "prices": digest(json.dumps(prices)),
            "problems": digest(*(repr(problem) for problem in problems)),
            "samples": digest(*(repr(own[p.task_id]) for own in samples.values() for p in problems)),
        },
    }
