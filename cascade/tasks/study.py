"""task=study: the whole method, from samples to proven plans, in one run."""

import logging
from pathlib import Path

from cascade.base import ConfigError
from cascade.config import Study
from cascade.report import EXAMPLES, last_screen, load_examples
from cascade.tasks.common import open_tracker, places, run_name, study_run, timed
from cascade.tasks.evaluate import evaluate_plans
from cascade.tasks.report import report_run
from cascade.tasks.run import execute_study
from cascade.tasks.select import choose_plans, explain_cascades
from cascade.tracking import log_plans

log = logging.getLogger(__name__)


def main(study: Study, output: Path) -> None:
    """Execute, choose and prove a study, and log it as a new run."""
    if study.n_shards > 1:
        raise ConfigError("n_shards: only task=run takes a shard; leave n_shards out for the whole study")
    tracker = open_tracker(study)
    with study_run(study, tracker, "study", output, None) as run_id:
        executed = execute_study(study, output, tracker, run_id)
        with timed(tracker, run_id, "select"):
            plans = choose_plans(study, executed, output, tracker, run_id)
        with timed(tracker, run_id, "evaluate"):
            plans = evaluate_plans(study, executed, plans, output, tracker, run_id)
        with timed(tracker, run_id, "log"):
            log_plans(tracker, run_id, plans)
            explain_cascades(study, plans, load_examples(output / EXAMPLES), tracker, run_id)
        where = places(study, tracker, run_id, output)
        if study.report.page and plans.proof is not None:
            with timed(tracker, run_id, "report"):
                where |= {"report": str(report_run(study, tracker, run_id, output))}
    log.info(last_screen(run_name(study), plans, where))
