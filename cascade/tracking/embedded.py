"""Whether the embedded MLflow store can be opened later on, found out without MLflow, which takes seconds."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

DATABASE = "mlflow.db"


def looks_sound(mlruns: Path) -> bool:
    """Whether the folder can be written, and what it holds under the database's name is a database."""
    try:
        mlruns.mkdir(parents=True, exist_ok=True)
        with (mlruns / ".lock").open("a"):
            pass
        if not (database := mlruns / DATABASE).exists():
            return True
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT version_num FROM alembic_version").fetchall()
        return os.access(database, os.W_OK)
    except (OSError, sqlite3.Error):
        return False
