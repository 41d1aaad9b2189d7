"""The live generator: causal language models that transformers can load, sample by sample into the store."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cascade.base import Progress
from cascade.generate.family import Family, Model
from cascade.generate.identity import fingerprint, pinned
from cascade.generate.interface import SampleRequest, SampleSet
from cascade.generate.live import Asked, Member
from cascade.generate.remote.openai_server import OpenAIGenerator
from cascade.generate.sample_specs import SampleSpec, Sampling, missing_in_turn, put_together, sample_specs
from cascade.generate.sample_store import SampleStore, Timing
from cascade.generate.throughput import measured_throughput
from cascade.problems import Problem

if TYPE_CHECKING:
    from cascade.generate.local.batch import GenerationRequest
    from cascade.generate.local.loaded_model import LoadedModel
    from cascade.generate.local.profile import TimedBatch
    from cascade.generate.local.scheduler import Done

log = logging.getLogger(__name__)

# How often the samples that are not finished are kept as far as they are.
KEEP_EVERY_S = 5.0
# Of a member of a service that has a server of its own.
SERVED_CONCURRENCY, SERVED_TIMEOUT_S = 32, 300.0
# Samples of a problem that fill the batches of a profile.
PROFILED_SAMPLES = 10


@dataclass(frozen=True)
class TransformersGenerator:
    """Writes samples with Hugging Face models on this machine; what is in the store is not written again.

    Attributes:
        batch_size: most rows that are decoded together; None for as many as the memory holds. Halved
            while memory is short.
        draws: sampled draws of each kind for each problem.
        temperature, top_p: of the sampled draws (paper section 3.2: T = 0.8).
        dtype: auto, float32, float16 or bfloat16; auto is the checkpoint's own on a GPU and
            float32 on a CPU.
        device_map: how accelerate places the model, e.g. auto, cpu, cuda:0.
        cache: auto, growing or fixed; see `cascade.generate.local.loaded_model.gains_by_compiling`.
        seed: of the sampled draws.
    """

    batch_size: int | None
    draws: int
    temperature: float
    top_p: float
    dtype: str
    device_map: str
    cache: str
    seed: int

    def describe(self) -> str:
        """How the samples are written, for the run's parameters."""
        how = f"T={self.temperature:g}, top_p={self.top_p:g}, seed {self.seed}"
        return f"transformers: {self.draws} draws at {how}"

    def samples(self, request: SampleRequest) -> SampleSet:
        """Read from the store, or written now and kept as they end.

        Raises:
            CascadeError: a model cannot be loaded, or not even one prompt fits into memory.
        """
        store = SampleStore(request.store)
        sampling = Sampling(self.temperature, self.top_p, self.seed)
        try:
            samples, measured = {}, {}
            for model in map(pinned, request.family.models):
                identity = f"{fingerprint(model)} {self.dtype}"
                asked = request.to(model)
                specs = sample_specs(identity, asked, self.draws, sampling)
                for missing in missing_in_turn(specs, request, store):
                    self._write_missing(model, missing, asked, store)
                samples[model.name] = put_together(specs, asked, store)
                measured[model.name] = measured_throughput(
                    specs, request.hardware, str(self.batch_size), store
                )
        finally:
            store.close()
        return SampleSet(samples, (), measured)

    def members(self, family: Family, lines: int) -> list[Member]:
        """The family's models, loaded and ready to write for a service; those with a server are asked there.

        Args:
            family: the models.
            lines: the largest l of the study.

        Raises:
            CascadeError: a model cannot be loaded.
        """
        from cascade.generate.local.live import LocalMember, Worker
        from cascade.generate.local.loaded_model import LoadedModel

        workers: dict[str, Worker] = {}
        members: list[Member] = []
        for model in family.models:
            if model.server.base_url is not None:
                members += self._served(model).members(replace(family, models=(model,)), lines)
                continue
            model = pinned(model)
            prompted = SampleRequest(family, (), 0, lines, "", Path()).to(model).family
            sampling = Sampling(self.temperature, self.top_p, self.seed)
            asked = Asked(prompted, f"{fingerprint(model)} {self.dtype}", sampling, lines)
            loaded = LoadedModel(model, self.dtype, self.device_map)
            device = str(loaded.weights.device)
            if device not in workers:
                workers[device] = Worker()
                workers[device].start()
            members.append(LocalMember(model, asked, loaded, workers[device], self.batch_size))
        return members

    def _served(self, model: Model) -> OpenAIGenerator:
        """How a member with a server of its own is asked for a service; its tokens are as billed."""
        server = model.server
        return OpenAIGenerator(
            base_url=server.base_url or "",
            api=server.api or "completions",
            key_variable=server.key_variable or "OPENAI_API_KEY",
            draws=self.draws,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            concurrency=server.concurrency or SERVED_CONCURRENCY,
            samples_per_request=1,
            retries=1,
            timeout_s=SERVED_TIMEOUT_S,
            count="usage",
        )

    def _write_missing(
        self, model: Model, missing: list[SampleSpec], request: SampleRequest, store: SampleStore
    ) -> None:
        from cascade.generate.local.loaded_model import LoadedModel, largest_batch, with_batch_size_that_fits

        loaded = LoadedModel(model, self.dtype, self.device_map)
        _, requests, _ = self._queue(loaded, missing, request, {})
        first = largest_batch(loaded.weights, requests, self.batch_size, self.cache)
        with Progress(f"writing {model.name}", "samples", len(missing)) as progress:

            def write(most_rows: int) -> None:
                left = [spec for spec in missing if store.get(spec.key) is None]
                self._write(loaded, left, most_rows, request, store, progress)

            with_batch_size_that_fits(write, first, model.name)
        log.info("%s: %d samples written on %s", model.name, len(missing), loaded.device_name)

    def _write(
        self,
        loaded: "LoadedModel",
        specs: Sequence[SampleSpec],
        most_rows: int,
        request: SampleRequest,
        store: SampleStore,
        progress: Progress,
    ) -> None:
        """Continue every prompt; what ends is kept at once, what goes on every few seconds."""
        from cascade.generate.local.sample_reader import SampleReader

        begun = {spec.key: store.begun(spec.key) for spec in specs}
        specs, requests, done = self._queue(loaded, specs, request, begun)
        reader = SampleReader(loaded, request)
        seconds, passed, tokens, full = 0.0, 0.0, 0, True
        sampling = (self.temperature, self.top_p)
        unfinished = _Unfinished(store, begun)
        for report in loaded.run_queue(requests, most_rows, self.cache, sampling, done):
            ended = {
                position: reader.read(specs[position], [*begun[specs[position].key], *ids])
                for position, ids, _ in report.ended
            }
            seconds += report.seconds
            passed += report.passed
            tokens += len(report.going) * report.steps
            for position, _, before in report.ended:
                tokens += max(0, ended[position].tokens - requests[position].written - before)
            full &= report.full
            unfinished.keep({specs[position].key: ids for position, ids in report.going.items()})
            if ended:
                each = report.seconds / (report.rows * report.steps)
                kept = {
                    specs[position].key: replace(one, seconds=each * one.tokens)
                    for position, one in ended.items()
                }
                timing = Timing(seconds, tokens, report.rows, full, loaded.n_devices, passed)
                store.add(kept, timing)
                progress.add(len(ended))
                seconds, passed, tokens, full = 0.0, 0.0, 0, True

    def _queue(
        self,
        loaded: "LoadedModel",
        specs: Sequence[SampleSpec],
        request: SampleRequest,
        begun: Mapping[str, Sequence[int]],
    ) -> tuple[list[SampleSpec], "list[GenerationRequest]", "Done"]:
        """The samples longest prompt first, what they ask of the model, and what says that they have it.

        Args:
            loaded: the model.
            specs: the samples that are wanted.
            request: what the study wants.
            begun: by key, the tokens that a sample already has.
        """
        from cascade.generate.local.sample_reader import SampleReader

        reader = SampleReader(loaded, request)
        # Longest first: a batch that does not fit shows at once, and later rows fit beside earlier ones.
        written = {spec.key: tuple(begun.get(spec.key, ())) for spec in specs}
        ordered = sorted(
            specs, key=lambda spec: len(reader.encode(spec)) + len(written[spec.key]), reverse=True
        )
        requests = [reader.generation(spec, written[spec.key]) for spec in ordered]

        def done(positions: Sequence[int], rows: Sequence[list[int]]) -> list[bool]:
            specs = [ordered[position] for position in positions]
            return [reader.is_done(j, [*written[j.key], *ids]) for j, ids in zip(specs, rows, strict=True)]

        return ordered, requests, done

    def timed_batch(
        self, model: Model, family: Family, problems: Sequence[Problem], setup: "TimedBatch"
    ) -> "tuple[LoadedModel, TimedBatch]":
        """A model, loaded, and the setup to time it on sampled solutions of some problems."""
        from cascade.generate.local.loaded_model import LoadedModel

        loaded = LoadedModel(pinned(model), self.dtype, self.device_map)
        request = SampleRequest(family, problems, PROFILED_SAMPLES, 0, "", Path()).to(model)
        sampling = Sampling(self.temperature, self.top_p, self.seed)
        specs = [spec for spec in sample_specs("", request, 1, sampling) if spec.draw is not None]
        _, requests, done = self._queue(loaded, specs, request, {})
        return loaded, replace(setup, requests=requests, ends=loaded.ends, done=done)


class _Unfinished:
    """Keeps what the samples that go on have so far, every few seconds."""

    def __init__(self, store: SampleStore, begun: Mapping[str, Sequence[int]]) -> None:
        """With the tokens that each sample had at first."""
        self._store = store
        self._at_first = {key: len(ids) for key, ids in begun.items()}
        self._kept = dict(self._at_first)
        self._last = time.monotonic()

    def keep(self, going: Mapping[str, Sequence[int]]) -> None:
        """By key, the tokens that were written now."""
        if not going or time.monotonic() - self._last < KEEP_EVERY_S:
            return
        self._last = time.monotonic()
        news = {
            key: (self._kept[key], ids[self._kept[key] - self._at_first[key] :]) for key, ids in going.items()
        }
        self._store.add_begun(news)
        self._kept |= {key: start + len(ids) for key, (start, ids) in news.items()}
