"""task=report: one self-contained page of an evaluated study, or of several, as artifacts in MLflow."""

import logging
import shlex
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from cascade.base import CascadeError, program
from cascade.config import ReportOf, Study
from cascade.core import ThetaChoice
from cascade.report import FOLDER, Evaluated, RunRecord, write_study_page, write_sweep_page
from cascade.search import PLANS, Executed, PlanFile
from cascade.tasks.common import COMMAND, CONFIG, EVALUATED, ISOLATION, SOURCE, open_tracker, study_tags
from cascade.tasks.context import RunContext
from cascade.tasks.continuing import load_executed, next_command
from cascade.tasks.searching import search_again
from cascade.tracking import KIND, Tracker

log = logging.getLogger(__name__)

SECONDS = "seconds."
STORE = ("paths.mlruns=", "tracking=", "tracking.uri=")  # settings that say where the MLflow store is
WHAT = "an evaluated study (task=study or task=evaluate)"


def main(study: Study, output: Path) -> None:
    """Report on the newest evaluated run of this study or on `run_id`, or on several studies."""
    tracker = open_tracker(study)
    several = study.report.of is not ReportOf.study or len(study.report.runs) > 1
    if several:
        path = _report_several(study, output, tracker)
    else:
        named = next(iter(study.report.runs), study.run_id)
        # A run that is named may be of any study.
        wanted = {EVALUATED: "true"} | (study_tags(study) if named is None else {})
        path = report_run(RunContext(study, output, lambda: (tracker, tracker.find(wanted, named, WHAT))))
    log.info("the report: %s", path)


def _report_several(study: Study, output: Path, tracker: Tracker) -> Path:
    """Write the page of several studies, and log it as a run of its own."""
    settings = study.report
    everywhere = settings.of is ReportOf.store
    wanted = {EVALUATED: "true"}
    if settings.runs:
        found = [tracker.find(wanted, run_id, WHAT) for run_id in dict.fromkeys(settings.runs)]
    else:
        found = _newest(tracker, wanted, everywhere=everywhere)
    studies = [load_evaluated(tracker, run_id) for run_id in found]
    tags = {KIND: "report", "cascade.task": "report", COMMAND: study.command}
    with tracker.run(f"report of {len(studies)} studies", tags, {"studies": " ".join(found)}) as run_id:
        folder = _folder(output)
        path = write_sweep_page(folder, studies, study.command)
        tracker.log_folder(run_id, folder, FOLDER)
    return path


def _newest(tracker: Tracker, tags: dict[str, str], *, everywhere: bool) -> list[str]:
    """Of each study the newest run that has the tags: equal settings on equal inputs are the same study."""
    newest: dict[tuple[str, ...], str] = {}
    for run in tracker.find_all(tags, everywhere=everywhere):
        # Other samples, problems or prices under the same settings are another study.
        tags = run.data.tags
        made_of = (tags[name] for name in sorted(tags) if name.startswith("cascade.hash."))
        newest.setdefault((tags["cascade.signature"], *made_of), run.info.run_id)
    if not newest:
        raise CascadeError(f"no evaluated study in {tracker.address}; run task=study or task=evaluate first")
    return list(newest.values())


def report_run(context: RunContext) -> Path:
    """Write the page of one evaluated study into the output folder, and log it with its run.

    Args:
        context: of the run that evaluated the plans. Its settings may differ from those of this
            command (`context.study`), which only say where the store is.
    """
    run_id, tracker = context.run_id, context.tracker
    evaluated = load_evaluated(tracker, run_id)
    theta_choice = ThetaChoice(evaluated.plans.selection["theta"])
    plans = [one.plan for one in evaluated.plans.front]
    grids = {
        side: search_again(evaluated.side(side), plans, per_stage_theta=theta_choice.per_stage)
        for side in ("validation", "test")
    }
    folder = _folder(context.output)
    store = [word for word in shlex.split(context.study.command) if word.startswith(STORE)]
    again = f"{program()} {shlex.join(['task=report', f'run_id={run_id}', *store])}"
    path = write_study_page(folder, evaluated, grids, again)
    tracker.log_folder(run_id, folder, FOLDER)
    return path


def _folder(output: Path) -> Path:
    folder = output / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def load_evaluated(tracker: Tracker, run_id: str) -> Evaluated:
    """What a run and the one that it goes on from have logged."""
    run = tracker.client.get_run(run_id)
    source_id = run.data.tags.get(SOURCE, run_id)
    source = tracker.client.get_run(source_id)
    names = [a.path for a in tracker.client.list_artifacts(source_id) if a.path.startswith("diagnostics_")]
    with tempfile.TemporaryDirectory() as home:
        plans = PlanFile.load(tracker.fetch(run_id, PLANS, Path(home)))
        yaml = tracker.fetch(run_id, CONFIG, Path(home)).read_text(encoding="utf-8")
        tables = {
            name.removeprefix("diagnostics_").removesuffix(".csv"): pd.read_csv(
                tracker.fetch(source_id, name, Path(home))
            )
            for name in names
            if name.endswith(".csv")
        }
    seconds = {
        name.removeprefix(SECONDS): value
        for metrics in (source.data.metrics, run.data.metrics)
        for name, value in metrics.items()
        if name.startswith(SECONDS)
    }
    record = RunRecord(
        run_id=run_id,
        source_run_id=source_id,
        started=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        command=run.data.tags.get(COMMAND),
        use=next_command(
            [word for word in shlex.split(run.data.tags.get(COMMAND, "")) if "=" in word], "serve", run_id
        ),
        version=run.data.tags["cascade.version"],
        isolation=source.data.tags.get(ISOLATION),
        seconds=seconds,
        yaml=yaml,
    )
    executed = load_executed(tracker, run_id)
    if source_id != run_id and _compared(load_executed(tracker, source_id)) != _compared(executed):
        # Which plans a rule would choose was worked out at other prices or among others.
        tables.pop("rules", None)
    return Evaluated(str(run.info.run_name), executed, plans, tables, run.data.tags["cascade.rule"], record)


def _compared(executed: Executed) -> object:
    """What the comparison of rules rests on, beside the samples."""
    return executed.provenance.prices, [(table.options, table.thetas) for table in executed.tables]
