"""What a user's mistakes look like: one clear line, a status other than 0, no traceback."""

import json
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from cascade.tasks.command_line import explain_argument
from tests.conftest import Run
from tests.toy import write_toy

PAPER = ["family=wizardcoder_python", "dataset=humaneval", "hardware=rtx3090", "generator=recorded"]
TOY = [*PAPER, "family.name=toy", "dataset.name=toy", "dataset.path=toy/problems.jsonl"]
RECORDING = "generator.path=toy/recording.jsonl"
PRICES = "+hardware.throughput.toy.toy=${hardware.throughput.humaneval.wizardcoder_python}"


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    write_toy(tmp_path / "toy", n_problems=4)
    (tmp_path / "toy" / "recording.jsonl.gz").unlink()
    return tmp_path / "toy"


def fails(run: Run, *arguments: str) -> str:
    """The one line that a failing command says."""
    done = run(*arguments)
    assert done.returncode not in (0, None), done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert "Traceback" not in done.stdout
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["datset.path=x"], "datset.path: no such setting; did you mean dataset.path?"),
        (["sandbox.timeout=1"], "sandbox.timeout: no such setting; did you mean sandbox.timeout_s?"),
        (["generator.fromat=x"], "generator.fromat: no such setting; did you mean generator.format?"),
        (["generator.path=x", "search.theta=[0.5,1.5]"], "search.theta[1]=1.5: must lie between 0 and 1"),
        (["generator.path=x", "search.k=[]"], "search.k: empty; give at least one value"),
        (["generator.path=x", "search.k=[3]", "search.l=[0]"], "no option in them"),
        (["sandbox.timeout_s=soon"], "sandbox.timeout_s: Value 'soon' of type 'str' could not be converted"),
        (["generator.path=x", "sandbox.timeout_s=0"], "sandbox.timeout_s=0: must be a positive number"),
        (["generator.path=x", "sandbox.prelude='def'"], "sandbox.prelude: not Python"),
        (["rule.no_tests=maybe"], "rule.no_tests: Invalid value 'maybe', expected one of [accept, escalate]"),
        (
            ["family=unknown"],
            "family=unknown: no such option; available: claude_4, claude_5, codegen, deepseek_coder",
        ),
        (
            ["task=unknown"],
            "task=unknown: no such option; available: check, evaluate, profile, report, run, select, serve, "
            "solve, study",
        ),
        (["seed=x"], "seed: Value 'x' of type 'str' could not be converted to Integer"),
        ([], "generator.path: no value; name the recording: generator.path=FILE-OR-FOLDER"),
        (
            ["generator.path=x", "dataset.path=nowhere.jsonl"],
            "nowhere.jsonl: does not exist; set it to a JSON",
        ),
        (
            ["generator.path=x", "dataset.name=other"],
            "hardware.throughput: the hardware profile 'rtx3090' has no",
        ),
        (
            ["+experiment=typo"],
            "experiment=typo: no such option; the search path has no experiment/typo.yaml",
        ),
        (["+sandbox.timeout=1"], "sandbox.timeout: no such setting; did you mean sandbox.timeout_s?"),
        (
            ["search.theta=0.5"],
            "search.theta: must be a list in brackets and quotes, e.g. 'search.theta=[0.5]'",
        ),
        (["generator.path=gone.jsonl"], "generator.path=gone.jsonl: does not exist; name the recording's"),
        (["generator=typo"], "generator=typo: no such option; available: openai, recorded,"),
        (["-m", "--cfg", "job"], "Only one of --run, --multirun, --cfg"),
        (["family=3"], "Config group override must be a string or a list. Got int"),
    ],
)
def test_configuration(run: Run, arguments: list[str], says: str) -> None:
    assert says in fails(run, *PAPER, *arguments)


def test_a_misspelt_key_in_a_yaml_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "conf" / "family").mkdir(parents=True)
    (tmp_path / "conf" / "family" / "mine.yaml").write_text("name: mine\nmodles: {}\n")
    said = fails(run, *PAPER, f"hydra.searchpath=[{tmp_path}/conf]", "family=mine", "generator.path=x")
    assert "family.modles: no such setting; did you mean family.models?" in said


def test_a_family_with_no_models(run: Run, tmp_path: Path) -> None:
    (tmp_path / "conf" / "family").mkdir(parents=True)
    (tmp_path / "conf" / "family" / "mine.yaml").write_text("name: mine\nmodels: {}\n")
    said = fails(run, *PAPER, f"hydra.searchpath=[{tmp_path}/conf]", "family=mine", "generator.path=x")
    assert "family.models: the family 'mine' has no models; name at least one" in said


def solution(task: str, model: str) -> str:
    return json.dumps(
        {
            "task_id": task,
            "model": model,
            "kind": "solution",
            "draw": "greedy",
            "index": 0,
            "text": f"def task_{task.removeprefix('Toy/')}(xs):\n    return 0\n",
            "tokens": 3,
        }
    )


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([solution("Toy/0", "7B"), "{broken"], "recording.jsonl, line 2: not JSON"),
        ([solution("Toy/99", "7B")], "recording.jsonl, line 1: unknown task id 'Toy/99'"),
        ([solution(f"Toy/{i}", "7B") for i in range(4)], "no samples of model 13B (models found: 7B)"),
    ],
)
def test_recordings(run: Run, toy: Path, lines: list[str], says: str) -> None:
    (toy / "recording.jsonl").write_text("\n".join(lines) + "\n")
    assert says in fails(run, *TOY, RECORDING, PRICES)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("hydra.run.dir=blocked/out", "blocked/out"),
        ("paths.mlruns=blocked/mlruns", "set paths.mlruns to a folder that you may write"),
        ("paths.store=blocked/store", "set paths.store to a folder with room that you may write"),
    ],
)
def test_unwritable_folders(run: Run, toy: Path, setting: str, says: str) -> None:
    # A file in a folder's place cannot be written into, not even by root.
    (toy.parent / "blocked").write_text("")
    models = ("7B", "13B", "34B")
    (toy / "recording.jsonl").write_text("\n".join(solution(f"Toy/{i}", m) for i in range(4) for m in models))
    assert says in fails(run, *TOY, RECORDING, PRICES, setting)


def test_select_without_a_run_to_continue(run: Run, toy: Path) -> None:
    said = fails(run, "task=select", *TOY, RECORDING, PRICES)
    assert "no run of an executed study (task=study or task=run)" in said
    assert "run that task first" in said


def test_help_is_our_own(run: Run) -> None:
    done = run("--help")
    assert done.returncode == 0
    for part in ("find the plans", "task=evaluate", "family: claude_4, claude_5", "shell-completion"):
        assert part in done.stdout
    assert "Powered by Hydra" not in done.stdout


def test_cfg_job_shows_everything(run: Run) -> None:
    done = run("--cfg", "job")
    assert done.returncode == 0
    assert "max_accuracy_gap: 0.05" in done.stdout


def test_completion_is_offered(run: Run) -> None:
    done = run("--shell-completion", "install=bash")
    assert done.returncode == 0
    assert "complete " in done.stdout


def test_help_and_errors_show_no_schema(run: Run) -> None:
    assert "base_" not in run("--help").stdout
    assert "base_" not in run("search=typo").stderr and "path=" not in run("search=typo").stderr


@pytest.mark.parametrize(
    "name",
    [
        "r=1.jsonl",
        "a,b.jsonl",
        "r(1).jsonl",
        "[r].jsonl",
        "r{1}.jsonl",
        "ü.jsonl",
        "it's.jsonl",
        "a&b.jsonl",
        "a#b",
    ],
)
def test_a_path_that_hydra_cannot_read_is_told_with_the_way_to_write_it(name: str) -> None:
    told = explain_argument(["family=duo", f"generator.path=out/{name}"])
    assert told is not None
    assert told.startswith(f"generator.path=out/{name}: ")
    [written] = shlex.split(told.partition("; write ")[2])
    assert OverridesParser.create().parse_override(written).value() == f"out/{name}"


def test_what_hydra_reads_is_not_told_of() -> None:
    told = explain_argument(["generator.command=[vllm,--model={model}]"])
    assert told is not None and told.endswith("write \"generator.command=['vllm','--model={model}']\"")
    assert explain_argument(["search.k=[0,1]", "generator.path=out/r.jsonl", "-m"]) is None
