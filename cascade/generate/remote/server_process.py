"""A server that we started: where it listens, whether it is up, why it ended; nothing of it stays behind."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from cascade.base import CascadeError
from cascade.generate.remote import keeper

LOOK_S = 0.25
# After a port was taken by another program between our look and the server's start.
PORT_TRIES = 3
# The keeper waits for its server, then kills; it is waited for a little longer.
STOP_S = keeper.GRACE_S + 10
_PORT_TAKEN = re.compile(r"address already in use|errno 98|port \S+ is (?:already )?in use", re.IGNORECASE)
_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|no available memory for the cache|less than desired gpu memory|"
    r"not enough memory|larger than the (?:available|maximum).*kv cache",
    re.IGNORECASE,
)
_ERROR = re.compile(r"(?:error|exception)\b.*[:=]", re.IGNORECASE)


class PortTakenError(Exception):
    """Another program has the port by now."""


class ServerProcess:
    """One server process with all that it starts, behind a keeper of its own."""

    def __init__(self, command: Sequence[str], port: int, name: str, env: Mapping[str, str]) -> None:
        """Start it.

        Args:
            command: its command line.
            port: where it will listen on the loopback interface.
            name: the model's name there.
            env: environment variables besides ours.

        Raises:
            CascadeError: there is no such command.
        """
        if shutil.which(command[0]) is None:
            raise CascadeError(
                f"{command[0]}: no such command; install it, or name its path in generator.command[0]"
            )
        self.port, self.name = port, name
        self.log = Path(tempfile.mkdtemp(prefix="cascade-server-"), "server.log")
        with self.log.open("w") as out:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", keeper.__file__, *command],
                stdin=subprocess.PIPE,  # closed when we end, however that comes
                stdout=out,
                stderr=out,
                env={**os.environ, **env},
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        """The address for OpenAI's protocol."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def running(self) -> bool:
        """Whether the server has not ended."""
        return self._keeper.poll() is None

    async def up(self, timeout_s: float) -> None:
        """Wait until it answers for its model.

        Raises:
            PortTakenError: another program listens there.
            CascadeError: it ended, or is not up in time.
        """
        deadline = time.monotonic() + timeout_s
        while self.running:
            if self.name in await asyncio.to_thread(self._served_names):
                return
            if time.monotonic() > deadline:
                raise CascadeError(
                    f"not up after {timeout_s:g} s ({self._last_words()}); raise generator.start_timeout_s "
                    f"if it only needs longer; its log: {self.log}"
                )
            await asyncio.sleep(LOOK_S)
        if _PORT_TAKEN.search(self._text()):
            raise PortTakenError
        raise CascadeError(self.why_ended("while starting"))

    async def ended(self) -> None:
        """Wait until it is no more."""
        while self.running:
            await asyncio.sleep(LOOK_S)

    def why_ended(self, when: str) -> str:
        """One line: that it ended, why as far as its log says, and what to do."""
        status = self._keeper.wait()
        how = f"killed by signal {256 - status}" if status > 192 else f"ended with status {status}"
        if status < 0:
            how = f"its keeper was killed by signal {-status}"
        if found := _MEMORY.search(self._text()):
            return (
                f"{how} {when}: too little memory ({self._line_of(found.start())}); give it more GPUs "
                "(family.models.{key}.server.gpus), or lower generator.batch_size or family.max_new_tokens; "
                f"its log: {self.log}"
            )
        return f"{how} {when}: {self._last_words()}; its log: {self.log}"

    def stop(self) -> None:
        """End it with all that it started; returns when nothing is left."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        try:
            self._keeper.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        # Nothing is left of the group unless somebody killed the keeper.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._keeper.pid, signal.SIGKILL)

    def forget_log(self) -> None:
        """Delete the log, which is kept otherwise: nothing went wrong."""
        shutil.rmtree(self.log.parent, ignore_errors=True)

    def _served_names(self) -> set[str]:
        """The models that whoever listens at the port has; none where nobody answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/v1/models")
            answer = json.loads(connection.getresponse().read())
            return {model["id"] for model in answer["data"]}
        except (OSError, HTTPException, ValueError, KeyError, TypeError):
            return set()
        finally:
            connection.close()

    def _text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def _line_of(self, at: int) -> str:
        text = self._text()
        return _short(text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0])

    def _last_words(self) -> str:
        """The last line that speaks of an error, else the last one."""
        lines = [line for line in self._text().splitlines() if line.strip()]
        errors = [line for line in lines if _ERROR.search(line)]
        return _short((errors or lines or ["it said nothing"])[-1])


def free_port() -> int:
    """A port of the loopback interface that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _short(line: str) -> str:
    return " ".join(line.split())[:240]
