"""The remote generator against a real server: `transformers serve` with the embedded family on loopback."""

import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("openai")
pytest.importorskip("fastapi")

from cascade.base.errors import CascadeError, ConfigError
from cascade.generate.family import Family, Model
from cascade.generate.interface import SampleRequest
from cascade.generate.local.generator import TransformersGenerator
from cascade.generate.prompts import PromptStyle
from cascade.generate.remote.asker import Reader
from cascade.generate.remote.openai_server import OpenAIGenerator
from cascade.generate.remote.protocol import Answer, Choice
from cascade.generate.sample import ModelSamples
from cascade.generate.sample_specs import SampleSpec
from cascade.generate.weights import MINI as WEIGHTS
from cascade.problems.mini import load_mini
from tests.conftest import Run
from tests.generate.local.test_generator import n_samples
from tests.toy import write_toy
from tests.tracking.server import free_port

SMALL = str(WEIGHTS / "small")
STYLE = PromptStyle("Solution:\n{prompt}", "Tests:\n{prompt}")
FAMILY = Family("mini", (Model("small", SMALL, SMALL, key="small", served_as=SMALL),), STYLE, 96)
PROBLEMS = load_mini()[:4]
TRANSFORMERS = shutil.which("transformers", path=str(Path(sys.executable).parent))
SERVE = (str(TRANSFORMERS), "serve", SMALL, "--device", "cpu")
# A `vllm` command of a build for CPUs, which needs an environment of its own.
VLLM = os.environ.get("CASCADE_VLLM")


class Server:
    """A server that can be killed and started again on its port."""

    def __init__(self, folder: Path, serve: Sequence[str] = SERVE) -> None:
        self.port, self._folder, self._serve = free_port(), folder, serve
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.start()

    def start(self) -> None:
        (self._folder / "hub").mkdir(exist_ok=True)
        variables = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(self._folder), "OMP_NUM_THREADS": "1"}
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        with (self._folder / "log").open("a") as out:
            self._process = subprocess.Popen(
                [*self._serve, *address, "--dtype", "float32"],
                stdout=out,
                stderr=out,
                env={**os.environ, **variables},
                start_new_session=True,
            )

    def wait(self) -> None:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self._folder / "log").read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError("the server does not come up")

    def kill(self) -> None:
        # With what it has started: vLLM's workers stay behind otherwise.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    one = Server(tmp_path_factory.mktemp("serve"))
    one.wait()
    yield one
    one.kill()


@pytest.fixture
def gate(server: Server) -> Iterator[str]:
    """A gate before the server, as providers have: it requires an API key and limits the prompt."""

    class Gate(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers["authorization"] != "Bearer sesame-123":
                return self.answer(401, {"error": {"message": "Incorrect API key provided: sesame-***"}})
            if len(json.loads(body)["prompt"]) > 2000:
                message = "This model's maximum context length is 2000 characters."
                return self.answer(400, {"error": {"message": message, "code": "context_length_exceeded"}})
            asked = urllib.request.Request(
                f"http://127.0.0.1:{server.port}{self.path}", body, {"content-type": "application/json"}
            )
            with urllib.request.urlopen(asked) as answer:
                self.answer(200, json.load(answer))

        def answer(self, status: int, content: object) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}/v1"
    http.shutdown()
    http.server_close()


def generator(url: str, **options: object) -> OpenAIGenerator:
    defaults = {
        "base_url": url,
        "api": "completions",
        "key_variable": "CASCADE_TEST_KEY",
        "draws": 0,
        "temperature": 0.8,
        "top_p": 0.95,
        "seed": 0,
        "concurrency": 4,
        "samples_per_request": 1,
        "retries": 0,
        "timeout_s": 60.0,
        "count": "tokenizer",
    }
    return OpenAIGenerator(**{**defaults, **options})  # type: ignore[arg-type]


def request(store: Path, **changes: object) -> SampleRequest:
    return replace(SampleRequest(FAMILY, PROBLEMS, 1, 4, "cpu", store), **changes)  # type: ignore[arg-type]


def test_greedy_samples_are_the_local_ones(server: Server, tmp_path: Path) -> None:
    local = TransformersGenerator(None, 0, 0.8, 0.95, "auto", "cpu", "auto", 0)
    ours = local.samples(request(tmp_path / "local")).samples["small"]
    theirs = generator(server.url).samples(request(tmp_path / "remote")).samples["small"]
    assert greedy(theirs) == greedy(ours)


def test_a_text_that_is_cut_has_no_more_tokens_than_the_limit(tmp_path: Path) -> None:
    """Family mini's tokenizer reads letters one by one within quotes, and an open quote turns that round."""
    text = (
        "assert compute_items('toast') == 'TTSS****TT'\nassert compute_items('state') == '**TT**TTSS'\n"
        "assert compute_items('area') == '****RR**'\nassert compute_items('State') == '**T"
    )
    family = replace(FAMILY, max_new_tokens=96)
    reader = Reader(generator("http://nowhere"), family.models[0], request(tmp_path, family=family))
    spec = SampleSpec("0", "mini/0", "test", None, 0, "", "", "compute_items")
    for finish, billed, tokens in (
        ("length", 96, 96),
        ("length", None, 96),
        (None, 96, 112),
        ("length", 112, 112),
    ):
        [made] = reader.read([spec], Answer((Choice(text, finish),), billed))
        assert made.text == text and made.tokens == tokens == made.line_tokens[-1]
        assert list(made.line_tokens[:3]) == [26, 53, 77]


def greedy(samples: Mapping[str, ModelSamples]) -> dict[str, tuple[object, ...]]:
    """By problem: texts and token counts, without how long they took."""
    made = {}
    for task, model_samples in samples.items():
        assert model_samples.greedy is not None
        [solution], [test] = model_samples.greedy.solutions, model_samples.greedy.tests
        made[task] = (solution.text, solution.tokens, test.text, test.tokens, test.tokens_at)
    return made


@pytest.mark.slow
@pytest.mark.skipif(VLLM is None, reason="CASCADE_VLLM names no vllm command")
def test_greedy_samples_of_vllm_are_the_local_ones(tmp_path: Path) -> None:
    """Every problem; the medium model, because vLLM's attention on a CPU wants heads of 32 or more."""
    medium = str(WEIGHTS / "medium")
    server = Server(tmp_path, (str(VLLM), "serve", medium, "--max-model-len", "1024"))
    try:
        server.wait()
        model = Model("medium", medium, medium, key="medium", served_as=medium)
        asked = replace(FAMILY, models=(model,))
        all_of_them = request(tmp_path / "local", family=asked, problems=load_mini())
        local = TransformersGenerator(None, 0, 0.8, 0.95, "auto", "cpu", "auto", 0)
        ours = local.samples(all_of_them).samples["medium"]
        theirs = generator(server.url, concurrency=16).samples(
            replace(all_of_them, store=tmp_path / "remote")
        )
        assert greedy(theirs.samples["medium"]) == greedy(ours)
    finally:
        server.kill()


def test_the_log_has_no_line_for_each_request(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    generator(server.url).samples(request(tmp_path))
    assert "asking small" in caplog.text
    assert "HTTP Request" not in caplog.text


def test_usage_is_what_the_server_bills(server: Server, tmp_path: Path) -> None:
    counted = generator(server.url).samples(request(tmp_path)).samples["small"]
    billed = generator(server.url, count="usage").samples(request(tmp_path)).samples["small"]
    for task, model_samples in counted.items():
        a, b = model_samples.greedy, billed[task].greedy
        assert a is not None and b is not None and b.tests[0].tokens_at == {}
        # The end token is billed, and so is a test's text behind its last line.
        assert b.solutions[0].tokens - a.solutions[0].tokens in (0, 1)  # type: ignore[operator]
        assert a.tests[0].text == b.tests[0].text and a.tests[0].tokens <= b.tests[0].tokens  # type: ignore[operator]


def test_a_server_that_ignores_n_or_the_temperature(server: Server, tmp_path: Path) -> None:
    several = generator(server.url, draws=1, samples_per_request=3)
    made = several.samples(request(tmp_path, draw_size=3, problems=PROBLEMS[:2], lines=0))
    assert all(len(model_samples.draws[0].solutions) == 3 for model_samples in made.samples["small"].values())
    assert n_samples(tmp_path) == 2 * 4
    [note] = made.notes
    assert "appears to ignore generator.temperature" in note


@pytest.mark.slow
def test_killed_and_started_again(tmp_path: Path) -> None:
    """The run goes on by itself, and with no retries left the next start asks for the rest only."""
    (tmp_path / "serve").mkdir()
    server = Server(tmp_path / "serve")
    server.wait()
    try:
        patient = generator(server.url, retries=20, concurrency=1)
        made: list[object] = []
        thread = threading.Thread(target=lambda: made.append(patient.samples(request(tmp_path / "patient"))))
        thread.start()
        wait_for(lambda: n_samples(tmp_path / "patient") >= 3)
        server.kill()
        with pytest.raises(CascadeError, match="no connection after 0 retries; the samples so far are kept"):
            generator(server.url).samples(request(tmp_path / "hasty"))
        server.start()
        thread.join(timeout=180)
        assert len(made) == 1 and n_samples(tmp_path / "patient") == 2 * len(PROBLEMS)  # each asked for once
        hasty = generator(server.url, concurrency=1)
        thread = threading.Thread(target=swallow, args=(hasty, request(tmp_path / "hasty")))
        thread.start()
        wait_for(lambda: n_samples(tmp_path / "hasty") >= 3)
        server.kill()
        thread.join(timeout=60)
        assert 3 <= n_samples(tmp_path / "hasty") < 2 * len(PROBLEMS)
        server.start()
        server.wait()
        assert hasty.samples(request(tmp_path / "hasty")) == made[0]
        assert n_samples(tmp_path / "hasty") == 2 * len(PROBLEMS)
    finally:
        server.kill()


def swallow(one: OpenAIGenerator, wanted: SampleRequest) -> None:
    with pytest.raises(CascadeError):
        one.samples(wanted)


def wait_for(condition: object) -> None:
    deadline = time.monotonic() + 120
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_unknown_model(server: Server, tmp_path: Path) -> None:
    family = replace(FAMILY, models=(replace(FAMILY.models[0], served_as="no/such"),))
    says = r"no model 'no/such' .* set family\.models\.small\.served_as"
    with pytest.raises(CascadeError, match=says) as raised:
        generator(server.url).samples(request(tmp_path, family=family))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("key", "says"), [(None, "is not set"), ("open-456", "is not accepted")])
def test_a_wrong_key(
    gate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | None, says: str
) -> None:
    monkeypatch.delenv("CASCADE_TEST_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("CASCADE_TEST_KEY", key)
    with pytest.raises(CascadeError, match=f"environment variable CASCADE_TEST_KEY {says}") as raised:
        generator(gate).samples(request(tmp_path))
    assert "\n" not in str(raised.value) and "456" not in str(raised.value)


@pytest.mark.usefixtures("made_mlruns")
def test_the_key_stands_nowhere(gate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """Through the whole command: not in the store, the outputs, MLflow or on the screen."""
    monkeypatch.setenv("OPENAI_API_KEY", "sesame-123")
    write_toy(tmp_path / "toy", n_problems=10)
    done = run(
        "task=run",
        *("dataset=humaneval", "dataset.path=toy/problems.jsonl", "split.max_accuracy_gap=1"),
        *("~family.models.medium", "~family.models.large", "family.max_new_tokens=8"),
        *("hardware=openai", "+hardware.throughput.any.mini.small.usd_per_1m_tokens=1"),
        *("generator=openai", f"generator.base_url={gate}", "generator.draws=0", "search.k=[0,1]"),
        "hydra.run.dir=out",
    )
    assert done.returncode == 0, done.stderr
    assert n_samples(tmp_path / "store") == 20
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) > 5
    assert not [path for path in kept if b"sesame-123" in path.read_bytes()]
    assert "sesame-123" not in done.stdout + done.stderr


def test_a_key_that_is_not_set_is_named_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    write_toy(tmp_path / "toy", n_problems=4)
    data = ("dataset=humaneval", "dataset.path=toy/problems.jsonl")
    done = run("task=run", "family=claude_4", "generator=openai", "hardware=anthropic", *data)
    assert done.returncode == 1
    assert "key_variable=ANTHROPIC_API_KEY" in done.stderr and "requires an API key; set this" in done.stderr
    assert "Retrying" not in done.stdout + done.stderr


def test_a_context_that_is_too_long(gate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASCADE_TEST_KEY", "sesame-123")
    long = replace(PROBLEMS[0], task_id="long", prompt=PROBLEMS[0].prompt + "# more\n" * 300)
    with pytest.raises(CascadeError, match=r"small, long: the solution's prompt .* maximum context length"):
        generator(gate, concurrency=1).samples(request(tmp_path, problems=[*PROBLEMS[:2], long]))
    assert n_samples(tmp_path) == 2  # what came before is kept


def test_a_chat_family_needs_the_chat_api(tmp_path: Path) -> None:
    family = replace(FAMILY, prompts=replace(STYLE, chat=True))
    with pytest.raises(ConfigError, match=r"generator\.api=completions: .* set generator\.api=chat"):
        generator("http://127.0.0.1:9/v1").samples(request(tmp_path, family=family))


def test_a_connection_that_the_server_closes_between_two_requests(tmp_path: Path) -> None:
    """As uvicorn does with one that was idle for five seconds: the request is sent once more."""
    said = {
        "id": "1",
        "object": "text_completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "text": "    return 1\n", "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5},
    }
    n_cut = 0

    class Closing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        answered = 0

        def do_POST(self) -> None:
            nonlocal n_cut
            self.rfile.read(int(self.headers["content-length"]))
            if self.answered:
                n_cut += 1
                self.close_connection = True
                return
            self.answered += 1
            content = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Closing)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{http.server_port}/v1"
    asked = request(tmp_path, lines=0)
    samples = generator(url, concurrency=1, count="usage").samples(asked).samples["small"]
    http.shutdown()
    http.server_close()
    assert [model_samples.greedy is not None for model_samples in samples.values()] == [True] * len(PROBLEMS)
    assert n_cut > 0
