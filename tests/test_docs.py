"""README and docs: commands that exist, links that lead somewhere, and a core that imports nothing heavy."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = sorted(
    {
        line.split("  #")[0].strip()
        for page in PAGES
        for block in BLOCKS.findall(page.read_text(encoding="utf-8"))
        for line in block.replace("\\\n", " ").splitlines()
        if line.strip() and not line.startswith("#")
    }
)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python run.py")])
def test_commands_of_the_manager_compose(run: Run, command: str) -> None:
    """Every setting that a page names exists; what they do is tested in tests/tasks."""
    arguments = [a for a in shlex.split(command)[2:] if a not in ("-m", "--multirun")]
    # A sweep's values are tried one by one: the first stands for them.
    single = [re.sub(r"^([\w./]+=[^\[{,'\"]+),.*$", r"\1", a) for a in arguments]
    single = [re.sub(r"^([\w./]+=)range\(\d+\)$", r"\g<1>0", a) for a in single]
    done = run(*single, *([] if "--cfg" in single else ["--cfg", "job"]))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_targets_exist(command: str) -> None:
    assert re.search(rf"^{command.split()[1]}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_no_command_is_left_out() -> None:
    known = (
        "python run.py",
        "make ",
        "python -m",
        "python benchmarks/",
        "pip install",
        "git clone",
        "cd ",
        "cascade ",
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
