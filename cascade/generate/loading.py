"""Models and tokenizers from the hub or a local folder, and one clear line where there is none."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils.hub import cached_file, extract_commit_hash
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from cascade.errors import CascadeError
from cascade.family import Model

set_verbosity_error()  # type: ignore[no-untyped-call]
disable_progress_bar()  # type: ignore[no-untyped-call]

WEIGHTS_AND_SETTINGS = (".json", ".safetensors", ".bin", ".txt", ".model", ".jinja")


def pinned(model: Model) -> Model:
    """The model with its revision as a commit, so that a branch that moves on does not mix samples.

    Raises:
        CascadeError: the repository is missing, gated or out of reach.
    """
    if Path(model.hub_id).is_dir():
        return model
    if Path(model.hub_id).is_absolute() or model.hub_id.startswith("."):
        raise CascadeError(f"{model.name}: no model can be loaded from {model.hub_id}: no such folder")
    try:
        config = cached_file(model.hub_id, "config.json", revision=model.revision)
    except Exception as error:  # what the hub's client raises is of a dozen kinds
        raise CascadeError(unloadable("model", model, model.hub_id, error)) from None
    return model.at(extract_commit_hash(config, None) or model.revision)


def fingerprint(model: Model) -> str:
    """What a pinned model's samples are known by: repository and commit, or the content of a local folder."""
    ways = "".join(
        f" {name}={value!r}"
        for name, value in (("quantization", model.quantization), ("assistant", model.assistant))
        if value is not None
    )
    folder = Path(model.hub_id)
    if not folder.is_dir():
        return f"{model.hub_id}@{model.revision}{ways}"
    state = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.suffix in WEIGHTS_AND_SETTINGS):
        with path.open("rb") as file:
            state.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()} ".encode())
    return state.hexdigest() + ways


def load_tokenizer(model: Model) -> Any:
    """A model's tokenizer, padding on the left.

    Raises:
        CascadeError: it is missing, incomplete, gated or broken.
    """
    # The revision is one of the model's repository, not of another that only gives the tokenizer.
    revision = model.revision if model.tokenizer == model.hub_id else None
    try:
        tokenizer = AutoTokenizer.from_pretrained(model.tokenizer, revision=revision)
    except Exception as error:  # what transformers raises here is of a dozen kinds
        raise CascadeError(unloadable("tokenizer", model, model.tokenizer, error)) from None
    return tokenizer


def load_weights(model: Model, dtype: str, device_map: str) -> Any:
    """A causal language model, ready to write.

    Args:
        model: which.
        dtype: auto (the checkpoint's own on a GPU, float32 on a CPU), float32, float16 or bfloat16.
        device_map: how accelerate places it: auto spreads a model that is larger than one GPU over several.

    Raises:
        CascadeError: it is missing, incomplete, gated or broken, or its quantization is not to be had.
    """
    on_cpu = device_map == "cpu" or not torch.cuda.is_available()
    kind: Any = torch.float32 if dtype == "auto" and on_cpu else dtype
    options: dict[str, Any] = {}
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
        reason = _first_line(error)
        raise CascadeError(f"{model.name}: family.models.{model.key}.architecture: {reason}") from None
    loaded.requires_grad_(False)
    return loaded.eval()


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
            f"{model.name}: family.models.{model.key}.quantization: {_first_line(error)}; give a "
            "quantization_config of transformers, e.g. {quant_method: bitsandbytes_8bit, load_in_8bit: true}"
        ) from None


def unloadable(what: str, model: Model, source: str, error: Exception) -> str:
    """One line: what cannot be loaded from where, why, and what to do."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    at = f"{model.name}: no {what} can be loaded from {source}"
    if any(isinstance(one, GatedRepoError) for one in links):
        return (
            f"{at}: the repository is gated; ask for access on https://huggingface.co/{source}, then log in "
            "with `hf auth login` or set HF_TOKEN"
        )
    if any(isinstance(one, RevisionNotFoundError) for one in links):
        return f"{at}: it has no revision {model.revision}; set another in family.models.{model.key}.revision"
    if any(isinstance(one, RepositoryNotFoundError) for one in links):
        return (
            f"{at}: no such repository, or a private one; check family.models.{model.key}.hub_id, or "
            "log in with `hf auth login`"
        )
    also = " and tokenizer" if what == "tokenizer" else ""
    return (
        f"{at}: {_first_line(error)}; check the family's hub_id{also} and the network, or name a folder "
        "(models that were downloaded earlier are found under HF_HOME)"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
