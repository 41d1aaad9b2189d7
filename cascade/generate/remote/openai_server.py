"""The remote generator: any OpenAI-compatible server, request by request into the store."""

import asyncio
import json
import logging
import os
from collections import deque
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from cascade.base import CascadeError, ConfigError, Progress
from cascade.generate.family import Family, Model
from cascade.generate.interface import SampleRequest, SampleSet
from cascade.generate.live import Asked, Member as LiveMember
from cascade.generate.reading import FILTERED, LENGTH, StoredSample
from cascade.generate.remote.asker import Asker, Encode, Reader, extra_fields
from cascade.generate.remote.work_clock import WorkClock
from cascade.generate.sample import ModelSamples
from cascade.generate.sample_specs import (
    SOLUTION,
    SampleSpec,
    Sampling,
    missing_in_turn,
    put_together,
    sample_specs,
)
from cascade.generate.sample_store import SampleStore, Timing
from cascade.generate.thoughts import clean, only_thoughts

# After so many answers without a text and none with one, the server is not asked on.
EMPTY_ANSWERS = 20
# Servers without keys are asked with this one: the client wants some.
NO_KEY = "none"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenAIGenerator:
    """Writes samples through a server; what is in the store is not asked for again.

    A member's `server` replaces base_url, api, key_variable and concurrency for that member; members behind
    different servers are asked side by side.

    Attributes:
        base_url: of the server, up to and with ``/v1``.
        api: completions (the model continues the prompt) or chat (the prompt is a user's message).
        key_variable: the environment variable that holds the key.
        draws: sampled draws of each kind for each problem.
        temperature, top_p: of the sampled draws (paper section 3.2: T = 0.8).
        seed: of the sampled draws, where the server supports it.
        concurrency: requests at a time.
        samples_per_request: `n` of a request; a server that gives fewer is asked again.
        retries: of a request after 429, 5xx, a time-out or a broken connection, at growing intervals.
        timeout_s: of one request.
        count: usage (tokens as the server bills them: a test costs the whole, whatever l) or
            tokenizer (counted up to where the sample ends, with the model's own tokenizer).
    """

    base_url: str
    api: str
    key_variable: str
    draws: int
    temperature: float
    top_p: float
    seed: int
    concurrency: int
    samples_per_request: int
    retries: int
    timeout_s: float
    count: str

    def describe(self) -> str:
        """Where the samples come from, for the run's parameters."""
        how = f"T={self.temperature:g}, top_p={self.top_p:g}, seed {self.seed}"
        return f"openai ({self.api}) at {self.base_url}: {self.draws} draws at {how}"

    def samples(self, request: SampleRequest) -> SampleSet:
        """Read from the store, or asked for now and kept as they come.

        Raises:
            CascadeError: one line for a server out of reach, a wrong key, an unknown model, a prompt
                that is too long; what came before is kept.
        """
        store = SampleStore(request.store)
        notes, samples = [], {}
        try:
            members = [_Member.of(self, model, request) for model in request.family.models]
            specs = [spec for member in members for spec in member.specs]
            for missing in missing_in_turn(specs, request, store):
                asyncio.run(_ask_side_by_side(members, {spec.key for spec in missing}, store))
            for member in members:
                name = member.model.name
                of_member = samples[name] = put_together(member.specs, member.request, store)
                if _draws_are_copies(of_member):
                    notes.append(
                        f"{name}: all samples of a draw are alike, on every problem: the server at "
                        f"{member.generator.base_url} appears to ignore generator.temperature"
                    )
        finally:
            store.close()
        return SampleSet(samples, tuple(notes))

    def members(self, family: Family, lines: int) -> list[LiveMember]:
        """The family behind its servers, for a service; the largest l of the study is `lines`.

        Raises:
            ConfigError: a member is asked in a chat and its server is not, or its key is not set.
        """
        from cascade.generate.remote.live import RemoteMember

        members: list[LiveMember] = []
        for model in family.models:
            server = at_server(self, model)
            asked_family = SampleRequest(family, (), 0, lines, "", Path()).to(model).family
            check_api(server, model, asked_family)
            check_key(model)
            sampling = Sampling(server.temperature, server.top_p, server.seed)
            members.append(
                RemoteMember(server, model, Asked(asked_family, identity_at(server, model), sampling, lines))
            )
        return members

    async def ask_all(
        self,
        model: Model,
        specs: Sequence[SampleSpec],
        request: SampleRequest,
        store: SampleStore,
        *,
        encode: Encode | None = None,
        clock: WorkClock | None = None,
    ) -> None:
        """Ask one member for some samples and keep each as it comes.

        Args:
            model: the member.
            specs: what is wanted of it.
            request: what the study wants, as it is put to this member.
            store: where the samples are kept.
            encode: makes token ids of a prompt, for servers that take them; None to send its text.
            clock: measures what each sample takes, for its price; None to measure nothing.
        """
        from openai import AsyncOpenAI

        kept = _Kept(store, f"generator.base_url={self.base_url}: {model.served_as}")
        asker = Asker(self, model, request, Reader(self, model, request), encode)
        # Samples of one prompt that may come in one request.
        together = groupby(specs, key=lambda spec: (spec.task_id, spec.kind, spec.draw))
        waiting: deque[list[SampleSpec]] = deque()
        for _, group in together:
            group_specs = list(group)
            size = self.samples_per_request
            waiting.extend(group_specs[at : at + size] for at in range(0, len(group_specs), size))
        with Progress(f"asking {model.name}", "samples", len(specs)) as progress:
            async with AsyncOpenAI(
                base_url=self.base_url,
                api_key=os.environ.get(self.key_variable) or NO_KEY,
                max_retries=self.retries,
                timeout=self.timeout_s,
            ) as client:

                async def work() -> None:
                    while waiting:
                        wanted = waiting.popleft()
                        work = None if clock is None else clock.begin(len(wanted))
                        written = await asker.ask(client, wanted)
                        tokens = sum(one.tokens for one in written)
                        timing = None if clock is None or work is None else clock.end(work, tokens)
                        kept.keep(
                            wanted[0].kind,
                            {spec.key: one for spec, one in zip(wanted, written, strict=False)},
                            timing,
                        )
                        progress.add(len(written))
                        # A server that ignores n gives one.
                        waiting.extend([spec] for spec in wanted[len(written) :])

                workers = [asyncio.create_task(work()) for _ in range(self.concurrency)]
                try:
                    await asyncio.gather(*workers)
                finally:
                    for worker in workers:
                        worker.cancel()
                    await asyncio.gather(*workers, return_exceptions=True)
        kept.finish()
        for note in asker.parameters.notes:
            log.warning("%s: %s %s", model.name, self.base_url, note)


@dataclass(frozen=True)
class _Member:
    """One member of a family with its own server, and what is wanted of it."""

    generator: OpenAIGenerator
    model: Model
    request: SampleRequest
    specs: Sequence[SampleSpec]

    @classmethod
    def of(cls, generator: OpenAIGenerator, model: Model, request: SampleRequest) -> "_Member":
        server, asked = at_server(generator, model), request.to(model)
        check_api(server, model, asked.family)
        sampling = Sampling(server.temperature, server.top_p, server.seed)
        return cls(
            server, model, asked, sample_specs(identity_at(server, model), asked, server.draws, sampling)
        )


def check_api(generator: OpenAIGenerator, model: Model, family: Family) -> None:
    """Refuse a member that is asked in a chat at a server that is asked for completions."""
    if family.prompts.chat and generator.api != "chat":
        raise ConfigError(
            f"generator.api={generator.api}: {model.name} of the family {family.name} is asked in a "
            f"chat; set generator.api=chat, or family.models.{model.key}.server.api=chat"
        )


def check_key(model: Model) -> None:
    """Refuse a member whose server is said to ask for a key before it is asked without one."""
    variable = model.server.key_variable
    if variable and not os.environ.get(variable):
        raise ConfigError(
            f"family.models.{model.key}.server.key_variable={variable}: {model.name}'s server "
            f"{model.server.base_url or ''} requires an API key; set this environment variable to it"
        )


def identity_at(generator: OpenAIGenerator, model: Model) -> str:
    """What a member's samples are known by, written by this server."""
    identity = f"{generator.base_url} {generator.api} {model.served_as} {generator.count}"
    if extra := extra_fields(generator, model):
        identity += f" {json.dumps(extra, sort_keys=True)}"
    return identity


def at_server(generator: OpenAIGenerator, model: Model) -> OpenAIGenerator:
    """The generator with what one member's server says otherwise."""
    server = model.server
    return replace(
        generator,
        base_url=server.base_url or generator.base_url,
        api=server.api or generator.api,
        key_variable=server.key_variable or generator.key_variable,
        concurrency=server.concurrency or generator.concurrency,
    )


async def _ask_side_by_side(members: Sequence[_Member], keys: Set[str], store: SampleStore) -> None:
    """Ask for the samples of some keys: the members of one server in turn, different servers at once."""
    by_server: dict[str, list[_Member]] = {}
    for member in members:
        by_server.setdefault(member.generator.base_url, []).append(member)

    for member in members:
        if any(spec.key in keys for spec in member.specs):
            check_key(member.model)

    async def ask(those: Sequence[_Member]) -> None:
        for member in those:
            if missing := [spec for spec in member.specs if spec.key in keys]:
                await member.generator.ask_all(member.model, missing, member.request, store)

    tasks = [asyncio.create_task(ask(those)) for those in by_server.values()]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Kept:
    """Samples as they come into the store; answers without text only once there is one that has some.

    A server that is set up wrongly gives nothing but those: they must not stay in the store for good.
    """

    def __init__(self, store: SampleStore, where: str) -> None:
        self._store, self._where = store, where
        self._empty: dict[str, dict[str, StoredSample]] = {}
        self._any: set[str] = set()  # kinds of which some have a text

    def keep(self, kind: str, samples: Mapping[str, StoredSample], timing: Timing | None) -> None:
        """Some samples of a kind have come."""
        full = {key: one for key, one in samples.items() if clean(one.text).strip()}
        if full:
            self._any.add(kind)
            self._store.add(full, timing)
        empty = self._empty.setdefault(kind, {})
        empty |= {key: one for key, one in samples.items() if key not in full}
        if kind not in self._any and len(empty) >= EMPTY_ANSWERS:
            self._refuse(kind, empty)

    def finish(self) -> None:
        """Everything has come."""
        for kind, empty in self._empty.items():
            if empty and kind not in self._any and kind == SOLUTION:
                self._refuse(kind, empty)
            if empty:
                self._store.add(empty)

    def _refuse(self, kind: str, empty: Mapping[str, StoredSample]) -> None:
        cut = sum(one.finish == LENGTH for one in empty.values())
        filtered = sum(one.finish == FILTERED for one in empty.values())
        thoughts = sum(only_thoughts(one.text) for one in empty.values())
        remedy = "raise that, or see that the server's reasoning parser leaves the answer in `content`"
        if filtered:
            remedy = "the provider refuses these prompts: reword family.prompts, or ask another model"
        elif not cut and not thoughts:
            remedy = (
                "ask the server by hand: a filter, its chat template or a stop text may take the answer away"
            )
        raise CascadeError(
            f"{self._where}: all {len(empty)} {kind}s so far are empty ({thoughts} are thoughts only, {cut} "
            f"were cut at family.max_new_tokens, {filtered} were ended by the provider's content filter); "
            f"{remedy}; none of them is kept"
        )


def _draws_are_copies(samples: dict[str, ModelSamples]) -> bool:
    """Whether sampling makes no difference anywhere, where it could."""
    draws = [draw for of_problem in samples.values() for draw in of_problem.draws if len(draw.solutions) > 1]
    return len(draws) > 1 and all(len({s.text for s in draw.solutions}) == 1 for draw in draws)
