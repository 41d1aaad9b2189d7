"""Rivals on the same samples: single models, best-of-n, the paper's choice and ours, over many splits.

    python -m benchmarks.rivals SPLITS STUDY…

A STUDY is the output folder of one study, or its stage_tables.npz, which does not depend on the split. Every
way chooses on the same validation sides and is judged on the same test sides, against the chosen plans of one
model. Paired differences are to the paper's choice, with Student's intervals over the splits; all splits
share one recording. "by target" has no meaning for one plan alone: those rows have cost and accuracy.
"""

import sys

import numpy as np

from benchmarks.choices import Bench, load
from cascade.core.bootstrap import mean_of_studies
from cascade.core.plans import EXIT, ThetaChoice
from cascade.core.split import Split
from cascade.search.artifacts import Executed
from cascade.search.choose import falling_k, select
from cascade.search.grid import Combinations, GridResult, grid_search
from cascade.search.measures import Measures, Sides, measures, paired_difference
from cascade.search.plan_results import combination_outcomes

CONFIDENCE = 0.95
# name -> (θ, whether k falls); the paper's choice first: the others are compared with it
WAYS = {
    "the paper's choice": (ThetaChoice.best, False),
    "pooled θ": (ThetaChoice.pooled, False),
    "k falls": (ThetaChoice.best, True),
    "k falls, pooled θ": (ThetaChoice.pooled, True),
}


def results(grid: GridResult, some: Combinations) -> np.ndarray:
    """Accuracy and cost of some combinations."""
    return np.stack([grid.accuracy[some.theta, some.plan], grid.usd_per_1k_queries[some.theta, some.plan]])


def judged(executed: Executed, split: Split, theta: ThetaChoice, *, falls: bool) -> Measures:
    """Every measure of one way of choosing on one split."""
    sides = [[table.at(side) for table in executed.tables] for side in (split.validation, split.test)]
    validation, test = (grid_search(side) for side in sides)
    chosen = select(validation, theta, allowed=falling_k(validation.space) if falls else None)
    best = select(test, ThetaChoice.pooled).front
    one_stage = np.flatnonzero(test.space.one_stage)
    singles = Combinations(np.zeros_like(one_stage), one_stage)
    return measures(
        Sides(
            results(validation, chosen.front),
            results(validation, chosen.singular),
            combination_outcomes(sides[1], test, chosen.front),
            combination_outcomes(sides[1], test, chosen.singular),
            ~validation.space.one_stage[chosen.front.plan],
            combination_outcomes(sides[1], test, singles),
            test.space.k[one_stage].max(axis=1),
            results(test, best),
            float(test.usd_per_1k_queries.max()),
        )
    )


def ways_table(executed: Executed, splits: list[Split]) -> None:
    """Print a row for each way of choosing."""
    print("| choice | by target: cheaper, points | hypervolume (to the paper's) | at equal accuracy | gap "
          "| mean saving as written | as printed |\n| --- |" + " ---: |" * 6)  # fmt: skip
    first: np.ndarray | None = None
    for name, (theta, falls) in WAYS.items():
        found = [judged(executed, split, theta, falls=falls).as_dict() for split in splits]
        column = {key: np.array([one[key] for one in found]) for key in found[0]}
        mean = {key: 100 * float(np.nanmean(values)) for key, values in column.items()}
        volume = column["hypervolume"]
        against = ""
        if first is None:
            first = volume
        else:
            more, larger = paired_difference(volume, first, CONFIDENCE)
            half = (more.interval.high - more.interval.low) / 2
            against = f" ({more.value:+.3f} ± {half:.3f}, {larger} of {len(splits)})"
        print(
            f"| {name} | {mean['saving_by_target']:.1f} %, {mean['accuracy_by_target']:+.1f} "
            f"| {volume.mean():.3f}{against} | {mean['saving_at_equal_accuracy']:.1f} % "
            f"| {mean['generalization_gap']:.1f} | {mean['mean_saving_as_written']:.1f} % "
            f"| {mean['mean_saving_as_printed']:.1f} % |",
            flush=True,
        )


def singles_table(executed: Executed, splits: list[Split]) -> None:
    """Print cost and accuracy of what needs no choice: single models, two routers, best-of-n."""
    greedy = [table.options.index(EXIT) for table in executed.tables]
    right = np.stack([t.correct[o] for t, o in zip(executed.tables, greedy, strict=True)])
    usd = 1000 * np.stack([t.usd[o] for t, o in zip(executed.tables, greedy, strict=True)])
    # The oracle asks the smallest model that is right, the largest where none is, and pays for it alone.
    first = np.where(right.max(axis=0) > 0, (right > 0).argmax(axis=0), len(right) - 1)
    at = np.arange(right.shape[1])
    rows = {f"{m} greedy": (r, c) for m, r, c in zip(executed.models, right, usd, strict=True)}
    rows["random model, greedy"] = right.mean(axis=0), usd.mean(axis=0)
    rows["oracle router (bound)"] = right[first, at], usd[first, at]
    for model, table in zip(executed.models, executed.tables, strict=True):
        for o, option in enumerate(table.options):
            if option == max(table.options):
                rows[f"{model} {option}, its best by tests"] = table.correct[o], 1000 * table.usd[o]
    print("| no choice | $ per 1,000 queries | right (%) |\n| --- | ---: | ---: |")
    for name, (answers, cost) in rows.items():
        accuracy = mean_of_studies(np.array([answers[split.test].mean() for split in splits]), CONFIDENCE)
        print(
            f"| {name} | {np.mean([cost[s.test].mean() for s in splits]):.4g} | {100 * accuracy.value:.1f} |"
        )


def main() -> None:
    """Print both tables for every study."""
    if len(sys.argv) < 3:
        sys.exit("python -m benchmarks.rivals SPLITS STUDY…")
    for argument in sys.argv[2:]:
        executed = load(argument)
        splits = Bench(executed, int(sys.argv[1])).splits
        print(f"\n{argument}: {', '.join(executed.models)}, {len(splits)} splits\n")
        singles_table(executed, splits)
        print()
        ways_table(executed, splits)


if __name__ == "__main__":
    main()
