"""The plan space searched by Optuna: NSGA-II, TPE or at random, in memory or on a shared storage.

A trial is a genotype: for every model "skip" or one of its options, and its θ. What stands after an
option without tests counts as skipped, and a θ that nobody looks at counts as nothing; so several
trials may be one plan. The two objectives are ln(US dollars per 1,000 queries) and accuracy, the
plane in which hypervolume is measured.
"""

import logging
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from cascade.base import CascadeError, digest
from cascade.core import SKIP, StageTable
from cascade.search.dead_trials import OwnedTrials, close_dead_trials
from cascade.search.plan_list import values
from cascade.search.settings import OptunaSettings, Sampler

optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
OBJECTIVES = ["ln(US dollars per 1,000 queries)", "accuracy"]
# Processes that open a fresh storage at once run into each other's half-made tables.
OPENING_ATTEMPTS, OPENING_PAUSE_S = 10, 0.3

# Called with (trials finished, trials wanted) after each trial.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class OptunaResult:
    """What Optuna found.

    Attributes:
        options, thetas: int arrays (plans, models): the distinct plans that were tried, in the order of
            their first trial, as `cascade.search.plan_list` takes them.
        found_at: int array (plans,): how many trials had finished when the plan was first tried.
        n_trials: finished trials.
        study: Optuna's own, for its plots.
    """

    options: NDArray[np.int64]
    thetas: NDArray[np.int64]
    found_at: NDArray[np.int64]
    n_trials: int
    study: optuna.Study


def search_with_optuna(
    tables: Sequence[StageTable],
    models: Sequence[str],
    settings: OptunaSettings,
    seed: int,
    progress: Progress,
) -> OptunaResult:
    """Search until the study has `settings.trials` finished trials; a stored one goes on where it stopped.

    Args:
        tables: one table a model in family order, over the same problems and θ grid.
        models: the models' names, which the parameters of the trials get.
        settings: how to search.
        seed: of the sampler in memory. On a storage every process draws on its own: with one seed all would
            try the same plans.
        progress: told after every trial.

    Raises:
        CascadeError: the storage cannot be reached or written.
    """
    space = _TrialSpace(tables, models, settings.per_stage_theta)
    try:
        study = _open(settings, seed, _study_name(tables, settings))
        close_dead_trials(study)
        done = len(study.get_trials(deepcopy=False, states=FINISHED))
        progress(done, settings.trials)

        def tell(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
            progress(trial.number + 1, settings.trials)

        if done < settings.trials:
            study.optimize(space.objective, callbacks=[MaxTrialsCallback(settings.trials, FINISHED), tell])
        trials = study.get_trials(deepcopy=False, states=FINISHED)
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise _storage_error(settings, error) from None
    # The order in which several processes finished is the order in which plans became known.
    trials.sort(key=lambda trial: (trial.datetime_complete, trial.number))
    tried = [(n, t) for n, t in enumerate(trials, 1) if t.state == TrialState.COMPLETE]
    rows = np.array([np.concatenate(space.plan(trial.params)) for _, trial in tried])
    _, first = np.unique(rows, axis=0, return_index=True)
    first.sort()
    options, thetas = np.split(rows[first], 2, axis=1)
    found_at = np.array([tried[i][0] for i in first])
    return OptunaResult(options, thetas, found_at, len(trials), study)


class _TrialSpace:
    """The parameters of a trial, and the plan that they mean."""

    def __init__(self, tables: Sequence[StageTable], models: Sequence[str], per_stage_theta: bool) -> None:
        self._tables, self._models = tables, models
        self._labels = [[str(SKIP), *map(str, table.options)] for table in tables]
        # The last model is always a last stage, which looks at θ only where it grows.
        looks = len(models) if any(option.growing for option in tables[-1].options) else len(models) - 1
        self._theta_names = [f"θ of {model}" for model in models[:looks]] if per_stage_theta else ["θ"]
        self._per_stage_theta = per_stage_theta

    def objective(self, trial: optuna.Trial) -> tuple[float, float]:
        """ln(US dollars per 1,000 queries) and accuracy."""
        # All parameters in every trial: NSGA-II mixes only those that all trials have.
        for model, labels in zip(self._models, self._labels, strict=True):
            trial.suggest_categorical(model, labels)
        for name in self._theta_names:
            trial.suggest_int(name, 0, len(self._tables[0].thetas) - 1)
        options, thetas = self.plan(trial.params)
        if (options < 0).all():
            raise optuna.TrialPruned("every model is skipped")
        [accuracy], [usd] = values(self._tables, options[None], thetas[None])
        # A plan that wrote nothing is free; its logarithm has to be a number.
        return math.log(max(usd, 1e-12)), accuracy

    def plan(self, params: dict[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each model's option and θ by index, in one form for all trials that are the same plan."""
        n = len(self._models)
        options, thetas = np.full(n, -1), np.zeros(n, dtype=np.int64)
        for i, (model, labels) in enumerate(zip(self._models, self._labels, strict=True)):
            options[i] = labels.index(params[model]) - 1
            if options[i] >= 0 and not self._tables[i].options[options[i]].tests:
                break
        stages = np.flatnonzero(options >= 0).tolist()
        for i in stages:
            if i != stages[-1] or self._tables[i].options[options[i]].growing:
                thetas[i] = params[self._theta_names[i if self._per_stage_theta else 0]]
        return options, thetas


def _study_name(tables: Sequence[StageTable], settings: OptunaSettings) -> str:
    """One study for one search: the same tables and the same way to try plans."""
    parts = [
        repr((t.options, t.thetas))
        + digest(*(np.ascontiguousarray(a).tobytes().hex() for a in (t.accept, *t.by_theta)))
        for t in tables
    ]
    way = f"{settings.sampler.value} {settings.population if settings.sampler is Sampler.nsga2 else ''}"
    return f"cascade {way} {digest(*parts, str(settings.per_stage_theta))}"


def _open(settings: OptunaSettings, seed: int, name: str) -> optuna.Study:
    for attempt in range(1, OPENING_ATTEMPTS + 1):
        try:
            study = optuna.create_study(
                storage=None if settings.storage is None else OwnedTrials(settings.storage),
                study_name=name,
                sampler=_sampler(settings, seed),
                directions=["minimize", "maximize"],
                load_if_exists=True,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(OBJECTIVES)
            return study
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError):
            if attempt == OPENING_ATTEMPTS:
                raise
            time.sleep(OPENING_PAUSE_S)
        except (ImportError, ValueError) as error:
            raise _storage_error(settings, error) from None
    raise AssertionError("the last attempt returns or raises")


def _sampler(settings: OptunaSettings, seed: int) -> BaseSampler:
    in_memory = seed if settings.storage is None else None
    match settings.sampler:
        case Sampler.nsga2:
            return NSGAIISampler(population_size=settings.population, seed=in_memory)
        case Sampler.tpe:
            return TPESampler(multivariate=True, seed=in_memory)
        case Sampler.random:
            return RandomSampler(seed=in_memory)


def _storage_error(settings: OptunaSettings, error: Exception) -> CascadeError:
    return CascadeError(
        f"search.storage={settings.storage}: Optuna cannot use it: {str(error).splitlines()[0]}; give a "
        "database URL like sqlite:///optuna.db or postgresql+psycopg://user@host/database, or null for memory"
    )
