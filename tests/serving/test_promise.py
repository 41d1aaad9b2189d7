"""Do the tables tell the truth about live running? A whole study, then its plans in service; and a soak."""

import json
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest

from cascade.base import VerdictStore
from cascade.config import compose_study
from cascade.execute import Sandbox, judge_family
from cascade.generate import Draw, ModelSamples, Solution
from cascade.generate.remote.live import IDLE_S, LOOK_S
from cascade.problems import load_problems
from cascade.search import PLANS, ChosenPlan, PlanFile
from cascade.serving import plan_name
from tests.conftest import Run
from tests.serving.made_up import MODELS, THREE, TWO, plan_file
from tests.serving.process import PROMPT, UPSTREAM, Served
from tests.serving.upstream import Upstream

SOAK_S = float(os.environ.get("CASCADE_SOAK_S", "120"))


def three_plans(file: PlanFile) -> list[ChosenPlan]:
    """A cascade, a growing one where there is one, and the front's best."""
    several = [one for one in file.front if len(one.plan.stages) > 1] or list(file.front)
    growing = [one for one in file.front if any(option.growing for _, option in one.plan.stages)]
    picked = {plan_name(one.plan, MODELS): one for one in (several[0], *growing[:1], file.front[-1])}
    return list(picked.values())


@pytest.mark.slow
def test_plans_in_service_keep_what_their_study_promised(run: Run, tmp_path: Path) -> None:
    done = run("hydra.run.dir=study", "search.growing=also", "report.page=false")
    assert done.returncode == 0, done.stderr
    file = PlanFile.load(tmp_path / "study" / PLANS)
    study = compose_study(())
    problems = [one for one in load_problems(study.dataset) if one.task_id in file.test_ids]
    assert len(problems) == 105
    plans = three_plans(file)
    assert len(plans) >= 2
    with Served(tmp_path, "serve.plans=study", "search.growing=also", "serve.concurrency=16") as served:
        for chosen in plans:
            name = plan_name(chosen.plan, MODELS)
            with ThreadPoolExecutor(16) as threads:
                answers = list(
                    threads.map(lambda p: served.post({"model": name, "prompt": p.prompt}).json(), problems)  # noqa: B023
                )
            samples = {
                problem.task_id: ModelSamples(
                    Draw((Solution(answer["choices"][0]["text"], 1, completion=True),), ()), ()
                )
                for problem, answer in zip(problems, answers, strict=True)
            }
            sandbox = Sandbox(study.limits, 2, VerdictStore(tmp_path / "verdicts"))
            outcomes, _ = judge_family(problems, {"plan": samples}, [], sandbox, lambda *_: None)
            right = [bool(one.greedy and one.greedy.correct[0]) for one in outcomes["plan"]]
            usd = 1000 * sum(answer["cascade"]["usd"] for answer in answers) / len(answers)
            promised = chosen.test
            assert promised is not None
            assert promised.accuracy_interval is not None
            assert promised.usd_interval is not None
            accuracy = sum(right) / len(right)
            assert promised.accuracy_interval.low <= accuracy <= promised.accuracy_interval.high
            assert promised.usd_interval.low <= usd <= promised.usd_interval.high
            solved = run(
                "task=solve", "solve.plans=study", f"solve.plan={name}", "solve.side=test",
                f"solve.output={name}.jsonl", "search.growing=also", "paths.store=another",
            )  # fmt: skip
            assert solved.returncode == 0, solved.stderr
            assert "OUTSIDE" not in solved.stdout
            lines = {
                line["task_id"]: line
                for line in map(json.loads, (tmp_path / f"{name}.jsonl").read_text().splitlines())
            }
            same = [
                problem.prompt + answer["choices"][0]["text"] == lines[problem.task_id]["solution"]
                for problem, answer in zip(problems, answers, strict=True)
            ]
            assert all(same)
            health = served.http.get(f"/v1/plans/{name}/health").json()
            assert health["holds"]
            assert health["watched"]


def resident_kb(pid: int) -> int:
    [line] = [one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS")]
    return int(line.split()[1])


def n_files(pid: int) -> int:
    """Open files and connections of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def children(pid: int) -> int:
    found = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found += int(fields[1]) == pid
    return found


@pytest.mark.slow
def test_a_soak_leaves_nothing_behind(tmp_path: Path) -> None:
    """Requests, clients that leave and mistakes, for `CASCADE_SOAK_S` seconds (600 in the long version).

    No file or connection is left that was not there after the first requests, when nobody had asked for a
    while; under load there are more.
    """
    plan_file(tmp_path / "plans.json")
    upstream = Upstream().start()
    overrides = ("serve.plans=plans.json", *UPSTREAM, f"generator.base_url={upstream.url}")
    problems = [one.prompt for one in load_problems(compose_study(()).dataset)]
    plans = [plan_name(plan, MODELS) for plan in (TWO, THREE)]
    with Served(tmp_path, *overrides) as served:
        pid, stop, sent = served.process.pid, threading.Event(), [0, 0]
        first = [{"model": plan, "prompt": f"{PROMPT}# {i}\n"} for i in range(8) for plan in plans]
        with ThreadPoolExecutor(8) as threads:  # both servers of the sandbox start
            assert {answer.status_code for answer in threads.map(served.post, first)} == {200}
        time.sleep(IDLE_S + 2 * LOOK_S)
        files = n_files(pid)

        def work(number: int) -> None:
            rng = random.Random(number)
            with httpx.Client(base_url=served.url, timeout=60) as client:
                while not stop.is_set():
                    prompt = rng.choice([PROMPT, PROMPT, *problems[:20]]) + f"# {rng.random()}\n"
                    body = {"model": rng.choice(plans), "prompt": prompt, "stream": rng.random() < 0.3}
                    sent[0] += 1
                    if rng.random() < 0.1:
                        sent[1] += 1
                        try:
                            client.post("/v1/completions", json=body, timeout=0.02)
                        except httpx.TimeoutException:
                            continue
                    elif rng.random() < 0.1:
                        assert client.post("/v1/completions", json={**body, "prompt": "x"}).status_code == 400
                    else:
                        assert client.post("/v1/completions", json=body).status_code == 200

        with ThreadPoolExecutor(8) as threads:
            workers = [threads.submit(work, number) for number in range(8)]
            time.sleep(SOAK_S / 4)
            early, at_work = resident_kb(pid), n_files(pid)
            time.sleep(SOAK_S * 3 / 4)
            late = resident_kb(pid)
            stop.set()
            for worker in workers:
                worker.result()
        time.sleep(1.0)
        print(f"{sent[0]} requests, {sent[1]} of clients that left; {early} kB, then {late} kB")
        assert late <= 1.05 * early
        assert upstream.open == 0
        time.sleep(IDLE_S + 2 * LOOK_S)
        print(f"files: {files} before, {at_work} at work, {n_files(pid)} after")
        assert n_files(pid) <= files
        assert children(pid) <= 2 + 1  # the sandbox's servers, and what Python starts for itself
        assert "cascade_requests_running 0.0" in served.http.get("/metrics").text
    upstream.stop()
    assert not list(Path("/tmp").glob(f"cascade-*/{pid}"))
