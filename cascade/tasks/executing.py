"""What the tasks execute: samples of the study's generator against all tests, kept in the store."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from cascade.base import DataError, Progress, VerdictStore
from cascade.config import Study
from cascade.core import ProblemOutcome
from cascade.execute import JudgeReport, Sandbox, judge_family
from cascade.generate import (
    LATE_REMEDY,
    WARN_SHARE,
    ModelSamples,
    SampleRequest,
    SampleSet,
    late_line,
    nothing,
    survey,
)
from cascade.problems import Problem, load_problems

Samples = Mapping[str, Mapping[str, ModelSamples]]

log = logging.getLogger(__name__)


def run_shard(study: Study) -> None:
    """Generate and execute this shard's problems only; the store takes all shards' samples and verdicts."""
    everything = load_problems(study.dataset)
    problems = everything[study.shard :: study.n_shards]
    elsewhere = {problem.task_id for problem in everything} - {problem.task_id for problem in problems}
    generated = generate(study, problems, frozenset(elsewhere))
    execute(study, problems, own_samples(study, generated))
    log.info(
        "shard %d of %d: %d problems are in the store; when all are, the same command without shard and "
        "n_shards puts them together",
        study.shard,
        study.n_shards,
        len(problems),
    )


def generate(
    study: Study,
    problems: list[Problem],
    elsewhere: frozenset[str] = frozenset(),
    begins: Callable[[], object] = nothing,
    *,
    may_all_fail: bool = False,
) -> SampleSet:
    """The generator's samples, and in one line a model what they are.

    Args:
        study: with family and generator.
        problems: what is asked for.
        elsewhere: as in `SampleRequest`.
        begins: called before samples are written that the store does not know.
        may_all_fail: of a few problems, whether a model without a usable solution is no mistake.

    Raises:
        DataError: no solution of a model is usable, or all cost nothing.
    """
    generated = study.generator.samples(replace(request(study, problems, elsewhere), before_writing=begins))
    for note in generated.notes:
        log.warning(note)
    limit = study.family.max_new_tokens
    surveys = survey(study.family, problems, generated.samples, study.limits.prelude)
    for of_model in surveys:
        log.info(of_model.line(limit))
        for warning in of_model.warnings(limit):
            log.warning(warning)
    for of_model in surveys if not may_all_fail else ():
        of_model.check(limit)
    return generated


def own_samples(study: Study, generated: SampleSet) -> Samples:
    """The samples as the study's estimator takes them: all draws of a problem as one where it wants that."""
    if not study.estimator.pool_draws:
        return generated.samples
    return {
        model: {task_id: one.pooled() for task_id, one in by_task.items()}
        for model, by_task in generated.samples.items()
    }


def _l_values(study: Study) -> list[int]:
    """The values of l > 0 in the search space."""
    return sorted({option.l for option in study.options if option.tests})


def request(study: Study, problems: list[Problem], elsewhere: frozenset[str] = frozenset()) -> SampleRequest:
    """What the generator is asked for; `elsewhere` as in `SampleRequest`."""
    return SampleRequest(
        study.family,
        problems,
        draw_size=max(1, *(option.k for option in study.options)),
        lines=max(_l_values(study), default=0),
        hardware=study.hardware.name,
        store=study.store,
        elsewhere=elsewhere,
    )


def execute(
    study: Study,
    problems: list[Problem],
    samples: Samples,
    begins: Callable[[], object] = nothing,
) -> tuple[dict[str, list[ProblemOutcome]], JudgeReport]:
    """Execute what the store does not know, under a progress bar; `begins` is called before."""
    store = VerdictStore(study.store)
    with Progress("executing", "pairs") as progress:

        def reached(done: int, total: int) -> None:
            if total:
                begins()
            progress.reached(done, total)

        try:
            outcomes, report = judge_family(
                problems,
                samples,
                _l_values(study),
                Sandbox(study.limits, study.workers, store, study.isolation),
                reached,
                physical_lines=study.physical_lines,
            )
        finally:
            store.close()
    log.info(
        "%s pairs of program and test: %s executed now, the others known from the store; %.2f %% out of time",
        f"{report.n_pairs:,}",
        f"{report.n_executed:,}",
        100 * report.n_timeouts / max(report.n_pairs, 1),
    )
    if report.work.layers:
        log.info(
            "isolation: %s; %s pairs in a process of their own, %s proven non-terminating, %s retried in "
            "isolation, %s rest on objects that are no plain data",
            ", ".join(report.work.layers),
            f"{report.work.n_isolated:,}",
            f"{report.work.n_proven:,}",
            f"{report.work.n_repeated:,}",
            f"{report.work.n_fallback:,}",
        )
    for model, (late, solutions) in report.late.items():
        line = late_line(model, late, solutions)
        if late > WARN_SHARE * solutions:
            log.warning("%s; %s", line, LATE_REMEDY)
        elif late:
            log.info("%s", line)
        if late == solutions > 0 and study.n_shards == 1:
            raise DataError(f"{line}; {LATE_REMEDY}")
    if report.n_broken_lines:
        log.info(
            "%s test lines are not Python, or pairs without an output, and were skipped",
            f"{report.n_broken_lines:,}",
        )
    if report.unproven:
        log.warning(
            "%d reference solutions fail their own tests on this machine: %s",
            len(report.unproven),
            ", ".join(report.unproven[:5]) + (", …" if len(report.unproven) > 5 else ""),
        )
    return outcomes, report
