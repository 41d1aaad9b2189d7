"""The exhaustive search: array products against running every plan as the paper's text reads.

    python benchmarks/search.py

Both do the same work on the same stage tables in one run. The direct way is timed on a random part
of the combinations and its rate compared; its results must agree on that part. Then what has no
direct way to compare: one θ a stage, stages that grow, the exact front where the grid is too large, and the
paired bootstrap of every combination.
"""

import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cascade.core.bootstrap import front_stability, intervals, problem_weights, replicate_means
from cascade.core.pareto import front
from cascade.core.plans import Growing, Option, Plan, ThetaChoice, option_space
from cascade.core.stage_tables import StageTable
from cascade.search.choose import select
from cascade.search.exact import exact_front
from cascade.search.grid import GridResult, grid_search
from cascade.search.grid_size import n_grid_plans
from cascade.search.plan_list import values
from cascade.search.plan_results import combination_outcomes

OPTIONS = option_space([-1, 0, 1, 3, 5, 10], [0, 2, 4])
THETAS = tuple(round(0.1 * i, 1) for i in range(11))
REPEATS = 7
DIRECT_COMBINATIONS = 300
REPLICATES = 1000


def random_tables(
    n_models: int, n_problems: int, rng: np.random.Generator, options: tuple[Option, ...] = OPTIONS
) -> list[StageTable]:
    """Stage tables of made-up models: larger ones are right more often and dearer."""
    tables = []
    grows = np.array([option.growing for option in options])
    for i in range(n_models):
        shape = (len(options), len(THETAS), n_problems)
        accept = rng.random(shape)
        correct = rng.random((len(options), n_problems)) * (0.5 + 0.5 * (i + 1) / n_models)
        usd = rng.random((len(options), n_problems)) * 1e-3 * 4**i
        none = np.zeros_like(correct)
        growing = tuple(np.repeat(own[:, None], len(THETAS), axis=1) for own in (correct, usd, none + 2))
        tables.append(
            StageTable(
                options,
                THETAS,
                accept,
                accept * correct[:, None],
                correct,
                usd,
                none,
                none,
                growing if grows.any() else None,
            )
        )
    return tables


def direct(tables: list[StageTable], plan: Plan) -> tuple[float, float]:
    """Accuracy and US dollars per 1,000 queries of a plan, problem by problem and stage by stage."""
    stages = [
        (tables[i], OPTIONS.index(option), THETAS.index(plan.theta_at(i)) if number else None)
        for number, (i, option) in zip(range(len(plan.stages) - 1, -1, -1), plan.stages, strict=True)
    ]
    n_problems = tables[0].correct.shape[1]
    accuracy = cost = 0.0
    for problem in range(n_problems):
        reach = 1.0
        for table, o, t in stages:
            cost += reach * table.usd[o, problem]
            if t is None:  # the last stage always answers
                accuracy += reach * table.correct[o, problem]
            else:
                accuracy += reach * table.accept_correct[o, t, problem]
                reach *= 1.0 - table.accept[o, t, problem]
    return accuracy / n_problems, 1000 * cost / n_problems


def timed(work: Callable[[], Any], repeats: int = REPEATS) -> tuple[Any, float]:
    """The result and the median of the seconds."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return result, statistics.median(seconds)


def compared(tables: list[StageTable], grid: GridResult, rng: np.random.Generator) -> tuple[float, float]:
    """The direct way's combinations per second, and the largest difference to the grid's numbers."""
    at = list(
        zip(
            rng.integers(len(grid.thetas), size=DIRECT_COMBINATIONS).tolist(),
            rng.integers(len(grid.space), size=DIRECT_COMBINATIONS).tolist(),
            strict=True,
        )
    )
    plans = [grid.plan(*one) for one in at]
    theirs, seconds = timed(lambda: [direct(tables, plan) for plan in plans], repeats=3)
    difference = max(
        max(abs(grid.accuracy[one] - a), abs(grid.usd_per_1k_queries[one] - c))
        for one, (a, c) in zip(at, theirs, strict=True)
    )
    return len(at) / seconds, difference


def grids(rng: np.random.Generator) -> None:
    """One θ a plan, against the direct way; and one θ a stage."""
    print("One θ a plan, and one θ a stage:\n")
    print(
        "| models | problems | combinations | ours (s) | ours (comb/s) | direct (comb/s) | ratio | differ |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for per_stage in (False, True):
        for n_models in (2, 3, 4):
            for n_problems in (164, 427, 1000):
                tables = random_tables(n_models, n_problems, rng)
                repeats = 3 if per_stage and n_models == 4 else REPEATS
                grid, seconds = timed(partial(grid_search, tables, per_stage_theta=per_stage), repeats)
                ours = grid.accuracy.size / seconds
                rate, difference = compared(tables, grid, rng)
                print(
                    f"| {n_models} | {n_problems} | {grid.accuracy.size:,} | {seconds:.4f} | {ours:,.0f} "
                    f"| {rate:,.0f} | {ours / rate:,.0f} | {difference:.1e} |",
                    flush=True,
                )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\nPeak memory of all this: {peak:.2f} GB.\n")


def growing(rng: np.random.Generator) -> None:
    """Four models whose stages may grow."""
    tables = random_tables(4, 427, rng, option_space([-1, 0, 1, 3, 5, 10], [0, 2, 4], Growing.also))
    grid, seconds = timed(partial(grid_search, tables), 3)
    print(f"With growing stages: {grid.accuracy.size:,} combinations x 427 problems in {seconds:.2f} s.\n")


def exact(rng: np.random.Generator) -> None:
    """The exact front by branch and bound, one θ a stage, on 49 problems."""
    print("The exact front, one θ a stage, 49 problems:\n")
    print("| models | plans | on the front | seconds | the grid's front | peak memory so far (GB) |")
    print("| ---: | ---: | ---: | ---: | --- | ---: |")
    for n_models in (3, 4, 6):
        tables = random_tables(n_models, 49, rng)
        found, seconds = timed(partial(exact_front, tables, per_stage_theta=True), 1)
        _, usd = values(tables, found.options, found.thetas)
        same = "too large"
        n_plans = n_grid_plans([OPTIONS] * n_models, len(THETAS), per_stage_theta=True)
        if n_models <= 4:
            grid = grid_search(tables, per_stage_theta=True)
            of_grid = front(grid.usd_per_1k_queries.ravel(), grid.accuracy.ravel())
            equal = len(of_grid) == len(usd) and np.allclose(
                np.sort(grid.usd_per_1k_queries.ravel()[of_grid]), np.sort(usd), rtol=1e-9
            )
            same = "equal" if equal else "DIFFERENT"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"| {n_models} | {n_plans:.3g} | {len(usd)} | {seconds:.1f} | {same} | {peak:.2f} |", flush=True
        )
    print()


def bootstrap(rng: np.random.Generator) -> None:
    """Intervals for every combination of three models, and how sure their front is."""
    tables = random_tables(3, 164, rng)
    grid = grid_search(tables)
    every = select(grid, ThetaChoice.pooled).candidates
    weights = problem_weights(164, REPLICATES, seed=0)

    def all_intervals() -> None:
        # One-stage plans are the same at every θ and done once.
        drawn = replicate_means(combination_outcomes(tables, grid, every), weights)
        for replicates in drawn:
            intervals(replicates, 0.95, replicates.shape[1])

    def stability() -> None:
        outcomes = combination_outcomes(tables, grid, every)
        front_stability(outcomes, weights, np.geomspace(0.1, 30, 100), 0.95)

    _, seconds = timed(all_intervals, 3)
    print(
        f"{REPLICATES:,} paired replicates of all {grid.accuracy.size:,} combinations ({len(every):,} "
        f"distinct) x 164 problems,\nwith an interval for the cost and the accuracy of each: {seconds:.2f} s."
    )
    _, seconds = timed(stability, 3)
    print(f"How often each is on the front, and the front's band, over the same: {seconds:.2f} s.")


if __name__ == "__main__":
    generator = np.random.default_rng(0)
    exact(generator)
    growing(generator)
    grids(generator)
    bootstrap(generator)
