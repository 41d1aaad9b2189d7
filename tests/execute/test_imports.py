"""What a fresh interpreter of this environment imports, a program imports on every layer too."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cascade.execute import Batch, Check, Isolation, Limits, execute
from cascade.execute.isolation.layers import PACKAGE_ROOT

LAYERS = {
    "all": ("namespaces", "landlock", "seccomp", "uid"),
    "landlock": ("landlock", "seccomp"),
    "namespaces": ("namespaces",),
    "seccomp": ("seccomp",),
    "bare": (),
}
MODULES = (
    *("numpy", "unittest", "sqlite3", "zoneinfo", "concurrent.futures", "xml.etree.ElementTree", "html"),
    *("http.client", "subprocess", "multiprocessing", "email.message", "logging.handlers", "ssl"),
    *("json.tool", "urllib.request", "asyncio"),
)


@pytest.mark.parametrize("layers", LAYERS)
def test_modules_are_found_on_every_layer(layers: str) -> None:
    programs = tuple((f"import {name}\ndef f(x): return x + 1", (0,)) for name in MODULES)
    batch = Batch((Check("assert f(1) == 2", 5.0),), programs)
    [(_, outcome)] = execute([batch], Limits(5.0, 5.0, 2048), 1, Isolation(layers=LAYERS[layers]))
    assert [name for name, row in zip(MODULES, outcome.rows, strict=True) if row != "P"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
def test_a_file_before_a_folder_takes_no_right_from_it() -> None:
    """The rights of one path say nothing of the next."""
    code = """
import os, sys
from cascade.execute.isolation import linux
linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
linux.landlock([sys.argv[1], sys.argv[2]], [])
print(*os.listdir(sys.argv[2]))
"""
    from cascade.execute.isolation import linux

    if not linux.landlock_abi():
        pytest.skip("this kernel has no Landlock")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "file").touch()
        (folder / "folder" / "inside").mkdir(parents=True)
        command = [sys.executable, "-c", code, str(folder / "file"), str(folder / "folder")]
        done = subprocess.run(command, env={"PYTHONPATH": PACKAGE_ROOT}, capture_output=True, text=True)
    assert done.stdout.split() == ["inside"], done.stderr
