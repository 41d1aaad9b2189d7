"""Optuna against the exhaustive grid: the share of its hypervolume after so many trials, for each sampler.

    python benchmarks/optuna_search.py OUTPUT-FOLDER-OF-A-STUDY

reads the study's stage tables and searches its validation side, with one θ a plan and with one a
stage, over several seeds. The last columns say after how many trials 99 % was reached, and how
long a trial takes.
"""

import sys
import time
from pathlib import Path

import numpy as np

from cascade.core.pareto import hypervolume
from cascade.search.artifacts import STAGE_TABLES, Executed
from cascade.search.grid import grid_search
from cascade.search.optuna_search import search_with_optuna
from cascade.search.plan_list import values
from cascade.search.settings import OptunaSettings, Sampler
from cascade.tasks.searching import ENOUGH, trials_to_reach

TRIALS = (50, 100, 200, 500, 1000)
SEEDS = range(5)
POPULATION = 50


def main(folder: Path) -> None:
    """Print the table."""
    executed = Executed.load(folder / STAGE_TABLES)
    tables = [table.at(executed.split.validation) for table in executed.tables]
    print("| θ | plans | sampler | " + " | ".join(f"{n:,}" for n in TRIALS) + " | 99 % after | ms a trial |")
    print("| --- | ---: | --- | " + "---: | " * (len(TRIALS) + 2))
    for per_stage in (False, True):
        grid = grid_search(tables, per_stage_theta=per_stage)
        dearest = float(grid.usd_per_1k_queries.max())
        whole = hypervolume(grid.usd_per_1k_queries.ravel(), grid.accuracy.ravel(), dearest)
        for sampler in (Sampler.random, Sampler.nsga2, Sampler.tpe):
            shares, reached, seconds = [], [], []
            for seed in SEEDS:
                settings = OptunaSettings(
                    per_stage_theta=per_stage,
                    sampler=sampler,
                    trials=TRIALS[-1],
                    population=POPULATION,
                )
                started = time.process_time()
                found = search_with_optuna(tables, executed.models, settings, seed, lambda *_: None)
                seconds.append(time.process_time() - started)
                accuracy, usd = values(tables, found.options, found.thetas)
                by_then = [found.found_at <= n for n in TRIALS]
                shares.append([hypervolume(usd[then], accuracy[then], dearest) / whole for then in by_then])
                reached.append(trials_to_reach(usd, accuracy, found.found_at, dearest, ENOUGH * whole))
            after = ", ".join("never" if n is None else f"{n:,}" for n in sorted(reached, key=_never_last))
            print(
                f"| one a {'stage' if per_stage else 'plan'} | {grid.accuracy.size:,} | {sampler.value} | "
                + " | ".join(f"{100 * share:.2f} %" for share in np.mean(shares, axis=0))
                + f" | {after} | {1000 * np.mean(seconds) / TRIALS[-1]:.1f} |",
                flush=True,
            )


def _never_last(n: int | None) -> float:
    return float("inf") if n is None else n


if __name__ == "__main__":
    main(Path(sys.argv[1]))
