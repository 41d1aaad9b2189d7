"""The family: models from the smallest to the largest, with where each is found."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cascade.generate.prompts import PromptStyle


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
        assistant: repository or local folder of a smaller model that writes ahead (speculative decoding).
        architecture: what its config.json says, for `weights=random`.
    """

    name: str
    hub_id: str
    tokenizer: str
    revision: str | None = None
    key: str = ""
    served_as: str = ""
    quantization: Mapping[str, Any] | None = None
    assistant: str | None = None
    architecture: Mapping[str, Any] | None = None

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
