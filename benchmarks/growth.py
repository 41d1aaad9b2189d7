"""How a study from its store grows with the number of problems: seconds of CPU, memory, and the steps.

    python -m benchmarks.growth 125 250 500 1000

Four made-up models with five draws of ten solutions and ten tests a problem, read from a recording, through
`run.py` as a user starts it: once to fill the store, once more to be measured. Options of the command follow
after `--`, e.g. `-- estimator.n_subsets=1000`. The exponent is that of the seconds of CPU between neighbours
of the table: 1 is linear.
"""

import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from cascade.generate.recordings.recorded import write_recording
from cascade.generate.sample import Draw, ModelSamples, SelfTest, Solution

ROOT = Path(__file__).resolve().parents[1]
SKILL = {"1B": 0.3, "7B": 0.5, "13B": 0.65, "34B": 0.85}
N_DRAWS, DRAW_SIZE = 5, 10
INPUTS = ([1, 2, 3], [4, -1], [], [5, 5, 5, 5], [7])
STEPS = (
    "load",
    "execute",
    "tabulate",
    "search",
    "select",
    "evaluate",
    "diagnose",
    "log_combinations",
    "report",
)


def problem(index: int) -> dict[str, str]:
    """A record in HumanEval's format: the sum of a list and a number."""
    asserts = "\n".join(f"    assert candidate({xs!r}) == {sum(xs) + index}" for xs in INPUTS)
    return {
        "task_id": f"Made/{index}",
        "prompt": f'def task_{index}(xs: list):\n    """Return the sum of the numbers and {index}."""\n',
        "entry_point": f"task_{index}",
        "canonical_solution": f"    return sum(xs) + {index}\n",
        "test": f"def check(candidate):\n{asserts}\n",
    }


def samples(index: int, skill: float, rng: random.Random) -> ModelSamples:
    """What a model wrote: right and wrong sums, right and wrong lines."""

    def solution() -> Solution:
        body = "sum(xs)" if rng.random() < skill else rng.choice(("len(xs)", "max(xs, default=0)", "0"))
        return Solution(
            f"def task_{index}(xs):\n    return {body} + {index}\n", 30 + rng.randrange(30), seconds=0.5
        )

    def test() -> SelfTest:
        lines = []
        for xs in rng.sample(INPUTS, 4):
            value = sum(xs) + index if rng.random() < skill + 0.1 else len(xs) + index
            lines.append(f"assert task_{index}({xs}) == {value}")
        counts = [18 * (i + 1) + rng.randrange(5) for i in range(len(lines))]
        return SelfTest("\n".join(lines), counts[-1], {i + 1: c for i, c in enumerate(counts)}, 0.5)

    def draw(size: int) -> Draw:
        return Draw(tuple(solution() for _ in range(size)), tuple(test() for _ in range(size)))

    return ModelSamples(draw(1), tuple(draw(DRAW_SIZE) for _ in range(N_DRAWS)))


def write_study(folder: Path, n_problems: int) -> list[str]:
    """The problems, the recording, and the arguments of their study."""
    rng = random.Random(0)
    records = [json.dumps(problem(i)) for i in range(n_problems)]
    (folder / "problems.jsonl").write_text("\n".join(records) + "\n", encoding="utf-8")
    difficulty = [rng.uniform(-0.25, 0.25) for _ in range(n_problems)]
    recording = {
        model: {f"Made/{i}": samples(i, skill - difficulty[i], rng) for i in range(n_problems)}
        for model, skill in SKILL.items()
    }
    write_recording(folder / "recording.jsonl.gz", recording)
    family = {
        "name": "made",
        "models": {f"m{name}": {"name": name, "hub_id": name} for name in SKILL},
        "max_new_tokens": 512,
    }
    prices = {"made": {name: {"usd_per_1m_tokens": 0.1 * 3**i} for i, name in enumerate(SKILL)}}
    for group, name, content in (
        ("family", "made", family),
        ("hardware", "made", {"name": "made", "usd_per_gpu_hour": 1.0, "throughput": {"any": prices}}),
    ):
        (folder / "conf" / group).mkdir(parents=True)
        (folder / "conf" / group / f"{name}.yaml").write_text(json.dumps(content), encoding="utf-8")
    return [
        f"hydra.searchpath=[{folder}/conf]",
        *("family=made", "hardware=made", "dataset=humaneval", "generator=recorded", "dataset.name=made"),
        *(f"dataset.path={folder}/problems.jsonl", f"generator.path={folder}/recording.jsonl.gz"),
        "split.max_accuracy_gap=0.2",
    ]


def measured(folder: Path, arguments: list[str], run: str) -> tuple[float, float]:
    """Seconds of CPU and MiB of a study's process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, str(ROOT / "run.py"), *arguments, f"hydra.run.dir={run}"]
    with (folder / f"{run}.log").open("w") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit((folder / f"{run}.log").read_text()[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, used.ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    arguments = sys.argv[1:]
    at = arguments.index("--") if "--" in arguments else len(arguments)
    sizes, more = [int(word) for word in arguments[:at]] or [125, 250, 500], arguments[at + 1 :]
    print(f"{'problems':>8}  {'CPU s':>6}  {'MiB':>5}  {'exponent':>8}  seconds of each step")
    last: tuple[int, float] | None = None
    for n_problems in sizes:
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home)
            study = [*write_study(folder, n_problems), *more]
            measured(folder, study, "first")
            cpu, memory = measured(folder, study, "second")
            seconds = pd.read_csv(folder / "second" / "report" / "seconds.csv").set_index("step")["seconds"]
        exponent = "" if last is None else f"{math.log(cpu / last[1]) / math.log(n_problems / last[0]):.2f}"
        steps = ", ".join(f"{step} {seconds[step]:.1f}" for step in STEPS if step in seconds)
        print(f"{n_problems:8,}  {cpu:6.1f}  {memory:5.0f}  {exponent:>8}  {steps}", flush=True)
        last = n_problems, cpu


if __name__ == "__main__":
    main()
