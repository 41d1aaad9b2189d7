"""The family: models from the smallest to the largest, with where each is found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cascade.generate.prompts import PromptStyle


@dataclass(frozen=True)
class Server:
    """Where one member is served, so far as it differs from what the generator says for all of them.

    Attributes:
        base_url: of the server, up to and with ``/v1``.
        api: completions or chat.
        key_variable: the environment variable that holds its key.
        concurrency: requests at a time.
        extra: fields that every request has besides, e.g. ``reasoning_effort``; they replace our own.
        gpus: of a server that we start, the GPUs that it is given; None for the fewest that hold it.
    """

    base_url: str | None = None
    api: str | None = None
    key_variable: str | None = None
    concurrency: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    gpus: int | None = None


@dataclass(frozen=True)
class Model:
    """One member of a family.

    Attributes:
        name: its name in the family, in recordings and in hardware profiles, e.g. ``7B``.
        hub_id: Hugging Face repository or local folder of its weights.
        tokenizer: repository or local folder of its tokenizer (`hub_id` unless said otherwise).
        revision: branch, tag or commit of the repository; None for the newest.
        key: its key in the configuration, e.g. ``m7B``.
        served_as: its name on an OpenAI-compatible server (`hub_id` unless said otherwise).
        quantization: a `quantization_config` of transformers; None for the checkpoint's own weights.
        draft_model: repository or local folder of a smaller model that writes ahead (speculative decoding).
        architecture: what its config.json says, for `weights=random`.
        gguf_file: name of the GGUF file in the repository or folder, whose weights and tokenizer are taken.
        prompts: how it is asked, where that is otherwise than the rest of its family.
        chat_template_kwargs: what its chat template is told besides, e.g. ``enable_thinking``.
        max_reasoning_tokens: tokens that it may think for before its answer begins, on top of the family's
            `max_new_tokens`.
        server: where it is served, where that differs from the generator's settings.
    """

    name: str
    hub_id: str
    tokenizer: str
    revision: str | None = None
    key: str = ""
    served_as: str = ""
    quantization: Mapping[str, Any] | None = None
    draft_model: str | None = None
    architecture: Mapping[str, Any] | None = None
    gguf_file: str | None = None
    prompts: PromptStyle | None = None
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    max_reasoning_tokens: int = 0
    server: Server = field(default_factory=Server)

    @property
    def settings(self) -> dict[str, Any]:
        """What a plan file keeps of it: whose weights it has, and how it is asked."""
        return {
            "hub_id": self.hub_id,
            "served_as": self.served_as,
            "revision": self.revision,
            "quantization": self.quantization,
            "gguf_file": self.gguf_file,
            "prompts": None if self.prompts is None else asdict(self.prompts),
            "chat_template_kwargs": dict(self.chat_template_kwargs),
            "max_reasoning_tokens": self.max_reasoning_tokens,
        }

    def at(self, revision: str | None) -> "Model":
        """The same at another revision."""
        return replace(self, revision=revision)


@dataclass(frozen=True)
class Family:
    """Models m_1..m_n from the smallest to the largest (paper section 3.1).

    Attributes:
        name: the family's name.
        models: its members.
        prompts: how they are asked.
        max_new_tokens: most tokens that one sample may have (1,024 in the paper, section 4.3).
    """

    name: str
    models: tuple[Model, ...]
    prompts: PromptStyle = field(default_factory=PromptStyle)
    max_new_tokens: int = 1024
