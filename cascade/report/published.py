"""What the paper printed for a family, a data set and a hardware, from `published.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cascade.core import Option


@dataclass(frozen=True)
class Speed:
    """A row of the paper's Table 2, for a million generated tokens."""

    gpus: int
    hours: float
    batch: int
    usd: float


@dataclass(frozen=True)
class ThetaPeak:
    """What the paper's Figure 6 says of one plan: its best accuracy over θ, on all problems."""

    options: tuple[Option, ...]
    theta: float
    accuracy: float
    usd_per_1k_queries: float


@dataclass(frozen=True)
class Published:
    """The paper's cells for one family, data set and hardware; empty or None where it has none.

    Attributes:
        accuracy: Table 1, share of problems that greedy solutions get right, by model.
        usd_per_1m_tokens: Table 1, mean of three data sets, by model.
        speed: Table 2, by model.
        saving: Table 3, mean share of cost saved.
        curve_saving: Figure 1, mean distance of the curves as a share of cost.
        solved: Figure 2, number of problems by the set of models that solve them.
        peak: Figure 6.
    """

    accuracy: Mapping[str, float]
    usd_per_1m_tokens: Mapping[str, float]
    speed: Mapping[str, Speed]
    saving: float | None
    curve_saving: float | None
    solved: Mapping[frozenset[str], int]
    peak: ThetaPeak | None


def published(family: str, dataset: str, hardware: str) -> Published:
    """The paper's cells that have the same family, data set and, where dollars are in them, hardware."""
    cells = _cells()
    priced = hardware == cells["hardware"]

    def of(table: str) -> Any:
        return cells[table].get(family, {}).get(dataset)

    saving, curve, peak = (of(t) for t in ("table_3_saving", "figure_1_saving", "figure_6"))
    return Published(
        accuracy={m: percentage / 100 for m, percentage in (of("table_1_greedy_accuracy") or {}).items()},
        usd_per_1m_tokens=cells["table_1_usd_per_1m_tokens"].get(family, {}) if priced else {},
        speed={m: Speed(**entry) for m, entry in cells["table_2"].get(dataset, {}).get(family, {}).items()}
        if priced
        else {},
        saving=saving / 100 if priced and saving is not None else None,
        curve_saving=curve / 100 if priced and curve is not None else None,
        solved={frozenset(e["models"]): e["problems"] for e in of("figure_2_problems") or ()},
        peak=ThetaPeak(
            tuple(Option(*stage) for stage in peak["plan"]),
            peak["theta"],
            peak["accuracy"] / 100,
            peak["usd_per_1k_queries"],
        )
        if priced and peak is not None
        else None,
    )


@cache
def _cells() -> Any:
    path = Path(__file__).with_name("published.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))
