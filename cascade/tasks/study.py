"""task=study: the whole method, from samples to proven plans, in one run."""

import logging
from pathlib import Path

from cascade.config import Study
from cascade.errors import ConfigError
from cascade.tasks.common import open_tracker, run_name, study_params, study_tags
from cascade.tasks.evaluate import evaluate_plans
from cascade.tasks.run import execute_study
from cascade.tasks.select import choose_plans

log = logging.getLogger(__name__)


def main(study: Study, output: Path) -> None:
    """Execute, choose and prove a study, and log it as a new run."""
    if study.n_shards > 1:
        raise ConfigError("n_shards: only task=run takes a shard; leave n_shards out for the whole study")
    tracker = open_tracker(study)
    with tracker.run(run_name(study), study_tags(study), study_params(study)) as run_id:
        executed = execute_study(study, output, tracker, run_id)
        plans = choose_plans(study, executed, output, tracker, run_id)
        evaluate_plans(study, executed, plans, output, tracker, run_id)
        log.info("run %s in %s; files in %s", run_id, tracker.uri, output)
        if study.tracking_uri is None:
            log.info("to browse it: make ui, then http://127.0.0.1:5000/%s", tracker.page)
        else:
            log.info("to browse it: %s/%s", study.tracking_uri, tracker.page)
