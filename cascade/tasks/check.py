"""task=check: what would be made of a recording; and what is wrong with problems of one's own.

Of a recording nothing is executed; of problems of one's own their references are, in the sandbox.
"""

import logging
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from cascade.base import ConfigError, DataError, VerdictStore
from cascade.config import Study
from cascade.execute import ERROR, FAIL, PASS, TIMEOUT, Check, Needs, Sandbox, check_id
from cascade.generate import ModelSamples, RecordedGenerator, Solution, survey
from cascade.problems import Problem, Trial, check_problems, load_problems
from cascade.report import table
from cascade.tasks.executing import request

log = logging.getLogger(__name__)

# Lines of a program that are shown, characters of a line, and programs of a model.
SHOWN_LINES, SHOWN_CHARS, SHOWN = 12, 120, 2


def main(study: Study, output: Path) -> None:
    """Read recording, data set and family, and say what they hold; check problems of one's own."""
    recorded = isinstance(study.generator, RecordedGenerator)
    if study.dataset.format == "own":
        _check_problems(study)
    elif not recorded:
        raise ConfigError(
            "task=check reads a recording (generator=recorded generator.path=…) or problems of your own "
            "(dataset=own dataset.path=…)"
        )
    if recorded:
        _check_recording(study)


def _check_problems(study: Study) -> None:
    """Run the references, and raise `DataError` where something is wrong with the problems."""
    findings = check_problems(study.dataset, lambda trials: _verdicts(study, trials))
    for finding in findings:
        print(finding)
    if findings:
        raise DataError(f"{study.dataset.path}: {len(findings)} faults, one a line above; correct them")
    n = len(load_problems(study.dataset))
    print(
        f"{n} problems of {study.dataset.name}: references pass their tests, an answer that does nothing "
        "passes none\n"
    )


def _verdicts(study: Study, trials: Sequence[Trial]) -> list[list[str | None]]:
    """What became of each trial's tests, in words; None where it passed."""
    words = {PASS: None, FAIL: "fails", ERROR: "raises an error", TIMEOUT: "runs out of time"}
    needs, ids = [], []
    for trial in trials:
        limit = trial.timeout_s or study.limits.reference_timeout_s
        checks = [Check(test, limit, trial.entry_point) for test in trial.tests]
        ids.append([check_id(check) for check in checks])
        needs.append(Needs(trial.task_id, {trial.program: dict(zip(ids[-1], checks, strict=True))}))
    store = VerdictStore(study.store)
    try:
        sandbox = Sandbox(study.limits, study.workers, store, study.isolation)
        verdicts = sandbox.verdicts(needs, lambda done, total: None)
    finally:
        store.close()
    return [
        [words[by_program[trial.program][test]] for test in tests]
        for trial, tests, by_program in zip(trials, ids, verdicts, strict=True)
    ]


def _check_recording(study: Study) -> None:
    """Say what the recording holds, and raise `DataError` where nothing in it could come out right."""
    assert isinstance(study.generator, RecordedGenerator)
    problems = load_problems(study.dataset)
    read = study.generator.samples(request(study, problems))
    limit = study.family.max_new_tokens
    surveys = survey(study.family, problems, read.samples, study.limits.prelude)
    head = [
        "model",
        "greedy",
        "draws",
        "tests",
        "solutions",
        "empty",
        "not Python",
        "no function",
        "cut",
        "cost 0",
        "mended",
        "imports",
        "no test line",
    ]
    rows = []
    for of_model in surveys:
        first = read.samples[of_model.model][problems[0].task_id]
        rows.append(
            [
                of_model.model,
                "yes" if first.greedy is not None else "none",
                " + ".join(str(len(draw.solutions)) for draw in first.draws) or "none",
                _tests(first),
                *(
                    f"{n:,}"
                    for n in (
                        of_model.solutions,
                        of_model.empty,
                        of_model.not_python,
                        of_model.undefined,
                        of_model.cut,
                        of_model.free,
                        of_model.mended,
                        of_model.imported,
                        of_model.idle_tests,
                    )
                ),
            ]
        )
    print(f"{len(problems)} problems of {study.dataset.name}; {study.generator.describe()}\n")
    print(table(head, rows))
    for note in read.notes:
        print(f"\n{note}")
    for of_model in surveys:
        for text in _examples(problems, read.samples[of_model.model].values()):
            print(f"\n{of_model.model}, {text}")
        for warning in of_model.warnings(limit):
            log.warning(warning)
    for of_model in surveys:
        of_model.check(limit)


def _tests(first: ModelSamples) -> str:
    greedy = first.greedy is not None and bool(first.greedy.tests)
    drawn = sum(len(draw.tests) for draw in first.draws)
    return " + ".join(["greedy"] * greedy + [f"{drawn} sampled"] * bool(drawn)) or "none"


def _examples(problems: list[Problem], samples: Iterable[ModelSamples]) -> list[str]:
    """The first programs as they would be executed, without what the problem puts in front."""
    shown = []
    for problem, model_samples in list(zip(problems, samples, strict=True))[:SHOWN]:
        draws = [model_samples.greedy] if model_samples.greedy is not None else list(model_samples.draws)
        solution: Solution = draws[0].solutions[0]
        lines = solution.text.strip("\n").split("\n")
        shortened = [
            line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]}…" for line in lines[:SHOWN_LINES]
        ]
        more = [f"… {len(lines) - SHOWN_LINES} more lines"] if len(lines) > SHOWN_LINES else []
        kind = "continues the prompt" if solution.completion else "a program"
        body = textwrap.indent("\n".join([*shortened, *more]), "    ")
        shown.append(f"{problem.task_id} ({kind}, {solution.tokens} tokens), read as:\n{body}")
    return shown
