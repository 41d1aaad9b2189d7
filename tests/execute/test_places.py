"""A program imports what the engine's interpreter imports, wherever that one and its packages are."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import lazy_loader
import packaging
import pytest

from cascade.execute.isolation.layers import PACKAGE_ROOT
from tests.execute.test_imports import LAYERS

RUN = """
import json, sys
from cascade.execute import Batch, Check, Isolation, Limits, execute
found = {}
for name, layers in json.loads(sys.argv[1]).items():
    programs = tuple((f"import {m}\\ndef f(): return {m}.__name__", (0,)) for m in sys.argv[2:])
    batch = Batch((Check("assert f()", 5.0),), programs)
    [(_, outcome)] = execute([batch], Limits(5.0, 5.0, 1024), 1, Isolation(layers=tuple(layers)))
    found[name] = dict(zip(sys.argv[2:], outcome.rows))
print(json.dumps(found))
"""
STANDARD = (
    "sqlite3",
    "unittest",
    "zoneinfo",
    "concurrent.futures",
    "xml.etree.ElementTree",
    "html",
    "asyncio",
    "multiprocessing",
    "http.client",
)
PYTHONS = [
    path
    for version in ("3.12", "3.13")
    for path in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))[:1]
]


def rows(python: Path, modules: tuple[str, ...], environment: dict[str, str]) -> dict[str, dict[str, str]]:
    """The verdicts of programs that import some modules, by layers."""
    command = [str(python), "-c", RUN, json.dumps(LAYERS), *modules]
    with tempfile.TemporaryDirectory() as folder:  # what the engine itself needs
        for module in (lazy_loader, packaging):
            Path(folder, module.__name__).symlink_to(Path(str(module.__file__)).parent)
        paths = os.pathsep.join((PACKAGE_ROOT, folder))
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": paths} | environment
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def package(folder: Path) -> None:
    """A package with a submodule that lies in no file of Python's own."""
    (folder / "placed").mkdir(parents=True)
    (folder / "placed" / "__init__.py").write_text("from placed.inside import x\n")
    (folder / "placed" / "inside.py").write_text("x = 1\n")


def all_pass(found: dict[str, dict[str, str]]) -> None:
    assert {n: row for n, row in found.items() if set(row.values()) != {"P"}} == {}


@pytest.mark.parametrize("python", [Path(sys.executable), *PYTHONS], ids=lambda path: path.parents[1].name)
def test_a_virtual_environment(python: Path, tmp_path: Path) -> None:
    subprocess.run([python, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    [site] = (tmp_path / "env" / "lib").glob("python*/site-packages")
    package(site)
    all_pass(rows(tmp_path / "env" / "bin" / "python", ("placed", "placed.inside", *STANDARD), {}))


def test_a_users_own_site(tmp_path: Path) -> None:
    base = getattr(sys, "_base_executable", sys.executable)
    scheme = sysconfig.get_path("purelib", "posix_user", {"userbase": str(tmp_path)})
    package(Path(scheme))
    all_pass(rows(Path(base), ("placed", "placed.inside"), {"PYTHONUSERBASE": str(tmp_path)}))


@pytest.mark.slow
def test_a_prefix_of_its_own(tmp_path: Path) -> None:
    """The whole interpreter outside /usr, as pyenv, conda and uv put it."""
    if Path(sys.base_prefix) == Path("/usr"):
        pytest.skip("copying /usr is too much")
    ignore = shutil.ignore_patterns("__pycache__", "test", "site-packages", "*.a")
    shutil.copytree(sys.base_prefix, tmp_path / "python", ignore=ignore, symlinks=True)
    [standard] = (tmp_path / "python" / "lib").glob("python3.*")
    package(standard / "site-packages")
    python = tmp_path / "python" / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    all_pass(rows(python, ("placed", "placed.inside", *STANDARD), {"PYTHONHOME": str(tmp_path / "python")}))
