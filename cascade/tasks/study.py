"""task=study: the whole method, from samples to proven plans, in one run."""

import logging
from pathlib import Path

from cascade import tracking
from cascade.base import ConfigError
from cascade.config import Study
from cascade.report import EXAMPLES, answer_screen, links_screen, load_examples
from cascade.tasks.common import study_run
from cascade.tasks.continuing import next_command
from cascade.tasks.evaluate import evaluate_plans
from cascade.tasks.run import execute_study
from cascade.tasks.select import choose_plans, explain_cascades

log = logging.getLogger(__name__)


def main(study: Study, output: Path) -> None:
    """Execute, choose and prove a study, and log it as a new run."""
    if study.n_shards > 1:
        raise ConfigError("n_shards: only task=run takes a shard; leave n_shards out for the whole study")
    with study_run(study, "study", output) as context:
        executed = execute_study(context)
        with context.timed("select"):
            plans = choose_plans(context, executed)
        with context.timed("evaluate"):
            plans = evaluate_plans(context, executed, plans)
        # Whoever waits for the answer has it; the rest is for later.
        log.info(answer_screen(context.name, plans))
        context.catch_up()
        with context.timed("log"):
            tracking.log_plans(context.tracker, context.run_id, plans)
            explain_cascades(context, executed, plans, load_examples(output / EXAMPLES))
        links = context.links()
        if study.report.page and plans.proof is not None:
            from cascade.tasks.report import report_run

            with context.timed("report"):
                links |= {"report": str(report_run(context))}
        links |= {"to run the plan": next_command(study.overrides, "serve", context.run_id)}
    log.info(links_screen(plans, links))
