"""One loaded model: prompts in, token ids out, at the largest batch that the memory holds."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psutil
import torch
from accelerate.utils import find_executable_batch_size
from transformers import DynamicCache

from cascade.base import CascadeError
from cascade.generate.family import Model
from cascade.generate.local.batch import UNCOMPILABLE, ContinuousBatch, GenerationRequest
from cascade.generate.local.kv_cache import roomy_cache
from cascade.generate.local.loading import encode, load_tokenizer, load_weights
from cascade.generate.local.scheduler import STEPS_BETWEEN_REPORTS, Done, StepReport, run_queue

log = logging.getLogger(__name__)

# Tokens of the prompt that a completion is decoded together with.
CONTEXT_TOKENS = 8

# Prompts whose tokens are kept: a study's are asked many times, a service's never end.
KNOWN_PROMPTS = 4096

# Rows that are decoded together where the setting leaves it open and the memory holds them: on a CPU more
# gain nothing.
ROWS_ON_A_CPU, MOST_ROWS = 512, 1024
# The part of the free memory that keys and values may take; the rest is for what a step computes.
CACHE_SHARE = 0.8


class LoadedModel:
    """A model and its tokenizer, ready to continue prompts."""

    def __init__(self, model: Model, dtype: str, device_map: str) -> None:
        """Load both from the hub or a local folder; see `load_weights`."""
        self._model = model
        self.tokenizer = load_tokenizer(model)
        self.weights = load_weights(model, dtype, device_map)
        self.draft_model: Any = None
        if model.draft_model is not None:
            draft = Model(f"{model.name}'s draft model", model.draft_model, model.tokenizer, key=model.key)
            self.draft_model = load_weights(draft, dtype, device_map)
        self._encoded: dict[tuple[str, str, bool], tuple[int, ...]] = {}
        self.ends = frozenset(_end_ids(self.weights, self.tokenizer))

    @property
    def device_name(self) -> str:
        """The device in words."""
        return device_name(self.weights)

    @property
    def n_devices(self) -> int:
        """How many devices hold a part of the model."""
        return len({parameter.device for parameter in self.weights.parameters()})

    @property
    def n_parameters(self) -> int:
        """How many parameters the model has."""
        return int(self.weights.num_parameters())

    def encode(self, prompt: str, begins: str, *, chat: bool) -> tuple[int, ...]:
        """A prompt's tokens.

        Args:
            prompt: what the model continues, or the user's message.
            begins: what the model's answer begins with; in a chat only, elsewhere it ends the prompt.
            chat: whether to ask through the chat template that came with the tokenizer.

        Raises:
            CascadeError: the tokenizer has no chat template.
        """
        key = prompt, begins, chat
        if key not in self._encoded:
            if len(self._encoded) >= KNOWN_PROMPTS:
                self._encoded.clear()
            self._encoded[key] = encode(self.tokenizer, self._model, prompt, begins, chat=chat)
        return self._encoded[key]

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids to text, special tokens left out."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def decoder(self, prompt: str, begins: str, *, chat: bool) -> Callable[[Sequence[int]], str]:
        """A function from a completion's token ids to its text: what decoding them adds to the prompt's text.

        Decoded on their own, the ids of tokenizers like Llama's lose the first blank.
        """
        before = self.encode(prompt, begins, chat=chat)[-CONTEXT_TOKENS:]
        known = self.decode(before)

        def decode(ids: Sequence[int]) -> str:
            whole = self.decode([*before, *ids])
            return whole[len(known) :] if whole.startswith(known) else self.decode(ids)

        return decode

    def room(self, prompt: Sequence[int], task_id: str) -> int:
        """How many tokens the model can write after a prompt.

        Raises:
            CascadeError: for none.
        """
        most = getattr(self.weights.config, "max_position_embeddings", None)
        if most is None:
            return 1 << 30
        if len(prompt) >= most:
            raise CascadeError(
                f"{self._model.name}, {task_id}: the prompt has {len(prompt)} tokens, but the model has room "
                f"for {most}; leave the problem out or choose a model with a longer context"
            )
        return int(most) - len(prompt)

    def run_queue(
        self,
        requests: Sequence[GenerationRequest],
        most_rows: int | None,
        cache: str,
        sampling: tuple[float, float],
        done: Done,
    ) -> Iterator[StepReport]:
        """Continue every prompt; see `cascade.generate.local.scheduler`.

        Args:
            requests: what is to be continued, longest prompt first.
            most_rows: of a batch; None for the largest that the memory holds.
            cache: auto, growing or fixed.
            sampling: temperature and top_p of the requests with a seed.
            done: says which rows have all that is wanted of them.
        """
        if self.draft_model is not None:
            from cascade.generate.local.speculative import run_queue_with_draft_model

            return run_queue_with_draft_model(
                self.weights, self.draft_model, requests, self.ends, sampling, done
            )
        if not keeps_everything(self.weights):
            from cascade.generate.local.static_batches import run_in_batches

            size = largest_batch(self.weights, requests, most_rows, "growing")
            return run_in_batches(self.weights, requests, size, self.ends, sampling, done)
        rows = new_batch(self.weights, requests, most_rows, cache, sampling)
        return run_queue(rows, requests, self.ends, done)


def new_batch(
    model: Any,
    requests: Sequence[GenerationRequest],
    most_rows: int | None,
    cache: str,
    sampling: tuple[float, float],
) -> ContinuousBatch:
    """An empty batch for some prompts, as large as the memory holds."""
    rows, columns = largest_batch(model, requests, most_rows, cache), _fixed_columns(model, requests, cache)
    log.debug("%d rows, %s columns", rows, columns or "growing")
    return ContinuousBatch(model, rows, sampling, columns)


def largest_batch(
    model: Any, requests: Sequence[GenerationRequest], most_rows: int | None, cache: str
) -> int:
    """How many rows the memory should hold, of those that are asked for and allowed."""
    fit = rows_that_fit(model, _fixed_columns(model, requests, cache) or _expected_columns(requests))
    return min(most_rows or (MOST_ROWS if model.device.type == "cuda" else ROWS_ON_A_CPU), fit, len(requests))


def _fixed_columns(model: Any, requests: Sequence[GenerationRequest], cache: str) -> int | None:
    """Columns of a cache of a fixed size; None where one that grows is better."""
    if cache == "growing" or model in UNCOMPILABLE or not keeps_everything(model):
        return None
    if cache == "auto" and not gains_by_compiling(model):
        return None
    # The newest tokens of the longest rows, and what they write before they are looked at.
    return max(len(request.ids) + request.limit for request in requests) + 2 * STEPS_BETWEEN_REPORTS


def gains_by_compiling(model: Any) -> bool:
    """Whether a fixed cache and a compiled step are the faster way.

    On one GPU, for architectures that compile as a whole and whose attention is one fused call: Llama and
    its like, GPTBigCode. CodeGen's attention is written out and computes in float32 over every column of
    the cache, filled or not: there a cache that grows is better. On a CPU compiling never pays for itself.
    """
    one_gpu = model.device.type == "cuda" and len({p.device for p in model.parameters()}) == 1
    return bool(one_gpu and model._can_compile_fullgraph and model._supports_sdpa)


def keeps_everything(model: Any) -> bool:
    """Whether every layer keeps the whole past, so that rows can be replaced one by one.

    Of the others (a sliding window, say) whole batches go through the library's own cache.
    """
    return roomy_cache(model.config, 1) is not None


def rows_that_fit(model: Any, columns: int) -> int:
    """How many rows of so many columns the free memory holds: the GPUs' own, or the machine's."""
    if model.device.type == "cuda":
        free = sum(
            torch.cuda.mem_get_info(d)[0] + torch.cuda.memory_reserved(d) - torch.cuda.memory_allocated(d)
            for d in {parameter.device for parameter in model.parameters()}
        )
    else:
        free = psutil.virtual_memory().available
    return max(1, int(CACHE_SHARE * free / (columns * bytes_per_column(model))))


def bytes_per_column(model: Any) -> int:
    """Bytes of keys and values that one token of one row takes."""
    cache: Any = DynamicCache(config=model.config)
    one = torch.zeros(1, 1, dtype=torch.long, device=model.device)
    mask = torch.zeros(1, 1, 1, 1, dtype=model.dtype, device=model.device)
    with torch.no_grad():
        model.base_model(
            input_ids=one, position_ids=one, attention_mask=mask, past_key_values=cache, use_cache=True
        )
    parts = [part for layer in cache.layers for part in (layer.keys, layer.values)]
    return sum(part.numel() * part.element_size() for part in parts)


def device_name(model: Any) -> str:
    """The device of a model in words."""
    device = model.device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"


def with_batch_size_that_fits(write: Callable[[int], None], first: int, model: str) -> None:
    """Call `write` with a batch size: the first, then less and less while memory is short.

    Raises:
        CascadeError: not even one row fits.
    """
    try:
        # It requests for a function whose first argument is named.
        find_executable_batch_size(lambda size: write(size), starting_batch_size=first)()
    except RuntimeError as error:
        if "No executable batch size" not in str(error):
            raise
        raise CascadeError(
            f"{model}: too little memory for one prompt; use a machine with more, or a smaller "
            "generator.dtype or family.max_new_tokens"
        ) from None


def _expected_columns(requests: Sequence[GenerationRequest]) -> int:
    """Columns of a cache that grows: few rows reach their limit, and the batch is halved if too many do."""
    return max(len(request.ids) for request in requests) + max(request.limit for request in requests) // 2


def _end_ids(model: Any, tokenizer: Any) -> set[int]:
    """Tokens that end a row; padding is one of them."""
    declared = model.generation_config.eos_token_id
    declared = declared if isinstance(declared, list) else [declared]
    all_of_them = (*declared, tokenizer.eos_token_id, tokenizer.pad_token_id)
    return {token for token in all_of_them if token is not None}
