"""Keys and values of prompts, kept once for all the rows that continue them.

The k samples of a problem continue one prompt, and more than half of what attention reads are columns of
prompts: a step that reads each prompt once instead of once a row is that much shorter on a CPU, where reading
keys and values from memory is most of its time.
"""

from collections.abc import Collection, Sequence

import torch

from cascade.generate.local.row_blocks import SharedPrompts, slots_of_blocks

Prompt = tuple[int, ...]


class PromptCache:
    """The prompts of a batch's rows, the longest first."""

    def __init__(self) -> None:
        """Without any."""
        self._prompts: list[Prompt] = []
        self._layers: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __contains__(self, prompt: Prompt) -> bool:
        """Whether a prompt is there."""
        return prompt in self._prompts

    def add(self, prompts: Sequence[Prompt], layers: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Take some prompts in.

        Args:
            prompts: which are not there yet.
            layers: their keys and values of each layer, of shape (prompts, heads, columns, head size), the
                last tokens in the last column.
        """
        every = [*self._prompts, *prompts]
        order = sorted(range(len(every)), key=lambda i: len(every[i]), reverse=True)
        columns, n_known = len(every[order[0]]), len(self._prompts)
        old = self._layers or [(keys[:0], values[:0]) for keys, values in layers]

        def merged(known: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
            found = new.new_zeros((len(every), new.shape[1], columns, new.shape[-1]))
            found[:n_known, :, columns - known.shape[-2] :] = known
            found[n_known:, :, columns - new.shape[-2] :] = new
            return found[order]

        self._layers = [
            (merged(*keys), merged(*values))
            for keys, values in (
                zip(of_old, of_new, strict=True) for of_old, of_new in zip(old, layers, strict=True)
            )
        ]
        self._prompts = [every[i] for i in order]

    def keep(self, wanted: Collection[Prompt | None]) -> None:
        """Forget the prompts that are not among these."""
        stay = [i for i, prompt in enumerate(self._prompts) if prompt in wanted]
        if len(stay) == len(self._prompts):
            return
        self._prompts = [self._prompts[i] for i in stay]
        first = self._layers[0][0].shape[-2] - max(map(len, self._prompts), default=0)
        self._layers = [(keys[stay, :, first:], values[stay, :, first:]) for keys, values in self._layers]

    def shared(self, prompt_of: Sequence[Prompt | None], hidden: float) -> SharedPrompts | None:
        """What a step reads; None where no row has more than its newest token.

        Args:
            prompt_of: of each slot, its row's prompt; None without a row or a prompt.
            hidden: what is added to the score of a column that must not be seen.
        """
        rows_of: dict[Prompt, list[int]] = {prompt: [] for prompt in self._prompts}
        for row, prompt in enumerate(prompt_of):
            if prompt is not None:
                rows_of[prompt].append(row)
        most = max(map(len, rows_of.values()), default=0)
        if not most:
            return None
        keys = self._layers[0][0]
        columns = keys.shape[-2]
        rows, places = [0] * (len(self._prompts) * most), [0] * len(prompt_of)
        for i, prompt in enumerate(self._prompts):
            for j, row in enumerate(rows_of[prompt]):
                rows[i * most + j], places[row] = row, i * most + j
        starts = torch.tensor([columns - len(prompt) for prompt in self._prompts])
        seen = torch.arange(columns) >= starts.unsqueeze(1)
        mask = torch.where(seen, 0.0, hidden).to(keys.dtype)[:, None, None]
        blocks = [(part, int(starts[part].min())) for part in slots_of_blocks(len(self._prompts))]
        none = torch.tensor([hidden * (prompt is None) for prompt in prompt_of]).view(-1, 1, 1, 1)
        return SharedPrompts(self._layers, mask, blocks, torch.tensor(rows), torch.tensor(places), none)
