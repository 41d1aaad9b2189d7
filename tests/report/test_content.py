"""What a study's report says, as numbers."""

from dataclasses import replace

import numpy as np
import pytest

from cascade.report.content import MAX_CLOUD, band_on_test, cloud, curve, recommended, shares, sweep_of
from cascade.report.published import published
from cascade.search.grid import grid_search
from cascade.search.plan_results import plan_outcomes
from tests.report.made_up import evaluated, grids

NOTHING = published("made_up", "numbers", "abacus")


@pytest.mark.parametrize(("n_models", "seed"), [(n, seed) for n in (2, 3, 4) for seed in range(3)])
def test_the_plan_to_use_is_the_cheapest_good_one(n_models: int, seed: int) -> None:
    plans = evaluated(n_models, seed).plans
    best_alone = max(one.validation.accuracy for one in plans.singular)
    good = [c for c in plans.front if c.validation.accuracy >= best_alone - 0.01 - 1e-12]
    assert recommended(plans) == min(good, key=lambda c: c.validation.usd_per_1k_queries)


def test_a_plan_that_was_asked_for_goes_first() -> None:
    plans = evaluated().plans
    assert recommended(replace(plans, constrained=plans.front[0])) == plans.front[0]


def test_the_cloud_is_a_part_of_the_grid() -> None:
    study = evaluated(4)
    grid = grids(study)["test"]
    found = cloud(grid, study.plans)
    row = grid.thetas.index(study.plans.theta)
    known = set(zip(grid.usd_per_1k_queries[row].tolist(), grid.accuracy[row].tolist(), strict=True))
    assert found.n_plans == len(grid.space)
    assert MAX_CLOUD / 2 < len(found.cost) == len(found.names) <= MAX_CLOUD
    assert set(zip(found.cost.tolist(), found.accuracy.tolist(), strict=True)) <= known
    # Over all θ where the front is.
    assert cloud(grid, replace(study.plans, theta=None)).n_plans == grid.accuracy.size


def test_shares_are_where_problems_end() -> None:
    study = evaluated(4)
    for chosen in study.plans.front:
        found = shares(study, chosen, "test")
        assert found[0].asked == 1.0
        assert sum(share.answered for share in found) == pytest.approx(1.0)
        assert [share.asked for share in found[1:]] == pytest.approx(
            [before.asked - before.answered for before in found[:-1]]
        )
        # Who is right somewhere is right in the whole.
        accuracy = plan_outcomes(study.side("test"), [chosen.plan])[0].mean()
        assert chosen.test is not None
        assert sum(share.right for share in found) == pytest.approx(accuracy) == chosen.test.accuracy


def test_the_band_holds_the_front_and_rises() -> None:
    study = evaluated(3)
    cost, low, high = np.array(band_on_test(study, 200, 0.9)).T
    known = [one.test for one in study.plans.front if one.test is not None]
    assert cost[[0, -1]] == pytest.approx(
        [min(t.usd_per_1k_queries for t in known), max(t.usd_per_1k_queries for t in known)]
    )
    assert (np.diff(low) >= 0).all() and (np.diff(high) >= 0).all() and (low <= high).all()
    best = max(test.accuracy for test in known)
    assert low[-1] <= best <= high[-1]


def test_the_curve_goes_through_the_chosen_plans() -> None:
    study = evaluated(4)
    found = curve(study, grids(study)["test"])
    assert found is not None
    tested = {round(one.test.accuracy, 9) for one in study.plans.front if one.test is not None}
    assert {round(accuracy, 9) for accuracy in found.cascade_plans[1]} == tested
    assert found.saving == pytest.approx(np.mean(1 - found.cascade / found.one_model))


def test_one_plan_at_every_theta() -> None:
    study = evaluated(4)
    found = sweep_of(study, NOTHING)
    assert found is not None and not found.is_papers
    longest = max((c.plan for c in study.plans.front), key=lambda plan: len(plan.stages))
    grid = grid_search(study.executed.tables)
    plan = next(i for i in range(len(grid.space)) if grid.plan(0, i).options == longest.options)
    assert found.accuracy == pytest.approx(grid.accuracy[:, plan])
    assert found.accuracy[found.best] == found.accuracy.max()
    # Of equals the cheapest.
    same = replace(found, accuracy=np.full(len(found.thetas), 0.5))
    assert same.cost[same.best] == same.cost.min()


def test_the_papers_own_plan_where_it_was_executed() -> None:
    study = evaluated(3)
    paper = published("wizardcoder_python", "humaneval", "rtx3090")
    assert paper.peak is not None
    found = sweep_of(study, paper)
    assert found is not None and found.is_papers
    assert found.name == "tiny 5:4 → small 3:4 → medium greedy"
    unknown = replace(paper, peak=replace(paper.peak, options=paper.peak.options[:2]))
    other = sweep_of(study, unknown)
    assert other is None or not other.is_papers


def test_without_a_cascade_there_is_no_sweep() -> None:
    study = evaluated(3)
    alone = replace(study, plans=replace(study.plans, front=study.plans.singular))
    assert sweep_of(alone, NOTHING) is None
