"""How Optuna searches; apart from the search, so that a study is checked without loading Optuna."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OptunaSettings:
    """How to search.

    Attributes:
        sampler: ``nsga2``, ``tpe`` or ``random``.
        n_trials: finished trials that the study shall have in all, whoever ran them.
        population: size of NSGA-II's generations.
        per_stage_theta: every stage but the last has a θ of its own.
        storage: URL of a database that several processes may share and a stopped search goes on from;
            None for memory.
        seed: of the sampler in memory. On a storage every process draws on its own: with one seed
            all would try the same plans.
    """

    sampler: str
    n_trials: int
    population: int
    per_stage_theta: bool
    storage: str | None
    seed: int
