"""A study as it lies in a real MLflow store: its run, its plans, its combinations, its traces."""

import json
import logging
import math
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from cascade.search import PlanFile
from cascade.tracking import sqlite_uri
from cascade.tracking.client import Tracker
from cascade.tracking.layout import log_combinations
from tests.conftest import ROOT, Run
from tests.toy import write_toy
from tests.tracking.server import serving


@pytest.fixture
def toy(tmp_path: Path, toy_store: Path) -> list[str]:
    write_toy(tmp_path / "store" / "toy", n_problems=30)
    overrides = ["experiment=toy", "split.max_accuracy_gap=0.2", f"paths.store={toy_store}"]
    return [f"hydra.searchpath=[{ROOT}/tests/conf]", *overrides]


def test_a_study(run: Run, tmp_path: Path, toy: list[str]) -> None:
    done = run("hydra.run.dir=out", "search.theta=[0.2,0.4,0.6,0.8]", *toy)
    assert done.returncode == 0, done.stderr
    client = MlflowClient(sqlite_uri(tmp_path / "mlruns"))
    homes = {e.name: e.experiment_id for e in client.search_experiments()}
    assert set(homes) == {"Default", "toy on toy", "toy on toy: all combinations"}
    home = homes["toy on toy"]
    [study] = client.search_runs([home], "tags.`cascade.kind` = 'study'")
    plans = PlanFile.load(tmp_path / "out" / "plans.json")

    # The fronts as steps, in the order of the plans.
    def steps(key: str) -> list[float]:
        return [
            m.value for m in sorted(client.get_metric_history(study.info.run_id, key), key=lambda m: m.step)
        ]

    assert steps("pareto_cost") == [c.validation.usd_per_1k_queries for c in plans.front]
    assert steps("pareto_log10_cost") == [math.log10(usd) for usd in steps("pareto_cost")]
    assert steps("pareto_accuracy") == [c.validation.accuracy for c in plans.front]
    assert steps("pareto_test_accuracy") == [c.test.accuracy for c in plans.front if c.test]
    assert steps("singular_cost") == [c.validation.usd_per_1k_queries for c in plans.singular]
    assert {f"cascade.hash.{name}" for name in ("config", "prices", "problems", "samples")} <= set(
        study.data.tags
    )
    assert 10 <= len(study.data.params) <= 16
    steps_timed = {key for key in study.data.metrics if key.startswith("seconds.")}
    assert steps_timed >= {"seconds.load", "seconds.execute", "seconds.search", "seconds.log_combinations"}
    [data_set] = study.inputs.dataset_inputs
    assert data_set.dataset.name == "toy"
    assert data_set.dataset.digest == study.data.tags["cascade.hash.problems"]
    assert json.loads(data_set.dataset.profile) == {"num_rows": 30}

    # A child for each plan, with all that is known of it.
    children = {
        c.info.run_name: c
        for c in client.search_runs([home], f"tags.`mlflow.parentRunId` = '{study.info.run_id}'")
    }
    chosen = {c.plan.describe(plans.models): c for c in plans.front + plans.singular}
    assert set(children) == set(chosen)
    n_children = len(client.search_runs([home], "tags.`cascade.kind` = 'plan'"))
    assert n_children == len(children)
    fronts = {"cascade": plans.front, "one model": plans.singular}
    on = {key: {c.plan.describe(plans.models) for c in front} for key, front in fronts.items()}
    for name, child in children.items():
        known, metrics = chosen[name], child.data.metrics
        assert metrics["validation.accuracy"] == known.validation.accuracy
        assert known.test is not None
        assert metrics["test.usd_per_1k_queries"] == known.test.usd_per_1k_queries
        assert metrics.get("saving") == known.saving
        assert known.test.accuracy_interval is not None
        assert metrics["test.accuracy_interval.low"] == known.test.accuracy_interval.low
        if known.replaces is not None:
            assert child.data.params["replaces"] == known.replaces.plan.describe(plans.models)
            assert metrics["replaces.saving.value"] == known.replaces.saving.value
        assert [child.data.params[f"k.{m}"] for m in plans.models] == [str(o.k) for o in known.plan.options]
        assert child.data.params["front"] == ", ".join(front for front in on if name in on[front])
        assert child.info.status == "FINISHED"

    # Every combination, the same numbers as in the table.
    table = pd.read_parquet(tmp_path / "out" / "combinations.parquet")
    everything = client.search_runs([homes["toy on toy: all combinations"]], max_results=10_000)
    assert len(everything) == len(table) == 3276  # more than one transaction's
    keys = [f"{letter}.{m}" for letter in "kl" for m in plans.models] + ["theta"]
    rows = {tuple(r.data.params[key] for key in keys): r for r in everything}
    for row in table.sample(50, random_state=0).itertuples():
        options = (row.k_1, row.k_2, row.k_3, row.l_1, row.l_2, row.l_3)
        logged = rows[(*map(str, options), f"{row.theta:g}")]
        metrics = logged.data.metrics
        assert (metrics["accuracy"], metrics["usd_per_1k_queries"]) == (row.accuracy, row.usd_per_1k_queries)
        assert metrics.keys() - {"accuracy", "usd_per_1k_queries"} == {"on_front", "rank"}
    first = min(everything, key=lambda run: run.data.metrics["rank"]).data.metrics
    assert (first["rank"], first["on_front"], first["accuracy"]) == (1, 1, table["accuracy"].max())

    # A plan explained on a handful of problems.
    traces = client.search_traces(locations=[home], run_id=study.info.run_id)
    assert len(traces) == 6
    for trace in traces:
        root, *stages = [s for s in trace.data.spans if s.span_type in ("CHAIN", "AGENT")]
        assert root.outputs["right"] is (trace.info.tags["right"] == "yes")
        assert stages[-1].outputs["answer"] == root.outputs["answer"]
        assert all(s.outputs["decision"] == "escalate" for s in stages[:-1])

    # Where to look is said, and it is there.
    assert f"/#/experiments/{home}/runs/{study.info.run_id}" in done.stdout
    assert "viewStateShareKey=fronts" in done.stdout
    tags = client.get_experiment(home).tags
    assert {f"mlflow.sharedViewState.{view}" for view in ("studies", "fronts", "plans")} <= set(tags)


def test_table_only(run: Run, tmp_path: Path, toy: list[str]) -> None:
    done = run("tracking.combinations=table", "search.theta=[0.5]", *toy)
    assert done.returncode == 0, done.stderr
    client = MlflowClient(sqlite_uri(tmp_path / "mlruns"))
    assert {e.name for e in client.search_experiments()} == {"Default", "toy on toy"}
    # The command that is told works from anywhere: it names the folder.
    [browse] = re.findall(r"^to browse +(.*), then$", done.stdout, re.MULTILINE)
    where = ["-m", "cascade.tracking.ui", "5000", str(tmp_path / "mlruns")]
    assert shlex.split(browse) == [sys.executable, *where]


def test_a_grid_that_is_too_large(run: Run, tmp_path: Path, toy: list[str]) -> None:
    """What Optuna tried stands where all combinations would."""
    fine = ",".join(f"{i / 200:g}" for i in range(200))
    large = ["search=optuna", "search.per_stage_theta=true", f"search.theta=[{fine}]", "search.trials=60"]
    done = run("hydra.run.dir=out", *large, *toy)
    assert done.returncode == 0, done.stderr
    assert "too many combinations" in done.stdout and not (tmp_path / "out" / "combinations.parquet").exists()
    tried = pd.read_parquet(tmp_path / "out" / "optuna_plans.parquet")
    client = MlflowClient(sqlite_uri(tmp_path / "mlruns"))
    homes = {e.name: e.experiment_id for e in client.search_experiments()}
    logged = client.search_runs([homes["toy on toy: all combinations"]], max_results=1000)
    assert sorted(r.data.metrics["accuracy"] for r in logged) == sorted(tried["accuracy"])
    [study] = client.search_runs([homes["toy on toy"]], "tags.`cascade.kind` = 'study'")
    assert "combinations.json" in {a.path for a in client.list_artifacts(study.info.run_id)}
    assert study.data.tags["cascade.combinations"] in done.stdout


def test_more_combinations_than_mlflow_shows(made_mlruns: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No table and no runs of them: the study's Parquet file, which is among its artifacts, has them."""
    caplog.set_level(logging.INFO)
    tracker = Tracker(None, made_mlruns, "many")
    frame = pd.DataFrame({"accuracy": np.zeros(100_001)})
    run_id = tracker.create("study", {}, {})
    log_combinations(tracker, run_id, frame, ("a",), as_runs=True)
    assert "100,001 combinations are too many for a table or runs in MLflow" in caplog.text
    assert not tracker.client.list_artifacts(run_id)
    assert {e.name for e in tracker.client.search_experiments()} == {"many", "Default"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "server") as address:
        yield address


def test_behind_a_server(run: Run, tmp_path: Path, toy: list[str], server: str) -> None:
    """No database within reach: a table, said once, and all the rest as elsewhere."""
    done = run("tracking=server", f"tracking.uri={server}", "search.theta=[0.5,0.9]", *toy)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("all combinations are logged as a table only") == 1
    assert f"{server}/#/experiments/" in done.stdout and "to browse" not in done.stdout
    client = MlflowClient(server)
    [home] = [e for e in client.search_experiments() if e.name == "toy on toy"]
    [study] = client.search_runs([home.experiment_id], "tags.`cascade.kind` = 'study'")
    assert "combinations.json" in {a.path for a in client.list_artifacts(study.info.run_id)}
    assert len(client.search_runs([home.experiment_id], "tags.`cascade.kind` = 'plan'")) > 3
    assert len(client.search_traces(locations=[home.experiment_id])) == 6


def test_the_ui_says_where_to_look(tmp_path: Path) -> None:
    """Without runs it says so."""
    command = [sys.executable, "-m", "cascade.tracking.ui", "5055"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "no runs there yet" in done.stderr
