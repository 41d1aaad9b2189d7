"""task=study: the whole method, from samples to proven plans, in one run."""

import logging
from pathlib import Path

from cascade.base import ConfigError
from cascade.config import Study
from cascade.report import EXAMPLES, last_screen, load_examples
from cascade.tasks.common import open_tracker, study_run
from cascade.tasks.continuing import next_command
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
    with study_run(study, tracker, "study", output, None) as context:
        executed = execute_study(context)
        with context.timed("select"):
            plans = choose_plans(context, executed)
        with context.timed("evaluate"):
            plans = evaluate_plans(context, executed, plans)
        with context.timed("log"):
            log_plans(tracker, context.run_id, plans)
            explain_cascades(context, executed, plans, load_examples(output / EXAMPLES))
        links = context.links()
        if study.report.page and plans.proof is not None:
            with context.timed("report"):
                links |= {"report": str(report_run(context))}
        links |= {"to run the plan": next_command(study.overrides, "serve", context.run_id)}
    log.info(last_screen(context.name, plans, links))
