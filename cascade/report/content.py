"""What a report of one study says, as numbers, from an evaluated study's tables and plans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cascade.core import SKIP, Option, StageTable, front_stability, problem_weights
from cascade.report.curves import SavingCurve, saving_curve, theta_sweep
from cascade.report.published import Published
from cascade.search import (
    ChosenPlan,
    Combinations,
    Executed,
    GridResult,
    PlanFile,
    Provenance,
    StageShare,
    candidate,
    plan_outcomes,
    stage_shares,
)

MAX_CLOUD = 2_000  # plans behind a front on the page; more only make it larger
BAND_POINTS = 100


@dataclass(frozen=True)
class RunRecord:
    """How a study was made, as its MLflow runs tell.

    Attributes:
        run_id, source_run_id: of the run that proved the plans, and of the one that executed them.
        started: when the former began.
        command: the command line that started it; None where it was not kept.
        use: the command line that answers requests with the recommended plan.
        version: of this program.
        isolation: what kept the programs apart that were executed; None where every verdict was in the store.
        seconds: by step.
        yaml: the resolved configuration.
    """

    run_id: str
    source_run_id: str
    started: datetime
    command: str | None
    use: str
    version: str
    isolation: str | None
    seconds: Mapping[str, float]
    yaml: str


@dataclass(frozen=True)
class Evaluated:
    """An evaluated study, as its MLflow runs keep it.

    Attributes:
        name: the study in a few words.
        executed: its tables and split.
        plans: the proved plans.
        diagnostics: by name the tables of `cascade.tasks.diagnose`; who_solves_what is always there.
        rule: that plans were run by.
        record: of its MLflow runs.
    """

    name: str
    executed: Executed
    plans: PlanFile
    diagnostics: Mapping[str, pd.DataFrame]
    rule: str
    record: RunRecord

    @property
    def provenance(self) -> Provenance:
        """What the study was made from."""
        return self.plans.provenance

    def side(self, name: str) -> list[StageTable]:
        """The tables of one side of the split."""
        return [table.at(getattr(self.executed.split, name)) for table in self.executed.tables]


def one_a_split(studies: Sequence[Evaluated]) -> list[Evaluated]:
    """Of studies that have the same validation problems the newest: the others say nothing new of the split.

    A mean over studies tells how far a result depends on the split; the same one twice would narrow it.
    """
    newest: dict[frozenset[str], Evaluated] = {}
    for study in studies:
        executed = study.executed
        side = frozenset(executed.task_ids[i] for i in executed.split.validation)
        if side not in newest or newest[side].record.started < study.record.started:
            newest[side] = study
    return list(newest.values())


@dataclass(frozen=True)
class Cloud:
    """Plans behind a front, on one side: those at its θ, or over all θ; a part of them where there are many.

    Attributes:
        cost, accuracy: float arrays (plans,): US dollars per 1,000 queries, and 0..1.
        names: of the plans.
        n_plans: how many there are in all.
    """

    cost: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    names: tuple[str, ...]
    n_plans: int


def cloud(grid: GridResult, plans: PlanFile) -> Cloud:
    """The plans of a grid that stand behind the front in the figures."""
    n_thetas, n_plans = grid.accuracy.shape
    rows = np.arange(n_thetas) if plans.theta is None else np.array([grid.thetas.index(plans.theta)])
    every = Combinations(np.repeat(rows, n_plans), np.tile(np.arange(n_plans), len(rows)))
    some = every[np.arange(0, len(every), -(-len(every) // MAX_CLOUD))]
    at = some.theta, some.plan
    return Cloud(
        grid.usd_per_1k_queries[at],
        grid.accuracy[at],
        tuple(plan.describe(plans.models) for plan in grid.plans(some)),
        len(every),
    )


def recommended(plans: PlanFile) -> ChosenPlan:
    """The one plan to use; before the evaluation what the validation side says alone."""
    return candidate(plans) if plans.recommended is None else plans.recommended.chosen


def shares(study: Evaluated, chosen: ChosenPlan, side: str) -> list[StageShare]:
    """How far problems go in a plan on one side."""
    return stage_shares(study.side(side), chosen.plan)


def band_on_test(
    study: Evaluated, replicates: int, confidence: float
) -> tuple[tuple[float, float, float], ...]:
    """The band of the chosen plans on the test side: rows of cost, low and high end of the best accuracy."""
    tables = study.side("test")
    outcomes = plan_outcomes(tables, [one.plan for one in study.plans.front])
    usd = np.maximum(outcomes[1].mean(axis=1), 1e-12)
    grid = np.geomspace(usd.min(), usd.max(), BAND_POINTS)
    weights = problem_weights(len(study.executed.split.test), replicates, study.provenance.seed)
    band = front_stability(outcomes, weights, grid, confidence).band
    return tuple(zip(grid.tolist(), *band.tolist(), strict=True))


def curve(study: Evaluated, grid: GridResult) -> SavingCurve | None:
    """The paper's Figure 1 on the test side; `grid` is of that side."""
    known = [one.test for one in study.plans.front if one.test is not None]
    singles = np.flatnonzero(grid.space.one_stage)
    return saving_curve(
        np.array([estimate.usd_per_1k_queries for estimate in known]),
        np.array([estimate.accuracy for estimate in known]),
        grid.usd_per_1k_queries[0, singles],
        grid.accuracy[0, singles],
    )


@dataclass(frozen=True)
class ThetaSweep:
    """One plan at every θ on all problems (paper Figure 6).

    Attributes:
        name: the plan, θ left out.
        thetas: the grid.
        cost, accuracy: float arrays (thetas,): US dollars per 1,000 queries, and 0..1.
        is_papers: whether it is the plan of the paper's figure.
    """

    name: str
    thetas: tuple[float, ...]
    cost: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    is_papers: bool

    @property
    def best(self) -> int:
        """Where the accuracy is highest; of equals the cheapest."""
        return int(np.lexsort((self.cost, -np.round(self.accuracy, 12)))[0])


def sweep_of(study: Evaluated, paper: Published) -> ThetaSweep | None:
    """The paper's plan where it has one and it was executed; else the recommended cascade.

    Where one model is recommended, the chosen cascade with the most stages.
    """
    tables = study.executed.tables
    options: tuple[Option, ...] | None = None
    if paper.peak is not None and len(paper.peak.options) == len(tables):
        every = zip(paper.peak.options, tables, strict=True)
        options = paper.peak.options if all(option in table.options for option, table in every) else None
    is_papers = options is not None
    if options is None:
        best = recommended(study.plans).plan
        cascades = [one.plan for one in study.plans.front if len(one.plan.stages) > 1]
        if not cascades:
            return None
        several = len(best.stages) > 1
        options = best.options if several else max(cascades, key=lambda plan: len(plan.stages)).options
    cost, accuracy = theta_sweep(tables, options)
    models = study.plans.models
    name = " → ".join(f"{m} {o}" for m, o in zip(models, options, strict=True) if o != SKIP)
    return ThetaSweep(name, tables[0].thetas, cost, accuracy, is_papers)


def greedy_right(solved: pd.DataFrame, model: str) -> int:
    """How many problems a model's greedy solutions solve, from the table who_solves_what."""
    return int(solved.loc[solved[model].astype(bool), "n_problems"].sum())
