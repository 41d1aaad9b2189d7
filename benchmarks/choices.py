"""Ways to choose plans, beside each other over many splits of one executed study.

    python -m benchmarks.choices SEEDS STAGE_TABLES.npz …

The stage tables do not depend on the split: one `task=run` serves all of them. Every way chooses on
the same validation sides and is judged on the same test sides, by the tables that it chose from.
Intervals are Student's over the splits; all of them share one recording.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.sweep import mean_and_interval
from cascade.core.plans import EXIT, ThetaChoice, plan_space
from cascade.core.split import Split, balanced_split
from cascade.search.artifacts import Executed
from cascade.search.choose import falling_k, select
from cascade.search.cross_validation import nested_savings
from cascade.search.grid import GridResult, grid_search
from cascade.search.mean_saving import cost_savings
from cascade.search.measures import regret
from cascade.tasks.select import NESTED_SPLITS

# name -> (one θ a stage, front over all θ, which plans)
WAYS = {
    "paper": (False, False, "all"),
    "pooled θ": (False, True, "all"),
    "θ a stage": (True, True, "all"),
    "k falls": (False, False, "falling_k"),
    "k falls, θ a stage": (True, True, "falling_k"),
    "nested": (False, False, "nested"),
}
Nested = dict[str, float]  # what each set of plans saves inside a validation side


def splits(executed: Executed, n_seeds: int) -> list[Split]:
    """The splits that `seed=0`, `seed=1`, … make with the default settings."""
    greedy = np.stack([table.correct[table.options.index(EXIT)] for table in executed.tables])
    return [
        balanced_split(
            greedy,
            executed.models,
            seed=seed,
            validation_fraction=0.3,
            max_accuracy_gap=0.05,
            max_redraws=1000,
        )
        for seed in range(n_seeds)
    ]


def nested(executed: Executed, split: Split, seed: int) -> Nested:
    """As `select.plans=nested` does it with `seed=`."""
    tables = [table.at(split.validation) for table in executed.tables]
    space = plan_space([table.options for table in tables])
    sets = {"all": np.ones(len(space), dtype=bool), "falling_k": falling_k(space)}
    return nested_savings(tables, sets, theta_choice=ThetaChoice.best, n_splits=NESTED_SPLITS, seed=seed)


def judged(executed: Executed, split: Split, inside: Nested, way: str) -> tuple[float, float, float]:
    """Mean saving on the test side (NaN where there is none to compare), the drop, and the regret."""
    per_stage, pooled, plans = WAYS[way]
    sides = [[table.at(side) for table in executed.tables] for side in (split.validation, split.test)]
    validation, test = (grid_search(side, per_stage_theta=per_stage) for side in sides)
    if plans == "nested":
        plans = max(inside, key=lambda name: inside[name])
    allowed = falling_k(test.space) if plans == "falling_k" else None
    chosen = select(validation, ThetaChoice.pooled if pooled else ThetaChoice.best, allowed).front
    own = select(test, ThetaChoice.pooled if pooled else ThetaChoice.best).front
    at, best = (chosen.theta, chosen.plan), (own.theta, own.plan)
    cost, accuracy = test.usd_per_1k_queries[at], test.accuracy[at]
    missed = regret(
        np.stack([accuracy, cost]),
        np.stack([test.accuracy[best], test.usd_per_1k_queries[best]]),
        float(test.usd_per_1k_queries.max()),
    )
    return (
        mean_saving(test, cost, accuracy, test.space.one_stage[chosen.plan]),
        float((validation.accuracy[at] - accuracy).mean()),
        missed,
    )


def mean_saving(test: GridResult, cost: np.ndarray, accuracy: np.ndarray, alone: np.ndarray) -> float:
    """Over the cascade plans (paper Table 3)."""
    one_stage = test.space.one_stage
    found = cost_savings(
        cost[~alone],
        accuracy[~alone],
        test.usd_per_1k_queries[0, one_stage],
        test.accuracy[0, one_stage],
    )
    return float(np.nanmean(found)) if not np.isnan(found).all() else np.nan


def main() -> None:
    """Print a row for every way and every file."""
    if len(sys.argv) < 3:
        sys.exit("python -m benchmarks.choices SEEDS STAGE_TABLES.npz …")
    print("| tables | choice | mean saving (%) | sd | range | drop (points) | regret (%) |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    notes = []
    for path in sys.argv[2:]:
        executed = Executed.load(Path(path))
        own = splits(executed, int(sys.argv[1]))
        inside = [nested(executed, split, seed) for seed, split in enumerate(own)]
        for way in WAYS:
            results = np.array([judged(executed, *both, way) for both in zip(own, inside, strict=True)])
            saving = results[~np.isnan(results[:, 0]), 0]
            cells = [
                executed.provenance.estimator.partition("(")[0],
                way,
                mean_and_interval(saving),
                f"{100 * saving.std(ddof=1):.1f}",
                f"{100 * saving.min():.0f} to {100 * saving.max():.0f}",
                mean_and_interval(results[:, 1]),
                f"{100 * results[:, 2].mean():.1f}",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)
        mean = {name: 100 * np.mean([one[name] for one in inside]) for name in inside[0]}
        n_better = sum(one["falling_k"] > one["all"] for one in inside)
        notes.append(
            f"{cells[0]}, inside the validation sides, from half to half: all plans save "
            f"{mean['all']:.1f} %, falling_k saves {mean['falling_k']:.1f} %, "
            f"and more in {n_better} of {len(own)}."
        )
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main()
