"""The public interface for notebooks: a finished study as an object, and running one from Python."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from cascade.base import DataError
from cascade.config import Study, check_inputs, compose_study
from cascade.core import StageTable
from cascade.report import cost_accuracy_figure
from cascade.search import COMBINATIONS, PLANS, STAGE_TABLES, Executed, GridResult, PlanFile, grid_search
from cascade.tasks.loading import task_function


@dataclass(frozen=True)
class FinishedStudy:
    """What a study left in its output folder.

    Attributes:
        folder: the output folder.
        executed: models, task ids, split, and a stage table for each model.
        plans: the chosen plans with their estimates, and the proof once they were evaluated.
        combinations: a row for each plan on the validation side: k_i, l_i, theta, accuracy (0..1) and
            usd_per_1k_queries.
    """

    folder: Path
    executed: Executed
    plans: PlanFile
    combinations: pd.DataFrame

    def tables(self, side: str) -> list[StageTable]:
        """The stage tables over the problems of one side, ``validation`` or ``test``."""
        problems = {"validation": self.executed.split.validation, "test": self.executed.split.test}
        return [table.at(problems[side]) for table in self.executed.tables]

    def search(self, side: str = "validation") -> GridResult:
        """Cost and accuracy of every plan of the executed space on one side."""
        return grid_search(self.tables(side))

    def plot(self, path: Path | str) -> None:
        """Draw all plans and both fronts on the validation side, as a PNG or an SVG."""
        usd, accuracy = self.combinations["usd_per_1k_queries"], self.combinations["accuracy"]
        cost_accuracy_figure(
            Path(path),
            f"{self.folder.name}: validation, {len(self.plans.validation_ids)} problems",
            usd.to_numpy(),
            accuracy.to_numpy(),
            [chosen.validation for chosen in self.plans.front],
            [chosen.validation for chosen in self.plans.singular],
            self.plans.band,
        )


def load_study(folder: Path | str) -> FinishedStudy:
    """Read the output folder of task=study.

    Raises:
        DataError: a file of it is missing or damaged.
    """
    home = Path(folder)
    for name in (STAGE_TABLES, PLANS, COMBINATIONS):
        if not (home / name).is_file():
            raise DataError(f"{home / name}: does not exist; name the output folder of a task=study")
    return FinishedStudy(
        home,
        Executed.load(home / STAGE_TABLES),
        PlanFile.load(home / PLANS),
        pd.read_parquet(home / COMBINATIONS),
    )


def compose(*overrides: str, config_dir: Path | str | None = None) -> Study:
    """The checked study of these settings, as the command line composes it.

    Args:
        overrides: e.g. ``"family=codegen"``, ``"search.theta=[0.5,0.9]"``.
        config_dir: a folder with families, hardware and data sets of one's own; as ``--config-dir``.

    Raises:
        ConfigError: a value is out of range; names the key, its value and what is allowed.
        HydraException: the overrides do not compose.
    """
    return compose_study(overrides, config_dir)


def run(
    *overrides: str, output: Path | str | None = None, config_dir: Path | str | None = None
) -> FinishedStudy:
    """Run a whole study (task=study) and return what it left.

    Args:
        overrides: as on the command line.
        output: the folder to write to; None for a new one under ``outputs/``.
        config_dir: as in `compose`.

    Raises:
        CascadeError: what the command line would say in one line.
    """
    study = compose(*overrides, config_dir=config_dir)
    check_inputs(study)
    folder = Path(output or f"outputs/{datetime.now():%Y-%m-%d/%H-%M-%S-%f}").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    task_function(study)(study, folder)
    return load_study(folder)
