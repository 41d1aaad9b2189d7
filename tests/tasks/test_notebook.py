"""The public interface: a study run from Python, loaded, searched, chosen from and plotted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cascade
from tests.conftest import ROOT
from tests.toy import write_toy


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, empty_mlruns: Path) -> cascade.FinishedStudy:
    home = tmp_path_factory.mktemp("notebook")
    shutil.copytree(empty_mlruns, home / "mlruns")
    write_toy(home / "toy", n_problems=20)
    return cascade.run(
        "family=wizardcoder_python",
        "family.name=toy",
        "dataset=humaneval",
        "dataset.name=toy",
        f"dataset.path={home}/toy/problems.jsonl",
        "hardware=rtx3090",
        "+hardware.throughput.toy.toy=${hardware.throughput.humaneval.wizardcoder_python}",
        "generator=recorded",
        f"generator.path={home}/toy/recording.jsonl.gz",
        "split.max_accuracy_gap=1",
        "report.page=false",
        "tracking.combinations=table",
        f"paths.store={home}/store",
        f"paths.mlruns={home}/mlruns",
        output=home / "output",
    )


def test_a_study_from_python_is_what_its_folder_holds(finished: cascade.FinishedStudy) -> None:
    again = cascade.load_study(finished.folder)
    assert again.plans == finished.plans and again.executed.models == ("7B", "13B", "34B")
    grid = again.search("validation")
    # Every plan of the table is one of the search from the tables alone, to the digit.
    best = again.combinations["accuracy"].max()
    assert grid.accuracy.max() == pytest.approx(best, abs=1e-12)
    chosen = {round(one.validation.accuracy, 9) for one in again.plans.front}
    assert chosen <= {round(float(a), 9) for a in grid.accuracy.ravel()}


def test_the_example_runs(finished: cascade.FinishedStudy, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "study_in_a_notebook.py"), str(finished.folder)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "models: 7B, 13B, 34B" in done.stdout and "$ per 1,000 queries" in done.stdout
    assert (tmp_path / "cost_accuracy.png").stat().st_size > 10_000


def test_a_folder_without_a_study_is_named(tmp_path: Path) -> None:
    with pytest.raises(cascade.CascadeError, match=r"stage_tables\.npz: does not exist; name the"):
        cascade.load_study(tmp_path)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, cascade; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout
    assert not {"numpy", "hydra", "mlflow", "pandas", "torch"} & set(loaded.split())


def test_the_api_page_is_up_to_date() -> None:
    code = "import sys; sys.path.insert(0, 'docs'); import make_api; sys.stdout.write(make_api.page())"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert made.stdout == (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), "run docs/make_api.py"
