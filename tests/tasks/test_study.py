"""Whole studies by the command line, on the toy recording: files, MLflow, tasks one by one, sweeps."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from cascade.generate.recordings.recorded import write_recording
from cascade.generate.sample import Draw, ModelSamples
from cascade.search import PlanFile
from cascade.search.artifacts import Executed
from cascade.tracking import sqlite_uri
from tests.conftest import ROOT, Run
from tests.program import run_program
from tests.toy import N_DRAWS, SKILL, make_samples, write_toy

RUNS = "tracking.combinations=runs"
COLUMNS = [f"{letter}_{i}" for letter in "kl" for i in (1, 2, 3)]


def prepared(folder: Path, toy_store: Path) -> list[str]:
    """Arguments of the toy study in a folder; its combinations become runs only where a test asks for it.

    Its page is made in test_report.py.
    """
    write_toy(folder / "store" / "toy")
    overrides = ["experiment=toy", "tracking.combinations=table", f"paths.store={toy_store}"]
    return [f"hydra.searchpath=[{ROOT}/tests/conf]", "report.page=false", *overrides]


@pytest.fixture
def toy(tmp_path: Path, toy_store: Path, made_mlruns: Path) -> list[str]:
    return prepared(tmp_path, toy_store)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, toy_store: Path, empty_mlruns: Path) -> Path:
    """Where the toy study was run as it stands, with its output in `out`, and in `again`."""
    folder = tmp_path_factory.mktemp("plain")
    shutil.copytree(empty_mlruns, folder / "mlruns")
    for name in ("out", "again"):
        done = run_program(f"hydra.run.dir={name}", *prepared(folder, toy_store), folder=folder)
        assert done.returncode == 0, done.stderr
        (folder / f"{name}.said").write_text(done.stdout)
    return folder


def runs(folder: Path) -> list[MlflowRun]:
    """The studies' own runs, the oldest first."""
    client = MlflowClient(sqlite_uri(folder / "mlruns"))
    ids = [e.experiment_id for e in client.search_experiments() if e.name == "toy on toy"]
    return list(client.search_runs(ids, "tags.`cascade.kind` = 'study'", order_by=["attributes.start_time"]))


def test_a_study_leaves_everything(plain: Path) -> None:
    said = (plain / "out.said").read_text()
    assert "cascade front" in said and "The paper's mean saving, against" in said

    table = pd.read_parquet(plain / "out" / "combinations.parquet")
    assert list(table.columns) == [*COLUMNS, "theta", "split", "accuracy", "usd_per_1k_queries"]
    assert len(table) == 9009
    assert not table.duplicated([*COLUMNS, "theta"]).any()
    assert table["accuracy"].between(0, 1).all() and (table["usd_per_1k_queries"] > 0).all()

    logged, _ = runs(plain)
    assert logged.info.status == "FINISHED"
    client = MlflowClient(sqlite_uri(plain / "mlruns"))
    names = {artifact.path for artifact in client.list_artifacts(logged.info.run_id)}
    files = {path.name for path in (plain / "out").iterdir() if path.suffix not in ("", ".log")}
    assert names == files | {"combinations.json"}
    assert names >= {"combinations.parquet", "plans.json", "config.yaml", "cost_accuracy_test.png"}
    assert logged.data.metrics["n_combinations"] == 9009
    assert not (plain / "out" / "report").exists()
    assert logged.data.params["models"] == "7B, 13B, 34B"

    plans = PlanFile.load(plain / "out" / "plans.json")
    assert set(plans.provenance.hashes) == {"config", "prices", "problems", "samples"}
    assert len(plans.validation_ids) == 18 and len(plans.test_ids) == 42
    assert not set(plans.validation_ids) & set(plans.test_ids)
    # Every chosen plan stands in the table with the numbers that it was chosen for.
    for chosen in plans.front + plans.singular:
        k, l = [o.k for o in chosen.plan.options], [o.l for o in chosen.plan.options]  # noqa: E741
        row = table[(table[COLUMNS] == [*k, *l]).all(axis=1) & (table["theta"] == chosen.plan.theta)]
        if len(chosen.plan.stages) == 1:
            row = table[(table[COLUMNS] == [*k, *l]).all(axis=1)].iloc[:1]
        assert row["accuracy"].item() == pytest.approx(chosen.validation.accuracy)
        assert row["usd_per_1k_queries"].item() == pytest.approx(chosen.validation.usd_per_1k_queries)
        assert chosen.test is not None

    assert " 0 executed now" in (plain / "again.said").read_text()
    assert PlanFile.load(plain / "again" / "plans.json").front == plans.front


def test_greedy_cost_by_hand(plain: Path) -> None:
    """One number end to end: the cheapest one-stage plan costs its greedy tokens times Table 2's price."""
    plans = json.loads((plain / "out" / "plans.json").read_text())
    greedy = next(
        p for p in plans["singular"] if p["stages"] == [{"model": "7B", "k": 0, "l": 0, "theta": None}]
    )
    samples = make_samples(60, 0)["7B"]
    tokens = [samples[task].greedy.solutions[0].tokens for task in plans["split"]["test"]]  # type: ignore[union-attr]
    assert greedy["test"]["usd_per_1k_queries"] == pytest.approx(
        1000 * np.mean(tokens) * 7.8 * 1000 / 3600 * 2 * 0.44 / 1e6
    )


def test_tasks_one_by_one_are_the_study(run: Run, tmp_path: Path, toy: list[str], plain: Path) -> None:
    done = run("task=run", "hydra.run.dir=run", *toy)
    assert done.returncode == 0, done.stderr
    [executed] = runs(tmp_path)
    assert executed.info.run_id in done.stdout
    assert not (tmp_path / "run" / "plans.json").exists()
    for task in ("select", "evaluate"):
        done = run(f"task={task}", f"hydra.run.dir={task}", *toy)
        assert done.returncode == 0, done.stderr
    # Select and evaluate went on from the newest executed run, each in a run of its own, to the same end.
    whole = PlanFile.load(plain / "out" / "plans.json")
    assert PlanFile.load(tmp_path / "evaluate" / "plans.json") == whole
    first, _ = runs(plain)
    [_, selected, evaluated] = runs(tmp_path)
    assert selected.data.tags["cascade.source_run"] == executed.info.run_id
    assert evaluated.data.tags["cascade.source_run"] == executed.info.run_id
    assert first.data.metrics["mean_saving"] == evaluated.data.metrics["mean_saving"]
    every = [first, executed, selected, evaluated]
    assert len({r.data.tags["cascade.signature"] for r in every}) == 1
    inputs = [r.inputs.dataset_inputs[0].dataset for r in every]
    assert len({(d.name, d.digest) for d in inputs}) == 1
    # Each lasts as long as its own task.
    assert all(r.info.start_time <= r.info.end_time for r in runs(tmp_path))
    assert executed.info.end_time < selected.info.start_time

    # An explicit run, and another way to choose in it.
    done = run(
        "task=select", f"run_id={executed.info.run_id}", "select.theta=pooled", "hydra.run.dir=pooled", *toy
    )
    assert done.returncode == 0, done.stderr
    assert PlanFile.load(tmp_path / "pooled" / "plans.json").theta is None
    # Its tables are not made from random subsets, nor by another rule: nothing is chosen from them.
    done = run("task=select", f"run_id={executed.info.run_id}", "estimator=resample", *toy)
    assert done.returncode == 1 and "estimator._target_ differs from run" in done.stderr
    done = run("task=select", f"run_id={executed.info.run_id}", "rule=codet", *toy)
    assert done.returncode == 1 and "rule.name differs from run" in done.stderr
    done = run("task=select", "run_id=nonsense", *toy)
    assert done.returncode == 1 and "run_id=nonsense: no such run" in done.stderr


def test_a_part_of_the_space(run: Run, tmp_path: Path, toy: list[str]) -> None:
    done = run("hydra.run.dir=out", "search.theta=[0.5,0.9]", "search.k=[-1,0,3]", "search.l=[0,2]", *toy)
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(tmp_path / "out" / "combinations.parquet")
    assert len(table) == 2 * (3 * 2 + 3 * 2 + 2)  # one, two, three stages
    assert set(table["theta"]) == {0.5, 0.9}
    done = run("task=select", "search.theta=[0.7]", *toy)
    assert done.returncode == 1 and "search.k differs" not in done.stderr
    assert "search.theta: 0.7 was not executed in run" in done.stderr


def test_a_validation_list_may_name_every_problem(run: Run, tmp_path: Path, toy: list[str]) -> None:
    (tmp_path / "ids.txt").write_text("".join(f"Toy/{i}\n" for i in range(60)))
    done = run("split.validation_ids=ids.txt", "hydra.run.dir=out", *toy)
    assert done.returncode == 0, done.stderr
    assert "there is no test side to prove the plans on" in done.stdout
    plans = PlanFile.load(tmp_path / "out" / "plans.json")
    assert len(plans.validation_ids) == 60 and plans.test_ids == ()


def test_without_tests_only_greedy_plans_remain(run: Run, tmp_path: Path, toy: list[str]) -> None:
    untested = {
        model: {
            task: ModelSamples(Draw(samples_of.greedy.solutions, ()), ())
            for task, samples_of in samples.items()
            if samples_of.greedy
        }
        for model, samples in make_samples(60, 0).items()
    }
    write_recording(tmp_path / "untested.jsonl", untested)
    done = run("hydra.run.dir=out", *toy, "generator.path=untested.jsonl")
    assert done.returncode == 0, done.stderr
    for model in SKILL:
        assert done.stdout.count(f"{model} has no tests: every option with k > 0 is unavailable") == 1
    table = pd.read_parquet(tmp_path / "out" / "combinations.parquet")
    assert len(table) == 3 * 11
    assert "No cascade plan" in done.stdout


def test_sweep(run: Run, tmp_path: Path, toy: list[str]) -> None:
    done = run("-m", "seed=0,1", "search.theta=[0.5,0.9]", "hydra.sweep.dir=sweep", *toy)
    assert done.returncode == 0, done.stderr
    assert {r.data.params["seed"] for r in runs(tmp_path)} == {"0", "1"}
    assert all((tmp_path / "sweep" / job / "plans.json").exists() for job in "01")
    # The last screen of a sweep: a row a job, named by what differs, and one figure.
    rows = done.stdout[done.stdout.index("2 jobs in") :].splitlines()
    assert [row.split()[0] for row in rows if row.startswith("seed=")] == ["seed=0", "seed=1"]
    assert (tmp_path / "sweep" / "fronts.png").read_bytes()[:4] == b"\x89PNG"
    validation = [PlanFile.load(tmp_path / "sweep" / job / "plans.json").validation_ids for job in "01"]
    assert validation[0] != validation[1]
    # Both jobs ran in one process, and each explained its plan.
    client = MlflowClient(sqlite_uri(tmp_path / "mlruns"))
    for logged in runs(tmp_path):
        traces = client.search_traces(locations=[logged.info.experiment_id], run_id=logged.info.run_id)
        assert len(traces) == 6 and all(trace.data.spans for trace in traces)


def test_a_failing_job_does_not_take_the_others_with_it(run: Run, tmp_path: Path, toy: list[str]) -> None:
    done = run("-m", "split.max_accuracy_gap=0,0.05", "split.max_redraws=3000", "hydra.sweep.dir=sweep", *toy)
    assert done.returncode == 1
    assert "error: no balanced split" in done.stderr and "Traceback" not in done.stderr
    assert "error: 1 jobs of the sweep failed" in done.stderr
    assert "failed: no balanced split" in done.stdout
    assert (tmp_path / "sweep" / "1" / "plans.json").exists()
    assert sorted(r.info.status for r in runs(tmp_path)) == ["FAILED", "FINISHED"]


def at_once(run: Run, folder: Path, toy: list[str], n_jobs: int) -> None:
    """Studies at once on a fresh mlruns/: all logged, with all that belongs to them, none failed."""
    seeds = ",".join(map(str, range(n_jobs)))
    launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={n_jobs}"]
    done = run("-m", *launcher, f"seed={seeds}", f"paths.mlruns={folder}/mlruns", *toy, RUNS)
    assert done.returncode == 0, done.stderr
    assert [r.info.status for r in runs(folder)] == ["FINISHED"] * n_jobs
    assert "WARNING" not in done.stdout
    client = MlflowClient(sqlite_uri(folder / "mlruns"))
    [combinations] = [e for e in client.search_experiments() if e.name == "toy on toy: all combinations"]
    for job_run in runs(folder):
        mine = f"tags.`cascade.study` = '{job_run.info.run_id}'"
        assert len(client.search_runs([combinations.experiment_id], mine, max_results=10_000)) == 9009


@pytest.mark.slow
def test_jobs_at_once_on_a_fresh_store(run: Run, tmp_path: Path, toy: list[str]) -> None:
    at_once(run, tmp_path / "fresh", toy, 3)


@pytest.mark.slow
def test_four_jobs_at_once_ten_times(run: Run, tmp_path: Path, toy: list[str]) -> None:
    for turn in range(10):
        at_once(run, tmp_path / str(turn), toy, 4)


def test_stage_tables_survive_the_file(plain: Path) -> None:
    executed = Executed.load(plain / "out" / "stage_tables.npz")
    assert executed.models == ("7B", "13B", "34B")
    assert executed.tables[0].accept.shape == (9, 11, 60)
    # With so many draws every probability is a multiple of 1/draws.
    assert np.allclose(executed.tables[0].accept * N_DRAWS % 1, 0)


def test_shards_write_one_store(run: Run, tmp_path: Path, toy: list[str]) -> None:
    """Parts of the problems as jobs of their own; a whole study finds all their verdicts."""
    write_toy(tmp_path / "store" / "toy", n_problems=20)
    overrides = [*toy[:-1], "paths.store=own_store", "split.max_accuracy_gap=0.5"]
    parts = run("-m", "task=run", "n_shards=3", "shard=0,1,2", *overrides)
    assert parts.returncode == 0, parts.stderr
    whole = run("task=run", "hydra.run.dir=out", *overrides)
    assert whole.returncode == 0, whole.stderr
    assert " 0 executed now" in whole.stdout
    # Nothing was executed by two of them either.
    executed_now = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) executed now", parts.stdout)]
    (logged,) = runs(tmp_path)
    assert len(executed_now) == 3
    assert sum(executed_now) == logged.data.metrics["n_pairs"]


def test_a_shard_that_does_not_exist(run: Run, toy: list[str]) -> None:
    refused = run("task=run", "n_shards=2", "shard=2", *toy)
    assert refused.returncode != 0 and "shard=2: must lie between 0 and" in refused.stderr


def test_plans_say_how_sure_they_are(plain: Path) -> None:
    plans = PlanFile.load(plain / "out" / "plans.json")
    logged, _ = runs(plain)
    for chosen in plans.front + plans.singular:
        for side in (chosen.validation, chosen.test):
            assert side is not None and side.accuracy_interval is not None and side.usd_interval is not None
            assert side.accuracy_interval.low <= side.accuracy <= side.accuracy_interval.high
            assert side.usd_interval.low <= side.usd_per_1k_queries <= side.usd_interval.high
    for chosen in plans.front:
        assert chosen.on_front is not None and 0 < chosen.on_front <= 1
        assert (chosen.replaces is None) == (len(chosen.plan.stages) == 1)
    assert plans.proof is not None
    tested = [(c.validation.accuracy, c.test.accuracy) for c in plans.front if c.test is not None]
    assert plans.proof.generalization_gap.value == pytest.approx(
        np.mean([before - after for before, after in tested])
    )
    saved = [c.saving for c in plans.front if c.saving is not None]
    assert plans.proof.mean_saving is not None
    assert plans.proof.mean_saving.value == pytest.approx(np.mean(saved))
    metrics = logged.data.metrics
    assert metrics["generalization_gap"] == pytest.approx(plans.proof.generalization_gap.value)
    assert (
        metrics["generalization_gap_low"] < metrics["generalization_gap"] < metrics["generalization_gap_high"]
    )
    assert metrics["regret"] == pytest.approx(plans.proof.regret) and metrics["optimism"] >= 0
    # The band begins at the cheapest plan and only rises.
    low, high = np.array(plans.band)[:, 1:].T
    assert (np.diff(low) >= 0).all() and (low <= high).all()


def test_one_plan_by_intent(run: Run, tmp_path: Path, toy: list[str]) -> None:
    assert run("task=run", *toy).returncode == 0
    done = run("task=select", "select.budget_usd_per_1k=3", "hydra.run.dir=budget", *toy)
    assert done.returncode == 0 and "the plan that you asked for" in done.stdout, done.stderr
    plans = PlanFile.load(tmp_path / "budget" / "plans.json")
    affordable = [c for c in plans.front if c.validation.usd_per_1k_queries <= 3]
    assert plans.constrained is not None and plans.constrained.plan == affordable[-1].plan
    assert run("task=evaluate", "select.budget_usd_per_1k=3", "hydra.run.dir=proved", *toy).returncode == 0
    proved = PlanFile.load(tmp_path / "proved" / "plans.json").constrained
    assert proved is not None and proved.test is not None
    # 18 problems, all right, are no proof of 99 %.
    done = run("task=select", "select.min_accuracy=0.99", "select.confidence=0.9", *toy)
    assert done.returncode == 1
    assert "error: select.min_accuracy=0.99: no plan has that lower accuracy bound" in done.stderr


@pytest.mark.slow
def test_robust_and_one_theta_a_stage(run: Run, tmp_path: Path, toy: list[str]) -> None:
    done = run(
        "select=robust", "search=per_stage_theta", "estimator.n_subsets=10", "hydra.run.dir=out", *toy, RUNS
    )
    assert done.returncode == 0, done.stderr
    [logged] = runs(tmp_path)
    assert logged.data.metrics["n_combinations"] == 72_099
    assert logged.data.metrics["monte_carlo_error.accuracy.7B"] > 0
    plans = PlanFile.load(tmp_path / "out" / "plans.json")
    assert plans.theta is None and plans.selection["plans"] == "falling_k"
    for chosen in plans.front:
        k = [option.k for _, option in chosen.plan.stages]
        assert k == sorted(set(k), reverse=True)
    table = pd.read_parquet(tmp_path / "out" / "combinations.parquet")
    assert len(table) == 72_099
    assert {"theta_1", "theta_2", "theta_3"} < set(table.columns)
    # The last stage's θ is never looked at, nor that of a model that is skipped.
    assert table["theta_3"].isna().all()
    assert (table["theta_1"].notna() <= (table["k_1"] > 0)).all()
    # The runs of the chosen plans and of the combinations say each stage's θ.
    client = MlflowClient(sqlite_uri(tmp_path / "mlruns"))
    [cascade] = [c for c in plans.front if len(c.plan.stages) > 1][:1]
    first = cascade.plan.stages[0][0]
    name = cascade.plan.describe(plans.models)
    ids = {e.name: e.experiment_id for e in client.search_experiments()}
    for home in ("toy on toy", "toy on toy: all combinations"):
        [plan_run] = client.search_runs([ids[home]], f"attributes.run_name = '{name}'")
        assert plan_run.data.params[f"theta.{plans.models[first]}"] == f"{cascade.plan.theta_at(first):g}"
        last = plans.models[cascade.plan.stages[-1][0]]
        assert f"theta.{last}" not in plan_run.data.params and "theta" not in plan_run.data.params


def test_nested_splits_decide(run: Run, tmp_path: Path, toy: list[str]) -> None:
    done = run("select.plans=nested", "search.theta=[0.5,0.9]", "hydra.run.dir=out", *toy)
    assert done.returncode == 0, done.stderr
    metrics = runs(tmp_path)[0].data.metrics
    better = max(("all", "falling_k"), key=lambda name: metrics[f"nested_saving.{name}"])
    assert PlanFile.load(tmp_path / "out" / "plans.json").selection["plans"] == better


def test_optuna_leaves_its_front_and_plots(run: Run, tmp_path: Path, toy: list[str]) -> None:
    optuna = ["search=optuna", "search.trials=200", "search.theta=[0.0,0.5,1.0]"]
    done = run("hydra.run.dir=out", *optuna, *toy)
    assert done.returncode == 0, done.stderr
    assert "the whole grid has 5,859 plans" in done.stdout and "cascade front" in done.stdout
    [logged] = runs(tmp_path)
    metrics = logged.data.metrics
    assert metrics["optuna.n_trials"] == 200 and 0.8 < metrics["optuna.share_of_grid"] <= 1 + 1e-12
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {
        "optuna_pareto_front.png",
        "optuna_hypervolume.png",
        "optuna_importance_for_accuracy.png",
    }
    tried = pd.read_parquet(tmp_path / "out" / "optuna_plans.parquet")
    assert metrics["optuna.n_plans"] <= len(tried) <= metrics["optuna.n_plans"] + 27
    plans = PlanFile.load(tmp_path / "out" / "plans.json")
    everything = pd.read_parquet(tmp_path / "out" / "combinations.parquet")
    points = set(map(tuple, everything[["accuracy", "usd_per_1k_queries"]].round(9).to_numpy().tolist()))
    for chosen in plans.front:
        known = chosen.validation
        assert (round(known.accuracy, 9), round(known.usd_per_1k_queries, 9)) in points
        assert chosen.test is not None


def test_another_rule_and_the_diagnostics(run: Run, tmp_path: Path, toy: list[str]) -> None:
    done = run("hydra.run.dir=out", "rule=pass_rate", "search.k=[-1,0,5]", *toy)
    assert done.returncode == 0, done.stderr
    rules = pd.read_csv(tmp_path / "out" / "diagnostics_rules.csv").set_index("rule")
    assert set(rules.index) == {"paper", "codet", "pass_rate", "agreement"}
    [logged] = runs(tmp_path)
    # The plans are the ones that the table has for the rule.
    assert logged.data.params["rule"] == "pass_rate"
    assert rules.loc["pass_rate", "theta"] == logged.data.metrics["theta"]
    assert rules.loc["pass_rate", "n_front"] == logged.data.metrics["n_front"]
    options = pd.read_csv(tmp_path / "out" / "diagnostics_options.csv")
    assert len(options) == 4 * 3 * 2  # rules, models, l
    assert (options["accuracy"] <= options["oracle_pass_at_k"] + 1e-9).all()
    solved = pd.read_csv(tmp_path / "out" / "diagnostics_who_solves_what.csv")
    assert list(solved.columns) == ["7B", "13B", "34B", "n_problems", "task_ids"]
    assert solved["n_problems"].sum() == 60
    n_solved = solved[solved["34B"]]["n_problems"].sum()
    greedy = make_samples(60, 0)
    assert set(greedy) == {"7B", "13B", "34B"} and n_solved == round(
        60 * logged.data.metrics["greedy_accuracy.34B"]
    )


def test_a_grid_that_is_too_large_is_refused_before_anything_is_executed(
    run: Run, tmp_path: Path, toy: list[str]
) -> None:
    fine = ",".join(f"{i / 1000:g}" for i in range(1001))
    done = run(f"search.theta=[{fine}]", "search.per_stage_theta=true", *toy)
    assert done.returncode == 1
    assert "error: search: the grid has 577,368,819 plans" in done.stderr and "search=optuna" in done.stderr
