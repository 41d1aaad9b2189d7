"""Attention of one step on a CPU: prompts are read once, and of the rest each row little beyond its own.

There most of a step's time is reading keys and values from memory. What a row wrote itself is read in blocks
of rows, the longest together: a few long rows would make all others read columns that are masked for them.
What stands in its prompt is read once for all rows of a prompt (see `prompt_cache.py`). Softmax goes over
both: each part gives its highest score, the sum of its exponentials and their weighted values.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

# The attention's name in transformers.
BY_BLOCKS = "sdpa_by_blocks"
# Where blocks end, as parts of the slots: the longest rows stand in the first one.
CUTS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1.0)

# Some rows, and the first column that one of them has.
Block = tuple[slice, int]


@dataclass(frozen=True)
class SharedPrompts:
    """What a step reads of P prompts for B rows; places are P times R, the most rows of a prompt.

    Attributes:
        layers: keys and values of each layer, of shape (P, heads, columns, head size); a prompt's last token
            is in the last column.
        mask: of shape (P, 1, 1, columns), added to the scores: hides what is left of a prompt.
        blocks: of the prompts.
        rows: int array (P·R,): the row of each place; any row where there is none.
        places: int array (B,): the place of each row; any place for one without a prompt.
        none: float array (B, 1, 1, 1): added to what a row finds; hides the prompts from one without.
    """

    layers: Sequence[tuple[torch.Tensor, torch.Tensor]]
    mask: torch.Tensor
    blocks: Sequence[Block]
    rows: torch.Tensor
    places: torch.Tensor
    none: torch.Tensor


@dataclass(frozen=True)
class StepReads:
    """What a step of one token a row reads.

    Attributes:
        blocks: of the rows, which cover all of them in their order.
        prompts: what is read once for several rows; None for nothing.
    """

    blocks: Sequence[Block]
    prompts: SharedPrompts | None


_STEP: ContextVar[StepReads | None] = ContextVar("step", default=None)


def slots_of_blocks(slots: int) -> list[slice]:
    """The blocks that so many slots are cut into; none is empty."""
    ends = [0, *(round(cut * slots) for cut in CUTS)]
    return [slice(a, b) for a, b in pairwise(ends) if a < b]


def reads_by_blocks(model: Any) -> bool:
    """Let a model on a CPU read so; whether it does: its attention must be the library's fused one."""
    if model.device.type != "cpu" or not model._can_set_attn_implementation():
        return False
    if model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(BY_BLOCKS)
    return bool(model.config._attn_implementation == BY_BLOCKS)


@contextmanager
def reading(step: StepReads | None) -> Iterator[None]:
    """Within it, a step of one token a row reads this; None for all columns."""
    token = _STEP.set(step)
    try:
        yield
    finally:
        _STEP.reset(token)


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The library's attention; arguments as there, shapes (rows, heads, tokens, head size)."""
    step = _STEP.get()
    if step is None or attention_mask is None or kwargs.get("position_bias") is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    n_rows, n_heads, _, size = query.shape
    # Several heads may share keys and values: to them they are several queries of one head.
    asked = query.reshape(n_rows, key.shape[1], -1, size) * (size**-0.5 if scaling is None else scaling)
    parts = [
        _part(asked[rows], key[rows, :, first:], value[rows, :, first:], attention_mask[rows, ..., first:])
        for rows, first in step.blocks
    ]
    found, top, total = (torch.cat(part) for part in zip(*parts, strict=True))
    if step.prompts is not None:
        said, highest, sums = _of_prompts(step.prompts, asked, int(module.layer_idx))  # type: ignore[arg-type]
        both = torch.maximum(top, highest)
        own, shared = (top - both).exp(), (highest - both).exp()
        found, total = own * found + shared * said, own * total + shared * sums
    return (found / total).to(query.dtype).reshape(n_rows, 1, n_heads, size), None


# Weighted values, highest score and sum of exponentials, of shapes (rows, heads, queries, head size or 1).
_Part = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _part(asked: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> _Part:
    """What some columns say to each query; in single precision, as the fused call computes."""
    scores = (asked @ key.transpose(-1, -2) + mask).float()
    top = scores.amax(-1, keepdim=True)
    weights = (scores - top).exp()
    return (weights.to(value.dtype) @ value).float(), top, weights.sum(-1, keepdim=True)


def _of_prompts(prompts: SharedPrompts, asked: torch.Tensor, layer: int) -> _Part:
    """What the prompts say to their rows: all rows of a prompt ask it together."""
    keys, values = prompts.layers[layer]
    n_prompts, n_heads, _, size = keys.shape
    n_queries = asked.shape[2]
    together = asked[prompts.rows].reshape(n_prompts, -1, n_heads, n_queries, size).transpose(1, 2)
    together = together.reshape(n_prompts, n_heads, -1, size)
    parts = [
        _part(together[some], keys[some, :, first:], values[some, :, first:], prompts.mask[some, ..., first:])
        for some, first in prompts.blocks
    ]
    said = torch.cat([torch.cat(part, -1) for part in parts])
    said = said.reshape(n_prompts, n_heads, -1, n_queries, size + 2).transpose(1, 2)
    said = said.reshape(-1, n_heads, n_queries, size + 2)[prompts.places]
    return said[..., :size], said[..., size : size + 1] + prompts.none, said[..., size + 1 :]


AttentionInterface.register(BY_BLOCKS, _attention)
AttentionMaskInterface.register(BY_BLOCKS, sdpa_mask)
