"""What a sample asks of a loaded model, when it has all that is wanted, and the sample that came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cascade.generate.interface import SampleRequest
from cascade.generate.local.batch import GenerationRequest
from cascade.generate.local.loaded_model import LoadedModel
from cascade.generate.reading import (
    LENGTH,
    StoredSample,
    read_solution,
    read_test,
    solution_end,
    test_is_complete,
)
from cascade.generate.sample_specs import TEST, SampleSpec


@dataclass(frozen=True)
class SampleReader:
    """Samples as token ids and back.

    Attributes:
        loaded: the model.
        request: what the study wants, as it is put to this member.
    """

    loaded: LoadedModel
    request: SampleRequest

    def encode(self, spec: SampleSpec) -> tuple[int, ...]:
        """The prompt's tokens."""
        return self.loaded.encode(spec.prompt, spec.begins, chat=self.request.family.prompts.chat)

    def generation(self, spec: SampleSpec, written: tuple[int, ...] = ()) -> GenerationRequest:
        """What the model is asked, behind the tokens that the sample already has.

        Raises:
            CascadeError: the prompt leaves no room for an answer.
        """
        ids = self.encode(spec)
        most = min(self.request.family.max_new_tokens, self.loaded.room(ids, spec.task_id))
        return GenerationRequest(ids + written, most - len(written), spec.seed, len(written))

    def is_done(self, spec: SampleSpec, ids: Sequence[int]) -> bool:
        """Whether what is written so far is all that is wanted."""
        style = self.request.family.prompts
        text = self.loaded.decoder(spec.prompt, spec.begins, chat=style.chat)(ids)
        if spec.kind == TEST:
            return test_is_complete(spec.begins + text, self.request.lines, pairs=spec.pairs)
        ends = solution_end(text, spec.stop, completion=style.completion, entry_point=spec.entry_point)
        return ends is not None

    def read(self, spec: SampleSpec, ids: Sequence[int]) -> StoredSample:
        """The sample, from the tokens without EOS."""
        style = self.request.family.prompts
        decode = self.loaded.decoder(spec.prompt, spec.begins, chat=style.chat)
        if spec.kind == TEST:
            return read_test(decode, ids, spec.begins, self.request.lines, pairs=spec.pairs)
        solution = read_solution(
            decode, ids, spec.stop, completion=style.completion, entry_point=spec.entry_point
        )
        whole = solution.tokens == len(ids) >= self.request.family.max_new_tokens
        return replace(solution, finish=LENGTH) if whole else solution
