"""task=check: what would be made of a recording, in seconds and without executing anything."""

import logging
import textwrap
from collections.abc import Iterable
from pathlib import Path

from cascade.base import ConfigError
from cascade.config import Study
from cascade.generate import ModelSamples, RecordedGenerator, Solution, survey
from cascade.problems import Problem, load_problems
from cascade.report import table
from cascade.tasks.executing import request

log = logging.getLogger(__name__)

# Lines of a program that are shown, and programs of a model.
SHOWN_LINES, SHOWN = 12, 2


def main(study: Study, output: Path) -> None:
    """Read recording, data set and family, and say what they hold."""
    if not isinstance(study.generator, RecordedGenerator):
        raise ConfigError("task=check reads a recording: choose generator=recorded generator.path=…")
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
    ]
    rows = []
    for one in surveys:
        first = read.samples[one.model][problems[0].task_id]
        rows.append(
            [
                one.model,
                "yes" if first.greedy is not None else "none",
                " + ".join(str(len(draw.solutions)) for draw in first.draws) or "none",
                _tests(first),
                *(
                    f"{n:,}"
                    for n in (
                        one.solutions,
                        one.empty,
                        one.not_python,
                        one.undefined,
                        one.cut,
                        one.free,
                        one.mended,
                        one.imported,
                    )
                ),
            ]
        )
    print(f"{len(problems)} problems of {study.dataset.name}; {study.generator.describe()}\n")
    print(table(head, rows))
    for note in read.notes:
        print(f"\n{note}")
    for one in surveys:
        for text in _examples(problems, read.samples[one.model].values()):
            print(f"\n{one.model}, {text}")
        for warning in one.warnings(limit):
            log.warning(warning)
    for one in surveys:
        one.check(limit)


def _tests(first: ModelSamples) -> str:
    greedy = first.greedy is not None and bool(first.greedy.tests)
    drawn = sum(len(draw.tests) for draw in first.draws)
    return " + ".join(["greedy"] * greedy + [f"{drawn} sampled"] * bool(drawn)) or "none"


def _examples(problems: list[Problem], samples: Iterable[ModelSamples]) -> list[str]:
    """The first programs as they would be executed, without what the problem puts in front."""
    shown = []
    for problem, own in list(zip(problems, samples, strict=True))[:SHOWN]:
        draws = [own.greedy] if own.greedy is not None else list(own.draws)
        solution: Solution = draws[0].solutions[0]
        lines = solution.text.strip("\n").split("\n")
        more = [f"… {len(lines) - SHOWN_LINES} more lines"] if len(lines) > SHOWN_LINES else []
        kind = "continues the prompt" if solution.completion else "a program"
        body = textwrap.indent("\n".join([*lines[:SHOWN_LINES], *more]), "    ")
        shown.append(f"{problem.task_id} ({kind}, {solution.tokens} tokens), read as:\n{body}")
    return shown
