"""A member behind an OpenAI-compatible server, for a service: a request a sample, on open connections."""

import asyncio
import os
import time
from typing import Any, Protocol

from cascade.base import CascadeError
from cascade.generate.family import Model
from cascade.generate.live import Asked, Ticket
from cascade.generate.reading import StoredSample
from cascade.generate.remote.asker import Asker, Reader, ServerSettings
from cascade.generate.sample_specs import SampleSpec

# How long a server may take to say that it is there.
CHECK_S = 10.0
# Connections are closed when nobody has asked for so long: the client itself looks at them only when it asks.
IDLE_S, LOOK_S = 5.0, 1.0


class ConnectionSettings(ServerSettings, Protocol):
    """What an `OpenAIGenerator` says about connections besides."""

    @property
    def concurrency(self) -> int: ...
    @property
    def timeout_s(self) -> float: ...


class RemoteMember:
    """A member that is served; see `cascade.generate.live.Member`."""

    def __init__(self, generator: ConnectionSettings, model: Model, asked: Asked) -> None:
        """No connection is opened yet.

        Args:
            generator: how this member's server is asked.
            model: the member.
            asked: how it is asked, the same for every problem.
        """
        self.model, self.asked = model, asked
        self._generator = generator
        self._askers: dict[int, Asker] = {}
        self._client: Any = None
        self._n_asking, self._asked_at = 0, 0.0
        self._closer: asyncio.Task[None] | None = None
        # A server that is asked for more at a time answers 429, or makes them wait where nobody sees it.
        self._places = asyncio.Semaphore(generator.concurrency)

    def _connected(self) -> Any:
        if self._client is None:
            self._client = self._new_client()
            self._closer = asyncio.create_task(self._close_when_idle())
        return self._client

    async def _close_when_idle(self) -> None:
        while self._n_asking or time.monotonic() < self._asked_at + IDLE_S:
            await asyncio.sleep(LOOK_S)
        client, self._client = self._client, None
        await client.close()

    def _new_client(self) -> Any:
        from openai import AsyncOpenAI

        generator = self._generator
        return AsyncOpenAI(
            base_url=generator.base_url,
            api_key=os.environ.get(generator.key_variable) or "none",
            max_retries=generator.retries,
            timeout=generator.timeout_s,
        )

    async def write(self, spec: SampleSpec, lines: int, ticket: Ticket) -> StoredSample:
        """One sample by one request; cancelling the task closes its connection, which stops the server."""
        if lines not in self._askers:
            request = self.asked.request((), 0, lines)
            reader = Reader(self._generator, self.model, request)
            self._askers[lines] = Asker(self._generator, self.model, request, reader, None)
        async with self._places:
            self._n_asking += 1
            try:
                [sample] = await self._askers[lines].ask(self._connected(), [spec])
            finally:
                self._n_asking, self._asked_at = self._n_asking - 1, time.monotonic()
        ticket.tokens = sample.tokens
        return sample

    async def check(self) -> str:
        """Asks the server for its models; says so where it does not list them."""
        import openai

        where, name = self._generator.base_url, self.model.served_as
        try:
            # On a connection of its own: open ones belong to the loop that asks for samples.
            async with asyncio.timeout(CHECK_S), self._new_client() as client:
                listed = [one.id async for one in client.with_options(max_retries=0).models.list()]
        except (openai.APIConnectionError, TimeoutError):
            raise CascadeError(f"{self.model.name}: no server answers at {where}; start it") from None
        except openai.APIStatusError as error:
            if error.status_code in (401, 403):
                raise CascadeError(
                    f"{self.model.name}: {where} refuses the key in the environment variable "
                    f"{self._generator.key_variable}; set it"
                ) from None
            return f"{self.model.name}: {where} is up (it lists no models: status {error.status_code})"
        except openai.OpenAIError as error:
            return f"{self.model.name}: {where} is up (its list of models is none: {error})"
        if listed and name not in listed:
            raise CascadeError(
                f"{self.model.name}: {where} serves {', '.join(listed[:5])} and no {name}; set "
                f"family.models.{self.model.key}.served_as"
            )
        return f"{self.model.name}: served as {name} at {where}"

    async def close(self) -> None:
        """Close the connections."""
        if self._closer is not None:
            self._closer.cancel()
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()
