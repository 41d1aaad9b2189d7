"""One loaded model: left-padded batches, samples of a prompt on one prefill, early stop."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import find_executable_batch_size
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from cascade.errors import CascadeError
from cascade.family import Model
from cascade.generate.cache import roomy_cache
from cascade.generate.nucleus import NucleusSampler
from cascade.lines import LineKind, split_lines

set_verbosity_error()  # type: ignore[no-untyped-call]
disable_progress_bar()  # type: ignore[no-untyped-call]

WEIGHTS_AND_SETTINGS = (".json", ".safetensors", ".bin", ".txt", ".model")
# The last tokens of a row, in which a stop text is looked for after each step.
STOP_WINDOW = 16
# How many physical lines a statement that is broken off may still take to become complete.
SPARE_LINES = 4
# Rows end at very different lengths; the ended ones are dropped after so many tokens.
TOKENS_BETWEEN_DROPS = 32


def fingerprint(model: Model) -> str:
    """What a model's samples are known by: a repository and revision, or the content of a local folder."""
    folder = Path(model.hub_id)
    if not folder.is_dir():
        return f"{model.hub_id}@{model.revision}"
    state = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.suffix in WEIGHTS_AND_SETTINGS):
        with path.open("rb") as file:
            state.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()} ".encode())
    return state.hexdigest()


class LoadedModel:
    """A model and its tokenizer, ready to continue prompts."""

    def __init__(self, model: Model, dtype: str, device_map: str) -> None:
        """Load both from the hub or a local folder.

        Args:
            model: which.
            dtype: auto, float32, float16 or bfloat16; see `TransformersGenerator`.
            device_map: how accelerate places it.

        Raises:
            CascadeError: the folder or repository is missing, incomplete, gated or broken.
        """
        self._tokenizer = _tokenizer(model)
        on_cpu = device_map == "cpu" or not torch.cuda.is_available()
        kind: Any = torch.float32 if dtype == "auto" and on_cpu else dtype
        try:
            self._model: Any = AutoModelForCausalLM.from_pretrained(
                model.hub_id, revision=model.revision, dtype=kind, device_map=device_map
            )
        except Exception as error:  # what transformers raises here is of a dozen kinds
            raise CascadeError(_unloadable("model", model, model.hub_id, error)) from None
        self._model.requires_grad_(False)
        self._pad = self._tokenizer.pad_token_id
        self._eos = _eos_ids(self._model, self._tokenizer)

    @property
    def device_name(self) -> str:
        """The device in words."""
        device = self._model.device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"

    @property
    def n_devices(self) -> int:
        """How many devices hold a part of the model."""
        return len({parameter.device for parameter in self._model.parameters()})

    @property
    def n_parameters(self) -> int:
        """How many parameters the model has."""
        return int(self._model.num_parameters())

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids to text, special tokens left out."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    @torch.inference_mode()
    def continue_prompts(
        self,
        prompts: Sequence[str],
        n: int,
        max_new_tokens: int,
        *,
        sampling: tuple[float, float] | None,
        seed: int,
        lines: int,
        begins: str,
        stop: Sequence[str],
    ) -> list[list[int]]:
        """Continue each prompt n times.

        Args:
            prompts: P texts.
            n: samples of each.
            max_new_tokens: most tokens of a sample.
            sampling: (temperature, top_p), or None for greedy decoding.
            seed: of the sampling.
            lines: a row may stop after so many logical lines; 0 does not stop at lines.
            begins: text at the prompt's end that belongs to the first line.
            stop: a row may stop once one of these texts stands in it.

        Returns:
            P * n rows of generated token ids without EOS, a prompt's rows together.
        """
        inputs = self._tokenizer(list(prompts), return_tensors="pt", padding=True).to(self._model.device)
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        room = getattr(self._model.config, "max_position_embeddings", None)
        if room is not None and ids.shape[1] >= room:
            raise CascadeError(
                f"a prompt has {ids.shape[1]} tokens, but the model has room for {room}; leave the "
                "problem out or choose a model with a longer context"
            )
        length = ids.shape[1]
        criteria = StoppingCriteriaList()
        if lines:
            criteria.append(_AfterLines(self, length, lines, begins))
        if stop:
            criteria.append(_AfterText(self, length, stop))
        processors = LogitsProcessorList()
        if sampling is not None:
            chance = torch.Generator(self._model.device).manual_seed(seed)
            processors.append(NucleusSampler(*sampling, chance))
        limit = max_new_tokens if room is None else min(max_new_tokens, room - length)
        cache = self._prefill(ids, mask, n, length + limit)
        return self._decode_all(
            ids.repeat_interleave(n, 0), mask.repeat_interleave(n, 0), cache, limit, criteria, processors
        )

    def _decode_all(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        cache: DynamicCache,
        limit: int,
        criteria: StoppingCriteriaList,
        processors: LogitsProcessorList,
    ) -> list[list[int]]:
        """Decode until every row has ended; every so many tokens the rows that have are dropped."""
        length = ids.shape[1]
        alive = list(range(len(ids)))
        rows: list[list[int]] = [[] for _ in alive]
        while alive:
            ids = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=cache,
                max_new_tokens=min(TOKENS_BETWEEN_DROPS, limit - (ids.shape[1] - length)),
                pad_token_id=self._pad,
                stopping_criteria=criteria,
                logits_processor=processors,
                do_sample=False,  # the sampler draws
            )
            new = [self._ended(row) for row in ids[:, length:].tolist()]
            stopped = criteria(ids, None) if criteria else torch.zeros(len(ids), dtype=torch.bool)
            full = ids.shape[1] - length
            going = [i for i, row in enumerate(new) if len(row) == full < limit and not stopped[i]]
            for i, row in enumerate(new):
                rows[alive[i]] = row
            if len(going) < len(alive):
                keep = torch.tensor(going, dtype=torch.long, device=ids.device)
                ids, mask, alive = ids[keep], mask[keep], [alive[i] for i in going]
                cache.batch_select_indices(keep)
            mask = torch.cat([mask, mask.new_ones(len(ids), ids.shape[1] - mask.shape[1])], dim=1)
        return rows

    def _prefill(self, ids: torch.Tensor, mask: torch.Tensor, n: int, room: int) -> DynamicCache:
        """The keys and values of all but the prompts' last tokens, computed once for a prompt's n rows."""
        cache = roomy_cache(self._model.config, room)
        if ids.shape[1] == 1:
            return cache
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        self._model(
            input_ids=ids[:, :-1],
            attention_mask=mask[:, :-1],
            position_ids=positions[:, :-1],
            past_key_values=cache,
            use_cache=True,
        )
        if n > 1:
            cache.batch_repeat_interleave(n)
        return cache

    def _ended(self, row: list[int]) -> list[int]:
        """A row up to its EOS or padding."""
        end = next((i for i, token in enumerate(row) if token in self._eos or token == self._pad), len(row))
        return row[:end]


class _AfterLines(StoppingCriteria):
    """A row is done once the logical lines that may be looked at are complete."""

    def __init__(self, loaded: LoadedModel, prompt_length: int, lines: int, begins: str) -> None:
        self._loaded, self._start, self._lines, self._begins = loaded, prompt_length, lines, begins
        self._breaks: dict[int, bool] = {}

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        done = [self._done(row, last) for row, last in zip(input_ids, input_ids[:, -1].tolist(), strict=True)]
        return torch.tensor(done, device=input_ids.device)

    def _done(self, row: torch.Tensor, last: int) -> bool:
        if last not in self._breaks:
            self._breaks[last] = "\n" in self._loaded.decode([last])
        if not self._breaks[last]:
            return False
        text = self._begins + self._loaded.decode(row[self._start :].tolist())
        complete = text[: text.rindex("\n")] if "\n" in text else ""
        lines = split_lines(complete, self._lines)
        if len(lines) < self._lines:
            return False
        # A last line that is not Python may be a statement that goes on: it gets a few lines more.
        spare = SPARE_LINES if lines[-1].kind is LineKind.BROKEN else 0
        return complete.count("\n") + 1 >= self._lines + spare


class _AfterText(StoppingCriteria):
    """A row is done once one of the stop texts stands at its end."""

    def __init__(self, loaded: LoadedModel, prompt_length: int, stop: Sequence[str]) -> None:
        self._loaded, self._start, self._stop = loaded, prompt_length, stop

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        tails = input_ids[:, max(self._start, input_ids.shape[1] - STOP_WINDOW) :].tolist()
        done = [any(word in self._loaded.decode(tail) for word in self._stop) for tail in tails]
        return torch.tensor(done, device=input_ids.device)


def with_batch_size_that_fits(write: Callable[[int], None], batch_size: int, model: str) -> None:
    """Call `write` with a batch size, halved while memory is short.

    Raises:
        CascadeError: not even one row fits.
    """
    try:
        find_executable_batch_size(lambda size: write(size), starting_batch_size=batch_size)()
    except RuntimeError as error:
        if "No executable batch size" not in str(error):
            raise
        raise CascadeError(
            f"{model}: too little memory for one prompt; use a machine with more, or a smaller "
            "generator.dtype or family.max_new_tokens"
        ) from None


def _tokenizer(model: Model) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(model.tokenizer, revision=model.revision)
    except Exception as error:  # what transformers raises here is of a dozen kinds
        raise CascadeError(_unloadable("tokenizer", model, model.tokenizer, error)) from None
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _unloadable(what: str, model: Model, source: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"{model.name}: no {what} can be loaded from {source}: {reason}; check the family's hub_id"
        f"{' and tokenizer' if what == 'tokenizer' else ''}, log in with `hf auth login` if it is gated, or "
        "name a local folder"
    )


def _eos_ids(model: Any, tokenizer: Any) -> set[int]:
    declared = model.generation_config.eos_token_id
    declared = declared if isinstance(declared, list) else [declared]
    return {token for token in (*declared, tokenizer.eos_token_id) if token is not None}
