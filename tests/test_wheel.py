"""The package that people install: a wheel, in an environment of its own, started in an empty folder."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

DATA = (".pyi", ".yaml", ".j2", ".css", ".js", ".jsonl", ".json", ".safetensors", ".typed")
FAMILY = """\
name: two
models:
  small: {hub_id: "package:generate/weights/mini/small"}
  large: {hub_id: "package:generate/weights/mini/large"}
max_new_tokens: 192
prompts: {solution: "Solution:\\n{prompt}", test: "Tests:\\n{prompt}"}
"""
PROFILE = """\
name: mine
usd_per_gpu_hour: 2
throughput: {any: {two: {small: {usd_per_1m_tokens: 1}, large: {usd_per_1m_tokens: 10}}}}
"""

Start = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the files that git knows or would take up, as a clone has them."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: there is no list of the project's files")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    subprocess.run(["tar", "cf", source / "all.tar", "--null", "-T", "-"], cwd=ROOT, input=listed, check=True)
    subprocess.run(["tar", "xf", "all.tar"], cwd=source, check=True)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", target, source], check=True, capture_output=True)
    [built] = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder but for a family and a hardware profile of the user's own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for group, name, text in (("family", "two", FAMILY), ("hardware", "mine", PROFILE)):
        (folder / "mine" / group).mkdir(parents=True)
        (folder / "mine" / group / f"{name}.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def start(wheel: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Start the console command of the installed wheel in that folder."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False)
    libraries = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True)
    # What cascade needs is taken from here: only cascade itself is to be seen anew.
    (libraries / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [home / "bin" / "cascade", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)

    return run


def test_every_file_that_is_read_at_run_time_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    needed = {
        str(path.relative_to(ROOT)) for path in (ROOT / "cascade").rglob("*") if path.suffix in (*DATA, ".py")
    }
    needed |= {f"cascade/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert needed <= inside
    assert {name.split("/")[0] for name in inside - needed} == {wheel.name.rsplit("-", 3)[0] + ".dist-info"}


def test_the_command_shows_its_own_name_and_what_a_folder_outside_adds(start: Start) -> None:
    said = start("--config-dir", "mine", "--help").stdout
    assert "cascade task=evaluate" in said and "run.py" not in said and "base_" not in said
    assert ", two," in said and ", mine," in said.replace("\n", ",")
    composed = start("--config-dir", "mine", "family=two", "hardware=mine", "--cfg", "job").stdout
    assert "name: two" in composed and "name: mine" in composed


def test_a_mistake_is_one_line_there_too(start: Start) -> None:
    done = start("family=two")
    assert done.returncode == 1
    assert done.stderr.startswith("error: family=two: no such option; available: claude_4")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_studies_and_a_report_far_from_any_checkout(start: Start, folder: Path) -> None:
    quick = ["search.k=[-1,0,1]", "generator.draws=0"]
    embedded = start(*quick)
    assert embedded.returncode == 0, embedded.stderr
    assert "cascade front" in embedded.stdout
    mine = start("--config-dir", "mine", "family=two", "hardware=mine", *quick)
    assert mine.returncode == 0, mine.stderr
    reported = start("--config-dir", "mine", "family=two", "hardware=mine", *quick, "task=report")
    assert reported.returncode == 0, reported.stderr
    assert len(list(folder.glob("outputs/*/*/report/report.html"))) == 3
    assert {path.name for path in folder.iterdir()} == {"mine", "outputs", "mlruns", "store"}
