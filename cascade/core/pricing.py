"""What a token costs: GPU time x GPUs x price per GPU-hour (paper section 3.4, Table 2)."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Throughput:
    """How fast a model writes on a hardware at full batch, and so what its tokens cost.

    Attributes:
        gpus: number of GPUs that one copy of the model occupies.
        seconds_per_1k_tokens: wall time per 1,000 generated tokens at the largest batch; None
            where only the price is known.
        usd_per_1m_tokens: US dollars per million generated tokens.
        batch: the batch size it was measured at; None if not recorded.
    """

    gpus: int
    seconds_per_1k_tokens: float | None
    usd_per_1m_tokens: float
    batch: int | None

    @classmethod
    def measured(
        cls, seconds_per_1k_tokens: float, gpus: int, usd_per_gpu_hour: float, batch: int | None
    ) -> "Throughput":
        """The throughput and its price, from the measured time."""
        usd = usd_per_1m_tokens(seconds_per_1k_tokens, gpus, usd_per_gpu_hour)
        return cls(gpus, seconds_per_1k_tokens, usd, batch)

    @property
    def hours_per_1m_tokens(self) -> float | None:
        """Table 2's Time(h): hours per million tokens."""
        seconds = self.seconds_per_1k_tokens
        return None if seconds is None else seconds * 1000 / SECONDS_PER_HOUR

    @property
    def usd_per_token(self) -> float:
        """US dollars per generated token."""
        return usd_per_token(self.usd_per_1m_tokens)


def usd_per_1m_tokens(seconds_per_1k_tokens: float, gpus: int, usd_per_gpu_hour: float) -> float:
    """US dollars per million generated tokens from a measured throughput.

    The paper prints c = T x N_t x C, which is not a price per token; its Table 2 is this formula
    (2.17 h x 2 GPUs x 0.44 $/h = 1.91 $).

    Args:
        seconds_per_1k_tokens: wall time of 1,000 generated tokens at full batch.
        gpus: how many GPUs one copy of the model occupies.
        usd_per_gpu_hour: price of one of them.
    """
    return seconds_per_1k_tokens * 1000 / SECONDS_PER_HOUR * gpus * usd_per_gpu_hour


def usd_per_token(usd_per_1m_tokens: float) -> float:
    """US dollars per generated token, from the price of a million."""
    return usd_per_1m_tokens / 1e6


Usd = TypeVar("Usd", float, NDArray[np.float64])


def usd_per_1k_queries(usd_per_query: Usd) -> Usd:
    """US dollars per 1,000 queries, the unit of every plan's cost, from those of a single one."""
    return 1000 * usd_per_query


@dataclass(frozen=True)
class Hardware:
    """A hardware profile: the throughput of the models it was measured for.

    Attributes:
        name: the profile's name.
        usd_per_gpu_hour: what one GPU (or one machine without any) costs for an hour, in US dollars.
        throughput: by data set, family and model name; None where the generator measures it.
    """

    name: str
    usd_per_gpu_hour: float
    throughput: dict[str, dict[str, dict[str, Throughput]]] | None
