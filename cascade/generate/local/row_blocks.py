"""Attention for rows of different lengths: each block of rows reads only the columns that one of them has.

On a CPU most of a step's time is reading keys and values from memory, and a few long rows make all others
read columns that are masked for them. With the longest rows together in blocks of their own the others read
less.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

# The attention's name in transformers.
BY_BLOCKS = "sdpa_by_blocks"
# Where blocks end, as parts of the slots: the longest rows stand in the first one.
CUTS = (1 / 8, 3 / 8, 1.0)

# Some rows, and the first column that one of them has.
Block = tuple[slice, int]
_BLOCKS: ContextVar[Sequence[Block]] = ContextVar("blocks", default=())


def slots_of_blocks(slots: int) -> list[slice]:
    """The blocks that so many slots are cut into; none is empty."""
    ends = [0, *(round(cut * slots) for cut in CUTS)]
    return [slice(a, b) for a, b in pairwise(ends) if a < b]


def reads_by_blocks(model: Any) -> bool:
    """Let a model on a CPU read by blocks; whether it does: its attention must be the library's fused one."""
    if model.device.type != "cpu" or not model._can_set_attn_implementation():
        return False
    if model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(BY_BLOCKS)
    return bool(model.config._attn_implementation == BY_BLOCKS)


@contextmanager
def reading(blocks: Sequence[Block]) -> Iterator[None]:
    """Within it, a step of one token a row reads by these blocks, which cover all rows in their order."""
    token = _BLOCKS.set(blocks)
    try:
        yield
    finally:
        _BLOCKS.reset(token)


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The library's attention; arguments as there, shapes (rows, heads, tokens, head size)."""
    blocks = _BLOCKS.get()
    if not blocks or attention_mask is None or kwargs.get("position_bias") is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    parts = [
        sdpa_attention_forward(
            module,
            query[rows],
            key[rows, :, first:],
            value[rows, :, first:],
            attention_mask[rows, ..., first:],
            **kwargs,
        )[0]
        for rows, first in blocks
    ]
    return torch.cat(parts), None


AttentionInterface.register(BY_BLOCKS, _attention)
AttentionMaskInterface.register(BY_BLOCKS, sdpa_mask)
