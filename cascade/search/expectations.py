"""What a plan's stages are expected to do on new problems of the same kind: what a service watches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cascade.core import Plan, StageTable
from cascade.search.plan_results import plan_indices


@dataclass(frozen=True)
class StageExpectation:
    """One stage of a plan over the problems of a study, each weighing as much as it reaches the stage.

    None of it needs references, so that all of the study's problems count.

    Attributes:
        model: its name.
        reached: share of the queries that come so far.
        accepted: share of these whose answer it takes; 1 for a last stage.
        usd, usd_deviation: US dollars that it costs a query that reaches it, and the standard deviation of
            that between problems.
        n_problems: how many equally weighing problems these estimates are worth.
        scores: (θ or τ of the study, share of the queries whose score or probability reaches it); of a
            growing stage the plan's alone, as with others it would have grown otherwise; empty without tests.
        scores_deviation: standard deviation between problems of the share of these θ that is reached.
    """

    model: str
    reached: float
    accepted: float
    usd: float
    usd_deviation: float
    n_problems: float
    scores: tuple[tuple[float, float], ...] = ()
    scores_deviation: float = 0.0


def expected_stages(
    tables: Sequence[StageTable], plan: Plan, models: Sequence[str]
) -> tuple[StageExpectation, ...]:
    """What each stage of a plan does on the tables' problems.

    Args:
        tables: one a model in family order, over the same problems.
        plan: whose options and θ are in the tables.
        models: the models' names.
    """
    [options], [thetas] = plan_indices(tables, [plan])
    reach = np.ones(tables[0].correct.shape[1])
    last = plan.stages[-1][0]
    found = []
    for i, option in plan.stages:
        table, o, t = tables[i], options[i], thetas[i]
        total = float(reach.sum())
        # A stage that no problem reaches is expected to do what it would do on all of them.
        weight = reach / total if total > 0 else np.full_like(reach, 1 / len(reach))
        usd = table.by_theta[1][o, t]
        mean = float(weight @ usd)
        scores: tuple[tuple[float, float], ...] = ()
        deviation = 0.0
        if option.tests:
            which = [t] if option.growing else list(range(len(table.thetas)))
            shares = table.accept[o][which] @ weight
            scores = tuple((table.thetas[at], float(s)) for at, s in zip(which, shares, strict=True))
            of_problem = table.accept[o][which].mean(axis=0)
            deviation = float(np.sqrt(weight @ (of_problem - shares.mean()) ** 2))
        found.append(
            StageExpectation(
                model=models[i],
                reached=float(reach.mean()),
                accepted=1.0 if i == last else float(weight @ table.accept[o, t]),
                usd=mean,
                usd_deviation=float(np.sqrt(weight @ (usd - mean) ** 2)),
                n_problems=float(1 / (weight @ weight)),
                scores=scores,
                scores_deviation=deviation,
            )
        )
        reach = reach * (1.0 - table.accept[o, t])
    return tuple(found)
