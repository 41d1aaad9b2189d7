"""A small study that anybody may have: problems, and a recording that three made-up models left.

    python -m tests.toy FOLDER

writes FOLDER/problems.jsonl (HumanEval's format) and FOLDER/recording.jsonl.gz (the neutral format).
Every model solves and tests a problem with a probability that grows with its size, so that the
study behaves like a real one and takes seconds.
"""

import json
import random
import sys
from pathlib import Path

from cascade.generate.recordings.recorded import write_recording
from cascade.generate.sample import Draw, ModelSamples, SelfTest, Solution

SKILL = {"7B": 0.45, "13B": 0.65, "34B": 0.85}
N_DRAWS, DRAW_SIZE = 2, 10
# What a problem asks for, how its reference does it, and how a weak model gets it wrong.
TASKS = (
    ("the sum of the numbers that are at least {n}", "sum(x for x in xs if x >= {n})", "sum(xs)"),
    ("how many numbers are divisible by {n}", "sum(x % {n} == 0 for x in xs)", "len(xs)"),
    (
        "the largest number after adding {n} to each, 0 if there is none",
        "max((x + {n} for x in xs), default=0)",
        "max(xs)",
    ),
    ("the numbers without their first {n}", "xs[{n}:]", "xs[:-{n}]"),
    ("every number times {n}, smallest first", "sorted(x * {n} for x in xs)", "[x * {n} for x in xs]"),
)


# Prompts of checkpoints with random weights, whose tests begin with assert as a model's do.
ASSERTING = {"test": "{prompt}    pass\n\n# check {entry_point}\nassert", "test_begins": "assert"}


def comment_out(problems: Path) -> None:
    """Let what random weights write stand in a comment, so that it is Python; it would be refused."""
    records = [json.loads(line) for line in problems.read_text().splitlines()]
    for record in records:
        record["prompt"] += "    #"
        record["canonical_solution"] = "\n" + record["canonical_solution"]
    problems.write_text("".join(json.dumps(record) + "\n" for record in records))


def problem(index: int) -> dict[str, str]:
    """A record in HumanEval's format."""
    text, right, _ = TASKS[index % len(TASKS)]
    n = 2 + index // len(TASKS)
    name = f"task_{index}"
    checks = [[1, 2, 3, 4, 5, 6], [10, n, 3 * n, -1], []]
    asserts = "\n".join(f"    assert candidate({xs!r}) == {_value(right, n, xs)!r}" for xs in checks)
    return {
        "task_id": f"Toy/{index}",
        "prompt": f'def {name}(xs: list):\n    """Return {text.format(n=n)}."""\n',
        "entry_point": name,
        "canonical_solution": f"    return {right.format(n=n)}\n",
        "test": f"def check(candidate):\n{asserts}\n",
    }


def _value(expression: str, n: int, xs: list[int]) -> object:
    return eval(expression.format(n=n), {}, {"xs": xs})


def make_problems(n_problems: int) -> list[dict[str, str]]:
    """The records of the data set."""
    return [problem(i) for i in range(n_problems)]


def make_samples(n_problems: int, seed: int) -> dict[str, dict[str, ModelSamples]]:
    """What the three models wrote, by model and task id."""
    rng = random.Random(seed)
    difficulty = [rng.uniform(-0.35, 0.35) for _ in range(n_problems)]
    return {
        model: {f"Toy/{i}": _samples(i, skill - difficulty[i], rng) for i in range(n_problems)}
        for model, skill in SKILL.items()
    }


def _samples(index: int, skill: float, rng: random.Random) -> ModelSamples:
    def draw(size: int) -> Draw:
        return Draw(
            tuple(_solution(index, skill, rng) for _ in range(size)),
            tuple(_test(index, skill, rng) for _ in range(size)),
        )

    return ModelSamples(draw(1), tuple(draw(DRAW_SIZE) for _ in range(N_DRAWS)))


def _solution(index: int, skill: float, rng: random.Random) -> Solution:
    _, right, wrong = TASKS[index % len(TASKS)]
    body = (right if rng.random() < skill else wrong).format(n=2 + index // len(TASKS))
    text = f"def task_{index}(xs):\n    # attempt {rng.randrange(3)}\n    return {body}\n"
    return Solution(text, 30 + rng.randrange(30), seconds=0.5)


def _test(index: int, skill: float, rng: random.Random) -> SelfTest:
    _, right, _ = TASKS[index % len(TASKS)]
    n = 2 + index // len(TASKS)
    lines = []
    for _ in range(rng.randrange(3, 6)):
        xs = [rng.randrange(-3, 12) for _ in range(rng.randrange(1, 6))]
        value = _value(right, n, xs) if rng.random() < skill + 0.1 else rng.randrange(9)
        lines.append(f"assert task_{index}({xs}) == {value}")
    counts = [18 * (i + 1) + rng.randrange(5) for i in range(len(lines))]
    return SelfTest("\n".join(lines), counts[-1], {i + 1: c for i, c in enumerate(counts)}, 0.5)


def write_toy(folder: Path, n_problems: int = 60, seed: int = 0) -> None:
    """Write the data set and the recording into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    records = (json.dumps(record) for record in make_problems(n_problems))
    (folder / "problems.jsonl").write_text("\n".join(records) + "\n", encoding="utf-8")
    write_recording(folder / "recording.jsonl.gz", make_samples(n_problems, seed))


if __name__ == "__main__":
    write_toy(Path(sys.argv[1]))
