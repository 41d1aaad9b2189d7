"""Models and tokenizers from the hub or a local folder, and one clear line where there is none."""

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from cascade.base import CascadeError
from cascade.generate.family import Model
from cascade.generate.identity import first_line, unloadable

set_verbosity_error()  # type: ignore[no-untyped-call]
disable_progress_bar()  # type: ignore[no-untyped-call]


def load_tokenizer(model: Model) -> Any:
    """A model's tokenizer, padding on the left.

    Raises:
        CascadeError: it is missing, incomplete, gated or broken.
    """
    # The revision is one of the model's repository, not of another that only gives the tokenizer.
    revision = model.revision if model.tokenizer == model.hub_id else None
    try:
        tokenizer = AutoTokenizer.from_pretrained(model.tokenizer, revision=revision, **_gguf(model))
    except Exception as error:  # what transformers raises here is of a dozen kinds
        raise CascadeError(unloadable("tokenizer", model, model.tokenizer, error)) from None
    return tokenizer


def encode(tokenizer: Any, model: Model, prompt: str, begins: str, *, chat: bool) -> tuple[int, ...]:
    """A prompt's tokens.

    Args:
        tokenizer: the model's.
        model: whose tokenizer it is.
        prompt: what the model continues, or the user's message.
        begins: what the model's answer begins with; in a chat only, elsewhere it ends the prompt.
        chat: whether to ask through the chat template that came with the tokenizer.

    Raises:
        CascadeError: the tokenizer has no chat template.
    """
    if not chat:
        return tuple(tokenizer(prompt)["input_ids"])
    if tokenizer.chat_template is None:
        raise CascadeError(
            f"{model.name}: its tokenizer has no chat template; set family.prompts.chat=false, and write the "
            "template into family.prompts.solution and .test"
        )
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}],
        tokenize=False,
        add_generation_prompt=True,
        **model.chat_template_kwargs,
    )
    return tuple(tokenizer(text + begins, add_special_tokens=False)["input_ids"])


def load_weights(model: Model, dtype: str, device_map: str) -> Any:
    """A causal language model, ready to write.

    Args:
        model: which.
        dtype: auto (the checkpoint's own on a GPU, float32 on a CPU), float32, float16 or bfloat16.
        device_map: how accelerate places it: auto spreads a model that is larger than one GPU over several.

    Raises:
        CascadeError: it is missing, incomplete, gated or broken, or its quantization is not to be had.
    """
    _release_memory()
    on_cpu = device_map == "cpu" or not torch.cuda.is_available()
    kind: Any = torch.float32 if dtype == "auto" and on_cpu else dtype
    options: dict[str, Any] = _gguf(model)
    if model.quantization is not None:
        options["quantization_config"] = _quantization(model, model.quantization)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            model.hub_id, revision=model.revision, dtype=kind, device_map=device_map, **options
        )
    except Exception as error:  # what transformers raises here is of a dozen kinds
        raise CascadeError(unloadable("model", model, model.hub_id, error)) from None
    loaded.requires_grad_(False)
    return loaded


def random_model(model: Model, dtype: str, device_map: str) -> Any:
    """A model of the same architecture that nobody trained: as fast as the real one, and no download.

    Raises:
        CascadeError: the family does not say what the architecture is, or it is not to be built.
    """
    if model.architecture is None and not Path(model.hub_id).is_dir():
        raise CascadeError(
            f"{model.name}: weights=random needs family.models.{model.key}.architecture (the keys of its "
            "config.json, model_type first), or a local folder with a config.json as hub_id"
        )
    _release_memory()
    device = _first_device(device_map)
    kind = (
        getattr(torch, "float32" if device.type == "cpu" else "bfloat16")
        if dtype == "auto"
        else getattr(torch, dtype)
    )
    try:
        settings = dict(model.architecture or {})
        config = (
            AutoConfig.for_model(settings.pop("model_type", ""), **settings)
            if settings
            else AutoConfig.from_pretrained(model.hub_id)
        )
        with torch.device(device):
            loaded: Any = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                config, dtype=kind
            )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        reason = first_line(error)
        raise CascadeError(f"{model.name}: family.models.{model.key}.architecture: {reason}") from None
    loaded.requires_grad_(False)
    return loaded.eval()


def _gguf(model: Model) -> dict[str, Any]:
    return {} if model.gguf_file is None else {"gguf_file": model.gguf_file}


def _release_memory() -> None:
    """Give back what the step of an earlier model, compiled, still holds: its weights, cache and graphs."""
    if torch.cuda.is_available():
        torch.compiler.reset()
        gc.collect()
        torch.cuda.empty_cache()


def _first_device(device_map: str) -> torch.device:
    if device_map == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    return torch.device(device_map)


def _quantization(model: Model, settings: Mapping[str, Any]) -> Any:
    # Imported here: it takes the packages of all methods along.
    from transformers.quantizers.auto import AutoQuantizationConfig

    try:
        return AutoQuantizationConfig.from_dict(dict(settings))
    except Exception as error:  # an unknown method, a wrong key, a package that is missing
        raise CascadeError(
            f"{model.name}: family.models.{model.key}.quantization: {first_line(error)}; give a "
            "quantization_config of transformers, e.g. {quant_method: bitsandbytes_8bit, load_in_8bit: true}"
        ) from None
