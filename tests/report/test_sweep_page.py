"""The page of several studies: groups, means and rows against the studies' own numbers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cascade.report.content import recommended
from cascade.report.sweep_page import group_studies, write_sweep_page
from cascade.report.wording import usd
from tests.report.html import check
from tests.report.made_up import evaluated

AGAIN = "python run.py task=report report.of=store"


def test_groups_differ_in_more_than_the_split() -> None:
    studies = [evaluated(3, seed) for seed in (2, 0, 1)]
    studies += [evaluated(3, 0, dataset="words"), replace(evaluated(3, 5), rule="codet")]
    groups = group_studies(studies)
    assert {name: [s.provenance.seed for s in studies] for name, studies in groups.items()} == {
        "made_up on numbers, rule paper": [0, 1, 2],
        "made_up on words, rule paper": [0],
        "made_up on numbers, rule codet": [5],
    }
    cautious = replace(studies[0].plans, selection=studies[0].plans.selection | {"min_accuracy": 0.8})
    wished = group_studies([studies[0], replace(studies[0], plans=cautious)])
    assert list(wished) == ["made_up on numbers", "made_up on numbers, accuracy at least 0.8"]
    # A setting that all share is not named.
    assert list(group_studies(studies[:3])) == ["made_up on numbers"]


def test_settings_beyond_the_usual_tell_groups_apart() -> None:
    """K grids, searchers and prices are no matter of the split: nothing is pooled over them."""
    study = evaluated(3, 0)
    others = [
        replace(
            study,
            record=replace(study.record, yaml=f"seed: {seed}\nsearch:\n  k: {k}\npaths:\n  store: s{seed}\n"),
        )
        for seed, k in ((0, [0, 1]), (1, [0, 1]), (2, [0, 3]))
    ]
    dearer = replace(
        others[0].plans,
        provenance=replace(study.provenance, hashes=dict(study.provenance.hashes) | {"prices": "c9"}),
    )
    groups = group_studies([*others, replace(others[0], plans=dearer)])
    assert sorted(len(studies) for studies in groups.values()) == [1, 1, 2]
    assert all("search.k=" in name for name in groups) and any("hash of prices=c9" in name for name in groups)


def test_no_study_takes_another_s_name(tmp_path: Path) -> None:
    """Two studies of one seed, on other lists of validation ids, are two rows."""
    study = evaluated(3, 0)
    page = check(
        write_sweep_page(
            tmp_path, [study, replace(study, record=replace(study.record, run_id="another"))], AGAIN
        )
    )
    rows = page.one("table", id="table-studies").rows()[1:]
    assert [row[0] for row in rows] == ["seed=0", "seed=0, run another"]


def test_means_are_over_splits(tmp_path: Path) -> None:
    """A study that ran twice has two rows, and counts once."""
    studies = [evaluated(3, seed) for seed in range(2)]
    twice = replace(studies[0], record=replace(studies[0].record, run_id="another"))
    for name in ("once", "twice", "same"):
        (tmp_path / name).mkdir()
    once = check(write_sweep_page(tmp_path / "once", studies, AGAIN))
    page = check(write_sweep_page(tmp_path / "twice", [*studies, twice], AGAIN))
    assert len(page.one("table", id="table-studies").rows()) == 1 + 3
    for table in ("table-means", "table-table_3"):
        assert page.one("table", id=table).rows() == once.one("table", id=table).rows()
    assert page.one("table", id="table-means").rows()[1][1] == "2"
    # Of one split there is no mean.
    same = check(write_sweep_page(tmp_path / "same", [studies[0], twice], AGAIN))
    assert not list(same.all("table", id="table-means"))


def test_a_row_a_study_and_their_means(tmp_path: Path) -> None:
    studies = [evaluated(4, seed) for seed in range(3)]
    page = check(write_sweep_page(tmp_path, studies, AGAIN))
    head, *rows = page.one("table", id="table-studies").rows()
    assert [row[0] for row in rows] == ["seed=0", "seed=1", "seed=2"]
    saved = []
    for study, row in zip(studies, rows, strict=True):
        best, proof = recommended(study.plans), study.plans.proof
        assert proof is not None and proof.saving_by_target is not None and best.test is not None
        saved.append(proof.saving_by_target.value)
        assert row[head.index("by target: cheaper (%)")].startswith(f"{100 * saved[-1]:.1f} (")
        assert row[head.index("plan to use")] == best.plan.describe(study.plans.models)
        assert row[head.index("its $ per 1,000 queries, test")] == usd(best.test.usd_per_1k_queries)
        assert row[head.index("right (%), test")] == f"{100 * best.test.accuracy:.1f}"
    head, row = page.one("table", id="table-means").rows()
    assert row[1] == "3" and row[2].startswith(f"{100 * np.mean(saved):.1f} (")
    assert row[3] == f"{100 * np.std(saved, ddof=1):.1f}"
    assert row[4] == f"{100 * min(saved):.1f} to {100 * max(saved):.1f}"
    fronts = pd.read_csv(tmp_path / "fronts.csv")
    assert fronts.groupby("study").size().tolist() == [len(study.plans.front) for study in studies]
    compared = [s.plans.proof.n_cascades - s.plans.proof.n_empty_windows for s in studies if s.plans.proof]
    assert page.one("table", id="table-table_3").rows()[1][-1].startswith(f"{sum(compared)} of ")
    assert AGAIN in page.one("section", id="made").text
    assert [row[1] for row in page.one("table", id="table-runs").rows()[1:]] == ["run0", "run1", "run2"]


@pytest.mark.parametrize("n_studies", [1, 13])
def test_any_number_of_studies(tmp_path: Path, n_studies: int) -> None:
    page = check(write_sweep_page(tmp_path, [evaluated(3, seed) for seed in range(n_studies)], AGAIN))
    assert len(page.one("table", id="table-studies").rows()) == 1 + n_studies
    # One study has no mean over studies.
    assert len(list(page.all("table", id="table-means"))) == (n_studies > 1)


def test_data_sets_have_tables_of_their_own(tmp_path: Path) -> None:
    studies = [evaluated(3, seed, dataset=name) for name in ("numbers", "words") for seed in (0, 1)]
    page = check(write_sweep_page(tmp_path, studies, AGAIN))
    labels = [row[0] for row in page.one("table", id="table-studies").rows()[1:]]
    assert labels == [f"made_up on {name}, seed={seed}" for name in ("numbers", "words") for seed in (0, 1)]
    assert len(page.one("table", id="table-table_3").rows()) == 3
    for name in ("numbers", "words"):
        assert page.one("table", id=f"table-table_1_made_up_{name}_abacus")
