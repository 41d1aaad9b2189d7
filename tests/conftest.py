"""What many tests need: the shared data, `run.py` as a user starts it, and a headless browser."""

import gc
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.program import ADDRESS, ROOT, loaded, run_program

# What a shell puts into the background starts with Ctrl-C ignored, and so would every program of a test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = ROOT.parent / "shared" / "data"

Run = Callable[..., subprocess.CompletedProcess[str]]


def needs_shared(name: str) -> pytest.MarkDecorator:
    """Skip a test where a folder of recorded data is not beside the checkout."""
    return pytest.mark.skipif(
        not (SHARED / name).is_dir(),
        reason=f"the recorded data shared/data/{name} is not beside the checkout",
    )


def pytest_configure(config: pytest.Config) -> None:
    """One loaded program for all of pytest-xdist's workers; it loads while they collect."""
    if config.getoption("numprocesses", None):
        os.environ[ADDRESS] = loaded()


def pytest_collection_finish() -> None:
    """The collector need not look at a million objects of modules again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run.py` with some arguments in the test's folder; returns the finished process."""
    return partial(run_program, folder=tmp_path)


@pytest.fixture(scope="session")
def toy_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store for every test that does not ask how the toy is executed, so that it is executed once."""
    return _shared(tmp_path_factory) / "toy_store"


@pytest.fixture(scope="session")
def empty_mlruns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables and nothing in them: to make them takes seconds, and most tests do not ask how."""
    # Imported here: tests/gpu runs where there is no MLflow.
    from mlflow.tracking import MlflowClient

    from cascade.tracking import sqlite_uri

    folder = tmp_path_factory.mktemp("empty") / "mlruns"
    MlflowClient(sqlite_uri(folder)).search_experiments()
    return folder


@pytest.fixture
def made_mlruns(tmp_path: Path, empty_mlruns: Path) -> Path:
    """MLflow's empty tables in the test's folder, where its studies look for them."""
    return Path(shutil.copytree(empty_mlruns, tmp_path / "mlruns"))


def _shared(factory: pytest.TempPathFactory) -> Path:
    """A folder of this session's; pytest-xdist's workers have theirs side by side in it."""
    folder = factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        # A container's root may not use Chromium's own sandbox.
        started = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()
