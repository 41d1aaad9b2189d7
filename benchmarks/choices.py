"""Ways to choose plans, beside each other over many splits of one executed study, in every measure.

    python -m benchmarks.choices SPLITS[:FIRST_SEED] STUDY…

A STUDY is the output folder of one study, or its stage_tables.npz. Its runs do not depend on the split: one
`python run.py select=growing` (or anything with search.growing=also) serves all ways and all
splits. Every way chooses on the same validation sides and is judged on the same test sides (METHOD, Measures
of a choice); calibrations are fitted anew on each validation side. Differences are paired over the splits,
with Student's intervals; all splits share one recording. "promised" is what the way itself says of its plans'
accuracy: the validation accuracy, or what select.accuracy and select.promise make of it.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cascade.core.bootstrap import mean_of_studies
from cascade.core.plans import EXIT, ThetaChoice
from cascade.core.split import Split, balanced_split
from cascade.core.stage_acceptance import ByScore, calibrate
from cascade.core.stage_tables import StageTable, table_of_runs
from cascade.search.artifacts import STAGE_TABLES, Executed
from cascade.search.choose import falling_growing, falling_k, near_front, one_stage, select
from cascade.search.grid import Combinations, GridResult, grid_search
from cascade.search.measures import Measures, Sides, measures, paired_difference
from cascade.search.optimism import corrected, front_optimism, with_counted_singles
from cascade.search.plan_results import combination_outcomes

CONFIDENCE = 0.95
MAX_CANDIDATES = 10_000  # as in task=select
IN_SAMPLE = (0.70, 0.76, 0.80, 0.82)


@dataclass(frozen=True)
class Way:
    """A way of choosing; see `conf/select` and `conf/rule`."""

    theta: ThetaChoice
    falls: bool = False
    grows: bool = False
    calibrated: bool = False
    preset: bool = False  # growing plans alone, chosen by shrunk accuracies, promised corrected


WAYS = {
    "paper": Way(ThetaChoice.best),
    "pooled θ": Way(ThetaChoice.pooled),
    "select=robust": Way(ThetaChoice.best, falls=True),
    "growing": Way(ThetaChoice.best, grows=True),
    "calibrated": Way(ThetaChoice.best, calibrated=True),
    "both": Way(ThetaChoice.best, grows=True, calibrated=True),
    "both, pooled θ": Way(ThetaChoice.pooled, grows=True, calibrated=True),
    "select=growing": Way(ThetaChoice.near, grows=True, preset=True),
    "select=calibrated": Way(ThetaChoice.near, grows=True, calibrated=True, preset=True),
}
PAPER, POOLED = "paper", "pooled θ"


class Bench:
    """One executed study over many splits."""

    def __init__(self, executed: Executed, n_splits: int, first_seed: int = 0) -> None:
        """Make the splits that `seed=0`, `seed=1`, … (or those from another on) make by default."""
        self.executed = executed
        self.seeds = range(first_seed, first_seed + n_splits)
        prices = executed.provenance.prices
        self.usd_per_token = [prices[model].usd_per_token for model in executed.models]
        self.thetas = executed.tables[0].thetas
        self.by_score = [
            table_of_runs(runs, self.thetas, usd, ByScore(without_tests=True))
            for runs, usd in zip(executed.runs, self.usd_per_token, strict=True)
        ]
        greedy = np.stack([table.correct[table.options.index(EXIT)] for table in self.by_score])
        self.splits = [
            balanced_split(
                greedy,
                executed.models,
                seed=seed,
                validation_fraction=0.3,
                max_accuracy_gap=0.05,
                max_redraws=1000,
            )
            for seed in self.seeds
        ]
        # The cost up to which all ways' hypervolumes count: that of the dearest plan of fixed k.
        fixed = [fixed_options(table) for table in self.by_score]
        self.reference = [
            float(grid_search([table.at(split.test) for table in fixed]).usd_per_1k_queries.max())
            for split in self.splits
        ]

    @property
    def can_grow(self) -> bool:
        """Whether growing stages were run."""
        return any(option.growing for runs in self.executed.runs for option in runs.options)

    def executed_at(self, way: Way, split: Split, seed: int) -> Executed:
        """What a study with the way's acceptance makes of a split."""
        calibration = None
        tables = self.by_score
        if way.calibrated:
            calibration = tuple(
                calibrate(runs, split.validation, seed, without_tests=True) for runs in self.executed.runs
            )
            tables = tuple(
                table_of_runs(runs, self.thetas, usd, how)
                for runs, usd, how in zip(self.executed.runs, self.usd_per_token, calibration, strict=True)
            )
        return replace(self.executed, tables=tables, split=split, calibration=calibration)

    def judged(self, way: Way, number: int) -> Measures:
        """Every measure of one way on one split."""
        return measures(self.sides(way, number))

    def sides(self, way: Way, number: int) -> Sides:
        """What the measures of one way on one split read; as task=select and task=evaluate do it."""
        seed = self.seeds[number]
        executed = self.executed_at(way, self.splits[number], seed)
        validation, test = (
            [(table if way.grows else fixed_options(table)).at(side) for table in executed.tables]
            for side in (executed.split.validation, executed.split.test)
        )
        by = validation
        if way.preset:
            shrunk = executed.shrunk_tables(seed, without_tests=True)
            by = [table.at(executed.split.validation) for table in shrunk]
        grid = with_counted_singles(grid_search(by), validation)
        allowed = falling_k(grid.space) if way.falls else None
        if way.preset:
            allowed = falling_growing(grid.space)
        chosen = select(grid, way.theta, allowed)
        if way.preset:
            candidates = near_front(grid, chosen.candidates, MAX_CANDIDATES)
            grid = corrected(grid, *front_optimism(by, validation, grid, candidates, seed))
            chosen = select(grid, way.theta, allowed)
        test_grid, singles = grid_search(test), one_stage(grid)
        return Sides(
            front=promises(grid, chosen.front),
            singular=promises(grid, chosen.singular),
            front_test=combination_outcomes(test, grid, chosen.front),
            singular_test=combination_outcomes(test, grid, chosen.singular),
            is_cascade=~grid.space.one_stage[chosen.front.plan],
            one_stage_test=combination_outcomes(test, grid, singles),
            one_stage_k=grid.space.k[singles.plan].max(axis=1),
            best_front_test=promises(test_grid, select(test_grid, ThetaChoice.pooled).front),
            reference_cost=self.reference[number],
            front_validation=combination_outcomes(validation, grid, chosen.front)[0].mean(axis=1),
        )


def promises(grid: GridResult, some: Combinations) -> np.ndarray:
    """Float array (2, plans): what the grid says of some combinations, accuracy and cost."""
    return np.stack([grid.accuracy[some.theta, some.plan], grid.usd_per_1k_queries[some.theta, some.plan]])


def fixed_options(table: StageTable) -> StageTable:
    """The table without growing stages."""
    keep = [i for i, option in enumerate(table.options) if not option.growing]
    return table.part(keep, range(len(table.thetas)))


def load(argument: str) -> Executed:
    """The study in an output folder or a file."""
    path = Path(argument)
    executed = Executed.load(path / STAGE_TABLES if path.is_dir() else path)
    if not executed.runs:
        sys.exit(f"{argument}: was made before studies kept their runs; make it again")
    if executed.base_tables:
        sys.exit(f"{argument}: the test side has tests of its own; make it without dataset.prove_on")
    return executed


def columns(bench: Bench, way: Way) -> dict[str, np.ndarray]:
    """Every measure of a way on every split, by name."""
    found = [bench.judged(way, number).as_dict() for number in range(len(bench.splits))]
    return {name: np.array([one[name] for one in found]) for name in found[0]}


def cell(values: np.ndarray, scale: float, digits: int) -> str:
    """A mean with the half width of its interval."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return "–"
    mean = mean_of_studies(scale * known, CONFIDENCE)
    return f"{mean.value:.{digits}f} ± {mean.value - mean.interval.low:.{digits}f}"


def against(ours: np.ndarray, others: np.ndarray, scale: float, digits: int) -> str:
    """A paired difference with the half width of its interval."""
    more, _ = paired_difference(scale * ours, scale * others, CONFIDENCE)
    return f"{more.value:+.{digits}f} ± {(more.interval.high - more.interval.low) / 2:.{digits}f}"


HEADS = (
    "choice",
    "by target: cheaper (%)",
    "points",
    "cheaper, − paper's",
    "points, − paper's",
    "hypervolume",
    "− pooled θ's",
    "above it in",
    "at equal accuracy (%)",
    "gap (points)",
    "promised − test (points)",
    "mean saving, written (%)",
    "printed (%)",
)


def print_table(bench: Bench) -> None:
    """Print a row for every way."""
    print(f"| {' | '.join(HEADS)} |")
    print(f"| --- |{' ---: |' * (len(HEADS) - 1)}")
    paper, pooled = (columns(bench, WAYS[name]) for name in (PAPER, POOLED))
    for name, way in WAYS.items():
        if way.grows and not bench.can_grow:
            print(f"({name}: the study has no growing stages; run it with search.growing=also)")
            continue
        measured = {PAPER: paper, POOLED: pooled}.get(name) or columns(bench, way)
        volume, other = measured["hypervolume"], pooled["hypervolume"]
        cells = [
            name,
            cell(measured["saving_by_target"], 100, 1),
            cell(measured["accuracy_by_target"], 100, 2),
            against(measured["saving_by_target"], paper["saving_by_target"], 100, 1),
            against(measured["accuracy_by_target"], paper["accuracy_by_target"], 100, 2),
            cell(volume, 1, 3),
            against(volume, other, 1, 3),
            f"{int((volume > other).sum())} of {len(volume)}",
            cell(measured["saving_at_equal_accuracy"], 100, 1),
            cell(measured["generalization_gap"], 100, 1),
            cell(measured["promise_gap"], 100, 1),
            cell(measured["mean_saving_as_written"], 100, 1),
            cell(measured["mean_saving_as_printed"], 100, 1),
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def print_in_sample(bench: Bench) -> None:
    """Print what the cheapest plan for an accuracy costs where all problems choose and judge.

    No saving to expect, since the same problems choose: what the options of the search space can do at best.
    """
    everything = np.arange(len(bench.executed.task_ids))
    split = Split(everything, everything)
    print(
        f"\n| cheapest in sample, $ per 1,000 queries | {' | '.join(f'{100 * t:.0f} %' for t in IN_SAMPLE)} |"
    )
    print(f"| --- |{' ---: |' * len(IN_SAMPLE)}")
    for name in (PAPER, "growing", "calibrated", "both"):
        way = WAYS[name]
        if way.grows and not bench.can_grow:
            continue
        tables = bench.executed_at(way, split, bench.seeds[0]).tables
        grid = grid_search([table if way.grows else fixed_options(table) for table in tables])
        costs = [
            grid.usd_per_1k_queries[grid.accuracy >= target - 1e-12].min(initial=np.inf)
            for target in IN_SAMPLE
        ]
        cells = ["–" if np.isinf(cost) else f"{cost:.4g}" for cost in costs]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the tables of every study."""
    if len(sys.argv) < 3:
        sys.exit("python -m benchmarks.choices SPLITS[:FIRST_SEED] STUDY…")
    n_splits, _, first_seed = sys.argv[1].partition(":")
    for argument in sys.argv[2:]:
        executed = load(argument)
        names = executed.provenance
        print(
            f"\n{names.family} on {names.dataset} ({', '.join(executed.models)}), {names.hardware}, "
            f"{names.estimator}; {len(executed.task_ids)} problems, {n_splits} splits from seed "
            f"{first_seed or 0}\n"
        )
        bench = Bench(executed, int(n_splits), int(first_seed or 0))
        print_table(bench)
        print_in_sample(bench)


if __name__ == "__main__":
    main()
