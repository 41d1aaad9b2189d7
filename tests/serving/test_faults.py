"""Clients that leave, servers that die, full queues, plan files that change: nobody else is harmed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx2 as httpx
import openai
import pytest

from cascade.base import CascadeError
from cascade.config import compose_study
from cascade.generate import Family
from cascade.problems import read_prompts
from cascade.serving import listen, plan_name
from tests.conftest import ROOT
from tests.program import run_program
from tests.serving.made_up import MODELS, SMALL, TWO, plan_file
from tests.serving.process import PROMPT, UPSTREAM, Served
from tests.serving.upstream import SOLUTION, Upstream

SMALL_NAME, TWO_NAME = plan_name(SMALL, MODELS), plan_name(TWO, MODELS)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    one = Upstream().start()
    yield one
    one.stop()


def settings(upstream: Upstream, *more: str) -> tuple[str, ...]:
    return ("serve.plans=plans.json", *UPSTREAM, f"generator.base_url={upstream.url}", *more)


def test_a_client_that_leaves_stops_upstream_within_a_second(upstream: Upstream, tmp_path: Path) -> None:
    plan_file(tmp_path / "plans.json")
    with Served(tmp_path, *settings(upstream)) as served:
        assert served.post({"model": TWO_NAME, "prompt": PROMPT}).status_code == 200
        upstream.fault = "hang"
        for stream in (False, True):
            before = upstream.open
            assert before == 0
            body = {"model": TWO_NAME, "prompt": PROMPT, "stream": stream}
            with httpx.Client(base_url=served.url) as client, pytest.raises(httpx.ReadTimeout):
                if stream:
                    with client.stream("POST", "/v1/completions", json=body, timeout=1.0) as response:
                        response.read()
                else:
                    client.post("/v1/completions", json=body, timeout=1.0)
            left = time.monotonic()
            while upstream.open:
                assert time.monotonic() - left < 1.0, upstream.open
                time.sleep(0.005)
        assert upstream.left == 4  # a solution and a test each
        upstream.fault = None
        assert served.post({"model": TWO_NAME, "prompt": PROMPT}).status_code == 200
        assert 'status="499"' in served.http.get("/metrics").text


def test_a_killed_upstream_fails_over_or_is_one_clear_line(upstream: Upstream, tmp_path: Path) -> None:
    plan_file(tmp_path / "plans.json")
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.serving.upstream", "hang"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    url = child.stdout.readline().strip()
    overrides = settings(upstream, f"family.models.small.server.base_url={url}")
    try:
        with Served(tmp_path, *overrides) as served, ThreadPoolExecutor(8) as threads:
            client = served.client()

            def ask(plan: str) -> object:
                try:
                    return client.completions.create(model=plan, prompt=PROMPT)
                except openai.APIStatusError as error:
                    return error

            asked = [threads.submit(ask, plan) for plan in (TWO_NAME, SMALL_NAME, TWO_NAME, SMALL_NAME)]
            end = time.monotonic() + 20
            while httpx.get(url.removesuffix("/v1") + "/open").json()["open"] < 6:
                assert time.monotonic() < end
                time.sleep(0.02)
            os.kill(child.pid, signal.SIGKILL)
            came = [one.result(30) for one in asked]
            for answer in (came[0], came[2]):
                assert answer.cascade["stage"] == 2  # type: ignore[attr-defined]
                assert "no connection" in answer.cascade["stages"][0]["failed"]  # type: ignore[attr-defined]
            for error in (came[1], came[3]):
                assert isinstance(error, openai.APIStatusError)
                assert error.status_code == 502
                assert "small failed, and no stage comes after it" in error.message
                assert "\n" not in error.message
            ready = served.http.get("/readyz")
            assert ready.status_code == 200
            assert ready.json()["status"] == "degraded"
    finally:
        child.kill()
        child.wait()


def test_a_key_is_asked_for_and_a_full_queue_says_when_to_come_again(
    upstream: Upstream, tmp_path: Path
) -> None:
    plan_file(tmp_path / "plans.json")
    overrides = settings(upstream, "serve.concurrency=1", "serve.queue=1", "serve.deadline_s=30")
    key = {"CASCADE_API_KEY": "open sesame"}
    with Served(tmp_path, *overrides, env=key) as served, ThreadPoolExecutor(4) as threads:
        a_key_is_asked_for(served)
        served.http.headers["authorization"] = "Bearer open sesame"
        upstream.fault = "slow"
        body = {"model": SMALL_NAME, "prompt": PROMPT}
        running = threads.submit(served.post, body)
        upstream.wait("open", 1)
        waiting = threads.submit(served.post, body)
        end = time.monotonic() + 10
        while "cascade_requests_waiting 1.0" not in served.http.get("/metrics").text:
            assert time.monotonic() < end
        for stream in (False, True):
            refused = served.post({**body, "stream": stream})
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) >= 1
            assert "too many requests wait already" in refused.json()["error"]["message"]
        assert running.result().status_code == 200
        assert waiting.result().status_code == 200
        # A deadline counts from when a request came, not from when it got its place.
        upstream.fault = "hang"
        late = served.post({**body, "deadline_s": 0.3})
        assert late.status_code == 504
        assert "deadline_s" in late.json()["error"]["message"]


def a_key_is_asked_for(served: Served) -> None:
    assert served.client("open sesame").models.list().data
    for key in ("wrong", "open sesame2"):
        with pytest.raises(openai.AuthenticationError, match="the API key is wrong"):
            served.client(key).models.list()
    for path in ("/v1/models", f"/v1/plans/{SMALL_NAME}/health"):
        answer = served.http.get(path)
        assert answer.status_code == 401
        assert answer.json()["error"]["message"] == "the API key is missing"
    assert served.http.put("/v1/plans", content=b"{}").status_code == 401
    assert served.post({"model": SMALL_NAME, "prompt": PROMPT}).status_code == 401
    assert served.http.get("/healthz").status_code == 200
    assert "open sesame" not in served.log()


def under_reload(served: Served, folder: Path, n: int) -> list[int]:
    """Statuses of n requests of 16 clients while the plan file changes again and again."""
    other = json.loads((folder / "plans.json").read_text())
    other["front"][0]["validation"]["accuracy"] = 0.25
    client = httpx.Client(base_url=served.url, timeout=60)
    with ThreadPoolExecutor(16) as threads:
        asked = [
            threads.submit(client.post, "/v1/completions", json={"model": TWO_NAME, "prompt": PROMPT})
            for _ in range(n)
        ]
        turns = 0
        while not all(answer.done() for answer in asked):
            turns += 1
            if turns % 2:
                (folder / "plans.json").write_text(json.dumps(other))
                served.process.send_signal(signal.SIGHUP)
            else:
                assert client.put("/v1/plans", content=json.dumps(other).encode()).status_code == 200
            time.sleep(0.02)
        statuses = [answer.result().status_code for answer in asked]
    client.close()
    assert turns > 2
    assert served.log().count("plans loaded") > 2
    return statuses


def test_no_request_is_lost_while_plans_change(upstream: Upstream, tmp_path: Path) -> None:
    plan_file(tmp_path / "plans.json")
    overrides = settings(upstream, "serve.queue=2000", "serve.shadow_share=0.5", "serve.pass_through=true")
    with Served(tmp_path, *overrides) as served:
        assert under_reload(served, tmp_path, 100) == [200] * 100
        (tmp_path / "plans.json").write_text("{")
        served.process.send_signal(signal.SIGHUP)
        served.wait_for("the plan file is refused and the plans in use stay")
        assert served.post({"model": TWO_NAME, "prompt": PROMPT}).status_code == 200
        joke = served.post({"model": SMALL_NAME, "prompt": "Tell me a joke."}).json()
        assert joke["cascade"]["plan"] == "pass-through"
        assert (joke["cascade"]["model"], joke["choices"][0]["text"]) == ("large", SOLUTION)
    shadow = [json.loads(line) for line in (tmp_path / "shadow.jsonl").read_text().splitlines()]
    assert shadow
    assert all(one["shadow"]["same"] and one["shadow"]["largest"]["model"] == "large" for one in shadow)
    assert [problem.prompt for problem in read_prompts(tmp_path / "shadow.jsonl")] == [PROMPT] * len(shadow)


@pytest.mark.slow
def test_no_request_of_a_thousand_is_lost_while_plans_change(upstream: Upstream, tmp_path: Path) -> None:
    plan_file(tmp_path / "plans.json")
    with Served(tmp_path, *settings(upstream, "serve.queue=2000")) as served:
        assert under_reload(served, tmp_path, 1000) == [200] * 1000


def test_requests_under_way_end_before_the_service_does(upstream: Upstream, tmp_path: Path) -> None:
    plan_file(tmp_path / "plans.json")
    with Served(tmp_path, *settings(upstream)) as served, ThreadPoolExecutor(1) as threads:
        upstream.fault = "slow"
        asked = threads.submit(served.post, {"model": SMALL_NAME, "prompt": PROMPT})
        upstream.wait("open", 1)
        served.process.send_signal(signal.SIGTERM)
        assert asked.result().status_code == 200
        assert served.process.wait(30) == 0


def test_a_dry_run_says_what_is_missing_and_what_a_query_costs(upstream: Upstream, tmp_path: Path) -> None:
    plan_file(tmp_path / "plans.json")

    def dry(*more: str) -> subprocess.CompletedProcess[str]:
        arguments = ("task=serve", "serve.port=0", "serve.dry_run=true", *settings(upstream))
        return run_program(*arguments, *more, folder=tmp_path)

    done = dry()
    assert done.returncode == 0, done.stderr
    for said in (f"served as small at {upstream.url}", "sandbox:", SMALL_NAME, "cheapest", "30.0 %"):
        assert said in done.stdout
    for more, said in (
        (("serve.plans=nowhere.json",), "nowhere.json: no such file"),
        (("generator.base_url=http://127.0.0.1:9/v1",), "small: no server answers at http://127.0.0.1:9/v1"),
    ):
        failed = dry(*more)
        assert failed.returncode == 1
        assert failed.stderr.startswith("error: ")
        assert said in failed.stderr
        assert "Traceback" not in failed.stderr


def test_what_a_server_does_not_have_is_named(upstream: Upstream) -> None:
    generator = replace(compose_study(("generator=openai",)).generator, base_url=upstream.url, retries=0)
    [small, *_] = compose_study(()).family.models
    for served_as, said in (("small", "served as small at"), ("tiny", "serves small, medium and no tiny")):
        family = Family("x", (replace(small, served_as=served_as),))
        [member] = generator.members(family, 2)  # type: ignore[attr-defined]
        try:
            assert said in asyncio.run(member.check())
        except CascadeError as error:
            assert said in str(error)
    with pytest.raises(CascadeError, match="cannot listen there"):
        listen("192.0.2.1", 80)
