"""What is left when processes are killed: of studies, of the jobs of a sweep, and of studies at once."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from cascade.tracking import sqlite_uri
from tests.conftest import ROOT, Run
from tests.toy import write_toy

Start = Callable[..., "subprocess.Popen[str]"]
PATIENCE_S = 120.0


@pytest.fixture
def toy(tmp_path: Path, made_mlruns: Path) -> list[str]:
    """Arguments of the toy study; the store is `own_store` in the test's folder."""
    write_toy(tmp_path / "store" / "toy", n_problems=30)
    overrides = ["experiment=toy", "tracking.combinations=table", "paths.store=own_store"]
    overrides += ["split.max_accuracy_gap=0.3"]
    return [f"hydra.searchpath=[{ROOT}/tests/conf]", "report.page=false", *overrides]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `run.py` and go on at once; what still runs at the end is killed."""
    running = []

    def begin(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "run.py"), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(what: Callable[[], Any]) -> Any:
    """The first true value that something has."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


def below(process: int, word: str) -> list[int]:
    """The descendants of a process whose command line has a word in it."""
    found, parents = [], [process]
    while parents:
        listed = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", ",".join(map(str, parents))], capture_output=True, text=True
        )
        lines = [line.split(maxsplit=1) for line in listed.stdout.splitlines()]
        parents = [int(number) for number, _ in lines]
        found += [int(number) for number, arguments in lines if word in arguments]
    return found


def test_two_identical_studies_at_once_execute_nothing_twice(
    start: Start, tmp_path: Path, toy: list[str]
) -> None:
    shutil.copytree(tmp_path / "mlruns", tmp_path / "other")
    both = [start("task=run", f"paths.mlruns={name}", *toy) for name in ("mlruns", "other")]
    said = [process.communicate(timeout=PATIENCE_S)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    pairs = {re.search(r"([\d,]+) pairs of program and test", text)[1] for text in said}  # type: ignore[index]
    [total] = {int(n.replace(",", "")) for n in pairs}
    executed = [int(re.search(r"([\d,]+) executed now", text)[1].replace(",", "")) for text in said]  # type: ignore[index]
    assert sum(executed) == total


@pytest.mark.parametrize(
    ("launcher", "word"),
    [
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=1"], "cascade.tasks.process_launcher"),
        pytest.param(["hydra/launcher=submitit_local"], "submitit.core._submit", marks=pytest.mark.slow),
    ],
)
def test_a_killed_job_does_not_take_the_sweep_with_it(
    start: Start, run: Run, tmp_path: Path, toy: list[str], launcher: list[str], word: str
) -> None:
    sweep = start("-m", *launcher, "seed=0,1", "hydra.sweep.dir=sweep", *toy)
    wait_for(lambda: list(tmp_path.glob("sweep/*/.hydra/overrides.yaml")))
    os.kill(below(sweep.pid, word)[0], signal.SIGKILL)
    out, err = sweep.communicate(timeout=2 * PATIENCE_S)
    assert sweep.returncode == 1
    assert "Traceback" not in out + err
    assert "error: 1 jobs of the sweep failed" in err
    rows = dict(line.split(maxsplit=1) for line in out.splitlines() if line.startswith("seed="))
    assert set(rows) == {"seed=0", "seed=1"}
    [dead] = [seed for seed, row in rows.items() if "dead: " in row]
    assert "SIGKILL" in rows[dead] or "without a result" in rows[dead]
    assert len(list(tmp_path.glob("sweep/*/plans.json"))) == 1


def test_a_killed_study_is_closed_when_the_next_one_starts(
    start: Start, run: Run, tmp_path: Path, toy: list[str]
) -> None:
    killed = start("task=run", *toy)
    client = wait_for(lambda: (tmp_path / "mlruns" / "mlflow.db").exists() and opened(tmp_path))

    def running() -> list[str]:
        ids = [e.experiment_id for e in client.search_experiments()]
        return [r.info.run_id for r in client.search_runs(ids, "attributes.status = 'RUNNING'")]

    [run_id] = wait_for(running)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    done = run("task=run", *toy)
    assert done.returncode == 0, done.stderr
    assert (
        f"MLflow run {run_id}" in done.stdout and "its process is gone; it is closed as KILLED" in done.stdout
    )
    assert client.get_run(run_id).info.status == "KILLED"
    assert running() == []


@pytest.mark.parametrize(
    "library", ["sqlalchemy", *(pytest.param(n, marks=pytest.mark.slow) for n in ("libtorch", "tokenizers"))]
)
def test_signals_inside_imports_are_an_interrupt(start: Start, library: str) -> None:
    """Ctrl-C again and again while a library is loaded: nobody takes it for a broken installation."""
    study = start("task=run", "generator=transformers", "generator.device_map=cpu")
    maps = Path(f"/proc/{study.pid}/maps")
    if not maps.exists():
        pytest.skip("this system does not tell what a process loads")
    wait_for(lambda: library in maps.read_text())
    while study.poll() is None:
        study.send_signal(signal.SIGINT)
        time.sleep(0.1)
    out, err = study.communicate()
    assert study.returncode == 130, err
    assert err.splitlines()[-1] == "interrupted; rerun the same command to resume"
    assert "Traceback" not in out + err and "cannot be loaded" not in err and "no tokenizer" not in err


MAKE_STORE = """
from pathlib import Path
from cascade.tracking import Tracker
Tracker(None, Path("mlruns"), "e")
"""


def test_a_process_killed_while_mlflow_makes_its_tables_leaves_a_store_for_the_next(tmp_path: Path) -> None:
    def make() -> "subprocess.Popen[str]":
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        code = [sys.executable, "-c", MAKE_STORE]
        return subprocess.Popen(code, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)

    killed = make()
    made = tmp_path / "mlruns" / "mlflow.db.unfinished"
    # Some tables are there, others are not.
    wait_for(lambda: made.exists() and made.stat().st_size > 150_000)
    killed.kill()
    killed.communicate()
    assert made.exists() and not made.with_suffix("").exists()
    after = make()
    _, err = after.communicate(timeout=PATIENCE_S)
    assert after.returncode == 0, err
    assert sorted(path.name for path in (tmp_path / "mlruns").glob("*.db*")) == ["mlflow.db"]


def opened(folder: Path) -> MlflowClient | None:
    """A client of the study's database, once its tables are there."""
    copy = folder / "copy.db"  # while somebody makes the tables nobody else should try
    shutil.copy(folder / "mlruns" / "mlflow.db", copy)

    with sqlite3.connect(copy) as connection:
        try:
            [[n]] = connection.execute("select count(*) from runs where status = 'RUNNING'")
        except sqlite3.Error:
            return None
    return MlflowClient(sqlite_uri(folder / "mlruns")) if n else None
