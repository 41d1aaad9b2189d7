"""What a study was made from: names, prices and seed, and the hashes of its inputs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cascade.core import Throughput


@dataclass(frozen=True)
class Provenance:
    """What a study was made from, as its stage tables and its `plans.json` keep it.

    Attributes:
        family, dataset, hardware: names.
        seed: of the split.
        estimator: how a stage's samples were taken, in words.
        prices: throughput and price by model name.
        hashes: of the inputs: config, prices, problems, samples.
        settings: what plans are run with: rule, no-tests rule, temperature, prompts, the models' names.
    """

    family: str
    dataset: str
    hardware: str
    seed: int
    estimator: str
    prices: Mapping[str, Throughput]
    hashes: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def usd_per_1m_tokens(self) -> dict[str, float]:
        """US dollars per million generated tokens, by model name."""
        return {model: price.usd_per_1m_tokens for model, price in self.prices.items()}

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Provenance":
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError: it is something else.
        """
        prices = {model: Throughput(**price) for model, price in content["prices"].items()}
        return cls(**{**content, "prices": prices})
