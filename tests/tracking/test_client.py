"""The tracker on a real store: runs, their ends, their numbers, and who may be first."""

from pathlib import Path

import pytest

from cascade.base.errors import CascadeError
from cascade.tracking import Tracker
from cascade.tracking.views import FRONTS, save_views, studies_views


@pytest.fixture
def tracker(mlruns: Path, request: pytest.FixtureRequest) -> Tracker:
    return Tracker(None, mlruns, request.node.name)


def status(tracker: Tracker, run_id: str) -> str:
    return str(tracker.client.get_run(run_id).info.status)


@pytest.mark.parametrize(
    ("error", "ends"), [(None, "FINISHED"), (ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_a_run_tells_how_it_ended(tracker: Tracker, error: type[BaseException] | None, ends: str) -> None:
    try:
        with tracker.run("name", {}, {}) as run_id:
            if error is not None:
                raise error
    except (ValueError, KeyboardInterrupt):
        pass
    assert status(tracker, run_id) == ends


def test_numbers_and_steps(tracker: Tracker) -> None:
    with tracker.run("name", {}, {"models": "x" * 9000, "odd (key)": "1"}) as run_id:
        values = [i / 7 for i in range(1500)]  # more than one batch
        tracker.log(run_id, metrics={"accuracy of (a)": 0.5}, steps={"front": values}, tags={"t": "y" * 9000})
    data = tracker.client.get_run(run_id).data
    assert data.params == {"models": "x" * 6000, "odd _key_": "1"}
    assert data.metrics["accuracy of _a_"] == 0.5
    assert len(data.tags["t"]) == 8000
    history = sorted(tracker.client.get_metric_history(run_id, "front"), key=lambda m: m.step)
    assert [m.step for m in history] == list(range(1, 1501))
    assert [m.value for m in history] == values


def test_the_newest_run_is_found(tracker: Tracker) -> None:
    ids = [tracker.create(name, {"seed": "0"}, {}) for name in ("first", "second")]
    assert tracker.find({"seed": "0"}, None, "a study") in ids
    assert tracker.find({"seed": "0"}, ids[0], "a study") == ids[0]
    with pytest.raises(CascadeError, match="that run is not a study: it has seed='0'"):
        tracker.find({"seed": "1"}, ids[0], "a study")
    with pytest.raises(CascadeError, match=r"no run of a study .* with seed=1; run that task first"):
        tracker.find({"seed": "1"}, None, "a study")


def test_an_address_that_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(CascadeError, match="nonsense://x: MLflow cannot be opened"):
        Tracker("nonsense://x", tmp_path, "test")


def test_views_are_written_once(tracker: Tracker, caplog: pytest.LogCaptureFixture) -> None:
    def tag() -> str:
        return str(
            tracker.client.get_experiment(tracker.experiment_id).tags[f"mlflow.sharedViewState.{FRONTS}"]
        )

    save_views(tracker, tracker.experiment_id, studies_views(["7B"]))
    first = tag()
    save_views(tracker, tracker.experiment_id, studies_views(["7B"]))
    assert tag() == first
    # Where the store has something else in their place, the run goes on.
    tracker.client.set_experiment_tag(tracker.experiment_id, f"mlflow.sharedViewState.{FRONTS}", "not ours")
    save_views(tracker, tracker.experiment_id, studies_views(["7B"]))
    assert "the saved views could not be written" in caplog.text


def test_a_run_is_named_by_how_its_id_begins(tracker: Tracker) -> None:
    run_id = tracker.create("only", {"seed": "0"}, {})
    assert tracker.find({"seed": "0"}, run_id[:8], "a study") == run_id
    with pytest.raises(CascadeError, match=f"run_id={run_id[:3]}: no such run"):
        tracker.find({}, run_id[:3], "a study")  # too little to name one
    with pytest.raises(CascadeError, match="run_id=%%%%: no such run"):
        tracker.find({}, "%%%%", "a study")
