"""Which GPUs a member's server is given: the smallest 2^g that hold a batch of 10 (paper section 4.3)."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cascade.base import CascadeError
from cascade.generate.family import Model
from cascade.generate.identity import first_line, unloadable

# The paper's batch, and the part of a GPU's memory that weights, keys and values may take.
PAPER_BATCH, USABLE_SHARE = 10, 0.9
# Bytes of a value in half precision, which servers keep keys and values in.
BYTES_OF_A_VALUE = 2
QUERY = ("nvidia-smi", "--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Gpu:
    """One GPU: what CUDA_VISIBLE_DEVICES calls it, and the bytes of its memory."""

    name: str
    memory: int


def visible_gpus() -> tuple[Gpu, ...]:
    """This machine's GPUs that CUDA_VISIBLE_DEVICES leaves us; none where the driver's tool is missing."""
    try:
        said = subprocess.run(QUERY, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    if said.returncode != 0:
        return ()
    return chosen_gpus(said.stdout, os.environ.get("CUDA_VISIBLE_DEVICES"))


def chosen_gpus(table: str, visible: str | None) -> tuple[Gpu, ...]:
    """The GPUs of nvidia-smi's table that CUDA_VISIBLE_DEVICES names, in its order; None names all.

    Args:
        table: lines of index, UUID and memory in MiB.
        visible: the variable's value: indices, or UUIDs that may be cut short.
    """
    rows = [[part.strip() for part in line.split(",")] for line in table.splitlines() if line.strip()]
    if visible is None:
        return tuple(Gpu(index, int(mib) << 20) for index, _, mib in rows)
    chosen = []
    for name in filter(None, (part.strip() for part in visible.split(","))):
        match = [mib for index, uuid, mib in rows if name == index or uuid.startswith(name)]
        if len(match) != 1:
            break  # as CUDA does: what stands behind a name that is none does not count
        chosen.append(Gpu(name, int(match[0]) << 20))
    return tuple(chosen)


def gpus_needed(weight_bytes: int, bytes_per_column: int, columns: int, gpu_bytes: int) -> int:
    """The smallest power of two of GPUs that holds the weights and a batch of 10.

    Args:
        weight_bytes: of the model.
        bytes_per_column: keys and values that one token of one row takes.
        columns: the longest prompt and answer, in tokens.
        gpu_bytes: memory of one GPU.
    """
    needed = weight_bytes + PAPER_BATCH * columns * bytes_per_column
    gpus = 1
    while gpus * USABLE_SHARE * gpu_bytes < needed:
        gpus *= 2
    return gpus


def bytes_per_column(config: Mapping[str, Any]) -> int:
    """Bytes of keys and values of one token, of a config.json; an upper bound where layers keep fewer."""
    layers = _first(config, "num_hidden_layers", "n_layer")
    heads = _first(config, "num_attention_heads", "n_head")
    kv_heads = 1 if config.get("multi_query") else _first(config, "num_key_value_heads") or heads
    size = _first(config, "head_dim") or _first(config, "hidden_size", "n_embd") // max(heads, 1)
    if rank := _first(config, "kv_lora_rank"):  # DeepSeek's latent attention keeps one compressed vector
        return layers * (rank + _first(config, "qk_rope_head_dim")) * BYTES_OF_A_VALUE
    return 2 * layers * kv_heads * size * BYTES_OF_A_VALUE


def positions(config: Mapping[str, Any]) -> int | None:
    """How many tokens the model has room for; None where its config.json does not say."""
    return _first(config, "max_position_embeddings", "n_positions") or None


def _first(config: Mapping[str, Any], *keys: str) -> int:
    return next((int(config[key]) for key in keys if config.get(key)), 0)


def read_config(model: Model) -> dict[str, Any]:
    """A pinned model's config.json, the language model's part of it.

    Raises:
        CascadeError: it is missing, gated or broken.
    """
    try:
        path = Path(model.hub_id, "config.json")
        if not path.exists():
            from huggingface_hub import hf_hub_download  # slow, and local folders do without

            path = Path(hf_hub_download(model.hub_id, "config.json", revision=model.revision))
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except Exception as error:  # what the hub's client raises is of a dozen kinds
        raise CascadeError(unloadable("config.json", model, model.hub_id, error)) from None
    return {**config, **config.get("text_config", {})}


def weight_bytes(model: Model) -> int:
    """Bytes of a pinned model's weights: of the files in its folder, or that the hub lists.

    Raises:
        CascadeError: nobody says.
    """
    folder = Path(model.hub_id)
    try:
        if folder.is_dir():
            sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
        else:
            from huggingface_hub import HfApi

            files = HfApi().model_info(model.hub_id, revision=model.revision, files_metadata=True).siblings
            sizes = {file.rfilename: file.size or 0 for file in files or ()}
    except Exception as error:
        raise CascadeError(_unknown(model, first_line(error))) from None
    for suffix in (".safetensors", ".bin"):
        # Only the top folder: some repositories hold the weights a second time in another format.
        if total := sum(size for name, size in sizes.items() if name.endswith(suffix) and "/" not in name):
            return total
    raise CascadeError(_unknown(model, "no weights are listed"))


def _unknown(model: Model, why: str) -> str:
    return (
        f"{model.name}: how large its weights are cannot be told ({why}); say how many GPUs it is given: "
        f"family.models.{model.key}.server.gpus"
    )
