"""One MLflow database for the tests of a file: making its tables takes seconds."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def mlruns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlruns")
