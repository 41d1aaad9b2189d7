"""task=profile on tiny checkpoints and random weights; shards of a generation."""

import json
from pathlib import Path

import pytest
import yaml
from mlflow.tracking import MlflowClient

pytest.importorskip("torch")

from cascade.tracking import sqlite_uri
from tests.conftest import Run
from tests.generate.local.test_generator import n_samples
from tests.generate.tiny import save_tiny
from tests.toy import ASSERTING, comment_out, write_toy

SHORT = ["profile.prompt_tokens=8", "profile.new_tokens=20", "profile.repeats=2", "generator.batch_size=4"]
SHORT += ["family.max_new_tokens=12", "dataset=humaneval", "dataset.path=toy/problems.jsonl"]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def write_family(folder: Path, name: str, models: dict[str, object]) -> str:
    (folder / "conf" / "family").mkdir(parents=True, exist_ok=True)
    (folder / "conf" / "family" / f"{name}.yaml").write_text(
        json.dumps({"name": name, "models": models, "prompts": ASSERTING})
    )
    return f"hydra.searchpath=[{folder}/conf]"


@pytest.mark.slow
def test_a_profile_prices_the_next_study(run: Run, tmp_path: Path) -> None:
    """Random weights of one family, then the checkpoints of another, into one file that hardware= reads."""
    write_toy(tmp_path / "toy", n_problems=10)
    comment_out(tmp_path / "toy" / "problems.jsonl")
    save_tiny(tmp_path / "a", "llama", 1)
    shape = {"model_type": "gpt_bigcode", "vocab_size": 300, "n_embd": 32, "n_layer": 2, "n_head": 4}
    write_family(tmp_path, "shapes", {"x": {"hub_id": "nobody/x", "architecture": shape}})
    search = write_family(tmp_path, "tiny", {"a": {"hub_id": str(tmp_path / "a")}})
    (tmp_path / "conf" / "hardware").mkdir()
    path = "conf/hardware/mine.yaml"
    overrides = [
        "task=profile",
        search,
        "hardware.name=mine",
        f"profile.path={path}",
        "hydra.run.dir=out",
        *SHORT,
    ]
    done = run("family=shapes", "profile.weights=random", *overrides)
    assert done.returncode == 0, done.stderr
    done = run("family=tiny", *overrides)
    assert done.returncode == 0, done.stderr
    throughput = yaml.safe_load((tmp_path / path).read_text())["throughput"]
    assert list(throughput) == ["any", "humaneval"]
    for family, model in (("any", "shapes"), ("humaneval", "tiny")):
        [entry] = throughput[family][model].values()
        assert entry["batch"] == 4 and entry["gpus"] == 1 and entry["seconds_per_1k_tokens"] > 0
    client = MlflowClient(sqlite_uri(tmp_path / "mlruns"))
    [logged] = client.search_runs([e.experiment_id for e in client.search_experiments() if "tiny" in e.name])
    seconds = throughput["humaneval"]["tiny"]["a"]["seconds_per_1k_tokens"]
    assert logged.data.metrics["tokens_per_second.a"] == pytest.approx(1000 / seconds, rel=1e-3)
    assert [a.path for a in client.list_artifacts(logged.info.run_id)] == ["mine.yaml"]

    done = run(
        search, "family=tiny", "hardware=mine", "task=run", "search.k=[0]", "hydra.run.dir=used", *SHORT
    )
    assert done.returncode == 0, done.stderr
    assert f"{seconds / 3.6 * 0.0416:.3g} $ per million tokens" in done.stdout


def test_random_weights_need_an_architecture(run: Run, tmp_path: Path) -> None:
    search = write_family(tmp_path, "bare", {"x": {"hub_id": "nobody/x"}})
    done = run("task=profile", search, "family=bare", "profile.weights=random", *SHORT)
    assert done.returncode == 1
    assert "error: x: weights=random needs family.models.x.architecture" in done.stderr
    broken = write_family(
        tmp_path, "bare", {"x": {"hub_id": "nobody/x", "architecture": {"model_type": "no"}}}
    )
    done = run("task=profile", broken, "family=bare", "profile.weights=random", *SHORT)
    assert "error: x: family.models.x.architecture: " in done.stderr and "Traceback" not in done.stderr


def test_a_model_with_an_assistant_has_no_full_batch(run: Run) -> None:
    done = run("task=profile", "family=mini_variants", "hardware=cpu")
    assert done.returncode == 1
    assert "error: family.models: drafted: has a draft model and writes one prompt at a time" in done.stderr


@pytest.mark.slow
def test_shards_fill_the_store_for_the_whole(run: Run, tmp_path: Path) -> None:
    write_toy(tmp_path / "toy", n_problems=10)
    comment_out(tmp_path / "toy" / "problems.jsonl")
    save_tiny(tmp_path / "a", "llama", 1)
    search = write_family(tmp_path, "tiny", {"a": {"hub_id": str(tmp_path / "a")}})
    overrides = [search, "family=tiny", "search.k=[0,1]", "split.max_accuracy_gap=1", *SHORT]
    done = run("-m", "task=run", "n_shards=3", "shard=range(3)", *overrides)
    assert done.returncode == 0, done.stderr
    assert n_samples(tmp_path / "store") == 20
    done = run("task=run", "hydra.run.dir=out", *overrides)
    assert done.returncode == 0, done.stderr
    assert n_samples(tmp_path / "store") == 20
    done = run("n_shards=2", "hydra.run.dir=out2", *overrides)
    assert done.returncode == 1 and "only task=run takes a shard" in done.stderr
