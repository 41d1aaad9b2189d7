"""Rows in flight: a batch whose rows end and are replaced one by one while the others go on."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import numpy as np
import torch
from transformers import CompileConfig, DynamicCache

from cascade.generate.local.kv_cache import fixed_cache, roomy_cache
from cascade.generate.local.nucleus_sampling import draw_tokens
from cascade.generate.local.prompt_cache import Prompt, PromptCache
from cascade.generate.local.row_blocks import StepReads, reading, reads_by_blocks, slots_of_blocks

log = logging.getLogger(__name__)

# Models whose step could not be compiled: it is not tried again.
UNCOMPILABLE: WeakSet[Any] = WeakSet()
# Tokens of prompts, padding counted, that are read at once: their scores must fit beside the cache.
PREFILL_TOKENS = 16_384


@dataclass(frozen=True)
class GenerationRequest:
    """One prompt to be continued once.

    Attributes:
        ids: the prompt's tokens, at least one.
        limit: most new tokens.
        seed: of the row's own random numbers; None for greedy decoding.
        written: how many of the ids it wrote itself, before it was interrupted: it has used up as many
            random numbers.
    """

    ids: tuple[int, ...]
    limit: int
    seed: int | None
    written: int = 0

    def random_numbers(self) -> np.random.Generator | None:
        """Where its random numbers go on; None for greedy decoding."""
        if self.seed is None:
            return None
        numbers = np.random.default_rng(self.seed)
        numbers.random(self.written, dtype=np.float32)
        return numbers


class ContinuousBatch:
    """A batch of a fixed number of slots, each holding a row, its keys and values, or nothing.

    All rows' newest tokens stand in the same column of the cache; a row's earlier columns are what it
    wrote, its prompt's and, further left, masked. Where attention reads by blocks, prompts are no columns of
    rows: each is kept once for all its rows. A row's tokens depend on its prompt and seed only (up to the
    rounding of sums, which differs between sizes of a batch).
    """

    def __init__(
        self, model: Any, slots: int, sampling: tuple[float, float], columns: int | None = None
    ) -> None:
        """An empty batch.

        Args:
            model: a causal language model of transformers.
            slots: most rows at a time.
            sampling: temperature and top_p of the rows that have a seed.
            columns: a fixed size of the cache, for which the step is compiled; None for a cache that grows.
        """
        self._model, self._sampling, self._columns = model, sampling, columns
        self.device = model.device
        self._kind = model.dtype
        self._step = model if columns is None else model.get_compiled_call(_COMPILE)
        self._most_positions = getattr(model.config, "max_position_embeddings", None)
        self._slots_at_first = slots
        self._by_blocks = columns is None and reads_by_blocks(model)
        self._cache: Any = None
        self.clear()

    @torch.no_grad()
    def clear(self) -> None:
        """Give up every row; all slots are there again."""
        self.slots = slots = self._slots_at_first
        self._filled = 0
        self._requests: list[GenerationRequest | None] = [None] * slots
        self._numbers: list[np.random.Generator | None] = [None] * slots
        self._prompts = PromptCache()
        self._last = torch.zeros(slots, 1, dtype=torch.long, device=self.device)
        self._positions = torch.zeros(slots, 1, dtype=torch.long, device=self.device)
        config = self._model.config
        if self._columns is None:
            self._cache = roomy_cache(config, slots)
            self._mask = torch.zeros(slots, 1, 1, 0, dtype=self._kind, device=self.device)
        elif self._cache is None:
            self._cache = fixed_cache(config, slots, self._columns)
            self._mask = self._hidden(slots, self._columns)
        else:  # the compiled step knows these tensors by their addresses
            for layer in self._cache.layers:
                layer.clear()
            self._mask.fill_(self._never)

    @property
    def free(self) -> list[int]:
        """The slots without a row."""
        return [slot for slot, request in enumerate(self._requests) if request is None]

    def release(self, slot: int) -> None:
        """A row has ended."""
        self._requests[slot] = None

    @torch.no_grad()
    def admit(self, requests: Mapping[int, GenerationRequest]) -> None:
        """Put rows into free slots; rows of one prompt are read once.

        A prompt must not be longer than what the rows that go on have used: admit the longest first, or
        `make_room`.
        """
        if len(self.free) == self.slots:
            self.clear()
            longest = max(len(request.ids) for request in requests.values())
            self._reach(0 if self._by_blocks else longest - 1)
        for slot, request in requests.items():
            self._requests[slot] = request
            self._numbers[slot] = request.random_numbers()
        slots = list(requests)
        at = torch.tensor(slots, device=self.device)
        self._last[at] = torch.tensor([[requests[slot].ids[-1]] for slot in slots], device=self.device)
        self._positions[at] = torch.tensor(
            [[len(requests[slot].ids) - 1] for slot in slots], device=self.device
        )
        by_prompt: dict[Prompt, list[int]] = {}
        for slot in slots:
            by_prompt.setdefault(requests[slot].ids[:-1], []).append(slot)
        unread = (ids for ids in by_prompt if ids and ids not in self._prompts)
        prompts = sorted(unread, key=len, reverse=True)
        while prompts:
            n = max(1, PREFILL_TOKENS // len(prompts[0]))
            self._read(prompts[:n], by_prompt)
            prompts = prompts[n:]
        for slot in slots if self._by_blocks else by_prompt.get((), ()):
            self._mask[slot, ..., : self._filled] = self._never

    def _read(self, prompts: Sequence[Prompt], slots_of: Mapping[Prompt, list[int]]) -> None:
        """Keys and values of some prompts, longest first, for the rows of their slots."""
        width = len(prompts[0])
        ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=self.device)
        lengths = torch.tensor([len(p) for p in prompts], device=self.device)
        padding = width - lengths.unsqueeze(1)
        columns = torch.arange(width, device=self.device)
        read: Any = DynamicCache(config=self._model.config)
        self._model.base_model(
            input_ids=ids,
            attention_mask=(columns >= padding).long(),
            position_ids=(columns - padding).clamp(min=0),
            past_key_values=read,
            use_cache=True,
        )
        if self._by_blocks:
            self._prompts.add(prompts, [(layer.keys, layer.values) for layer in read.layers])
            return
        slots = [slot for p in prompts for slot in slots_of[p]]
        copies = torch.tensor([i for i, p in enumerate(prompts) for _ in slots_of[p]], device=self.device)
        at = torch.tensor(slots, device=self.device)
        for target, layer in zip(self._cache.layers, read.layers, strict=True):
            source = copies.to(layer.keys.device)
            target.place(at, layer.keys[source], layer.values[source], self._filled)
        starts = self._filled - lengths[copies]
        visible = torch.arange(self._filled, device=self.device) >= starts.unsqueeze(1)
        self._mask[at, 0, 0, : self._filled] = torch.where(visible, 0.0, self._never).to(self._kind)

    @torch.no_grad()
    def advance(self, steps: int) -> list[list[int]]:
        """Write some tokens of every row; returns them by slot, also for slots without a row."""
        written = torch.empty(self.slots, steps, dtype=torch.long, device=self.device)
        sampled = [
            slot for slot, numbers in enumerate(self._numbers) if numbers is not None and self._requests[slot]
        ]
        at = torch.tensor(sampled, dtype=torch.long, device=self.device)
        drawn = np.array([self._numbers[slot].random(steps, dtype=np.float32) for slot in sampled])  # type: ignore[union-attr]
        uniforms = torch.from_numpy(drawn.reshape(len(sampled), steps)).to(self.device)
        if self._columns is not None and self._filled + steps > self._columns:
            self.drop_unused_columns()
        reads = self._reads()
        for step in range(steps):
            self._reach(self._filled + 1)
            self._mask[..., self._filled - 1] = 0.0
            if self._columns is not None:
                torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
            with reading(reads):
                logits = self._logits()
            tokens = logits.argmax(-1)
            if sampled:
                tokens[at] = draw_tokens(logits[at], uniforms[:, step], *self._sampling)
            written[:, step] = tokens
            self._last.copy_(tokens.unsqueeze(-1))
            self._positions.add_(1)
            if self._most_positions is not None:  # a row that has ended writes on until it is released
                self._positions.clamp_(max=self._most_positions - 1)
        rows: list[list[int]] = written.tolist()
        return rows

    def _logits(self) -> torch.Tensor:
        """Scores of every row's next token; where the step cannot be compiled, from then on without."""
        try:
            return self._call()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # what compilers raise is of a dozen kinds
            if self._columns is None:
                raise
            UNCOMPILABLE.add(self._model)
            log.warning(
                "%s: its step cannot be compiled (%s: %s); going on with a growing cache, more slowly",
                self._model.config.model_type,
                type(error).__name__,
                (str(error).strip().splitlines() or [""])[0],
            )
            self._let_grow()
            return self._call()

    def _call(self) -> torch.Tensor:
        logits: torch.Tensor = self._step(
            input_ids=self._last,
            attention_mask=self._mask,
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
        ).logits[:, -1]
        return logits

    def _let_grow(self) -> None:
        """Take a cache that grows, with what is written up to the newest token, which is not read yet."""
        grown: Any = roomy_cache(self._model.config, self.slots)
        end = self._filled - 1
        slots = torch.arange(self.slots, device=self.device)
        for target, fixed in zip(grown.layers, self._cache.layers, strict=True):
            if end:
                target.place(slots, fixed.keys[..., :end, :], fixed.values[..., :end, :], end)
        self._cache, self._columns, self._step = grown, None, self._model
        self._mask = self._mask[..., : self._filled].contiguous()

    @torch.no_grad()
    def drop_unused_columns(self) -> None:
        """Forget the columns that no row uses any more."""
        live = [slot for slot, request in enumerate(self._requests) if request is not None]
        lengths = self._lengths()
        n = self._filled - max(lengths[slot] for slot in live) if live else 0
        if n <= 0:
            return
        for layer in self._cache.layers:
            layer.drop_columns(n)
        self._mask[..., : self._filled - n] = self._mask[..., n : self._filled].clone()
        if self._columns is None:
            self._mask = self._mask[..., : self._filled - n].contiguous()
        else:
            self._mask[..., self._filled - n : self._filled] = self._never
        self._filled -= n

    @property
    def can_shrink(self) -> bool:
        """Whether slots can be given up: a compiled step has a fixed number of them."""
        return self._columns is None

    def shrink(self) -> list[int]:
        """Give up the free slots; returns the old numbers of the others."""
        return self.resize(self.slots - len(self.free))

    @torch.no_grad()
    def resize(self, slots: int) -> list[int]:
        """Have so many slots, at least one for each row; returns the old numbers of the rows' slots.

        The rows get the first slots, in order; only a cache that grows can be resized.
        """
        live = [slot for slot, request in enumerate(self._requests) if request is not None]
        self._slots_at_first = slots  # of the empty batch that it will be again
        if not live:
            self.clear()
            return live
        # What a free slot holds is never seen: any row's copy will do.
        at = torch.tensor(live + live[:1] * (slots - len(live)), device=self.device)
        for layer in self._cache.layers:
            layer.keep_rows(at)
        self._last, self._positions, self._mask = self._last[at], self._positions[at], self._mask[at]
        empty = range(slots - len(live))
        self._requests = [*(self._requests[slot] for slot in live), *(None for _ in empty)]
        self._numbers = [*(self._numbers[slot] for slot in live), *(None for _ in empty)]
        self.slots = slots
        return live

    @torch.no_grad()
    def arrange(self) -> list[int]:
        """Put the longest rows together where attention reads by blocks; returns each slot's old number."""
        old = list(range(self.slots))
        if not self._by_blocks:
            return old
        lengths = self._lengths()
        blocks = [(set(old[block]), block) for block in slots_of_blocks(self.slots)]
        # Among equals whoever stands further in front stays there: few rows have to move.
        order = sorted(old, key=lambda slot: -lengths[slot])
        for here, block in blocks:
            wanted = set(order[block])
            for slot, row in zip(sorted(here - wanted), sorted(wanted - here), strict=True):
                old[slot] = row
        moved = [slot for slot, row in enumerate(old) if row != slot]
        if moved:
            to, at = (
                torch.tensor(slots, device=self.device) for slots in (moved, [old[slot] for slot in moved])
            )
            for layer in self._cache.layers:
                layer.move_rows(to, at)
            for part in (self._last, self._positions, self._mask):
                part[to] = part[at]
            self._requests = [self._requests[row] for row in old]
            self._numbers = [self._numbers[row] for row in old]
        return old

    def _reads(self) -> StepReads | None:
        """What the next steps read where attention reads by blocks."""
        if not self._by_blocks:
            return None
        lengths = self._lengths()
        blocks = [(block, self._filled - max(lengths[block])) for block in slots_of_blocks(self.slots)]
        prompt_of = self._prompt_of()
        self._prompts.keep(set(prompt_of))
        return StepReads(blocks, self._prompts.shared(prompt_of, self._never))

    def _prompt_of(self) -> list[Prompt | None]:
        """What each slot's row was given to begin with, but for its last token; None for nothing."""
        return [(request.ids[:-1] or None) if request else None for request in self._requests]

    def _lengths(self) -> list[int]:
        """Columns that each slot's row has, its newest token not counted; 0 for no row."""
        used = self._positions[:, 0].tolist()
        return [
            0 if row is None else n - (len(row.ids) - 1) * self._by_blocks
            for row, n in zip(self._requests, used, strict=True)
        ]

    @torch.no_grad()
    def make_room(self, columns: int) -> None:
        """Let a prompt of so many tokens join rows that have used fewer; only where the cache grows."""
        n = columns - self._filled
        if self._by_blocks or n <= 0 or len(self.free) == self.slots:
            return
        for layer in self._cache.layers:
            layer.insert_columns(n)
        self._mask = torch.cat([self._hidden(self.slots, n), self._mask], dim=-1)
        self._filled += n

    @property
    def _never(self) -> float:
        """What is added to the score of a column that must not be seen."""
        return torch.finfo(self._kind).min

    def _hidden(self, rows: int, columns: int) -> torch.Tensor:
        return torch.full((rows, 1, 1, columns), self._never, dtype=self._kind, device=self.device)

    def _reach(self, filled: int) -> None:
        """Count columns up to `filled` as used; new ones are hidden until something is written there."""
        if self._columns is None and filled > self._mask.shape[-1]:
            more = self._hidden(self.slots, filled - self._mask.shape[-1])
            self._mask = torch.cat([self._mask, more], dim=-1)
        self._filled = filled


# The library's own compiled call: one graph of fixed shapes, replayed for each token.
_COMPILE = CompileConfig(fullgraph=True, dynamic=False, mode="reduce-overhead")
