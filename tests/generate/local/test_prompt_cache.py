"""Prompts that are read once for all their rows: the same attention as with a copy in each row."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AttentionInterface

from cascade.generate.local.prompt_cache import PromptCache
from cascade.generate.local.row_blocks import BY_BLOCKS, StepReads, reading, slots_of_blocks

HIDDEN = torch.finfo(torch.float32).min
SIZE = 6
PROMPTS = [(1, 2, 3), (4,) * 7, (5, 6), (9,) * 12]


def keys_of(prompt: tuple[int, ...], heads: int, layer: int, kind: int) -> torch.Tensor:
    """Made-up keys or values of a prompt, of shape (heads, tokens, size); the same ones each time."""
    numbers = torch.Generator().manual_seed(hash((prompt, layer, kind)) % 2**31)
    return torch.randn(heads, len(prompt), SIZE, generator=numbers)


def padded(prompts: list[tuple[int, ...]], heads: int, layer: int, kind: int) -> torch.Tensor:
    """As a model reads them: padded on the left, with anything there."""
    width = max(map(len, prompts))
    whole = torch.full((len(prompts), heads, width, SIZE), 99.0)
    for i, prompt in enumerate(prompts):
        whole[i, :, width - len(prompt) :] = keys_of(prompt, heads, layer, kind)
    return whole


def read(cache: PromptCache, prompts: list[tuple[int, ...]], heads: int) -> None:
    cache.add(prompts, [(padded(prompts, heads, at, 0), padded(prompts, heads, at, 1)) for at in range(2)])


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize(("heads", "groups"), [(4, 1), (2, 3), (1, 4)])
def test_as_if_every_row_held_its_prompt(heads: int, groups: int, layer: int) -> None:
    """Heads that share keys, rows without a prompt, slots without a row, prompts that come and go."""
    torch.manual_seed(0)
    short, middle, two, long = PROMPTS
    prompt_of = [long, short, None, middle, long, two, short, long, None, middle, long]
    cache = PromptCache()
    read(cache, [middle, short, (7,) * 20], heads)
    read(cache, [long], heads)
    cache.keep(set(prompt_of))
    read(cache, [two], heads)
    assert (7,) * 20 not in cache and all(prompt in cache for prompt in PROMPTS)

    n, columns = len(prompt_of), 9
    # Columns that each row has; the longest first, as they are arranged.
    own = [9, 9, 8, 7, 5, 5, 4, 3, 2, 1, 1]
    query = torch.randn(n, heads * groups, 1, SIZE)
    keys, values = torch.randn(2, n, heads, columns, SIZE)
    mask = torch.full((n, 1, 1, columns), HIDDEN)
    for row, length in enumerate(own):
        mask[row, ..., columns - length :] = 0.0
    module: Any = SimpleNamespace(
        layer_idx=layer, num_key_value_groups=groups, is_causal=True, training=False
    )
    blocks = [(block, columns - max(own[block])) for block in slots_of_blocks(n)]
    shared = cache.shared(prompt_of, HIDDEN)
    attention = AttentionInterface()[BY_BLOCKS]
    with reading(StepReads(blocks, shared)):
        found, _ = attention(module, query, keys, values, mask, scaling=0.3)

    for row, (prompt, length) in enumerate(zip(prompt_of, own, strict=True)):
        sides = [
            torch.cat([keys_of(prompt or (), heads, layer, kind), mine[row, :, columns - length :]], dim=1)
            for kind, mine in enumerate((keys, values))
        ]
        k, v = (side.repeat_interleave(groups, dim=0) for side in sides)
        weights = (0.3 * query[row] @ k.transpose(-1, -2)).softmax(-1)
        torch.testing.assert_close(found[row, 0], (weights @ v)[:, 0], rtol=1e-5, atol=1e-5)


def test_nothing_is_shared_where_nobody_has_a_prompt() -> None:
    cache = PromptCache()
    assert cache.shared([None, None], HIDDEN) is None
    read(cache, [(1, 2)], 2)
    assert cache.shared([None, None], HIDDEN) is None
    cache.keep({None})
    assert (1, 2) not in cache and cache.shared([None, None], HIDDEN) is None
    read(cache, [(3, 4, 5)], 2)
    assert cache.shared([(3, 4, 5), None], HIDDEN) is not None
