"""How often the intervals that a study prints hold the truth, and certified plans their promise.

    python -m benchmarks.coverage TIMES STUDY

The problems of a STUDY (its output folder) stand for a population that is known wholly: as many problems as
a validation or a test side has are drawn from them with replacement, TIMES over, and every kind of interval
is made of each draw as a study makes it. Plans are those that all the study's problems choose; nothing of the
draws chooses them, but for certificates, which order plans on one draw and test them on another.
"""

import sys
from collections import defaultdict

import numpy as np

from benchmarks.choices import Bench, fixed_options, load
from cascade.core.bootstrap import Interval, Measured, problem_weights
from cascade.core.plans import ThetaChoice
from cascade.search.certify import Promise, certify
from cascade.search.choose import select
from cascade.search.evaluate import difference, estimates, generalization_gap, savings
from cascade.search.grid import grid_search
from cascade.search.measures import Sides, at_equal_accuracy_measured, by_target_measured
from cascade.search.plan_results import combination_outcomes

SIZES = (49, 115)
CONFIDENCE, REPLICATES = 0.95, 1000
Ends = tuple[float, float]


class Population:
    """The chosen plans of a study on all its problems."""

    def __init__(self, bench: Bench) -> None:
        """Take the pooled front of the study's fixed plans and the front of its one-stage plans."""
        tables = [fixed_options(table) for table in bench.by_score]
        grid = grid_search(tables)
        chosen = select(grid, ThetaChoice.pooled)
        self.plans = grid.plans(chosen.front)
        self.front = combination_outcomes(tables, grid, chosen.front)
        self.singular = combination_outcomes(tables, grid, chosen.singular)
        self.cascades = self.front[:, ~grid.space.one_stage[chosen.front.plan]]

    def sides(self, problems: np.ndarray) -> Sides:
        """What the measures by target read, of some problems; all of them pick the plans."""
        front, singular = self.front.mean(axis=2), self.singular.mean(axis=2)
        none = np.ones(len(front[0]), dtype=bool)
        return Sides(
            front,
            singular,
            self.front[:, :, problems],
            self.singular[:, :, problems],
            none,
            self.singular[:, :, problems],
            np.zeros(self.singular.shape[1], dtype=np.int64),
            front,
            float(front[1].max()),
        )


def intervals_of(
    population: Population, problems: np.ndarray, seed: int
) -> dict[str, list[tuple[float, float]]]:
    """By kind the ends of every interval that a study would print of some problems."""
    weights = problem_weights(len(problems), REPLICATES, seed)
    found: dict[str, list[Ends]] = defaultdict(list)

    def add(name: str, measured: Measured | Interval | None) -> None:
        interval = getattr(measured, "interval", measured)
        found[name].append((np.nan, np.nan) if measured is None else (interval.low, interval.high))

    for one in estimates(population.front[:, :, problems], weights, CONFIDENCE):
        add("a plan's accuracy", one.accuracy_interval)
        add("a plan's cost", one.usd_interval)
    last = population.singular[:, -1][:, problems]
    for i in range(population.cascades.shape[1]):
        gained, saved = difference(population.cascades[:, i][:, problems], last, weights, CONFIDENCE)
        add("accuracy against the largest", gained)
        add("cost against the largest", saved)
    whole = population.sides(problems)
    by_target = by_target_measured(whole, weights, CONFIDENCE)
    assert by_target is not None
    add("by target: saving", by_target[0])
    add("by target: accuracy", by_target[1])
    add("at equal accuracy", at_equal_accuracy_measured(whole, weights, CONFIDENCE))
    singular = population.singular[:, :, problems]
    add("mean saving", savings(population.cascades[:, :, problems], singular, weights, CONFIDENCE)[1])
    other = np.random.default_rng((seed, 1)).integers(population.front.shape[2], size=max(SIZES))
    add(
        "generalization gap",
        generalization_gap(
            population.front[:, :, problems],
            population.front[:, :, other],
            (weights, problem_weights(len(other), REPLICATES, seed + 1)),
            CONFIDENCE,
        ),
    )
    return found


def truths(population: Population) -> dict[str, list[float]]:
    """By kind what the intervals are to hold."""
    every = np.arange(population.front.shape[2])
    weights = np.full((1, len(every)), 1 / len(every))
    front, singular = population.front.mean(axis=2), population.singular.mean(axis=2)
    cascades = population.cascades.mean(axis=2)
    whole = population.sides(every)
    by_target = by_target_measured(whole, weights, CONFIDENCE)
    equal = at_equal_accuracy_measured(whole, weights, CONFIDENCE)
    mean = savings(population.cascades, population.singular, weights, CONFIDENCE)[1]
    assert by_target is not None and equal is not None
    return {
        "a plan's accuracy": front[0].tolist(),
        "a plan's cost": front[1].tolist(),
        "accuracy against the largest": (cascades[0] - singular[0, -1]).tolist(),
        "cost against the largest": (1 - cascades[1] / singular[1, -1]).tolist(),
        "by target: saving": [by_target[0].value],
        "by target: accuracy": [by_target[1].value],
        "at equal accuracy": [equal.value],
        "mean saving": [np.nan if mean is None else mean.value],
        "generalization gap": [0.0],
    }


def broken_promises(population: Population, times: int) -> tuple[int, int, int]:
    """In how many of the draws some plan is certified, one that breaks its promise is, and all draws.

    Promises are as hard as can be: the accuracy of a plan in the middle of the front, and its cost.
    """
    accuracy = population.front[0].mean(axis=1)
    certified = broken = 0
    middle = len(accuracy) // 2
    promise = Promise(float(accuracy[middle]), None, CONFIDENCE)
    bounds = population.front[1].max(axis=1)
    plans = list(population.plans)
    for seed in range(times):
        rng = np.random.default_rng((seed, 2))
        sides = [population.front[:, :, rng.integers(population.front.shape[2], size=n)] for n in SIZES]
        passed = certify(plans, *sides, bounds, promise).plans
        certified += bool(passed)
        # A plan that is exactly as good as promised keeps it.
        broken += any(accuracy[plans.index(plan)] < accuracy[middle] - 1e-12 for plan in passed)
    return certified, broken, times


def main() -> None:
    """Print coverage at both sizes, and the certificates' errors."""
    if len(sys.argv) != 3:
        sys.exit("python -m benchmarks.coverage TIMES STUDY")
    times, executed = int(sys.argv[1]), load(sys.argv[2])
    population = Population(Bench(executed, 1))
    true = truths(population)
    print(f"{executed.provenance.family} on {executed.provenance.dataset}: {times} draws of each size\n")
    shares: dict[int, dict[str, float]] = {}
    for n in SIZES:
        held: dict[str, list[bool]] = defaultdict(list)
        for seed in range(times):
            drawn = np.random.default_rng(seed).integers(population.front.shape[2], size=n)
            for name, ends in intervals_of(population, drawn, seed).items():
                known = [
                    (low, high, t) for (low, high), t in zip(ends, true[name], strict=True) if low == low
                ]
                held[name] += [low - 1e-12 <= t <= high + 1e-12 for low, high, t in known]
        shares[n] = {name: 100 * float(np.mean(own)) for name, own in held.items()}
    print(
        f"| interval ({CONFIDENCE:.0%}) | {' | '.join(f'{n} problems (%)' for n in SIZES)} |\n"
        "| --- | ---: | ---: |"
    )
    for name in true:
        print(f"| {name} | {' | '.join(f'{shares[n][name]:.1f}' for n in SIZES)} |")
    certified, broken, draws = broken_promises(population, 1000)
    print(
        f"\nCertificates at {CONFIDENCE:.0%}: in {draws} draws some plan was certified {certified} times, "
        f"one that breaks the promise {broken} times ({100 * broken / draws:.1f} %)."
    )


if __name__ == "__main__":
    main()
