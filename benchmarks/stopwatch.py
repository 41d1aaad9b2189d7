"""How long a user waits: a study from nothing and from its store, task=select, --help.

    python -m benchmarks.stopwatch          # makes a store first, which is the row "from nothing"
    python -m benchmarks.stopwatch STORE    # begins with a copy of a complete store

The answer is the sentence that begins with "Use"; what a study does after it (MLflow, pictures, the page) is
in the column of the whole. Run it on a quiet machine: the columns are seconds on the wall, and of CPU over
all cores with the processes that a study starts.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN = [sys.executable, str(Path(__file__).resolve().parents[1] / "run.py")]
REPEATS = 3  # of what takes seconds; the fastest counts


def waited(folder: Path, *arguments: str) -> tuple[float, float | None, float]:
    """Seconds to the end, to the answer where there is one, and of CPU."""
    before, started, answer = os.times(), time.perf_counter(), None
    with subprocess.Popen([*RUN, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Use ") and answer is None:
                answer = time.perf_counter() - started
    ended, after = time.perf_counter() - started, os.times()
    if process.returncode:
        sys.exit(f"run.py {' '.join(arguments)}: status {process.returncode}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return ended, answer, cpu


def main() -> None:
    """Print the table."""
    print(f"{'command':<24}  {'to the answer':>13}  {'whole':>7}  {'CPU':>7}")
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        if len(sys.argv) > 1:
            shutil.copytree(sys.argv[1], folder / "store")
        else:
            _tell("study from nothing", waited(folder))
        for name, arguments in (
            ("study from its store", ()),
            ("task=select", ("task=select",)),
            ("--help", ("--help",)),
        ):
            _tell(name, min(waited(folder, *arguments) for _ in range(REPEATS)))


def _tell(name: str, seconds: tuple[float, float | None, float]) -> None:
    whole, answer, cpu = seconds
    print(
        f"{name:<24}  {'' if answer is None else f'{answer:.1f}':>13}  {whole:7.1f}  {cpu:7.1f}", flush=True
    )


if __name__ == "__main__":
    main()
