"""One member behind a server of our own: its command line, its GPUs, and its samples while it runs."""

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cascade.base import CascadeError
from cascade.generate.family import Model
from cascade.generate.interface import SampleRequest
from cascade.generate.remote.openai_server import OpenAIGenerator
from cascade.generate.remote.placement import (
    Gpu,
    bytes_per_column,
    gpus_needed,
    positions,
    read_config,
    visible_gpus,
    weight_bytes,
)
from cascade.generate.remote.server_process import PORT_TRIES, PortTakenError, ServerProcess, free_port
from cascade.generate.remote.work_clock import WorkClock
from cascade.generate.sample_specs import SampleSpec
from cascade.generate.sample_store import SampleStore

log = logging.getLogger(__name__)

# Requests in flight beyond the batch, as a part of it: a row that ends is replaced at once.
WAITING_SHARE = 1 / 8
# A server whose requests break has so long to be known as ended.
LAST_BREATH_S = 5.0
# What stands for the GPU on a machine without any.
CPU = Gpu("", 0)


@dataclass(frozen=True)
class Engine:
    """How servers are started and samples are written.

    Attributes:
        command: the server's command line; see `command_line`.
        arguments: added to it.
        extra: fields that every request has besides; a member's own are added.
        api: completions (we apply the chat template and send token ids) or chat (the server applies it).
        batch_size: rows that a server writes at a time.
        draws: sampled draws of each kind for each problem.
        temperature, top_p: of the sampled draws (paper section 3.2: T = 0.8).
        dtype: of the weights, in the engine's words.
        seed: of the sampled draws.
        start_timeout_s: until a server has to be up.
        timeout_s: of one request; a server that takes longer for one hangs, and is ended.
    """

    command: Sequence[str]
    arguments: Sequence[str]
    extra: Mapping[str, Any]
    api: str
    batch_size: int
    draws: int
    temperature: float
    top_p: float
    dtype: str
    seed: int
    start_timeout_s: float
    timeout_s: float

    @property
    def name(self) -> str:
        """The command's name, or that of the module which Python runs."""
        return self.command[2] if self.command[1] == "-m" else Path(self.command[0]).name


@dataclass(frozen=True)
class EngineMember:
    """One member, what is wanted of it, and what of that is missing.

    Attributes:
        engine: how servers are started and samples written.
        api: completions or chat.
        model: the member, its revision pinned.
        request: what the study wants, as it is put to this member.
        specs: all samples of the study.
        missing: those that are to be written now.
    """

    engine: Engine
    api: str
    model: Model
    request: SampleRequest
    specs: Sequence[SampleSpec]
    missing: Sequence[SampleSpec]

    def prompts(self) -> dict[str, tuple[int, ...]]:
        """The missing samples' prompts as token ids, by key.

        Raises:
            CascadeError: the tokenizer cannot be loaded, or has no chat template.
        """
        from cascade.generate.local.loading import encode, load_tokenizer

        tokenizer, chat = load_tokenizer(self.model), self.request.family.prompts.chat
        known: dict[tuple[str, str], tuple[int, ...]] = {}
        for spec in self.missing:
            if (spec.prompt, spec.begins) not in known:
                ids = encode(tokenizer, self.model, spec.prompt, spec.begins, chat=chat)
                known[spec.prompt, spec.begins] = ids
        return {spec.key: known[spec.prompt, spec.begins] for spec in self.missing}

    def columns(self, prompts: Mapping[str, Sequence[int]]) -> int:
        """Tokens of the longest prompt and answer, as far as the model has room.

        Raises:
            CascadeError: a prompt leaves no room for an answer.
        """
        most = positions(read_config(self.model)) or 1 << 30
        longest = max(self.missing, key=lambda spec: len(prompts[spec.key]))
        length = len(prompts[longest.key])
        if length >= most:
            raise CascadeError(
                f"{self.model.name}, {longest.task_id}: the prompt has {length} tokens, but the model has "
                f"room for {most}; leave the problem out or choose a model with a longer context"
            )
        return min(most, length + self.request.family.max_new_tokens)

    def n_gpus(self, columns: int, gpu: Gpu) -> int:
        """How many GPUs of this kind its server is given; 1 for a CPU."""
        if gpu == CPU or self.model.server.gpus is not None:
            return self.model.server.gpus or 1
        of_a_column = bytes_per_column(read_config(self.model))
        return gpus_needed(weight_bytes(self.model), of_a_column, columns, gpu.memory)

    async def write(
        self, prompts: Mapping[str, Sequence[int]], columns: int, gpus: Sequence[Gpu], store: SampleStore
    ) -> None:
        """Start the server, ask it for what is missing, end it.

        Raises:
            CascadeError: it does not come up, ends or hangs; its log is kept.
        """
        for _ in range(PORT_TRIES):
            server = self._start(columns, gpus)
            try:
                await server.up(self.engine.start_timeout_s)
                await self._ask_while_up(server, prompts, len(gpus), store)
                server.forget_log()
                log.info("%s: %d samples written by %s", self.model.name, len(self.missing), self.engine.name)
                return
            except PortTakenError:
                server.forget_log()
            except CascadeError as error:
                said = str(error).replace("{key}", self.model.key)
                raise CascadeError(f"{self.model.name}: {self.engine.name}: {said}") from None
            finally:
                await asyncio.shield(asyncio.to_thread(server.stop))
        raise CascadeError(
            f"{self.model.name}: {self.engine.name}: another program took its port, {PORT_TRIES} times"
        )

    def _start(self, columns: int, gpus: Sequence[Gpu]) -> ServerProcess:
        visible = ",".join(gpu.name for gpu in gpus if gpu != CPU)
        port = free_port()
        # A name that no other server has: whoever took the port meanwhile is not mistaken for ours.
        name = f"{self.model.key or 'model'}-{secrets.token_hex(4)}"
        values = {
            "model": self.model.hub_id,
            "revision": self.model.revision,
            "tokenizer": self.model.tokenizer,
            "name": name,
            "port": port,
            "gpus": len(gpus),
            "batch": self.engine.batch_size,
            "context": columns,
            "dtype": self.engine.dtype,
        }
        command = command_line([*self.engine.command, *self.engine.arguments], values)
        server = ServerProcess(command, port, name, {"CUDA_VISIBLE_DEVICES": visible} if visible else {})
        where = f"GPU {visible}" if visible else "the CPU"
        log.info("%s: starting %s on %s; its log: %s", self.model.name, self.engine.name, where, server.log)
        return server

    async def _ask_while_up(
        self, server: ServerProcess, prompts: Mapping[str, Sequence[int]], n_gpus: int, store: SampleStore
    ) -> None:
        asking = asyncio.create_task(self._ask(server, prompts, n_gpus, store))
        ended = asyncio.create_task(server.ended())
        try:
            await asyncio.wait({asking, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise CascadeError(server.why_ended("while writing"))
            try:
                await asking
            except CascadeError as error:
                # Broken connections come before the news that the server is gone, which says more.
                await asyncio.wait({ended}, timeout=LAST_BREATH_S)
                if ended.done():
                    raise CascadeError(server.why_ended("while writing")) from None
                raise CascadeError(f"{error}; its log: {server.log}") from None
        finally:
            for task in (asking, ended):
                task.cancel()
            await asyncio.gather(asking, ended, return_exceptions=True)

    async def _ask(
        self, server: ServerProcess, prompts: Mapping[str, Sequence[int]], n_gpus: int, store: SampleStore
    ) -> None:
        engine = self.engine
        generator = OpenAIGenerator(
            base_url=server.url,
            api=self.api,
            key_variable="",
            draws=engine.draws,
            temperature=engine.temperature,
            top_p=engine.top_p,
            seed=engine.seed,
            concurrency=engine.batch_size + int(WAITING_SHARE * engine.batch_size),
            samples_per_request=1,
            retries=0,
            timeout_s=engine.timeout_s,
            count="tokenizer",
        )
        extra = {**engine.extra, **self.model.server.extra}
        await generator.ask_all(
            replace(self.model, served_as=server.name, server=replace(self.model.server, extra=extra)),
            self.missing,
            self.request,
            store,
            encode=(lambda spec: list(prompts[spec.key])) if self.api == "completions" else None,
            clock=WorkClock(engine.batch_size, n_gpus),
        )


def command_line(template: Sequence[str], values: Mapping[str, object]) -> list[str]:
    """A server's command line; an argument whose placeholder stands for nothing is left out.

    Args:
        template: arguments with {model}, {name}, {port}, {gpus}, {batch}, {context}, {dtype}, {revision} or
            {tokenizer} in them.
        values: what these stand for; None for nothing.
    """
    line = []
    for argument in template:
        named = [name for name in values if f"{{{name}}}" in argument]
        if any(values[name] is None for name in named):
            continue
        for name in named:
            argument = argument.replace(f"{{{name}}}", str(values[name]))
        line.append(argument)
    return line


async def write_side_by_side(members: Sequence[EngineMember], store: SampleStore) -> None:
    """Write what is missing of some members: side by side while there are GPUs for them, else in turn.

    Raises:
        CascadeError: one of them cannot be served; the servers of the others are ended.
    """
    gpus = visible_gpus() or (CPU,)
    wanted = []
    for member in members:
        prompts = member.prompts()
        columns = member.columns(prompts)
        n = member.n_gpus(columns, min(gpus, key=lambda gpu: gpu.memory))
        if n > len(gpus):
            raise CascadeError(
                f"{member.model.name}: needs {n} GPUs for its weights and a batch of 10, and there are "
                f"{len(gpus)}; where it fits all the same set family.models.{member.model.key}.server.gpus, "
                "else leave it out"
            )
        wanted.append((member, prompts, columns, n))
    free, changed = list(gpus), asyncio.Condition()

    async def write(member: EngineMember, prompts: Mapping[str, Sequence[int]], columns: int, n: int) -> None:
        async with changed:
            await changed.wait_for(lambda: len(free) >= n)
            taken = [free.pop(0) for _ in range(n)]
        try:
            await member.write(prompts, columns, taken, store)
        finally:
            async with changed:
                free.extend(taken)
                free.sort(key=gpus.index)
                changed.notify_all()

    tasks = [asyncio.create_task(write(*one)) for one in wanted]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
