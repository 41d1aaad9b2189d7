"""What is searched and how (`conf/search/`); apart from the searches: a check does not load Optuna."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from cascade.core import Growing

# OmegaConf's mark for a value that every file must give; its own name for it would load the library.
MISSING: Any = "???"


class Sampler(Enum):
    """How Optuna draws plans."""

    nsga2 = "nsga2"
    tpe = "tpe"
    random = "random"


@dataclass(frozen=True)
class SearchSettings:
    """The plans that are searched.

    Attributes:
        k, l: what the options are made of; see `cascade.core.option_space`.
        theta: the grid of thresholds.
        per_stage_theta: whether every stage that looks at a threshold has its own.
        growing: whether growing stages are options too.
    """

    k: list[int] = MISSING
    l: list[int] = MISSING  # noqa: E741 - the paper's own letter
    theta: list[float] = MISSING
    per_stage_theta: bool = False
    growing: Growing = Growing.off


@dataclass(frozen=True)
class ExactSettings(SearchSettings):
    """The exact front by branch and bound; see `cascade.search.exact`."""

    per_stage_theta: bool = True


@dataclass(frozen=True)
class OptunaSettings(SearchSettings):
    """Trials instead of all plans; see `cascade.search.optuna_search`.

    Attributes:
        sampler: how plans are drawn.
        trials: finished trials that the study shall have in all, whoever ran them.
        population: size of NSGA-II's generations.
        storage: URL of a database that several processes may share and a stopped search goes on from;
            None for memory.
    """

    sampler: Sampler = Sampler.nsga2
    trials: int = 2000
    population: int = 50
    storage: str | None = None
