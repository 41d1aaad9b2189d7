"""Requests to one member behind a server, its answers as samples, and one clear line for each failure."""

import logging
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from cascade.base import CascadeError
from cascade.generate.family import Model
from cascade.generate.interface import SampleRequest
from cascade.generate.reading import LENGTH, StoredSample, read_solution, read_test
from cascade.generate.remote.parameters import Parameters
from cascade.generate.remote.protocol import Answer, read_answer
from cascade.generate.sample_specs import SOLUTION, SampleSpec

# The client's library would log a line for every request; by the version of it.
for library in ("httpx", "httpx2"):
    logging.getLogger(library).setLevel(logging.WARNING)

# The protocol takes no more stop texts; a solution ends before the others too, they only cost more.
MOST_STOPS = 4
# Parameters that a model may refuse one after the other.
MOST_REFUSALS = 6

# Makes token ids of a sample's prompt.
Encode = Callable[[SampleSpec], Sequence[int]]


class ServerSettings(Protocol):
    """What an `OpenAIGenerator` says about a server."""

    @property
    def base_url(self) -> str: ...
    @property
    def api(self) -> str: ...
    @property
    def key_variable(self) -> str: ...
    @property
    def temperature(self) -> float: ...
    @property
    def top_p(self) -> float: ...
    @property
    def retries(self) -> int: ...
    @property
    def count(self) -> str: ...


class Asker:
    """Requests for one model, and one clear line for each way in which they fail."""

    def __init__(
        self,
        generator: ServerSettings,
        model: Model,
        request: SampleRequest,
        reader: "Reader",
        encode: Encode | None,
    ) -> None:
        self._generator, self._model, self._request, self._reader = generator, model, request, reader
        self._encode = encode
        self.parameters = Parameters()

    async def ask(self, client: Any, specs: Sequence[SampleSpec]) -> list[StoredSample]:
        """Samples for some samples of one prompt, at least one of them."""
        import openai

        try:
            try:
                answer = await self._send(client, specs)
            except openai.APITimeoutError:
                raise
            except openai.APIConnectionError:
                # A server closes connections that were idle, perhaps just as this request was sent.
                answer = await self._send(client, specs)
        except openai.APIStatusError as error:
            raise CascadeError(self._refused(error, specs[0])) from None
        except openai.APIConnectionError as error:
            reason = "no answer in time" if isinstance(error, openai.APITimeoutError) else "no connection"
            raise CascadeError(
                f"{self._generator.base_url}: {reason} after {self._generator.retries} retries; the samples "
                "so far are kept: start the same command again when the server is up"
            ) from None
        except openai.OpenAIError as error:
            raise CascadeError(f"{self._generator.base_url}: {_line(str(error))}") from None
        return self._reader.read(specs, answer)

    async def _send(self, client: Any, specs: Sequence[SampleSpec]) -> Answer:
        """One answer, asked again with other parameters where the model refuses some."""
        import openai

        chat = self._generator.api == "chat"
        asked = (client.chat if chat else client).completions.with_raw_response
        for attempt in range(MOST_REFUSALS + 1):
            body = self.parameters.body(self._options(specs))
            try:
                # Everything in extra_body: the client's own checks know fewer parameters than servers do.
                required = {key: body[key] for key in ("model", "messages" if chat else "prompt")}
                response = await asked.create(**required, extra_body=body)
            except openai.APIStatusError as error:
                refusal = error.status_code in (400, 422) and attempt < MOST_REFUSALS
                if not refusal or not self.parameters.adapt(body, error.param, _whole(error)):
                    raise
                continue
            return read_answer(
                response.headers.get("content-type", ""), response.text, self._generator.base_url
            )
        raise AssertionError("unreachable")

    def _options(self, specs: Sequence[SampleSpec]) -> dict[str, Any]:
        """The fields of a request, before what the model refuses."""
        spec, generator = specs[0], self._generator
        options: dict[str, Any] = {
            "model": self._model.served_as,
            "max_tokens": self._request.family.max_new_tokens,
            "temperature": 0.0,
        }
        if spec.seed is not None:
            options |= {"temperature": generator.temperature, "top_p": generator.top_p}
            options["seed"] = spec.seed % (1 << 31)
        if len(specs) > 1:
            options["n"] = len(specs)
        if spec.kind == SOLUTION and spec.stop:
            options["stop"] = list(spec.stop[:MOST_STOPS])
        # They replace what stands above, where a server wants it otherwise.
        extra = extra_fields(generator, self._model)
        if generator.api == "chat":
            return options | {"messages": [{"role": "user", "content": spec.prompt}]} | extra
        prompt = spec.prompt if self._encode is None else list(self._encode(spec))
        return options | {"prompt": prompt} | extra

    def _refused(self, error: Any, spec: SampleSpec) -> str:
        generator, said = self._generator, _said(error)
        if error.status_code in (401, 403):
            key_state = "is not set" if not os.environ.get(generator.key_variable) else "is not accepted"
            return (
                f"{generator.base_url}: the server requires an API key, and the one in the environment "
                f"variable {generator.key_variable} {key_state}; set it, or name another in "
                "generator.key_variable"
            )
        if error.code == "context_length_exceeded" or (error.status_code in (400, 413) and "context" in said):
            return (
                f"{self._model.name}, {spec.task_id}: the {spec.kind}'s prompt and family.max_new_tokens="
                f"{self._request.family.max_new_tokens} are longer than the model's context ({said}); lower "
                "it, or leave the problem out"
            )
        if error.status_code in (400, 422) and re.search(r"\bmax_(?:completion_)?tokens\b", said):
            return (
                f"{generator.base_url}: {self._model.served_as} does not take family.max_new_tokens="
                f"{self._request.family.max_new_tokens} ({said}); lower it"
            )
        if error.status_code == 404 or (error.status_code == 400 and self._model.served_as in said):
            return (
                f"{generator.base_url}: no model {self._model.served_as!r} or no {generator.api} there "
                f"({said}); set family.models.{self._model.key}.served_as or generator.api, and "
                "see that the address ends in /v1"
            )
        if error.status_code == 429:
            return (
                f"{generator.base_url}: too many requests, also after {generator.retries} retries "
                f"({said}); the samples so far are kept: try again later, or lower generator.concurrency"
            )
        return (
            f"{generator.base_url}: {self._model.served_as}, {spec.task_id}: status {error.status_code}: "
            f"{said}; the samples so far are kept"
        )


class Reader:
    """Texts that a server wrote, to samples with their tokens."""

    def __init__(self, generator: ServerSettings, model: Model, request: SampleRequest) -> None:
        self._request, self._chat, self._base_url = request, generator.api == "chat", generator.base_url
        self._tokenizer: Any = None
        if generator.count == "tokenizer":
            from cascade.generate.local.loading import load_tokenizer

            self._tokenizer = load_tokenizer(model)

    def read(self, specs: Sequence[SampleSpec], answer: Answer) -> list[StoredSample]:
        """The samples of one answer; billed tokens are shared out by the texts' lengths."""
        texts = [choice.text for choice in answer.choices]
        if self._tokenizer is not None:
            ids = [self._ids(choice.text, choice.token_ids) for choice in answer.choices]
            samples = [
                self._cut(spec, token_ids, self._decode) for spec, token_ids in zip(specs, ids, strict=False)
            ]
            # A text that is cut in the middle may be other and more tokens, read again, than were written.
            limit = self._request.family.max_new_tokens
            if (answer.tokens or 0) <= limit * len(answer.choices):
                samples = [
                    one.at_most(limit) if choice.finish == LENGTH else one
                    for one, choice in zip(samples, answer.choices, strict=False)
                ]
        elif answer.tokens is None and any(texts):
            raise CascadeError(
                f"generator.base_url={self._base_url}: the server does not count its tokens (usage is "
                "missing or 0); set generator.count=tokenizer"
            )
        else:
            # One character a token: where the sample ends does not depend on what it cost.
            cut = [self._cut(j, [ord(c) for c in t], _characters) for j, t in zip(specs, texts, strict=False)]
            # All choices are billed, also those that were not asked for.
            billed, total = answer.tokens or 0, sum(map(len, texts))
            ends = [0]
            for text in texts:
                ends.append(ends[-1] + (len(text) if total else 1))
            shares = [round(billed * end / ends[-1]) for end in ends]
            samples = [StoredSample(one.text, shares[i + 1] - shares[i]) for i, one in enumerate(cut)]
        return [
            replace(one, finish=choice.finish) for one, choice in zip(samples, answer.choices, strict=False)
        ]

    def _ids(self, text: str, told: Sequence[int] | None) -> list[int]:
        if not told:
            ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
            return ids
        special = set(self._tokenizer.all_special_ids)
        while told and told[-1] in special:
            told = told[:-1]
        return list(told)

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def _cut(self, spec: SampleSpec, ids: Sequence[int], decode: Any) -> StoredSample:
        if spec.kind == SOLUTION:
            # What the server wrote behind the program was paid for, and may mend it.
            return read_solution(decode, ids, spec.stop, completion=True)
        # In a chat a server begins the answer itself.
        begins = "" if self._chat else spec.begins
        return read_test(decode, ids, begins, self._request.lines, pairs=spec.pairs)


def _characters(ids: Sequence[int]) -> str:
    return "".join(map(chr, ids))


def _said(error: Any) -> str:
    """What the server said; not every server wraps it as the protocol has it."""
    body = error.body if isinstance(error.body, dict) else {}
    return _line(str(body.get("message") or body.get("detail") or error.message))


def _whole(error: Any) -> str:
    """Everything that the server said, wherever it stands."""
    return f"{error.message} {error.body if error.body is not None else ''}"


def _line(text: str) -> str:
    return " ".join(text.split())[:300]


def extra_fields(generator: ServerSettings, model: Model) -> dict[str, Any]:
    """What every request to a member has besides: of its chat template, and whatever else it says."""
    fields: dict[str, Any] = {}
    if generator.api == "chat" and model.chat_template_kwargs:
        fields["chat_template_kwargs"] = dict(model.chat_template_kwargs)
    return fields | dict(model.server.extra)
