"""Where the tasks get their plans from: the exhaustive grid, or Optuna where it was asked for."""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cascade import tracking
from cascade.base import CascadeError, Progress
from cascade.config import AllowedPlans, Study
from cascade.core import Plan, StageTable, hypervolume
from cascade.search import (
    COMBINATIONS,
    MAX_GRID_PLANS,
    Executed,
    GridResult,
    GridSize,
    combinations_table,
    exact_front,
    grid_search,
    listed_plans,
    n_grid_plans,
    one_stage_plans,
    plan_indices,
    size_of_grid,
    values,
    with_unlabelled,
)
from cascade.tasks.context import RunContext

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

LARGE_FAMILY = 5  # models from which on the grid's size is told
ENOUGH = 0.99  # of the exhaustive front's hypervolume


def check_size(study: Study, n_problems: int) -> GridSize:
    """How large the study's grid is; said where it is large, refused where it was asked for and is too large.

    Raises:
        CascadeError: the exhaustive search would not fit.
    """
    options = [study.options] * len(study.family.models)
    size = size_of_grid(options, study.thetas, n_problems, per_stage_theta=study.theta_choice.per_stage)
    if study.optuna is None and not study.exact and not size.feasible:
        raise CascadeError(
            f"search: the grid has {size}; take search=exact or search=optuna, fewer values of search.k, "
            "search.l and search.theta, or one θ a plan (search.per_stage_theta=false)"
        )
    if len(study.family.models) >= LARGE_FAMILY or study.optuna is not None or study.exact:
        log.info("the whole grid has %s", size)
    return size


def save_combinations(context: RunContext, executed: Executed) -> int:
    """Search the whole grid; says how many combinations it has. Logging them is put off."""
    study = context.study
    with context.timed("search"):
        grid = grid_search(
            with_unlabelled(
                [table.at(executed.split.validation) for table in executed.tables], executed.unlabelled
            ),
            per_stage_theta=study.theta_choice.per_stage,
        )

    def save() -> None:
        combinations = combinations_table(grid, "validation")
        if len(combinations) < grid.accuracy.size:
            log.info(
                "of %s combinations the %s nearest to the front are logged",
                f"{grid.accuracy.size:,}",
                f"{len(combinations):,}",
            )
        context.save_and_log(COMBINATIONS, lambda path: combinations.to_parquet(path, index=False))
        with context.timed("log_combinations"):
            _log(context, combinations, executed.models)

    context.put_off(save)
    return grid.accuracy.size


def _log(context: RunContext, combinations: "pd.DataFrame", models: tuple[str, ...]) -> None:
    as_runs = context.study.combinations_as_runs
    tracking.log_combinations(context.tracker, context.run_id, combinations, models, as_runs=as_runs)


def search_plans(context: RunContext, models: Sequence[str], tables: Sequence[StageTable]) -> GridResult:
    """Every plan on the validation side; with Optuna those that it tried, and all of one stage."""
    study = context.study
    if study.exact:
        return _exact(context, models, tables)
    if study.optuna is None:
        return grid_search(tables, per_stage_theta=study.theta_choice.per_stage)
    # Imported where it is needed: it takes half a second.
    from cascade.report import optuna_plots
    from cascade.search import search_with_optuna

    with Progress("searching", "trials") as progress:
        found = search_with_optuna(tables, models, study.optuna, study.seed, progress.reached)
    accuracy, usd = values(tables, found.options, found.thetas)
    metrics = {"optuna.n_trials": float(found.n_trials), "optuna.n_plans": float(len(usd))}
    dearest = float(usd.max())
    said = f"{found.n_trials:,} trials were {len(usd):,} plans"
    options = [table.options for table in tables]
    n = n_grid_plans(options, len(tables[0].thetas), per_stage_theta=study.theta_choice.per_stage)
    if n <= MAX_GRID_PLANS:
        grid = grid_search(tables, per_stage_theta=study.theta_choice.per_stage)
        dearest = float(grid.usd_per_1k_queries.max())
        whole = hypervolume(grid.usd_per_1k_queries.ravel(), grid.accuracy.ravel(), dearest)
        share = hypervolume(usd, accuracy, dearest) / whole
        metrics["optuna.share_of_grid"] = share
        said += f": {100 * share:.2f} % of the exhaustive front's hypervolume"
        reached = trials_to_reach(usd, accuracy, found.found_at, dearest, ENOUGH * whole)
        if reached is not None:
            metrics["optuna.trials_to_99_percent"] = float(reached)
            said += f", {ENOUGH:.0%} of it after {reached:,}"
    metrics["optuna.hypervolume"] = hypervolume(usd, accuracy, dearest)
    log.info("Optuna (%s): %s", study.optuna.sampler.value, said)
    context.log(metrics=metrics)
    for name, write in optuna_plots(found.study, dearest):
        context.save_and_log(f"optuna_{name}.png", write)
    result = _with_singles(tables, found.options, found.thetas)
    tried = combinations_table(result, "validation")
    context.save_and_log("optuna_plans.parquet", lambda path: tried.to_parquet(path, index=False))
    if n > MAX_GRID_PLANS:
        # There is no table of all combinations: these are what is known.
        context.put_off(lambda: _log(context, tried, tuple(models)))
    return result


def _exact(context: RunContext, models: Sequence[str], tables: Sequence[StageTable]) -> GridResult:
    """The plans of the exact front, and all of one stage."""
    study = context.study
    started = time.perf_counter()
    growing = study.allowed is AllowedPlans.growing
    kept = [
        np.array(
            [o for o, option in enumerate(table.options) if option.growing or option.k <= 1 or not growing]
        )
        for table in tables
    ]
    found = exact_front(
        [table.part(own.tolist(), range(len(table.thetas))) for table, own in zip(tables, kept, strict=True)],
        per_stage_theta=study.theta_choice.per_stage,
        falling=growing or study.allowed is AllowedPlans.falling_k,
    )
    found_options = np.stack([np.append(own, -1)[found.options[:, i]] for i, own in enumerate(kept)], axis=1)
    seconds = time.perf_counter() - started
    options = [table.options for table in tables]
    n = n_grid_plans(options, len(tables[0].thetas), per_stage_theta=study.theta_choice.per_stage)
    log.info(
        "the exact front of %s plans: %d plans, from %s prefixes in %.1f s",
        f"{n:,}",
        len(found.options),
        f"{found.n_prefixes:,}",
        seconds,
    )
    context.log(metrics={"exact.n_prefixes": float(found.n_prefixes), "seconds.exact": seconds})
    result = _with_singles(tables, found_options, found.thetas)
    if n > MAX_GRID_PLANS:
        known = combinations_table(result, "validation")
        context.put_off(lambda: _log(context, known, tuple(models)))
    return result


def search_again(tables: Sequence[StageTable], plans: Sequence[Plan], *, per_stage_theta: bool) -> GridResult:
    """What the chosen plans stand beside on the test side: the grid, or one-stage plans.

    Args:
        tables: of the test side, with everything that was executed.
        plans: the chosen ones, which are always in the result.
        per_stage_theta: whether they were chosen among plans with a θ a stage.
    """
    options = [table.options for table in tables]
    if n_grid_plans(options, len(tables[0].thetas), per_stage_theta=per_stage_theta) <= MAX_GRID_PLANS:
        return grid_search(tables, per_stage_theta=per_stage_theta)
    return _with_singles(tables, *plan_indices(tables, plans))


def _with_singles(
    tables: Sequence[StageTable], options: NDArray[np.int64], thetas: NDArray[np.int64]
) -> GridResult:
    """The given plans, and after them every one-stage plan that is not among them."""
    singles = one_stage_plans(tables)
    known = {tuple(row) for row in options.tolist()}
    singles = singles[[tuple(row) not in known for row in singles.tolist()]]
    both = np.concatenate([options, singles]), np.concatenate([thetas, np.zeros_like(singles)])
    return listed_plans(tables, *both)


def trials_to_reach(
    usd: NDArray[np.float64],
    accuracy: NDArray[np.float64],
    found_at: NDArray[np.int64],
    dearest: float,
    volume: float,
) -> int | None:
    """After how many trials the plans known by then have a hypervolume; None if they never have.

    Args:
        usd, accuracy: float arrays (plans,) in the order in which they were found.
        found_at: int array (plans,): after how many trials each was.
        dearest: the hypervolume's reference cost.
        volume: what is to be reached.
    """
    low, high = 0, len(usd)
    if hypervolume(usd, accuracy, dearest) < volume:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        enough = hypervolume(usd[:middle], accuracy[:middle], dearest) >= volume
        low, high = (low, middle) if enough else (middle, high)
    return int(found_at[high - 1])
