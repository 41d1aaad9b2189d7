"""What a service asks of one member of a family: single samples, now, with the tokens as they are written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cascade.generate.family import Family, Model
from cascade.generate.interface import SampleRequest
from cascade.generate.reading import StoredSample
from cascade.generate.sample_specs import SOLUTION, SampleSpec, Sampling, sample_specs
from cascade.problems import Problem


@dataclass
class Ticket:
    """One sample on its way.

    Attributes:
        tokens: generated so far, as far as anybody knows: a server tells them when it is done.
    """

    tokens: int = 0


@dataclass(frozen=True)
class Asked:
    """How a member is asked, the same for every problem.

    Attributes:
        family: with the member's own prompts, see `SampleRequest.to`.
        identity: what the member's samples are known by in the store.
        sampling: of the sampled draws.
        lines: the largest l of the study: seeds depend on it, as they do there.
    """

    family: Family
    identity: str
    sampling: Sampling
    lines: int

    def request(self, problems: Sequence[Problem], draw_size: int, lines: int) -> SampleRequest:
        """What is wanted, as a generator of a study would be told."""
        from pathlib import Path

        return SampleRequest(self.family, problems, draw_size, lines, "", Path())

    def specs(self, problem: Problem, draw_size: int, seed: int | None) -> list[SampleSpec]:
        """The greedy pair and one draw for a problem: the samples that a study of the same settings has.

        Args:
            problem: what is asked for.
            draw_size: sampled solutions and tests.
            seed: of the draw; None for the generator's.
        """
        sampling = self.sampling if seed is None else replace(self.sampling, seed=seed)
        return sample_specs(self.identity, self.request([problem], draw_size, self.lines), 1, sampling)


class Member(Protocol):
    """A member that is ready to write."""

    @property
    def model(self) -> Model:
        """Which member it is."""

    @property
    def asked(self) -> Asked:
        """What every sample of it is asked with; part of what the store knows a sample by."""

    async def write(self, spec: SampleSpec, lines: int, ticket: Ticket) -> StoredSample:
        """One sample; cancelling the task stops its generation, on a server too.

        Args:
            spec: what is wanted, of `Asked.specs`.
            lines: of a test, after how many it may stop.
            ticket: told how many tokens there are, while it is written.

        Raises:
            CascadeError: one line for what keeps the member from writing.
        """
        ...

    async def check(self) -> str:
        """One line on what stands ready; does not wait for long.

        Raises:
            CascadeError: it is out of reach, or not what the family says.
        """
        ...

    async def close(self) -> None:
        """Give up connections and memory."""
        ...


def text_spec(prompt: str) -> SampleSpec:
    """A greedy continuation of any text."""
    return SampleSpec("", "the request", SOLUTION, None, 0, prompt, "", "")
