"""A task that goes on from a run: every setting does what it does in a whole study, or is refused."""

import copy
import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose as hydra_compose, initialize_config_dir
from hydra.errors import HydraException
from mlflow.tracking import MlflowClient
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cascade.base import CascadeError, flat_settings, is_under
from cascade.config import CONF, Study, build_study, prepare_composition
from cascade.search import PLANS
from cascade.tasks import evaluate, select, study
from cascade.tasks.common import CONFIG, EXECUTED, open_tracker
from cascade.tasks.continuing import EVALUATE_TAKES, SELECT_TAKES, find_source
from cascade.tasks.notebook import compose
from cascade.tracking import SELECTED, sqlite_uri
from tests.conftest import ROOT
from tests.toy import write_toy

# Values for settings that cannot be told from their own.
OTHER = {
    "select.theta": "pooled",
    "select.plans": "falling_k",
    "select.accuracy": "shrunk",
    "select.promise": "corrected",
    "select.budget_usd_per_1k": "9",
    "select.min_accuracy": "0.6",
    "select.certify.accuracy": "0.5",
    "select.certify.usd_per_1k": "20",
    "saving.members": "front",
    "search.k": "[-1,0,3,10]",
    "search.l": "[0,2]",
    "search.theta": "[0.0,0.4,0.8]",
    "search.growing": "also",
    "rule.name": "codet",
    "rule.no_tests": "escalate",
    "rule.compare": "[paper]",
    "family.models": "{}",
    "generator.text": "program",
    "generator.format": "neutral",
    "dataset.format": "mbpp",
    "estimator._target_": "cascade.core.Resample",
    "split.validation_ids": "ids.txt",
    "family.prompts.solution": "'# {prompt}'",
    "family.prompts.test": "'# {prompt}'",
    "family.models.7B.prompts": "{chat: true}",
    "family.models.7B.quantization": "{a: 1}",
    "family.models.7B.architecture": "{a: 1}",
    "bootstrap.confidence": "0.9",
    "saving.window": "0.02",
    "split.validation_fraction": "0.4",
}
# Changes that only make sense together.
TOGETHER = {"select.confidence": ["select.min_accuracy=0.5", "select.confidence=0.6"]}


class Toy:
    """The toy study in a folder, by its settings in process."""

    def __init__(self, folder: Path, empty_mlruns: Path) -> None:
        shutil.copytree(empty_mlruns, folder / "mlruns")
        self.folder = folder
        write_toy(folder / "toy", n_problems=40)
        self.overrides = [
            "experiment=toy",
            f"dataset.path={folder}/toy/problems.jsonl",
            f"generator.path={folder}/toy/recording.jsonl.gz",
            f"paths.store={folder}/store",
            f"paths.mlruns={folder}/mlruns",
            "tracking.combinations=table",
            "report.page=false",
            "split.max_accuracy_gap=0.2",
            "bootstrap.replicates=200",
            "seed=3",
        ]
        self._n = 0
        self.run(study.main)
        self.executed = self.newest  # the run that the others go on from

    def compose(self, *overrides: str) -> Study:
        return compose(*self.overrides, *overrides, config_dir=ROOT / "tests" / "conf")

    def run(self, task: Callable[[Study, Path], None], *overrides: str) -> Path:
        self._n += 1
        output = self.folder / "out" / str(self._n)
        output.mkdir(parents=True)
        task(self.compose(*overrides), output)
        return output

    @property
    def newest(self) -> str:
        client = MlflowClient(sqlite_uri(self.folder / "mlruns"))
        ids = [e.experiment_id for e in client.search_experiments()]
        order = ["attributes.start_time DESC"]
        return str(client.search_runs(ids, "tags.`cascade.kind` = 'study'", order_by=order)[0].info.run_id)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory, empty_mlruns: Path) -> Iterator[Toy]:
    yield Toy(tmp_path_factory.mktemp("toy"), empty_mlruns)


def changes(toy: Toy) -> dict[str, list[str]]:
    """For each setting that results depend on, the words that change it."""
    found = {}
    settings: dict[str, Any] = yaml.safe_load(toy.compose().yaml)
    for key, value in flat_settings(settings).items():
        if key in TOGETHER:
            found[key] = TOGETHER[key]
        elif key in OTHER:
            found[key] = [f"{key}={OTHER[key]}"]
        elif isinstance(value, bool):
            found[key] = [f"{key}={not value}".lower()]
        elif isinstance(value, int | float):
            found[key] = [f"{key}={value + 1 if isinstance(value, int) else value / 2}"]
        elif isinstance(value, list):
            found[key] = [f"{key}=[a]"]
        elif isinstance(value, dict):
            found[key] = [f"+{key}.extra=1"] if not value else []
        else:
            found[key] = [f"{key}={'1' if value is None else 'other'}"]
    return found


def same(one: Any, other: Any, place: str = "") -> None:
    """Equal, numbers up to the last bits."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            same(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), place
        for i, (mine, its) in enumerate(zip(one, other, strict=True)):
            same(mine, its, f"{place}[{i}]")
    elif isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        assert both_nan or one == pytest.approx(other, rel=1e-9, abs=1e-12), place
    else:
        assert one == other, place


def plans(folder: Path, *without: str) -> dict[str, Any]:
    content = json.loads((folder / PLANS).read_text())
    # How long the tests are that were written, which choosing among fewer lines does not change.
    for part in filter(None, (content["study"], content["recommended"])):
        del part["settings"]["test_lines"]
    return {name: value for name, value in content.items() if name not in without}


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_setting_is_taken_or_refused_by_its_name(toy: Toy, every: bool) -> None:
    """Each of them, or one or two of each group."""
    run_id = toy.executed
    tried = changes(toy)
    if not every:
        groups: dict[str, list[str]] = {}
        for key, words in tried.items():
            if words:
                groups.setdefault(key.partition(".")[0], []).append(key)
        tried = {key: tried[key] for keys in groups.values() for key in {keys[0], keys[-1]}}
    n_tried = 0
    prepare_composition()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        whole = hydra_compose("config", [f"hydra.searchpath=[{ROOT}/tests/conf]", *toy.overrides])
    tracker = open_tracker(toy.compose())
    for key, words in tried.items():
        if not words:
            continue
        config = copy.deepcopy(whole)
        try:
            for word in [*words, f"run_id={run_id}"]:
                name, _, value = word.lstrip("+").partition("=")
                OmegaConf.update(config, name, yaml.safe_load(value))
            changed = build_study(config)
        except (CascadeError, HydraException, OmegaConfBaseException):
            continue  # no study takes it either
        n_tried += 1
        for takes, tag in ((SELECT_TAKES, EXECUTED), (EVALUATE_TAKES, SELECTED)):
            try:
                source = find_source(changed, tracker, {tag: "true"}, "a study", takes)
            except CascadeError as error:
                assert not is_under(key, takes), key
                assert key in str(error) and run_id[:8] in str(error), (key, error)
            else:
                assert is_under(key, takes), f"{key} is neither taken nor refused"
                changes_it = [
                    is_under(key, (one.key,)) or is_under(one.key, (key,)) for one in source.changed
                ]
                assert any(changes_it), key
    assert n_tried > (60 if every else 10)


QUICK = ("hardware.usd_per_gpu_hour", "search.theta", "select.min_accuracy")


def identical(toy: Toy, words: list[str]) -> None:
    """Choosing and proving again comes to what a whole study with these settings comes to."""
    whole = toy.run(study.main, *words)
    chosen = toy.run(select.main, *words, f"run_id={toy.executed}")
    after = ("proof", "recommended", "certificate")
    before = plans(whole, *after)
    # A one-stage plan that is chosen has its test side only once it is proved.
    for entry in [*before["front"], *before["singular"], *filter(None, [before["constrained"]])]:
        entry |= dict.fromkeys(("test", "saving", "saving_interval", "replaces"))
    same(plans(chosen, *after), before)
    proved = toy.run(evaluate.main, *words, f"run_id={toy.newest}")
    same(plans(proved), plans(whole))
    # What was logged is what was used.
    logged = yaml.safe_load((proved / CONFIG).read_text())
    asked = yaml.safe_load(toy.compose(*words).yaml)
    assert flat_settings(logged) == flat_settings(asked)


def test_what_is_taken_is_a_whole_study(toy: Toy) -> None:
    found = changes(toy)
    identical(toy, [word for key in QUICK for word in found[key]])


@pytest.mark.slow
def test_everything_that_select_takes_is_a_whole_study(toy: Toy) -> None:
    for key, words in changes(toy).items():
        if is_under(key, SELECT_TAKES) and words and key not in ("search.growing", "hardware.measured"):
            words = [as_override(word) for word in words]
            try:
                toy.compose(*words)
            except CascadeError:
                continue
            identical(toy, words)


def as_override(word: str) -> str:
    """A setting below a key that begins with a digit, which Hydra takes in a mapping only."""
    key, _, value = word.partition("=")
    names = key.split(".")
    first = next((i for i, name in enumerate(names) if name[0].isdigit()), len(names))
    for name in reversed(names[first:]):
        value = f"{{{name}: {value}}}"
    return f"{'.'.join(names[:first])}={value}"


@pytest.mark.slow
def test_random_subsets_are_those_of_the_smaller_space(toy: Toy) -> None:
    """The subsets of an option do not depend on which other options there are."""
    overrides, executed = toy.overrides, toy.executed
    try:
        toy.overrides = [
            *overrides,
            "estimator=resample",
            "search.per_stage_theta=true",
            "search.theta=[0.2,0.5,0.8]",
        ]
        toy.run(study.main)
        toy.executed = toy.newest
        identical(toy, ["search.k=[-1,1,10]", "search.l=[0,4]"])
    finally:
        toy.overrides, toy.executed = overrides, executed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search.theta=[0.5,0.55]"], "search.theta: 0.55 was not executed in run "),
        (["search.k=[0,1,7,10]"], "search.k: 7 was not executed in run "),
        (["search.l=[0,1,4]"], "search.l: 1 was not executed in run "),
        (["search.growing=also"], "search.growing: run "),
        (["search.k=[0,1,3]"], "search.k: its largest value says how many samples a draw has (10 in run "),
        (["n_shards=2"], "n_shards: only task=run takes a shard"),
    ],
)
def test_what_select_cannot_do_is_said(toy: Toy, words: list[str], said: str) -> None:
    with pytest.raises(CascadeError) as error:
        toy.run(select.main, f"run_id={toy.executed}", *words)
    assert str(error.value).startswith(said)


def test_settings_of_choosing_belong_to_select(toy: Toy) -> None:
    with pytest.raises(CascadeError, match=r"^select.theta differs from run \w+ \(best, here pooled\)"):
        toy.run(evaluate.main, f"run_id={toy.executed}", "select.theta=pooled")


def test_intervals_of_both_sides_follow_the_bootstrap(toy: Toy) -> None:
    words = ["bootstrap.replicates=300", "bootstrap.confidence=0.8"]
    whole = toy.run(study.main, *words)
    proved = toy.run(evaluate.main, f"run_id={toy.executed}", *words)
    same(plans(proved), plans(whole))


def test_the_newest_run_that_fits_is_taken(toy: Toy, caplog: pytest.LogCaptureFixture) -> None:
    toy.run(study.main, "seed=4")
    toy.run(study.main, "seed=5", "split.validation_fraction=0.4")
    with caplog.at_level("INFO"):
        toy.run(select.main, "seed=4", "select.theta=pooled")
    assert "continues from run" in caplog.text and "select.theta (best, here pooled)" in caplog.text
    with pytest.raises(
        CascadeError, match=r"split.validation_fraction differs from run \w+ \(0.4, here 0.3\)"
    ):
        toy.run(select.main, "seed=5")
    with pytest.raises(CascadeError, match=r"\Wseed \(5, here 77\)|^seed differs from run"):
        toy.run(select.main, "seed=77")


def test_a_list_of_ids_that_changed_is_another_split(toy: Toy) -> None:
    path = toy.folder / "ids.txt"
    path.write_text("".join(f"Toy/{i}\n" for i in range(15)))
    listed = f"split.validation_ids={path}"
    toy.run(study.main, listed)
    path.write_text("".join(f"Toy/{i}\n" for i in range(1, 16)))
    with pytest.raises(CascadeError, match="names other problems than those that run"):
        toy.run(select.main, listed)
