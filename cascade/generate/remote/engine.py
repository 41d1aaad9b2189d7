"""The generator that starts the servers itself: vLLM, SGLang or another engine, one for each member."""

import asyncio
from dataclasses import dataclass, replace

from cascade.base import ConfigError
from cascade.generate.family import Model
from cascade.generate.identity import fingerprint, pinned
from cascade.generate.interface import SampleRequest, SampleSet
from cascade.generate.remote.engine_member import Engine, EngineMember, write_side_by_side
from cascade.generate.sample_specs import Sampling, missing_in_turn, put_together, sample_specs
from cascade.generate.sample_store import SampleStore
from cascade.generate.throughput import measured_throughput


@dataclass(frozen=True)
class EngineGenerator(Engine):
    """Starts a server for each member, keeps it full, and ends it; what is in the store is not asked for.

    Members run side by side while there are GPUs for them, else in turn; without a GPU in turn.
    """

    def describe(self) -> str:
        """How the samples are written, for the run's parameters."""
        how = f"T={self.temperature:g}, top_p={self.top_p:g}, seed {self.seed}"
        return f"{self.name} ({self.api}): {self.draws} draws at {how}"

    def samples(self, request: SampleRequest) -> SampleSet:
        """Read from the store, or written now by servers of our own.

        Raises:
            CascadeError: a server cannot be started, ends or hangs, or a member needs more GPUs than there
                are; what came before is kept.
        """
        store = SampleStore(request.store)
        try:
            members = [self._member(model, request) for model in request.family.models]
            specs = [spec for member in members for spec in member.specs]
            for missing in missing_in_turn(specs, request, store):
                keys = {spec.key for spec in missing}
                asked = [
                    replace(member, missing=of_member)
                    for member in members
                    if (of_member := [spec for spec in member.specs if spec.key in keys])
                ]
                asyncio.run(write_side_by_side(asked, store))
            samples = {m.model.name: put_together(m.specs, m.request, store) for m in members}
            measured = {
                m.model.name: measured_throughput(m.specs, request.hardware, str(self.batch_size), store)
                for m in members
            }
        finally:
            store.close()
        return SampleSet(samples, (), measured)

    def _member(self, model: Model, request: SampleRequest) -> EngineMember:
        for setting in ("quantization", "draft_model", "gguf_file"):
            if getattr(model, setting) is not None:
                raise ConfigError(
                    f"family.models.{model.key}.{setting}: is for generator=transformers; tell {self.name} "
                    "by generator.arguments"
                )
        if model.server.base_url is not None:
            raise ConfigError(
                f"family.models.{model.key}.server.base_url: {self.name} is started here; choose "
                "generator=openai for servers that already run"
            )
        model, asked = pinned(model), request.to(model)
        api = model.server.api or self.api
        identity = f"{self.name} {api} {fingerprint(model)} {self.dtype}"
        for what in (list(self.arguments), dict(self.extra) | dict(model.server.extra)):
            identity += f" {what}" if what else ""
        sampling = Sampling(self.temperature, self.top_p, self.seed)
        specs = sample_specs(identity, asked, self.draws, sampling)
        return EngineMember(self, api, model, asked, specs, ())
