"""Whoever finds a study's files, output or MLflow store finds no password in them."""

import sqlite3
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run
from tests.toy import write_toy
from tests.tracking.server import serving

SECRET = "hunter2-s3cret"
ADDRESS = f"http://me:{SECRET}@127.0.0.1:1/x"


def leaks(folder: Path) -> list[str]:
    """Files below a folder with the password in them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    "arguments",
    [
        ["seed=0,1", "bootstrap.replicates=3"],  # every job fails in its folder
        ["seed=0,oops"],  # no job is composed
        [
            "seed=0,1",
            "search=optuna",
            f"search.storage=postgresql://me:{SECRET}@127.0.0.1:1/x",
            "search.k=[7,7]",
        ],
    ],
)
def test_a_sweep_that_fails_leaves_no_password(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    done = run("-m", *arguments, f"tracking.uri={ADDRESS}", "hydra.sweep.dir=swept")
    assert done.returncode == 1
    assert "http://me:***@127.0.0.1:1/x" in (tmp_path / "swept" / "multirun.yaml").read_text()
    assert not leaks(tmp_path) and SECRET not in done.stdout + done.stderr


def test_the_configuration_is_shown_without_passwords(run: Run) -> None:
    done = run("--cfg", "job", f"tracking.uri={ADDRESS}")
    assert "uri: http://me:***@127.0.0.1:1/x" in done.stdout and SECRET not in done.stdout
    # With the real stdout the rest is whole.
    assert "bootstrap:" in done.stdout and "paths:" in done.stdout


def test_a_job_that_fails_alone_leaves_no_password(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    done = run(f"tracking.uri={ADDRESS}", "hydra.run.dir=out")
    assert done.returncode == 1 and done.stderr.startswith("error: tracking.uri=http://me:***@127.0.0.1:1/x")
    assert {path.name for path in (tmp_path / "out" / ".hydra").iterdir()} == {
        "config.yaml",
        "hydra.yaml",
        "overrides.yaml",
    }
    assert not leaks(tmp_path) and SECRET not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_sweep_by_a_server_with_a_password_leaves_none_anywhere(run: Run, tmp_path: Path) -> None:
    """Output folder, log files, pages, what is printed, the server's database and its artifacts."""
    write_toy(tmp_path / "store" / "toy")
    with serving(tmp_path / "server") as server:
        address = server.replace("http://", f"http://me:{SECRET}@")
        toy = [f"hydra.searchpath=[{ROOT}/tests/conf]", "experiment=toy"]
        done = run("-m", "seed=0,1", *toy, f"tracking.uri={address}", "hydra.sweep.dir=swept")
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(tmp_path / "server" / "mlflow.db") as database:
        [command, *_] = [
            value for (value,) in database.execute("SELECT value FROM tags WHERE key = 'cascade.command'")
        ]
        assert ":***@127" in command
    assert (tmp_path / "swept" / "0" / "report" / "report.html").exists()
    assert not leaks(tmp_path) and SECRET not in done.stdout + done.stderr
    # The last screen's links lead a browser to the server.
    assert f"{server}/#/experiments/" in done.stdout
