"""The interface of every generator: what a study asks for and what it gets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from cascade.core import Throughput
from cascade.generate.family import Family, Model
from cascade.generate.sample import ModelSamples
from cascade.problems import Problem


def nothing() -> None:
    """What is done before long work, where nothing is to be done."""


@dataclass(frozen=True)
class SampleRequest:
    """What a study wants to have written.

    Attributes:
        family: the models.
        problems: the problems.
        draw_size: samples in a draw: the largest k of the search space.
        lines: the largest l: a test may stop after so many lines; 0 asks for no tests.
        hardware: name of the hardware profile, under which measured prices are kept.
        store: folder of the store.
        elsewhere: ids of the data set's other problems, which another shard takes.
        before_writing: called before samples are written that the store does not know.
    """

    family: Family
    problems: Sequence[Problem]
    draw_size: int
    lines: int
    hardware: str
    store: Path
    elsewhere: frozenset[str] = frozenset()
    before_writing: Callable[[], object] = field(default=nothing, compare=False)

    def to(self, model: Model) -> "SampleRequest":
        """The same as it is put to one member: its own prompts, and room for its reasoning."""
        family = replace(
            self.family,
            prompts=model.prompts or self.family.prompts,
            max_new_tokens=self.family.max_new_tokens + model.max_reasoning_tokens,
        )
        return replace(self, family=family)


@dataclass(frozen=True)
class SampleSet:
    """Everything that a family wrote for a data set.

    Attributes:
        samples: by model name and task id.
        notes: one line each: what is missing or was ignored.
        measured: by model name, how fast it wrote; empty where nothing was measured.
    """

    samples: Mapping[str, Mapping[str, ModelSamples]]
    notes: tuple[str, ...]
    measured: Mapping[str, "Measured"] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """How fast a model wrote at full batch.

    Attributes:
        seconds_per_1k_tokens: time that the device worked per 1,000 generated tokens, EOS not counted; wall
            time where nobody told them apart.
        batch: rows of a full batch.
        gpus: devices that the model occupied (1 for a CPU).
        load: wall time over the time worked: 1 on a machine that does nothing else.
        spread: how much dearer the dearest quarter of the batches were than the cheapest, token by token.
    """

    seconds_per_1k_tokens: float
    batch: int
    gpus: int
    load: float = 1.0
    spread: float = 1.0

    def throughput(self, usd_per_gpu_hour: float) -> Throughput:
        """The same with its price."""
        return Throughput.measured(self.seconds_per_1k_tokens, self.gpus, usd_per_gpu_hour, self.batch)


class Generator(Protocol):
    """Gives the samples of a family on some problems."""

    def samples(self, request: SampleRequest) -> SampleSet:
        """The samples of every model on every problem."""
        ...

    def describe(self) -> str:
        """Where the samples come from, in one line for the run's parameters."""
        ...
