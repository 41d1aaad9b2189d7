"""The service over the embedded family, asked by OpenAI's own client."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest

from cascade.serving import plan_name
from tests.serving.conftest import LiveFamily
from tests.serving.made_up import GROWING, MODELS, SMALL, THREE, TWO, plan_file
from tests.serving.process import PROMPT, Served

SMALL_NAME, TWO_NAME, THREE_NAME = (plan_name(plan, MODELS) for plan in (SMALL, TWO, THREE))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serve")
    plan_file(folder / "plans.json")
    with Served(
        folder, "serve.plans=plans.json", "serve.keep_alive_s=0.05", "serve.max_request_kb=64"
    ) as one:
        yield one
    assert one.process.returncode == 0, one.log()


def test_plans_are_models(served: Served) -> None:
    client = served.client()
    assert [model.id for model in client.models.list()] == ["cascade", SMALL_NAME, TWO_NAME, THREE_NAME]
    card = client.models.retrieve("best")
    assert card.id == THREE_NAME
    assert card.plan == "small 3:2 → medium 1:2 → large greedy, θ=0.5"  # type: ignore[attr-defined]


def test_answers_are_those_of_the_cascade(served: Served, family: LiveFamily) -> None:
    problems = family.problems[:3]
    client = served.client()

    def ask(prompt: str) -> openai.types.Completion:
        return client.completions.create(model=THREE_NAME, prompt=prompt)

    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(ask, [problem.prompt for problem in problems]))
    for problem, answer in zip(problems, answers, strict=True):
        expected = family.run(family.cascade(THREE).answer(problem))
        assert answer.choices[0].text == expected.text
        assert answer.usage is not None
        assert answer.usage.completion_tokens == expected.tokens
        said = answer.cascade  # type: ignore[attr-defined]
        assert (said["stage"], said["model"]) == (expected.stage, expected.of.model)
        assert said["usd"] == pytest.approx(expected.usd)
        assert [stage["tokens"] for stage in said["stages"]] == [stage.tokens for stage in expected.stages]


def test_a_chat_gets_a_whole_program_and_hears_what_was_ignored(served: Served, family: LiveFamily) -> None:
    problem = family.problems[0]
    raw = served.client().chat.completions.with_raw_response.create(
        model="cheapest",
        temperature=0.3,
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"Please complete:\n```python\n{problem.prompt}```"},
        ],
    )
    answer = raw.parse()
    expected = family.run(family.cascade(SMALL).answer(problem))
    assert answer.choices[0].message.content == f"```python\n{expected.program.rstrip()}\n```"
    said = answer.cascade  # type: ignore[attr-defined]
    assert said["ignored"] == ["temperature", "messages[system]"]
    assert raw.headers["x-cascade-plan"] == SMALL_NAME
    assert raw.headers["x-cascade-stage"] == "1"
    assert raw.headers["x-cascade-trace-id"] == said["trace_id"]
    assert float(raw.headers["x-cascade-usd"]) == pytest.approx(expected.usd, rel=1e-4)


def test_constraints_choose_a_plan(served: Served) -> None:
    client = served.client()

    def plan(**wishes: float) -> str:
        answer = client.completions.create(model="cascade", prompt=PROMPT, extra_body=wishes)
        return str(answer.model)

    assert plan(budget_usd_per_1k=0.1) == SMALL_NAME
    assert plan(min_accuracy=0.5) == TWO_NAME
    assert plan() == THREE_NAME


def test_a_stream_replays_the_answer_with_its_usage(served: Served, family: LiveFamily) -> None:
    problem = family.problems[4]
    expected = family.run(family.cascade(TWO).answer(problem))
    with served.http.stream(
        "POST",
        "/v1/completions",
        json={"model": TWO_NAME, "prompt": problem.prompt, "stream": True},
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        raw = "".join(response.iter_text())
    assert raw.endswith("data: [DONE]\n\n")
    events = [json.loads(line[6:]) for line in raw.splitlines() if line.startswith("data: {")]
    assert "".join(event["choices"][0]["text"] for event in events) == expected.text
    assert events[-1]["cascade"]["tokens"] == expected.tokens
    stream = served.client().chat.completions.create(
        model=TWO_NAME,
        messages=[{"role": "user", "content": problem.prompt}],
        stream=True,
        stream_options={"include_usage": True},
    )
    client_events = list(stream)
    text = "".join(event.choices[0].delta.content or "" for event in client_events if event.choices)
    assert text == f"```python\n{expected.program.rstrip()}\n```"
    assert client_events[-1].usage is not None
    assert client_events[-1].usage.completion_tokens == expected.tokens


HOSTILE = "import os\nos.system('touch /tmp/cascade-was-here')\n" + PROMPT
CASES = [
    ({"model": "small-greedy", "prompt": HOSTILE}, 400, "does more than define"),
    (
        {"model": "small-greedy", "prompt": "def f(x=open('/etc/passwd').read()):\n"},
        400,
        "does more than define",
    ),
    ({"model": "small-greedy", "prompt": "Tell me a joke."}, 400, "no function to write was found"),
    ({"model": "small-greedy", "prompt": ""}, 400, "no function to write was found"),
    ({"model": "small-greedy", "prompt": "def f(x):\0"}, 400, "NUL bytes"),
    ({"model": "small-greedy", "prompt": "def f(x): \ud800"}, 400, "surrogates"),
    ({"model": "small-greedy", "prompt": PROMPT + "#" * 70_000}, 413, "larger than 64 KiB"),
    ({"model": "small-greedy", "prompt": "x" * 10_000_000}, 413, "larger than 64 KiB"),
    ({"model": "no-such", "prompt": PROMPT}, 404, "no plan 'no-such'; there are cascade, small-greedy"),
    (
        {"model": "cascade", "prompt": PROMPT, "budget_usd_per_1k": -1},
        400,
        "budget_usd_per_1k: input should be",
    ),
    ({"model": "cascade", "prompt": PROMPT, "budget_usd_per_1k": 1e-9}, 400, "no plan is within the budget"),
    ({"model": "cascade", "prompt": PROMPT, "min_accuracy": 0.99}, 400, "no plan reaches that accuracy"),
    ({"model": "cascade", "prompt": PROMPT, "min_accuracy": 7}, 400, "min_accuracy: input should be"),
    ({"model": "small-greedy", "prompt": PROMPT, "min_accuracy": 0.1}, 400, "are for model='cascade'"),
    ({"model": "cascade", "prompt": PROMPT, "deadline_s": 0}, 400, "deadline_s: input should be"),
    ({"model": "cascade", "prompt": PROMPT, "n": 3}, 400, "n: input should be"),
    ({"model": "cascade", "prompt": PROMPT, "tools": [{}]}, 400, "tools are not called"),
    ({"model": "cascade", "prompt": PROMPT, "logprobs": 3}, 400, "logprobs: is not given"),
    ({"model": "cascade", "prompt": [PROMPT, PROMPT]}, 400, "one prompt a request"),
    ({"model": "cascade", "prompt": 7}, 400, "prompt: input should be"),
    ({"model": "cascade"}, 400, "prompt: field required"),
    ({"prompt": PROMPT}, 400, "model: field required"),
    ([PROMPT], 400, "must be a JSON object"),
]


@pytest.mark.parametrize(("body", "status", "said"), CASES)
def test_a_request_that_cannot_be_answered_gets_one_line(
    served: Served, body: object, status: int, said: str
) -> None:
    answer = served.post(body)
    error = answer.json()["error"]
    assert answer.status_code == status, error
    assert said in error["message"]
    assert "\n" not in error["message"]
    assert error["code"]
    assert not Path("/tmp/cascade-was-here").exists()


def test_broken_bodies_and_routes_get_one_line_too(served: Served) -> None:
    for content in (b"", b"{", b"\xff\xfe", b"[" * 50_000, b'{"model": NaN'):
        answer = served.http.post("/v1/completions", content=content)
        assert answer.status_code == 400
        assert "\n" not in answer.json()["error"]["message"]
    assert served.http.get("/v1/nothing").status_code == 404
    assert served.http.get("/v1/completions").status_code == 405
    assert served.http.get("/v1/plans/no-such/health").json()["error"]["code"] == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="no plan"):
        served.client().completions.create(model="x", prompt=PROMPT)
    with pytest.raises(openai.BadRequestError, match="no message of the role user"):
        served.client().chat.completions.create(
            model="cascade", messages=[{"role": "system", "content": PROMPT}]
        )


def test_what_an_operator_sees(served: Served) -> None:
    served.client().completions.create(model=TWO_NAME, prompt=PROMPT)
    assert served.http.get("/healthz").json() == {"status": "ok"}
    assert served.http.get("/readyz").json() == {"status": "ok", "failing": []}
    metrics = served.http.get("/metrics").text
    for name in (
        f'cascade_requests_total{{plan="{TWO_NAME}",status="200"}}',
        f'cascade_usd_total{{model="small",plan="{TWO_NAME}"}}',
        'cascade_seconds_bucket{le="0.01",step="own"}',
        f'cascade_score_share_count{{model="small",plan="{TWO_NAME}",stage="1"}}',
        "cascade_sandbox_waiting 0.0",
        f'cascade_plan_alarm{{plan="{TWO_NAME}"}} 0.0',
    ):
        assert name in metrics, metrics
    health = served.http.get(f"/v1/plans/{TWO_NAME}/health").json()
    assert health["holds"]
    assert health["queries"] > 0


def test_another_plan_file_is_taken_once_it_is_checked(served: Served, tmp_path: Path) -> None:
    before = served.http.get("/v1/models").json()
    for content, said in (
        (b"{", "not a plan file"),
        (b'{"models": ["x"]}', "not a plan file"),
        (b"\xff", "not UTF-8"),
        (
            json.dumps(
                json.loads((tmp_path / _saved(tmp_path)).read_text().replace('"large"', '"huge"'))
            ).encode(),
            "its plans are of the models small, medium, huge",
        ),
    ):
        answer = served.http.put("/v1/plans", content=content)
        assert answer.status_code == 400
        assert said in answer.json()["error"]["message"]
    assert served.http.get("/v1/models").json() == before
    answer = served.http.put("/v1/plans", content=(tmp_path / _saved(tmp_path)).read_bytes())
    assert answer.json()["plans"] == [SMALL_NAME, TWO_NAME, THREE_NAME]


def _saved(folder: Path) -> str:
    plan_file(folder / "plans.json")
    return "plans.json"


def test_growing_plans_have_names_too() -> None:
    assert plan_name(GROWING, MODELS) == "small-upto5x2_medium-greedy_t0.8"
