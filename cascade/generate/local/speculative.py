"""Speculative decoding: a smaller model writes ahead, the model keeps what it would have written itself."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from cascade.generate.local.batch import GenerationRequest
from cascade.generate.local.scheduler import Done, StepReport
from cascade.generate.local.work_timer import WorkTimer


def run_queue_with_draft_model(
    model: Any,
    draft_model: Any,
    requests: Sequence[GenerationRequest],
    ends: frozenset[int],
    sampling: tuple[float, float],
    done: Done,
) -> Iterator[StepReport]:
    """Continue every prompt, one after the other: the library's assisted generation has no batches.

    Args:
        model, draft_model: causal language models of one vocabulary.
        requests: what is to be continued.
        ends: token ids that end a row.
        sampling: temperature and top_p of the requests with a seed.
        done: says which rows have all that is wanted of them.
    """
    timer = WorkTimer(model.device)
    for position, request in enumerate(requests):
        timer.lap()
        ids = torch.tensor([request.ids], device=model.device)
        options: dict[str, Any] = {"do_sample": False}
        if request.seed is not None:
            options = {"do_sample": True, "temperature": sampling[0], "top_p": sampling[1], "top_k": 0}
            torch.manual_seed(request.seed % (1 << 63))
        with torch.no_grad():
            out = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                assistant_model=draft_model,
                max_new_tokens=request.limit,
                pad_token_id=min(ends, default=0),
                stopping_criteria=StoppingCriteriaList([_Until(done, position, len(request.ids))]),
                **options,
            )
        row = out[0, len(request.ids) :].tolist()
        row = row[: next((i for i, token in enumerate(row) if token in ends), len(row))]
        seconds, passed = timer.lap()
        yield StepReport(
            ended=((position, row, 0),),
            going={},
            rows=1,
            steps=max(len(row), 1),
            seconds=seconds,
            passed=passed,
            full=position > 0,
        )


class _Until(StoppingCriteria):
    """The row is done once it has all that is wanted of it."""

    def __init__(self, done: Done, position: int, prompt_length: int) -> None:
        self._done, self._position, self._start = done, position, prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        [is_done] = self._done([self._position], [input_ids[0, self._start :].tolist()])
        return torch.tensor([is_done], device=input_ids.device)
