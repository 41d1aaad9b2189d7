"""`task=serve` as a user starts it, and what is sent to it."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2 as httpx
from openai import OpenAI

from tests.program import Program

PROMPT = 'def add(a, b):\n    """Return the sum of a and b."""\n'
UPSTREAM = (
    "generator=openai",
    "generator.retries=0",
    "serve.retries=0",
    "family.models.small.served_as=small",
    "family.models.medium.served_as=medium",
    "family.models.large.served_as=medium",
)


class Served:
    """A server of its own process; ended with the block."""

    def __init__(self, folder: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self._log = (folder / "serve.log").open("w+")
        command = ("task=serve", "serve.port=0", *arguments)
        self.process = Program(command, folder, self._log, self._log, env or {})
        self.url = self._url()
        self.http = httpx.Client(base_url=self.url, timeout=120)

    def log(self) -> str:
        self._log.flush()
        return Path(self._log.name).read_text()

    def _url(self) -> str:
        end = time.monotonic() + 120
        while (found := re.search(r"serving on (\S+)/v1", self.log())) is None:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)
        return found[1]

    def client(self, key: str = "none", **options: Any) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=120, **options)

    def post(self, body: object, path: str = "/v1/completions", **options: Any) -> httpx.Response:
        return self.http.post(path, content=json.dumps(body).encode(), **options)

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + 20
        while text not in self.log():
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)

    def __enter__(self) -> "Served":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()
