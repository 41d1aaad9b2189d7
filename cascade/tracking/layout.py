"""What of a study stands where in MLflow: its run, the runs of its chosen plans, all combinations, data."""

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from mlflow.entities import Dataset, DatasetInput, InputTag

from cascade.base import Progress, digest
from cascade.problems import DataSet, Problem
from cascade.report import plans_markdown
from cascade.search import ChosenPlan, PlanFile, ranked
from cascade.tracking.bulk import INSERT_ERRORS, Rows, can_insert, insert_runs
from cascade.tracking.client import Tracker
from cascade.tracking.keys import COMBINATIONS_LINK, KIND, OF_STUDY, PLAN
from cascade.tracking.views import (
    FRONTS,
    PLANS,
    combinations_of,
    combinations_view,
    page,
    save_views,
    studies_views,
)

log = logging.getLogger(__name__)

PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
MAX_COMBINATIONS = 100_000  # as a table for MLflow's page and as runs


def prepare(tracker: Tracker, models: tuple[str, ...]) -> None:
    """Give the experiment its saved views, and a text that leads to them."""
    save_views(tracker, tracker.experiment_id, studies_views(models))
    if NOTE in tracker.client.get_experiment(tracker.experiment_id).tags:
        return  # people may have written their own
    links = ", ".join(
        f"[{name}]({page(tracker.experiment_id, view)})"
        for name, view in (("the fronts of all studies", FRONTS), ("their chosen plans", PLANS))
    )
    note = f"Each run is a study or a task of one; below it are the plans that it chose. See {links}."
    tracker.client.set_experiment_tag(tracker.experiment_id, NOTE, note)


def log_data_set(tracker: Tracker, run_id: str, dataset: DataSet, problems: list[Problem]) -> None:
    """The problems as the run's input."""
    if dataset.path is None and dataset.hub_id is not None:
        kind = "hf"
        source = {"path": dataset.hub_id, "revision": dataset.revision, "split": dataset.hub_split}
    else:
        kind = "local"
        source = {"uri": str(dataset.path or f"embedded in cascade: {dataset.name}")}
    entity = Dataset(
        name=dataset.name,
        digest=digest(*(repr(problem) for problem in problems)),
        source_type=kind,
        source=json.dumps(source),
        profile=json.dumps({"num_rows": len(problems)}),
    )
    tracker.log_inputs(run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "problems")])])


def log_plans(tracker: Tracker, run_id: str, plans: PlanFile) -> None:
    """The chosen plans: the fronts as step metrics of the run, and a run below it for each plan."""
    steps: dict[str, list[float]] = {}
    for name, chosen in (("pareto", plans.front), ("singular", plans.singular)):
        for side, of in (("", [c.validation for c in chosen]), ("_test", [c.test for c in chosen])):
            known = [estimate for estimate in of if estimate is not None]
            usd = [estimate.usd_per_1k_queries for estimate in known]
            steps[f"{name}{side}_cost"] = usd
            # For the charts, whose axes are linear; what is free has no place on it.
            steps[f"{name}{side}_log10_cost"] = [math.log10(cost) if cost > 0 else math.nan for cost in usd]
            steps[f"{name}{side}_accuracy"] = [estimate.accuracy for estimate in known]
    tracker.log(run_id, steps=steps, tags={NOTE: plans_markdown(plans)})
    # A plan of one stage may be on both fronts; its θ, which it never looks at, may differ.
    on: dict[str, tuple[ChosenPlan, list[str]]] = {}
    wanted = () if plans.constrained is None else (plans.constrained,)
    for front, members in (("cascade", plans.front), ("one model", plans.singular), ("wanted", wanted)):
        for member in members:
            on.setdefault(member.plan.describe(plans.models), (member, []))[1].append(front)
    tags = {PARENT: run_id, KIND: PLAN}
    params = [
        _plan_params(member, plans.models) | {"front": ", ".join(fronts)} for member, fronts in on.values()
    ]
    metrics = [dict(_plan_metrics(member)) for member, _ in on.values()]
    if can_insert(tracker):
        insert_runs(tracker, tracker.experiment_id, Rows.of(list(on), params, metrics, tags))
        return
    # The UI lists the newest first; the cheapest shall stand on top.
    for name, its_params, its_metrics in reversed(list(zip(on, params, metrics, strict=True))):
        plan_run = tracker.create(name, tags, its_params)
        tracker.log(plan_run, metrics=its_metrics)
        tracker.client.set_terminated(plan_run, "FINISHED")


def _plan_params(chosen: ChosenPlan, models: tuple[str, ...]) -> dict[str, str]:
    options = zip(models, chosen.plan.options, strict=True)
    params = {f"{part}.{m}": str(value) for m, o in options for part, value in (("k", o.k), ("l", o.l))}
    params["n_stages"] = str(len(chosen.plan.stages))
    if isinstance(chosen.plan.theta, tuple):
        # The last stage always answers.
        stage_thetas = {
            f"theta.{models[i]}": f"{chosen.plan.theta_at(i):g}" for i, _ in chosen.plan.stages[:-1]
        }
        params |= stage_thetas
    elif chosen.plan.uses_theta:
        params["theta"] = f"{chosen.plan.theta:g}"
    if chosen.replaces is not None:
        params["replaces"] = chosen.replaces.plan.describe(models)
    return params


def _plan_metrics(chosen: ChosenPlan) -> Iterator[tuple[str, float]]:
    """Every number that is known of a plan, by its place: test.accuracy, saving_interval.low and so on."""

    def numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if key != "plan":
                    yield from numbers(inner, f"{name}.{key}" if name else str(key))
        elif isinstance(value, int | float) and math.isfinite(value):
            yield name, float(value)

    yield from numbers(asdict(chosen), "")


def log_combinations(
    tracker: Tracker, run_id: str, combinations: pd.DataFrame, models: tuple[str, ...], *, as_runs: bool
) -> None:
    """Every combination: a table in the run, and a run each in an experiment of their own.

    Args:
        tracker: of the study's experiment.
        run_id: the study's run.
        combinations: as `cascade.search.artifacts.combinations_table` makes it.
        models: names of the family's models.
        as_runs: whether they are wanted as runs (setting tracking.combinations).
    """
    if len(combinations) > MAX_COMBINATIONS:
        log.info(
            "%s combinations are too many for a table or runs in MLflow: the Parquet file among the run's "
            "artifacts has them",
            f"{len(combinations):,}",
        )
        return
    tracker.client.log_table(run_id, combinations, "combinations.json")
    if not as_runs:
        return
    if not can_insert(tracker):
        log.info(
            "%s is a server, which takes minutes for so many runs: all combinations are logged as a table "
            "only (tracking.combinations=table)",
            tracker.address,
        )
        return
    home = tracker.client.get_experiment(tracker.experiment_id).name
    try:
        with tracker.alone():
            experiment_id = tracker.experiment(f"{home}: all combinations")
        rows = combination_rows(combinations, models, {OF_STUDY: run_id, KIND: "combination"})
        save_views(tracker, experiment_id, combinations_view(tuple(rows.params), run_id))
        with Progress("logging", "combinations", len(combinations)) as progress:
            insert_runs(tracker, experiment_id, rows, progress.add)
    except INSERT_ERRORS as error:
        reason = str(error).splitlines()[0]
        log.warning("MLflow refused the combinations as runs (%s); they are logged as a table", reason)
        return
    tracker.log(run_id, tags={COMBINATIONS_LINK: page(experiment_id, combinations_of(run_id))})


def combination_rows(combinations: pd.DataFrame, models: tuple[str, ...], tags: Mapping[str, str]) -> Rows:
    """Combinations as runs: their options, θ and number of stages as params, their numbers as metrics."""
    named = {"theta": "theta"} | {
        f"{letter}_{i}": f"{letter}.{model}"
        for i, model in enumerate(models, 1)
        for letter in ("k", "l", "theta")
    }
    combinations = ranked(combinations)
    # A θ that nobody looks at is NaN, and no param.
    params: dict[str, list[str | None]] = {
        name: [None if value != value else f"{value:g}" for value in combinations[column].to_list()]
        for column, name in named.items()
        if column in combinations
    }
    k = combinations[[f"k_{i}" for i in range(1, len(models) + 1)]].to_numpy()
    params["n_stages"] = [str(n) for n in (k >= 0).sum(axis=1)]
    numbers = combinations.columns.difference([*named, "split"])
    metrics = {name: combinations[name].to_list() for name in numbers}
    return Rows(_names(params, models), params, metrics, tags)


def _names(params: Mapping[str, Sequence[str | None]], models: tuple[str, ...]) -> list[str]:
    """A name for each combination, as `Plan.describe` gives it, one θ always there."""
    none = [None] * len(params["n_stages"])
    stages = [(m, params[f"k.{m}"], params[f"l.{m}"], params.get(f"theta.{m}", none)) for m in models]
    names = []
    for i, theta in enumerate(params.get("theta", none)):
        asked = []
        for model, k, lines, thetas in stages:
            if k[i] != "-1":
                stage = f"{model} greedy" if k[i] == "0" else f"{model} {k[i]}:{lines[i]}"
                asked.append(stage if thetas[i] is None else f"{stage} θ={thetas[i]}")
        name = " → ".join(asked)
        names.append(name if theta is None else f"{name}, θ={theta}")
    return names
