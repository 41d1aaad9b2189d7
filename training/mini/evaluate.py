"""Evaluation: how good each model of the family is at solutions and at tests.

``python -m training.mini.evaluate`` prints one table: greedy pass@1 on the hidden tests, assert lines per
test (of the first four), the share of them that the reference solution passes, distinct inputs per test.
"""

import argparse
import ast
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cascade.core.lines import LineKind, split_lines
from cascade.generate.family import Model
from cascade.generate.local.batch import GenerationRequest
from cascade.generate.local.loaded_model import LoadedModel
from cascade.generate.weights import MINI as WEIGHTS
from cascade.problems.base import Problem
from cascade.problems.mini import load_mini
from training.mini.check import passes
from training.mini.prompts import solution_prompt, test_prompt

_LINES = 4
# The longest completions of the corpus stay below.
_MAX_NEW_TOKENS = 320


def complete(model: LoadedModel, prompts: Sequence[str], samples: int = 0) -> list[list[str]]:
    """The completions of each prompt: one greedy one, or `samples` at T = 0.8 and top_p 0.95."""
    seeds = range(samples) if samples else (None,)
    wanted = [
        (index, GenerationRequest(model.encode(prompt, "", chat=False), _MAX_NEW_TOKENS, _seed(index, seed)))
        for index, prompt in enumerate(prompts)
        for seed in seeds
    ]
    wanted.sort(key=lambda item: -len(item[1].ids))  # the queue takes the longest first
    texts: list[list[str]] = [[] for _ in prompts]
    requests = [request for _, request in wanted]
    for report in model.run_queue(requests, None, "auto", (0.8, 0.95), lambda rows, _: [False] * len(rows)):
        for position, ids, _ in report.ended:
            texts[wanted[position][0]].append(model.decode(ids))
    return texts


def _seed(prompt: int, sample: int | None) -> int | None:
    return None if sample is None else prompt * 1_000 + sample


def lines_of(text: str) -> list[str]:
    """The assert lines among the first four lines of a test sample."""
    return [line.text for line in split_lines(text, _LINES) if line.kind is LineKind.ASSERT]


def _input(line: str) -> str:
    """What a test line calls the function with, or the line itself where it calls nothing."""
    calls = [node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call)]
    return ast.unparse(calls[0]) if calls else line


@dataclass(frozen=True)
class Score:
    """The measures of one model; all shares lie between 0 and 1.

    Attributes:
        solved: share of the solutions that pass the hidden tests.
        solved_any: share of the problems with a solution that passes.
        lines: assert lines per test sample, of the first four.
        right: share of those lines that hold for the reference solution.
        inputs: distinct inputs per test sample.
    """

    solved: float
    solved_any: float
    lines: float
    right: float
    inputs: float


def score(
    problems: Sequence[Problem], solutions: Sequence[Sequence[str]], tests: Sequence[Sequence[str]]
) -> Score:
    """Score the solutions and the test samples of each problem."""
    programs = [
        problem.program(text, completion=True) + "\n" + problem.reference_test
        for problem, texts in zip(problems, solutions, strict=True)
        for text in texts
    ]
    verdicts = iter(passes(programs))
    solved = [[next(verdicts) for _ in texts] for texts in solutions]
    samples = [
        (problem, lines_of(text)) for problem, texts in zip(problems, tests, strict=True) for text in texts
    ]
    right = passes([f"{problem.reference_solution}\n{line}" for problem, lines in samples for line in lines])
    return Score(
        solved=sum(map(sum, solved)) / len(programs),
        solved_any=sum(map(any, solved)) / len(problems),
        lines=len(right) / len(samples),
        right=sum(right) / max(1, len(right)),
        inputs=sum(len({_input(line) for line in lines}) for _, lines in samples) / len(samples),
    )


def _evaluate(folder: Path, problems: Sequence[Problem], samples: int) -> str:
    """One line of the table."""
    start = time.perf_counter()
    model = LoadedModel(Model(folder.name, str(folder), str(folder)), "auto", "auto")
    solutions = complete(model, [solution_prompt(problem) for problem in problems], samples)
    tests = complete(model, [test_prompt(problem) for problem in problems], samples)
    row = score(problems, solutions, tests)
    return (
        f"{folder.name:8} {samples or 'greedy':>8} {model.n_parameters:>11,} {row.solved:7.1%} "
        f"{row.solved_any:7.1%} {row.lines:6.2f} {row.right:7.1%} {row.inputs:7.2f} "
        f"{time.perf_counter() - start:8.1f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of model folders")
    parser.add_argument("--samples", type=int, default=0, help="also draw so many at T = 0.8, top_p 0.95")
    args = parser.parse_args()
    problems = load_mini()
    files = sorted(args.weights.glob("*/model.safetensors"), key=lambda file: file.stat().st_size)
    if not files:
        raise SystemExit(f"{args.weights}: no model folders; make some: python -m training.mini.train")
    print("model     samples  parameters  pass@1  any ok  lines   right  inputs  seconds")
    for file in files:
        for samples in sorted({0, args.samples}):
            print(_evaluate(file.parent, problems, samples), flush=True)


if __name__ == "__main__":
    main()
