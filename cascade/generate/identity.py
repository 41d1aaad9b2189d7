"""What a model's samples are known by, told without loading it, and the line for one that is not there."""

import hashlib
from pathlib import Path

from cascade.base import CascadeError, reach_hub
from cascade.generate.family import Model

WEIGHTS_AND_SETTINGS = (".json", ".safetensors", ".bin", ".txt", ".model", ".jinja", ".gguf")


def pinned(model: Model) -> Model:
    """The model with its revision as a commit, so that a branch that moves on does not mix samples.

    Raises:
        CascadeError: the repository is missing, gated or out of reach.
    """
    if Path(model.hub_id).is_dir():
        return model
    if Path(model.hub_id).is_absolute() or model.hub_id.startswith("."):
        raise CascadeError(f"{model.name}: no model can be loaded from {model.hub_id}: no such folder")
    from transformers.utils.hub import cached_file, extract_commit_hash  # slow, and local folders do without

    reach_hub()
    try:
        config = cached_file(model.hub_id, "config.json", revision=model.revision)
    except Exception as error:  # what the hub's client raises is of a dozen kinds
        raise CascadeError(unloadable("model", model, model.hub_id, error)) from None
    return model.at(extract_commit_hash(config, None) or model.revision)


def fingerprint(model: Model) -> str:
    """What a pinned model's samples are known by: repository and commit, or the content of a local folder."""
    ways = "".join(
        f" {name}={value!r}"
        for name, value in (
            ("quantization", model.quantization),
            ("draft_model", model.draft_model),
            ("gguf_file", model.gguf_file),
            ("chat_template_kwargs", dict(model.chat_template_kwargs) or None),
        )
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


def unloadable(what: str, model: Model, source: str, error: Exception) -> str:
    """One line: what cannot be loaded from where, why, and what to do."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    if any(isinstance(one, KeyboardInterrupt) for one in links):
        raise KeyboardInterrupt from None  # inside an import, whose own error came on top
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
        f"{at}: {first_line(error)}; check the family's hub_id{also} and the network, or name a folder "
        "(models that were downloaded earlier are found under HF_HOME)"
    )


def first_line(error: Exception) -> str:
    """What went wrong, without the rest of the story."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
