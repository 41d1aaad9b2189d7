"""Optuna's trials of a database: each says which process takes it, and those of dead processes are closed."""

import logging
import os
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from cascade.base import is_alive, this_host

HOST, PROCESS = "cascade.host", "cascade.process"

log = logging.getLogger(__name__)


class OwnedTrials(RDBStorage):
    """A database in which every trial says from its first moment which process takes it.

    A user attribute that is set afterwards would be missing where a process is killed in between.
    """

    def _create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> FrozenTrial:
        owner: dict[str, Any] = {HOST: this_host(), PROCESS: os.getpid()}
        template = template_trial or create_trial(state=TrialState.RUNNING, user_attrs=owner)
        return super()._create_new_trial(study_id, template)


def close_dead_trials(study: optuna.Study) -> None:
    """Close as failed the trials of this host that are marked as running and whose process is gone."""
    n_closed = 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        owner = trial.user_attrs
        if owner.get(HOST) == this_host() and not is_alive(owner[PROCESS]):
            # Another process that starts now may close the same ones.
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            n_closed += 1
    if n_closed:
        log.info("Optuna: %d trials whose process is gone are closed as failed", n_closed)
