"""Whole batches through the library's own cache, for layers that keep a part of the past only."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from cascade.generate.local.batch import GenerationRequest
from cascade.generate.local.nucleus_sampling import draw_tokens
from cascade.generate.local.scheduler import STEPS_BETWEEN_REPORTS, Done, StepReport
from cascade.generate.local.work_timer import WorkTimer


@torch.no_grad()
def run_in_batches(
    model: Any,
    asks: Sequence[GenerationRequest],
    most_rows: int,
    ends: frozenset[int],
    sampling: tuple[float, float],
    done: Done,
) -> Iterator[StepReport]:
    """Continue every prompt, batch by batch: a row that ends leaves its place empty until the batch is done.

    Args:
        model: a causal language model of transformers.
        asks: what is to be continued, longest prompt first.
        most_rows: of a batch.
        ends: token ids that end a row.
        sampling: temperature and top_p of the asks with a seed.
        done: says which rows have all that is wanted of them.
    """
    timer = WorkTimer(model.device)
    for first in range(0, len(asks), most_rows):
        batch = asks[first : first + most_rows]
        step = _Steps(model, batch, sampling)
        written: list[list[int]] = [[] for _ in batch]
        going = list(range(len(batch)))
        while going:
            timer.lap()
            in_flight = len(going)
            before = {row: len(written[row]) for row in going}
            news = step.advance(STEPS_BETWEEN_REPORTS)
            over = []
            for row in going:
                ids, limit = written[row], batch[row].limit
                ids += news[row]
                end = next((i for i in range(before[row], len(ids)) if ids[i] in ends), len(ids))
                if end < len(ids) or end >= limit:
                    over.append(row)
                    del ids[min(end, limit) :]
            rest = [row for row in going if row not in over]
            finished = done([first + row for row in rest], [written[row] for row in rest])
            over += [row for row, is_done in zip(rest, finished, strict=True) if is_done]
            going = [row for row in going if row not in over]
            seconds, passed = timer.lap()
            yield StepReport(
                ended=tuple((first + row, written[row], before[row]) for row in sorted(over)),
                going={first + row: written[row] for row in going},
                rows=in_flight,
                steps=STEPS_BETWEEN_REPORTS,
                seconds=seconds,
                passed=passed,
                # A batch costs what it takes, with the places that have become empty.
                full=len(batch) == most_rows,
            )


class _Steps:
    """One batch, left-padded, and the tokens that all its rows write next."""

    def __init__(self, model: Any, batch: Sequence[GenerationRequest], sampling: tuple[float, float]) -> None:
        self._model, self._sampling = model, sampling
        device = model.device
        width = max(len(ask.ids) for ask in batch)
        rows = [[0] * (width - len(ask.ids)) + list(ask.ids) for ask in batch]
        self._ids = torch.tensor(rows, device=device)
        lengths = torch.tensor([len(ask.ids) for ask in batch], device=device).unsqueeze(1)
        self._mask = (torch.arange(width, device=device) >= width - lengths).long()
        self._positions = (torch.arange(width, device=device) - (width - lengths)).clamp(min=0)
        self._most_positions = getattr(model.config, "max_position_embeddings", None)
        by_row = {row: ask.random_numbers() for row, ask in enumerate(batch)}
        self._numbers = {row: numbers for row, numbers in by_row.items() if numbers is not None}
        self._at = torch.tensor(list(self._numbers), dtype=torch.long, device=device)
        self._cache: Any = DynamicCache(config=model.config)

    def advance(self, steps: int) -> list[list[int]]:
        """Write some tokens of every row, also of those that have ended."""
        written = []
        drawn = np.array([numbers.random(steps, dtype=np.float32) for numbers in self._numbers.values()])
        uniforms = torch.from_numpy(drawn.reshape(len(self._numbers), steps)).to(self._ids.device)
        for step in range(steps):
            logits = self._model(
                input_ids=self._ids,
                attention_mask=self._mask,
                position_ids=self._positions,
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
            tokens = logits.argmax(-1)
            if self._numbers:
                tokens[self._at] = draw_tokens(logits[self._at], uniforms[:, step], *self._sampling)
            written.append(tokens)
            self._ids = tokens.unsqueeze(-1)
            self._mask = torch.cat([self._mask, torch.ones_like(self._ids)], dim=-1)
            self._positions = self._positions[:, -1:] + 1
            if self._most_positions is not None:
                self._positions.clamp_(max=self._most_positions - 1)
        rows: list[list[int]] = torch.stack(written, dim=1).tolist()
        return rows
