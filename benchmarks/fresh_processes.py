"""Every verdict of a draw against a new interpreter for each pair: how many differ, and which.

    python -m benchmarks.fresh_processes ../shared/data [PART OF]

Draw 0 of WizardCoder-Python 13B on HumanEval: every solution on every assert line of its draw and on its
problem's own test, at a limit of one CPU second. All of it takes half an hour; PART OF runs every OF-th
problem from PART on. A pair that differs is run in two more new interpreters: where these do not agree, the
pair is random or near its limit.
"""

import collections
import marshal
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.execution import LIMIT_S, PRELUDE, Pair, batches
from cascade.execute import Limits, execute

MEMORY_MB = 1024
# As in the engine: a module that is not the main one. The hard limit is a whole number of seconds.
RUN = f"""
import marshal, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_MB} << 20,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
with open(sys.argv[1], "rb") as file:
    parts = marshal.load(file)
space = {{"__name__": "candidate"}}
try:
    for part in parts:
        exec(part, space)
except AssertionError:
    sys.exit(70)
except BaseException:
    sys.exit(71)
sys.exit(72)
"""
CODES = {70: "F", 71: "E", 72: "P"}


def fresh(pair: Pair, folder: str) -> str:
    """A pair's verdict in a new interpreter."""
    path = Path(folder, "pair")
    path.write_bytes(marshal.dumps((PRELUDE, *pair)))
    process = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", RUN, str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={"PYTHONHASHSEED": "0"},
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if usage.ru_utime + usage.ru_stime > LIMIT_S:
        return "T"
    return CODES.get(process.returncode, "E")


def main() -> None:
    """Print what differs and how many pairs agree, by verdict."""
    if len(sys.argv) not in (2, 4):
        raise SystemExit(__doc__)
    part, of = map(int, sys.argv[2:] or (0, 1))
    work = batches(Path(sys.argv[1]), references=True)[part::of]
    agree, differ = collections.Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        for index, outcome in execute(work, Limits(LIMIT_S, LIMIT_S, MEMORY_MB, PRELUDE), 1):
            known: dict[Pair, str] = {}
            for (program, tests), row in zip(work[index].programs, outcome.rows, strict=True):
                for test, ours in zip(tests, row, strict=True):
                    pair = program, work[index].tests[test].source
                    if pair not in known:
                        known[pair] = fresh(pair, folder)
                    if known[pair] == ours:
                        agree[ours] += 1
                        continue
                    differ += 1
                    again = [fresh(pair, folder) for _ in range(2)]
                    print(f"ours {ours}, fresh {known[pair]} and {again}:\n{program}\n{pair[1][:200]}\n")
    counts = ", ".join(f"{count:,} {code}" for code, count in sorted(agree.items()))
    print(f"{differ} of {sum(agree.values()) + differ:,} pairs differ; alike are {counts}")


if __name__ == "__main__":
    main()
