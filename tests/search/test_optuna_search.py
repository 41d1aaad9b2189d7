"""Optuna on the plan space: what it finds, and that processes share a study and a stopped one goes on."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import optuna
import pytest

from cascade.base.errors import CascadeError
from cascade.core.pareto import hypervolume
from cascade.core.plans import option_space
from cascade.search.grid import grid_search
from cascade.search.optuna_search import OptunaResult, search_with_optuna
from cascade.search.plan_list import values
from cascade.search.settings import OptunaSettings, Sampler
from cascade.tasks.searching import trials_to_reach
from tests.conftest import ROOT
from tests.made_up import made_up_tables

SMALL = option_space([0, 1, 3], [0, 2])
MODELS = ["a", "b", "c"]


def search(
    n_trials: int, sampler: str = "nsga2", per_stage: bool = True, storage: str | None = None, seed: int = 0
) -> OptunaResult:
    tables = made_up_tables(3, 20, SMALL)
    settings = OptunaSettings(
        per_stage_theta=per_stage, sampler=Sampler(sampler), trials=n_trials, population=20, storage=storage
    )
    return search_with_optuna(tables, MODELS, settings, seed, lambda *_: None)


@pytest.mark.parametrize("sampler", ["nsga2", "tpe", "random"])
@pytest.mark.parametrize("per_stage", [True, False])
def test_what_is_found_is_in_the_grid_and_near_its_front(sampler: str, per_stage: bool) -> None:
    tables = made_up_tables(3, 20, SMALL)
    grid = grid_search(tables, per_stage_theta=per_stage)
    found = search(300, sampler, per_stage)
    assert found.n_trials == 300 and len(np.unique(np.hstack([found.options, found.thetas]), axis=0)) <= 300
    accuracy, usd = values(tables, found.options, found.thetas)
    # Every plan once, and each of them one of the grid's.
    everything = np.stack([grid.accuracy.ravel(), grid.usd_per_1k_queries.ravel()], axis=1)
    known = {tuple(point) for point in everything.round(10).tolist()}
    assert known >= {tuple(point) for point in np.stack([accuracy, usd], axis=1).round(10).tolist()}
    dearest = float(grid.usd_per_1k_queries.max())
    whole = hypervolume(grid.usd_per_1k_queries.ravel(), grid.accuracy.ravel(), dearest)
    share = hypervolume(usd, accuracy, dearest) / whole
    assert 0.9 < share <= 1 + 1e-12
    # After so many trials and no fewer.
    reached = trials_to_reach(usd, accuracy, found.found_at, dearest, 0.9 * whole)
    assert reached is not None
    for n, enough in ((reached, True), (reached - 1, False)):
        by_then = found.found_at <= n
        assert (hypervolume(usd[by_then], accuracy[by_then], dearest) >= 0.9 * whole) is enough
    assert trials_to_reach(usd, accuracy, found.found_at, dearest, 1.1 * whole) is None


def test_the_same_seed_is_the_same_search() -> None:
    one, same, other = (search(60, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.options, same.options) and np.array_equal(one.thetas, same.thetas)
    assert not np.array_equal(one.options, other.options)


def test_a_stage_after_an_exit_is_not_one() -> None:
    tables = made_up_tables(3, 20, SMALL)
    for row in search(300).options:
        stages = np.flatnonzero(row >= 0)
        assert all(tables[i].options[row[i]].tests for i in stages[:-1])


def test_a_storage_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(
        CascadeError, match=r"search\.storage=sqlite:.*Optuna cannot use it: .*give a database URL"
    ):
        search(5, storage=f"sqlite:///{tmp_path}/nowhere/optuna.db")
    with pytest.raises(CascadeError, match=r"search\.storage=nonsense: Optuna cannot use it"):
        search(5, storage="nonsense")


STUCK = """
import sys, time
from cascade.search import optuna_search
from tests.search.test_optuna_search import search
values, n = optuna_search.values, 0
def stuck(*args):
    global n
    if (n := n + 1) > 3:
        print("in a trial", flush=True)
        time.sleep(600)
    return values(*args)
optuna_search.values = stuck
search(60, storage=sys.argv[1])
"""


def test_the_trial_of_a_killed_process_is_closed_at_the_next_start_and_no_other(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/optuna.db"
    both = [
        subprocess.Popen([sys.executable, "-c", STUCK, storage], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(2)
    ]
    try:
        assert [process.stdout.readline() for process in both if process.stdout] == ["in a trial\n"] * 2
        assert states(storage)["RUNNING"] == 2
        both[0].kill()
        both[0].wait()
        # The other one is still at it.
        assert search(20, storage=storage).n_trials == 20
        assert (states(storage)["RUNNING"], states(storage)["FAIL"]) == (1, 1)
    finally:
        for process in both:
            process.kill()
            process.communicate()  # closes its pipe too
    # Also where the study has all its trials.
    search(20, storage=storage)
    assert (states(storage)["RUNNING"], states(storage)["FAIL"]) == (0, 2)


def states(storage: str) -> Counter[str]:
    """How many trials of the only study are in which state."""
    [name] = optuna.get_all_study_names(storage)
    return Counter(trial.state.name for trial in optuna.load_study(study_name=name, storage=storage).trials)


PROCESS = """
import sys
from tests.search.test_optuna_search import search
print(search(int(sys.argv[2]), storage=sys.argv[1]).n_trials)
"""


def start(storage: str, n_trials: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, storage, str(n_trials)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def n_finished(storage: str) -> int:
    try:
        [summary] = optuna.get_all_study_summaries(storage)
        study = optuna.load_study(study_name=summary.study_name, storage=storage)
        return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))
    except Exception:
        return 0  # not there yet


@pytest.mark.slow
def test_processes_share_a_study_and_a_killed_one_goes_on(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/optuna.db"
    both = [start(storage, 60), start(storage, 60)]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and n_finished(storage) < 10:
        time.sleep(0.2)
    for process in both:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = n_finished(storage)
    assert 10 <= before < 60, "the kill came too early or too late to prove anything"

    both = [start(storage, 60), start(storage, 60)]
    done = [int(process.communicate(timeout=300)[0]) for process in both]
    # Together and not each: at most one trial was under way elsewhere when the last one finished.
    assert all(60 <= n <= 61 for n in done)
    # A finished study is not gone on with.
    assert search(60, storage=storage).n_trials == max(done)
