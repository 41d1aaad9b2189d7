"""Parts of MLflow that are not public: where one is missing the program says so at once, in one line."""

import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from tests.conftest import ROOT

BY = {
    "a class of the tables": (
        "import mlflow.store.tracking.dbmodels.models as m; del m.SqlLatestMetric",
        "mlflow.store.tracking.dbmodels.models.SqlLatestMetric",
    ),
    "a module": (
        "import sys; sys.modules['mlflow.store.tracking.dbmodels.models'] = None",
        "mlflow.store.tracking.dbmodels.models.SqlRun",
    ),
    "the store of a database": (
        "import mlflow.store.tracking.sqlalchemy_store as m; del m.SqlAlchemyStore",
        "mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore",
    ),
    "the store of a client": (
        "from mlflow.tracking import MlflowClient as c; begin = c.__init__\n"
        "def without(self, *a, **k):\n begin(self, *a, **k); del self._tracking_client\n"
        "c.__init__ = without",
        "MlflowClient._tracking_client.store",
    ),
    "sessions": (
        "from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as s; begin = s.__init__\n"
        "def without(self, *a, **k):\n begin(self, *a, **k); del self.ManagedSessionMaker\n"
        "s.__init__ = without",
        "SqlAlchemyStore.ManagedSessionMaker",
    ),
}


@pytest.mark.parametrize("case", BY)
def test_a_missing_part_is_named_with_mlflows_version(tmp_path: Path, case: str) -> None:
    """A study in a process of its own, in which the part is taken away before ours are imported."""
    remove, part = BY[case]
    code = f"{remove}\nimport runpy; runpy.run_path({str(ROOT / 'run.py')!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, "hydra.run.dir=out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith(f"error: MLflow {mlflow.__version__} has no {part}, ")
    # The versions are those that the distribution requires.
    assert line.endswith("pip install 'mlflow<3.18,>=3.1'")
    assert not (tmp_path / "out" / "plans.json").exists()
