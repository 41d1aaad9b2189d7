"""What many tests need: the shared data, `run.py` as a user starts it, and a headless browser."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"

Run = Callable[..., subprocess.CompletedProcess[str]]


def needs_shared(name: str) -> pytest.MarkDecorator:
    """Skip a test where a folder of recorded data is not beside the checkout."""
    return pytest.mark.skipif(
        not (SHARED / name).is_dir(),
        reason=f"the recorded data shared/data/{name} is not beside the checkout",
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Start `run.py` in an empty folder with some arguments; returns the finished process."""

    def start(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "run.py"), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=600,
            **options,  # type: ignore[call-overload]
        )

    return start


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
