"""README and docs: commands that exist, links that lead somewhere, and a core that imports nothing heavy."""

import re
import shlex
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from cascade.config import compose_study
from cascade.config.schemas import Config
from cascade.core.rules import RULES
from tests.conftest import ROOT, Run

DESIGN = sorted((ROOT / "docs" / "design").glob("*.md"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
HERE_DOCUMENT = re.compile(r"<< 'EOF'\n.*?^EOF$", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"'[^']*'")


def lines_of(block: str) -> list[str]:
    """The commands of a block, each on one line, without the texts that it writes to files."""
    alone = HERE_DOCUMENT.sub("", block).replace("\\\n", " ")
    return QUOTED.sub(lambda text: text[0].replace("\n", " "), alone).splitlines()


COMMANDS = sorted(
    {
        line.split("  #")[0].strip()
        for page in PAGES
        for block in BLOCKS.findall(page.read_text(encoding="utf-8"))
        for line in lines_of(block)
        if line.strip() and not line.startswith("#")
    }
)


OF_THE_MANAGER = [c for c in COMMANDS if c.startswith("python run.py")]
WITH_FLAGS = [c for c in OF_THE_MANAGER if " --" in c]


@pytest.mark.parametrize("command", [c for c in OF_THE_MANAGER if c not in WITH_FLAGS])
def test_commands_of_the_manager_compose(tmp_path: Path, command: str) -> None:
    """Every setting that a page names exists; what they do is tested in tests/tasks."""
    # docs/cost-model.md writes this profile with the command before.
    (tmp_path / "mine" / "hardware").mkdir(parents=True)
    shutil.copy(ROOT / "conf" / "hardware" / "cpu.yaml", tmp_path / "mine" / "hardware" / "quiet.yaml")
    arguments = [a for a in shlex.split(command)[2:] if a != "-m"]
    # A sweep's values are tried one by one: the first stands for them.
    single = [re.sub(r"^([\w./]+=[^\[{,'\"]+),.*$", r"\1", a) for a in arguments]
    single = [re.sub(r"^([\w./]+=)range\(\d+\)$", r"\g<1>0", a) for a in single]
    compose_study(single, tmp_path / "mine")


@pytest.mark.parametrize("command", WITH_FLAGS)
def test_flags_of_the_manager_exist(run: Run, command: str) -> None:
    done = run(*shlex.split(command)[2:])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_targets_exist(command: str) -> None:
    assert re.search(rf"^{command.split()[1]}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_no_command_is_left_out() -> None:
    known = (
        "python run.py",
        "make ",
        "mlflow server ",
        "python -m",
        "python benchmarks/",
        "pip install",
        "git clone",
        "cd ",
        "cascade ",
        "curl ",
        "cat > ",
    )
    assert [c for c in COMMANDS if not c.startswith(known)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_make_help_lists_every_target() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "check", "bench", "ui"):
        assert f"make {target} " in listed


def in_code(page: str) -> set[str]:
    """What stands between backticks on a page."""
    return set(re.findall(r"`([^`\n]+)`", (ROOT / page).read_text(encoding="utf-8")))


def test_every_file_of_the_configuration_is_listed() -> None:
    """And nothing else, so that a file that is added or removed is noticed."""
    rows = re.findall(
        r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE
    )
    listed = {group: set(re.findall(r"`([^`]+)`", options)) for group, options in rows}
    groups = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir() and path.name != "hydra"}
    there = {group: {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")} for group in groups}
    # Rules are registered in the code, and that is enough; experiments are the user's.
    assert listed.pop("rule") <= set(RULES) and not listed.pop("experiment")
    assert listed == there


def test_every_setting_outside_the_groups_is_listed() -> None:
    listed = {code.removesuffix(".*") for code in in_code("docs/configuration.md")}
    assert {field.name for field in fields(Config)} <= listed


DESIGN_PAGES = [f"docs/design/{page.name}" for page in DESIGN]
NAMED = ["CONTRIBUTING.md", *(page.relative_to(ROOT).as_posix() for page in PAGES), *DESIGN_PAGES]
OURS = ("cascade", "training", "tests", "benchmarks", "conf", "docs", "examples")


@pytest.mark.parametrize("page", NAMED)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    """From the root, from `cascade/`, or from a room; words in capitals and `mine` stand for any name."""
    for_users = page.startswith(("docs/", "README")) and page not in ("docs/architecture.md", *DESIGN_PAGES)
    paths = {code for code in in_code(page) if re.fullmatch(r"\.?[\w./]+(/|\.(py|pyi|md|yaml))", code)}
    folders = [ROOT, ROOT / "cascade", *(ROOT / "cascade").glob("*/"), ROOT / "training" / "mini"]
    lost = [
        path
        for path in paths
        # A page for users names files of theirs too.
        if not (for_users and path.split("/")[0] not in OURS)
        and not re.search(r"[A-Z]{4}\b(?!\.md)|\bmine\b", path)
        and not any((folder / path).exists() for folder in folders)
    ]
    assert not lost


@pytest.mark.parametrize("page", NAMED)
def test_every_module_that_a_page_starts_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    modules = re.findall(r"python -m ((?:cascade|benchmarks|training|tests)[\w.]*)", text)
    files = [name.replace(".", "/") + ".py" for name in modules]
    files += re.findall(r"python ((?:benchmarks|examples|docs)/\w+\.py)", text)
    files += re.findall(r"python -m pytest [^`\n]*?(tests/[\w/.]+)", text)
    assert not [file for file in files if not (ROOT / file).exists()]


def test_where_do_i_find_is_answered_by_one_path_each() -> None:
    section = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("## Where do I find")[1]
    rows = re.findall(r"^\| (.+\?) \| `([^`]+)` \|$", section, re.MULTILINE)
    assert len(rows) >= 10 and all((ROOT / path).exists() for _, path in rows)


@pytest.mark.parametrize("page", NAMED)
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = {code for code in in_code(page) if re.fullmatch(r"test_\w+", code)}
    files = [*(ROOT / "tests").rglob("test_*.py")]
    known = {file.stem for file in files}
    known |= {
        name
        for file in files
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    # A key of model families begins like one.
    assert not named - known - {"test_begins"}


def test_what_the_sandbox_promises_names_its_tests() -> None:
    page = (ROOT / "docs/sandbox.md").read_text(encoding="utf-8")
    promised = page.split("\nPromised:\n")[1].split("\nNot promised ")[0]
    points = promised.split("\n- ")[1:]
    assert len(points) >= 8
    assert [point for point in points if not re.search(r"`test_\w+`|batter(y|ies)", point)] == []
