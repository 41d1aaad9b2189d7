"""The evaluation set: problems whose signatures and behaviours training never shows.

``python -m training.mini.evalset`` writes the shipped file again.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from cascade.base.errors import DataError
from cascade.problems.mini import EVAL_FILE
from training.mini.compose import Case, Composition, HeldOut, draw_cases, draw_composition
from training.mini.grammar import assert_lines, draw_exercise
from training.mini.inputs import FEW_REPEATS
from training.mini.steps import CATALOGUE

COUNT = 150
SEED = 2405
_HIDDEN_LINES = 9
_REMEDY = "write the file again: python -m training.mini.evalset"


@dataclass(frozen=True)
class EvalProblem:
    """One problem of the evaluation set.

    Attributes:
        task_id: ``mini/0`` and so on.
        steps: the composition, as pairs of a step's name and its parameter.
        entry_point: the function's name.
        prompt: header and docstring, ending in a newline.
        body: the reference body, which continues the prompt.
        tests: the hidden assert lines.
    """

    task_id: str
    steps: tuple[tuple[str, int | str | None], ...]
    entry_point: str
    prompt: str
    body: str
    tests: tuple[str, ...]

    @property
    def composition(self) -> Composition:
        """The composition that the problem asks for."""
        return Composition(tuple((CATALOGUE[name], k) for name, k in self.steps))


def _hidden_cases(rng: Random, composition: Composition) -> list[Case]:
    """Cases that tell the function from itself with any one kind-keeping step left out."""
    simpler = [
        composition.without(index)
        for index, (step, _) in enumerate(composition.parts)
        if step.takes == step.gives and len(composition.parts) > 1
    ]
    while True:
        cases = draw_cases(rng, composition, _HIDDEN_LINES, repeats=FEW_REPEATS)
        several = len({repr(result) for _, result in cases}) >= 4
        if several and all(any(other.run(value) != result for value, result in cases) for other in simpler):
            return cases


def build(seed: int = SEED, count: int = COUNT) -> list[EvalProblem]:
    """`count` problems with pairwise different signatures and behaviours."""
    rng = Random(f"evalset/{seed}")
    compositions: list[Composition] = []
    problems: list[EvalProblem] = []
    for index in range(count):
        composition = draw_composition(rng, HeldOut.of(compositions))
        compositions.append(composition)
        exercise = draw_exercise(rng, composition)
        problems.append(
            EvalProblem(
                task_id=f"mini/{index}",
                steps=tuple((step.name, k) for step, k in composition.parts),
                entry_point=exercise.name,
                prompt=exercise.prompt,
                body=exercise.body,
                tests=tuple(assert_lines(exercise.name, _hidden_cases(rng, composition))),
            )
        )
    return problems


def write(problems: Sequence[EvalProblem], path: Path = EVAL_FILE) -> None:
    """Write problems as JSON lines."""
    path.write_text("".join(json.dumps(vars(problem)) + "\n" for problem in problems), encoding="utf-8")


def read(path: Path = EVAL_FILE) -> list[EvalProblem]:
    """The problems of a file that `write` made.

    Raises:
        DataError: the file is missing or a line of it is broken.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {_REMEDY}") from error
    problems = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            record["steps"] = tuple((name, k) for name, k in record["steps"])
            record["tests"] = tuple(record["tests"])
            problems.append(EvalProblem(**record))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}:{number}: not an evaluation problem ({error}); {_REMEDY}") from error
    return problems


def held_out() -> HeldOut:
    """What training must not show: the shipped evaluation set."""
    return HeldOut.of(problem.composition for problem in read())


def main() -> None:
    """Write the evaluation set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--out", type=Path, default=EVAL_FILE)
    args = parser.parse_args()
    write(build(args.seed, args.count), args.out)
    print(f"{args.count} problems in {args.out}")


if __name__ == "__main__":
    main()
