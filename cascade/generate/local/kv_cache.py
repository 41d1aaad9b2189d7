"""Key-value caches whose rows can be replaced while the others go on.

Both keep a layer's keys and values in buffers of shape (rows, heads, columns, head size), each row's newest
token in the last column that is filled: a row that joins late is written to the right and masked on the
left. `DynamicLayer`, the library's own, concatenates at each step instead, which took 61 % of the time of a
small model on a CPU.
"""

from typing import Any

import torch
from transformers import DynamicCache, StaticCache
from transformers.cache_utils import DynamicLayer, StaticLayer

# How many columns a buffer that is full grows by.
GROWTH = 128


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer that grows; attention sees the filled columns only, which lie anywhere in the buffers."""

    keys: torch.Tensor  # of the filled columns
    values: torch.Tensor

    def __init__(self, rows: int) -> None:
        """Make an empty layer for some rows."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._rows = rows
        self._buffers: tuple[torch.Tensor, torch.Tensor] | None = None
        self._first = 0  # the first filled column of the buffers

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values of shape (rows, heads, tokens, head size); returns all of them."""
        start = self.get_seq_length()
        self._reach(key_states, value_states, start + key_states.shape[-2])
        self.keys[..., start:, :] = key_states
        self.values[..., start:, :] = value_states
        return self.keys, self.values

    def place(self, slots: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, end: int) -> None:
        """Write some rows' newest columns up to `end`; keys and values have the shape of those rows."""
        self._reach(keys, values, end)
        at = slots.to(keys.device)
        self.keys[at, :, end - keys.shape[-2] :] = keys
        self.values[at, :, end - keys.shape[-2] :] = values

    def drop_columns(self, n: int) -> None:
        """Forget the first n columns; what is left is moved when the buffers are full, not now."""
        n_left = self.keys.shape[-2] - n
        self._first += n
        self._show(n_left)

    def insert_columns(self, n: int) -> None:
        """Put n columns, hidden by the mask, before the first one."""
        assert self._buffers is not None
        end = self.keys.shape[-2] + n
        if n > self._first:
            self._grow(self.keys, self.values, end, n)
        else:
            self._first -= n
        self._show(end)

    def keep_rows(self, slots: torch.Tensor) -> None:
        """The given rows in this order; one may stand there several times, and the others are forgotten."""
        assert self._buffers is not None
        end = self.keys.shape[-2]
        at = slots.to(self._buffers[0].device)
        self._buffers = (self._buffers[0][at], self._buffers[1][at])
        self._rows = len(slots)
        self._show(end)

    def move_rows(self, slots: torch.Tensor, origin: torch.Tensor) -> None:
        """Write over some slots' rows with those that stood in the slots `origin`."""
        to, at = slots.to(self.keys.device), origin.to(self.keys.device)
        self.keys[to] = self.keys[at]
        self.values[to] = self.values[at]

    def _reach(self, keys: torch.Tensor, values: torch.Tensor, end: int) -> None:
        """Make room up to column `end` and count it as filled."""
        if not self.is_initialized:
            self.lazy_initialization(keys, values)
        if self._buffers is None or self._first + end > self._buffers[0].shape[-2]:
            self._grow(keys, values, end, 0)
        self._show(end)

    def _grow(self, keys: torch.Tensor, values: torch.Tensor, end: int, start: int) -> None:
        """Larger buffers for `end` columns and more, what is filled from column `start` on."""
        self._buffers = (
            self._grown(self.keys, keys, end, start),
            self._grown(self.values, values, end, start),
        )
        self._first = 0

    def _grown(self, old: torch.Tensor, like: torch.Tensor, end: int, start: int) -> torch.Tensor:
        # Zeros, because what stands in a masked column is multiplied by 0: it must not be NaN.
        buffer = like.new_zeros((self._rows, like.shape[1], end + GROWTH, like.shape[-1]))
        if old.numel():
            buffer[..., start : start + old.shape[-2], :] = old
        return buffer

    def _show(self, end: int) -> None:
        assert self._buffers is not None
        filled = slice(self._first, self._first + end)
        self.keys, self.values = self._buffers[0][..., filled, :], self._buffers[1][..., filled, :]


class FixedLayer(StaticLayer):  # type: ignore[no-untyped-call]
    """A layer of a fixed size, for a compiled step; attention sees every column, masked where empty."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, rows: int, columns: int) -> None:
        """Make an empty layer for some rows with room for some columns."""
        super().__init__(max_cache_len=columns)
        self._rows = rows

    def place(self, slots: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, end: int) -> None:
        """Write some rows' newest columns up to `end`; keys and values have the shape of those rows."""
        if not self.is_initialized:
            shape = (self._rows, *keys.shape[1:])
            self.lazy_initialization(keys.new_empty(()).expand(shape), values.new_empty(()).expand(shape))
        at = slots.to(keys.device)
        self.keys[at, :, end - keys.shape[-2] : end] = keys
        self.values[at, :, end - keys.shape[-2] : end] = values
        self.cumulative_length.fill_(end)

    def clear(self) -> None:
        """Forget everything; the buffers stay where they are."""
        self.cumulative_length.zero_()

    def drop_columns(self, n: int) -> None:
        """Forget the first n columns."""
        for buffer in (self.keys, self.values):
            buffer[..., :-n, :] = buffer[..., n:, :].clone()
        self.cumulative_length.sub_(n)


def roomy_cache(config: Any, rows: int) -> DynamicCache | None:
    """An empty cache that grows; None where a layer is of another kind (a sliding window, say)."""
    cache = DynamicCache(config=config)
    if any(type(layer) is not DynamicLayer for layer in cache.layers):
        return None
    cache.layers = [RoomyLayer(rows) for _ in cache.layers]
    return cache


def fixed_cache(config: Any, rows: int, columns: int) -> StaticCache:
    """An empty cache of a fixed size."""
    cache = StaticCache(config=config, max_cache_len=columns)
    cache.layers = [FixedLayer(rows, columns) for _ in cache.layers]
    return cache
