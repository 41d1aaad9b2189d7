"""What the sliders choose from, and the same plans as tables: the numbers are those of the plans."""

import pytest

from cascade.report.chooser import chooser, plans_table, singular_table
from cascade.report.content import recommended
from cascade.report.wording import usd
from tests.report.made_up import evaluated


@pytest.mark.parametrize("n_models", [2, 3, 4])
def test_the_sliders_have_the_front(n_models: int) -> None:
    study = evaluated(n_models)
    front = study.plans.front
    found = chooser(study)
    assert [plan["cost"] for plan in found["plans"]] == [c.validation.usd_per_1k_queries for c in front]
    # Rising in both: the dearest that can be paid is the best, the first that is good enough the cheapest.
    for key in ("cost", "accuracy"):
        values = [plan[key] for plan in found["plans"]]
        assert values == sorted(values)
    assert front[found["start"]] == recommended(study.plans)
    low, high = found["accuracies"]
    assert low <= 100 * front[0].validation.accuracy < low + 0.1
    assert high <= 100 * front[-1].validation.accuracy < high + 0.1


def test_what_is_said_of_a_plan() -> None:
    study = evaluated(4)
    for chosen, said in zip(study.plans.front, chooser(study)["plans"], strict=True):
        test, cascade = chosen.test, len(chosen.plan.stages) > 1
        assert test is not None and test.usd_interval is not None
        assert said["summary"].startswith(f"{chosen.plan.describe(study.plans.models)}: ")
        assert f"{100 * test.accuracy:.1f} % right for ${usd(test.usd_per_1k_queries)} " in said["summary"]
        assert said["test_usd"].startswith(
            f"{usd(test.usd_per_1k_queries)} ({usd(test.usd_interval.low)} to "
        )
        assert said["places"]["chart-front-test"] == [test.usd_per_1k_queries, 100 * test.accuracy]
        # Escalation: what the next stage is asked is what this one did not answer.
        asked = [float(stage["asked"].removesuffix(" %")) for stage in said["stages"]]
        answered = [float(stage["answered"].removesuffix(" %")) for stage in said["stages"]]
        assert len(asked) == len(chosen.plan.stages) and asked[0] == 100.0
        assert sum(answered) == pytest.approx(100, abs=0.2)
        for before, share, after in zip(asked, answered, asked[1:], strict=False):
            assert after == pytest.approx(before - share, abs=0.11)
        assert all("otherwise the next model" in stage["does"] for stage in said["stages"][:-1])
        assert "next model" not in said["stages"][-1]["does"]
        assert (chosen.replaces is None) == said["replaces"].startswith("Nothing") == (not cascade)
        if chosen.replaces is not None:
            assert said["replaces"].startswith(chosen.replaces.plan.describe(study.plans.models) + ". ")
            assert f"it saves {100 * chosen.replaces.saving.value:.1f} %" in said["replaces"]
            assert f"differs by {100 * chosen.replaces.accuracy.value:.1f} points" in said["replaces"]


def test_the_tables_have_the_same_numbers() -> None:
    study = evaluated(4)
    rows = plans_table(study).rows
    assert len(rows) == len(study.plans.front)
    for chosen, row in zip(study.plans.front, rows, strict=True):
        assert chosen.test is not None
        assert row[0] == chosen.plan.describe(study.plans.models)
        assert row[1].split(" (")[0] == usd(chosen.test.usd_per_1k_queries)
        assert row[2].split(" (")[0] == f"{100 * chosen.test.accuracy:.1f}"
        assert len(row[5].split(" → ")) == len(chosen.plan.stages)
    alone = singular_table(study).rows
    assert [row[0] for row in alone] == [c.plan.describe(study.plans.models) for c in study.plans.singular]
