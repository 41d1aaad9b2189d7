"""The service's speed: plans against the largest model alone through the same server, and its own overhead.

    python -m benchmarks.serving STUDY [REQUESTS] [CLIENTS]

STUDY is the output folder of a finished study of the embedded family. Each row asks the same problems; "own"
is the mean of what a request takes apart from waiting, generation and execution.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import numpy as np

from cascade.config import compose_study
from cascade.core import EXIT, SKIP, Plan
from cascade.problems import load_problems
from cascade.search import PLANS, PlanFile
from cascade.serving import plan_name

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    study, n, clients = Path(sys.argv[1]), *map(int, (sys.argv[2:] + ["105", "16"][len(sys.argv[2:]) :]))
    file = PlanFile.load(study / PLANS)
    ids = set(file.test_ids)
    problems = [p for p in load_problems(compose_study(()).dataset) if p.task_id in ids]
    asked = [problems[i % len(problems)].prompt for i in range(n)]
    largest = plan_name(Plan((*[SKIP] * (len(file.models) - 1), EXIT), 0.0), file.models)
    names = [plan_name(one.plan, file.models) for one in (*file.front, *file.singular)]
    cascades = [name for name in dict.fromkeys(names) if name != largest and "_" in name]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("w") as out:
            server = subprocess.Popen(
                [
                    *(sys.executable, str(ROOT / "run.py"), "task=serve", "serve.port=0"),
                    *(f"serve.plans={study.absolute()}", f"hydra.run.dir={folder}/run", "serve.queue=100000"),
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        try:
            while (found := re.search(r"serving on (\S+)/v1", log.read_text())) is None:
                if server.poll() is not None:
                    sys.exit(log.read_text())
                time.sleep(0.1)
            print(f"{n} requests by {clients} clients\n")
            print("| plan | requests/s | p50 s | p95 s | generate s | execute s | own ms | $ per 1k |")
            print("| --- | --- | --- | --- | --- | --- | --- | --- |")
            for name in (largest, *cascades):
                print(row(found[1], name, asked, clients), flush=True)
        finally:
            server.terminate()
            server.wait()


def row(url: str, name: str, prompts: list[str], clients: int) -> str:
    """One plan's line of the table."""
    with httpx.Client(base_url=url, timeout=600) as client, ThreadPoolExecutor(clients) as threads:

        def ask(prompt: str) -> tuple[float, dict]:  # type: ignore[type-arg]
            began = time.monotonic()
            answer = client.post("/v1/completions", json={"model": name, "prompt": prompt})
            answer.raise_for_status()
            return time.monotonic() - began, answer.json()["cascade"]

        ask(prompts[0])
        began = time.monotonic()
        came = list(threads.map(ask, prompts))
        seconds = time.monotonic() - began
    times = np.array([one for one, _ in came])
    parts = {
        part: np.array([sum(stage[part] for stage in said["stages"]) for _, said in came])
        for part in ("generate_s", "execute_s")
    }
    overhead = np.array([said["seconds"] for _, said in came]) - sum(parts.values())
    usd = 1000 * np.mean([said["usd"] for _, said in came])
    p50, p95 = np.quantile(times, [0.5, 0.95])
    return (
        f"| {name} | {len(came) / seconds:.2f} | {p50:.2f} | {p95:.2f} | {parts['generate_s'].mean():.2f} "
        f"| {parts['execute_s'].mean():.2f} | {1000 * overhead.mean():.1f} | {usd:.3g} |"
    )


if __name__ == "__main__":
    main()
