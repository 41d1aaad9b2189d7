"""A server that asks for patience, as a process of its own would: seconds, a date, or nothing said."""

import datetime
import json
import threading
from collections.abc import Iterator
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("openai")

from cascade.base import CascadeError
from cascade.generate import Family, Model, OpenAIGenerator, PromptStyle
from cascade.generate.interface import SampleRequest
from cascade.problems import Problem

PROBLEM = Problem("HumanEval/0", 'def f(x):\n    """Adds 1."""\n', "f", "", "assert f(1) == 2\n")


@pytest.fixture
def url() -> Iterator[str]:
    """A server whose first answer to each path is status 429, with the header that the path names."""
    seen: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            how = self.path.split("/")[1]
            if how not in seen or how == "never":
                seen.add(how)
                soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
                after = {"date": format_datetime(soon, usegmt=True), "seconds": "1", "never": "0"}.get(how)
                return self.answer(429, {"error": {"message": "slow down"}}, after)
            choice = {"index": 0, "message": {"content": "    return x + 1\n"}, "finish_reason": "stop"}
            self.answer(200, {"choices": [choice], "usage": {"completion_tokens": 7}}, None)

        def answer(self, status: int, content: object, after: str | None) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            if after is not None:
                self.send_header("retry-after", after)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


def ask(base_url: str, folder: Path) -> str:
    generator = OpenAIGenerator(base_url, "chat", "CASCADE_NO_KEY", 0, 0.8, 0.95, 0, 1, 1, 2, 30.0, "usage")
    family = Family("f", (Model("m", "none", "none"),), PromptStyle(), 64)
    samples = generator.samples(SampleRequest(family, [PROBLEM], 1, 0, "cpu", folder)).samples
    greedy = samples["m"]["HumanEval/0"].greedy
    assert greedy is not None
    return greedy.solutions[0].text


@pytest.mark.parametrize("how", ["date", "seconds", "nothing"])
def test_asked_again_after_a_while(url: str, tmp_path: Path, how: str) -> None:
    assert ask(f"{url}/{how}/v1", tmp_path) == "    return x + 1\n"


def test_in_vain(url: str, tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="too many requests, also after 2 retries"):
        ask(f"{url}/never/v1", tmp_path)
