"""Ways to choose plans, beside each other over many splits of one executed study, in every measure.

    python -m benchmarks.choices SEEDS STAGE_TABLES.npz …

The stage tables do not depend on the split: one `task=run` serves all of them (with search.growing=also it
serves growing stages too). Every way chooses on the same validation sides and is judged on the same test
sides by the same tables (METHOD, Measures of a choice). Differences are paired with the first row; intervals
are Student's over the splits, which all share one recording.
"""

import sys
from pathlib import Path

import numpy as np

from cascade.core.bootstrap import mean_of_studies
from cascade.core.plans import EXIT, ThetaChoice
from cascade.core.split import Split, balanced_split
from cascade.core.stage_tables import StageTable
from cascade.search.artifacts import Executed
from cascade.search.choose import falling_k, select
from cascade.search.grid import grid_search
from cascade.search.measures import Measures, Sides, measures
from cascade.search.plan_results import combination_outcomes

# name -> (how θ is chosen, whether k falls, whether stages may grow)
WAYS = {
    "paper": (ThetaChoice.best, False, False),
    "pooled θ": (ThetaChoice.pooled, False, False),
    "k falls": (ThetaChoice.best, True, False),
    "k falls, pooled θ": (ThetaChoice.pooled, True, False),
    "growing": (ThetaChoice.best, False, True),
    "growing, pooled θ": (ThetaChoice.pooled, False, True),
    "growing, k falls, pooled θ": (ThetaChoice.pooled, True, True),
}


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


def judged(tables: list[StageTable], split: Split, way: str, reference_cost: float) -> Measures:
    """Every measure of one way on one split."""
    choice, falls, grows = WAYS[way]
    if not grows:
        tables = [fixed_options(table) for table in tables]
    validation, test = ([table.at(side) for table in tables] for side in (split.validation, split.test))
    grid, test_grid = grid_search(validation), grid_search(test)
    chosen = select(grid, choice, falling_k(grid.space) if falls else None)
    own = select(test_grid, choice).front
    one_stage = chosen.candidates[grid.space.one_stage[chosen.candidates.plan]]
    return measures(
        Sides(
            front=combination_outcomes(validation, grid, chosen.front).mean(axis=2),
            singular=combination_outcomes(validation, grid, chosen.singular).mean(axis=2),
            front_test=combination_outcomes(test, grid, chosen.front),
            singular_test=combination_outcomes(test, grid, chosen.singular),
            is_cascade=~grid.space.one_stage[chosen.front.plan],
            one_stage_test=combination_outcomes(test, grid, one_stage),
            one_stage_k=grid.space.k[one_stage.plan].max(axis=1),
            best_front_test=combination_outcomes(test, test_grid, own).mean(axis=2),
            reference_cost=reference_cost,
        )
    )


def fixed_options(table: StageTable) -> StageTable:
    """The table without growing stages."""
    keep = [i for i, option in enumerate(table.options) if not option.growing]
    return table.part(keep, range(len(table.thetas)))


def dearest(tables: list[StageTable], split: Split) -> float:
    """The cost up to which all ways' hypervolumes count: that of the dearest plan of fixed k."""
    test = [fixed_options(table).at(split.test) for table in tables]
    return float(grid_search(test).usd_per_1k_queries.max())


def cell(values: np.ndarray, scale: float, digits: int) -> str:
    """A mean with the half width of its interval."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return "–"
    mean = mean_of_studies(scale * known, 0.95)
    return f"{mean.value:.{digits}f} ± {mean.value - mean.interval.low:.{digits}f}"


def main() -> None:
    """Print a row for every way and every file."""
    if len(sys.argv) < 3:
        sys.exit("python -m benchmarks.choices SEEDS STAGE_TABLES.npz …")
    heads = ("tables", "choice", "by target: cheaper (%)", "points", "hypervolume", "minus the first row")
    heads += ("above it", "at equal accuracy (%)", "gap (points)", "mean saving, written (%)", "printed (%)")
    print(f"| {' | '.join(heads)} |")
    print(f"| --- | --- |{' ---: |' * (len(heads) - 2)}")
    for path in sys.argv[2:]:
        executed = Executed.load(Path(path))
        tables = list(executed.tables)
        own = splits(executed, int(sys.argv[1]))
        costs = [dearest(tables, split) for split in own]
        can_grow = any(table.growing is not None for table in tables)
        first: np.ndarray | None = None
        for way, (_, _, grows) in WAYS.items():
            if grows and not can_grow:
                continue
            found = [judged(tables, split, way, cost) for split, cost in zip(own, costs, strict=True)]
            column = {name: np.array([one.as_dict()[name] for one in found]) for name in found[0].as_dict()}
            first = column["hypervolume"] if first is None else first
            more = column["hypervolume"] - first
            cells = [
                executed.provenance.estimator.partition("(")[0],
                way,
                cell(column["saving_by_target"], 100, 1),
                cell(column["accuracy_by_target"], 100, 1),
                cell(column["hypervolume"], 1, 3),
                cell(more, 1, 3),
                f"{int((more > 0).sum())} of {len(own)}",
                cell(column["saving_at_equal_accuracy"], 100, 1),
                cell(column["generalization_gap"], 100, 1),
                cell(column["mean_saving_as_written"], 100, 1),
                cell(column["mean_saving_as_printed"], 100, 1),
            ]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
