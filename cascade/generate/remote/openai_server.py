"""The remote generator: any OpenAI-compatible server, request by request into the store."""

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from tqdm import tqdm

from cascade.base import CascadeError, ConfigError
from cascade.generate.family import Model
from cascade.generate.interface import Request, SampleSet
from cascade.generate.jobs import SOLUTION, Job, Sampling, jobs_of, put_together
from cascade.generate.reading import Written, read_solution, read_test
from cascade.generate.remote.work_clock import WorkClock
from cascade.generate.sample import ModelSamples
from cascade.generate.sample_store import SampleStore

# The protocol takes no more stop texts; a solution ends before the others too, they only cost more.
MOST_STOPS = 4
# Servers without keys are asked with this one: the client wants some.
NO_KEY = "none"

# Makes token ids of a job's prompt.
Encode = Callable[[Job], Sequence[int]]


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
        seed: of the sampled draws, where the server heeds it.
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

    def samples(self, request: Request) -> SampleSet:
        """Read from the store, or asked for now and kept as they come.

        Raises:
            CascadeError: one line for a server out of reach, a wrong key, an unknown model, a prompt
                that is too long; what came before is kept.
        """
        store = SampleStore(request.store)
        notes, samples = [], {}
        try:
            members = [_Member.of(self, model, request) for model in request.family.models]
            asyncio.run(_ask_side_by_side(members, store))
            for member in members:
                name = member.model.name
                own = samples[name] = put_together(member.jobs, member.request, store)
                if _draws_are_copies(own):
                    notes.append(
                        f"{name}: all samples of a draw are alike, on every problem: the server at "
                        f"{member.generator.base_url} seems not to heed generator.temperature"
                    )
        finally:
            store.close()
        return SampleSet(samples, tuple(notes))

    async def ask_all(
        self,
        model: Model,
        jobs: Sequence[Job],
        request: Request,
        store: SampleStore,
        *,
        encode: Encode | None = None,
        clock: WorkClock | None = None,
    ) -> None:
        """Ask one member for some samples and keep each as it comes.

        Args:
            model: the member.
            jobs: what is wanted of it.
            request: what the study wants, as it is put to this member.
            store: where the samples are kept.
            encode: makes token ids of a prompt, for servers that take them; None to send its text.
            clock: measures what each sample takes, for its price; None to measure nothing.
        """
        from openai import AsyncOpenAI

        asker = _Asker(self, model, request, _Reader(self, model, request), encode)
        # Samples of one prompt that may come in one request.
        together = groupby(jobs, key=lambda job: (job.task_id, job.kind, job.draw))
        waiting: deque[list[Job]] = deque()
        for _, group in together:
            own = list(group)
            size = self.samples_per_request
            waiting.extend(own[at : at + size] for at in range(0, len(own), size))
        with tqdm(
            total=len(jobs), desc=f"asking {model.name}", unit=" samples", disable=None, file=sys.stderr
        ) as bar:
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
                        kept = {job.key: one for job, one in zip(wanted, written, strict=False)}
                        tokens = sum(one.tokens for one in written)
                        store.add(kept, None if clock is None or work is None else clock.end(work, tokens))
                        bar.update(len(written))
                        # A server that does not heed n gives one.
                        waiting.extend([job] for job in wanted[len(written) :])

                workers = [asyncio.create_task(work()) for _ in range(self.concurrency)]
                try:
                    await asyncio.gather(*workers)
                finally:
                    for worker in workers:
                        worker.cancel()
                    await asyncio.gather(*workers, return_exceptions=True)


@dataclass(frozen=True)
class _Member:
    """One member of a family with its own server, and what is wanted of it."""

    generator: OpenAIGenerator
    model: Model
    request: Request
    jobs: Sequence[Job]

    @classmethod
    def of(cls, generator: OpenAIGenerator, model: Model, request: Request) -> "_Member":
        own, asked = at_server(generator, model), request.to(model)
        if asked.family.prompts.chat and own.api != "chat":
            raise ConfigError(
                f"generator.api={own.api}: {model.name} of the family {request.family.name} is asked in a "
                f"chat; set generator.api=chat, or family.models.{model.key}.server.api=chat"
            )
        identity = f"{own.base_url} {own.api} {model.served_as} {own.count}"
        if extra := extra_fields(own, model):
            identity += f" {json.dumps(extra, sort_keys=True)}"
        sampling = Sampling(own.temperature, own.top_p, own.seed)
        return cls(own, model, asked, jobs_of(identity, asked, own.draws, sampling))


def at_server(generator: OpenAIGenerator, model: Model) -> OpenAIGenerator:
    """The generator with what one member's server says otherwise."""
    own = model.server
    return replace(
        generator,
        base_url=own.base_url or generator.base_url,
        api=own.api or generator.api,
        key_variable=own.key_variable or generator.key_variable,
        concurrency=own.concurrency or generator.concurrency,
    )


def extra_fields(generator: OpenAIGenerator, model: Model) -> dict[str, Any]:
    """What every request to a member has besides: of its chat template, and whatever else it says."""
    fields: dict[str, Any] = {}
    if generator.api == "chat" and model.chat_template_kwargs:
        fields["chat_template_kwargs"] = dict(model.chat_template_kwargs)
    return fields | dict(model.server.extra)


async def _ask_side_by_side(members: Sequence[_Member], store: SampleStore) -> None:
    """Ask for what is missing: the members of one server in turn, different servers at once."""
    by_server: dict[str, list[_Member]] = {}
    for member in members:
        by_server.setdefault(member.generator.base_url, []).append(member)

    async def ask(those: Sequence[_Member]) -> None:
        for member in those:
            if missing := [job for job in member.jobs if store.get(job.key) is None]:
                await member.generator.ask_all(member.model, missing, member.request, store)

    tasks = [asyncio.create_task(ask(those)) for those in by_server.values()]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Asker:
    """Requests for one model, and one clear line for each way in which they fail."""

    def __init__(
        self,
        generator: OpenAIGenerator,
        model: Model,
        request: Request,
        reader: "_Reader",
        encode: Encode | None,
    ) -> None:
        self._generator, self._model, self._request, self._reader = generator, model, request, reader
        self._encode = encode

    async def ask(self, client: Any, jobs: Sequence[Job]) -> list[Written]:
        """Samples for some jobs of one prompt, at least one of them."""
        import openai

        try:
            choices, tokens, ids = await self._send(client, jobs)
        except openai.APIStatusError as error:
            raise CascadeError(self._refused(error, jobs[0])) from None
        except openai.APIConnectionError as error:
            reason = "no answer in time" if isinstance(error, openai.APITimeoutError) else "no connection"
            raise CascadeError(
                f"{self._generator.base_url}: {reason} after {self._generator.retries} retries; the samples "
                "so far are kept: start the same command again when the server is up"
            ) from None
        except openai.OpenAIError as error:
            raise CascadeError(f"{self._generator.base_url}: {_line(str(error))}") from None
        if not choices:
            raise CascadeError(f"{self._generator.base_url}: an answer without choices")
        texts = [choice.strip("\r") for choice in choices[: len(jobs)]]
        return self._reader.read(jobs, texts, tokens, ids)

    async def _send(
        self, client: Any, jobs: Sequence[Job]
    ) -> tuple[list[str], int | None, list[list[int] | None]]:
        """The texts of one answer, how many tokens they are billed as, and their ids where these are told."""
        job, generator = jobs[0], self._generator
        options: dict[str, Any] = {
            "model": self._model.served_as,
            "max_tokens": self._request.family.max_new_tokens,
            "temperature": 0.0,
        }
        if job.seed is not None:
            options |= {"temperature": generator.temperature, "top_p": generator.top_p}
            options["seed"] = job.seed % (1 << 31)
        if len(jobs) > 1:
            options["n"] = len(jobs)
        if job.kind == SOLUTION and self._request.family.prompts.stop:
            options["stop"] = list(self._request.family.prompts.stop[:MOST_STOPS])
        # They replace what stands above, where a server wants it otherwise.
        options["extra_body"] = extra_fields(generator, self._model)
        if generator.api == "chat":
            messages = [{"role": "user", "content": job.prompt}]
            answer = await client.chat.completions.create(messages=messages, **options)
            texts = [choice.message.content or "" for choice in answer.choices or []]
        else:
            prompt = job.prompt if self._encode is None else self._encode(job)
            answer = await client.completions.create(prompt=prompt, **options)
            texts = [choice.text for choice in answer.choices or []]
        # vLLM tells the ids if it is asked to (return_token_ids).
        ids = [getattr(choice, "token_ids", None) for choice in answer.choices or []]
        return texts, None if answer.usage is None else answer.usage.completion_tokens, ids

    def _refused(self, error: Any, job: Job) -> str:
        generator, said = self._generator, _said(error)
        if error.status_code in (401, 403):
            given = "is not set" if not os.environ.get(generator.key_variable) else "is not accepted"
            return (
                f"{generator.base_url}: the server wants a key, and the one in the environment "
                f"variable {generator.key_variable} {given}; set it, or name another in "
                "generator.key_variable"
            )
        if error.status_code == 404 or (error.status_code == 400 and self._model.served_as in said):
            return (
                f"{generator.base_url}: no model {self._model.served_as!r} or no {generator.api} there "
                f"({said}); set family.models.{self._model.key}.served_as or generator.api"
            )
        if error.code == "context_length_exceeded" or (error.status_code in (400, 413) and "context" in said):
            return (
                f"{self._model.name}, {job.task_id}: the {job.kind}'s prompt and family.max_new_tokens="
                f"{self._request.family.max_new_tokens} are longer than the model's context ({said}); lower "
                "it, or leave the problem out"
            )
        if error.status_code == 429:
            return (
                f"{generator.base_url}: too many requests, also after {generator.retries} retries "
                f"({said}); the samples so far are kept: go on later, or lower generator.concurrency"
            )
        return (
            f"{generator.base_url}: {self._model.served_as}, {job.task_id}: status {error.status_code}: "
            f"{said}; the samples so far are kept"
        )


class _Reader:
    """Texts that a server wrote, to samples with their tokens."""

    def __init__(self, generator: OpenAIGenerator, model: Model, request: Request) -> None:
        self._request, self._chat = request, generator.api == "chat"
        self._tokenizer: Any = None
        if generator.count == "tokenizer":
            from cascade.generate.local.loading import load_tokenizer

            self._tokenizer = load_tokenizer(model)

    def read(
        self,
        jobs: Sequence[Job],
        texts: Sequence[str],
        billed: int | None,
        token_ids: Sequence[list[int] | None],
    ) -> list[Written]:
        """The samples of one answer.

        Args:
            jobs: what was asked for.
            texts: what was written.
            billed: tokens of all texts together, shared out by their lengths.
            token_ids: of each text, where the server tells them; a model need not write a text in the tokens
                that its tokenizer would make of it.
        """
        if self._tokenizer is not None:
            return [
                self._cut(job, self._ids(text, own), self._decode)
                for job, text, own in zip(jobs, texts, token_ids, strict=False)
            ]
        if billed is None:
            raise CascadeError("the server does not say what it bills; set generator.count=tokenizer")
        # One character a token: where the sample ends does not depend on what it cost.
        cut = [self._cut(j, [ord(c) for c in t], _characters) for j, t in zip(jobs, texts, strict=False)]
        total = sum(map(len, texts)) or 1
        ends = [0]
        for text in texts:
            ends.append(ends[-1] + len(text))
        shares = [round(billed * end / total) for end in ends] if sum(map(len, texts)) else [0, billed]
        return [
            Written(one.text, shares[i + 1] - shares[i] if i + 1 < len(shares) else 0, {})
            for i, one in enumerate(cut)
        ]

    def _ids(self, text: str, told: list[int] | None) -> list[int]:
        if not told:
            ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
            return ids
        special = set(self._tokenizer.all_special_ids)
        while told and told[-1] in special:
            told = told[:-1]
        return told

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def _cut(self, job: Job, ids: Sequence[int], decode: Any) -> Written:
        style = self._request.family.prompts
        if job.kind == SOLUTION:
            return read_solution(decode, ids, style.stop, completion=style.completion)
        # In a chat a server begins the answer itself.
        return read_test(decode, ids, "" if self._chat else job.begins, self._request.lines)


def _characters(ids: Sequence[int]) -> str:
    return "".join(map(chr, ids))


def _draws_are_copies(samples: dict[str, ModelSamples]) -> bool:
    """Whether sampling makes no difference anywhere, where it could."""
    draws = [draw for own in samples.values() for draw in own.draws if len(draw.solutions) > 1]
    return len(draws) > 1 and all(len({s.text for s in draw.solutions}) == 1 for draw in draws)


def _said(error: Any) -> str:
    """What the server said; not every server wraps it as the protocol has it."""
    body = error.body if isinstance(error.body, dict) else {}
    return _line(str(body.get("message") or body.get("detail") or error.message))


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
