"""Whatever can be hung on an object of Python's library that a pure program may name is seen."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lazy_loader
import packaging
import pytest

from cascade.execute.isolation.layers import PACKAGE_ROOT
from cascade.execute.library import hung_on, remember
from tests.execute.test_places import PYTHONS


@pytest.mark.parametrize("python", [Path(sys.executable), *PYTHONS], ids=lambda path: path.parents[1].name)
def test_what_hangs_on_the_library_is_seen(python: Path, tmp_path: Path) -> None:
    for module in (lazy_loader, packaging):  # what the package itself needs
        (tmp_path / module.__name__).symlink_to(Path(str(module.__file__)).parent)
    command = [python, "-m", "tests.execute.hanging"]
    environment = {"PYTHONPATH": os.pathsep.join((PACKAGE_ROOT, str(tmp_path)))}
    done = subprocess.run(command, env=environment, cwd=PACKAGE_ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_what_hangs_on_a_typing_name_with_arguments_hangs_on_its_class() -> None:
    from typing import Iterable  # noqa: UP035 - the name itself is meant

    remember()
    before, _ = hung_on(Iterable)
    alias: Any = Iterable[int]
    alias.hung = 1
    assert hung_on(Iterable)[0] != before
    del alias.__origin__.hung
    assert hung_on(Iterable)[0] == before
