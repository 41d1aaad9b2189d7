"""The recipes for more than one machine, each a script that makes all it needs and ends it again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# What a script needs that pip does not install; Slurm's daemons want root too.
NEEDS = {"slurm": ("slurmctld", "slurmd", "munged"), "postgres": ("psql", "curl")}


@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDS)
def test_a_script_comes_to_its_end(name: str) -> None:
    missing = [command for command in NEEDS[name] if shutil.which(command) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} are not installed")
    if name == "slurm" and os.getuid() != 0:
        pytest.skip("Slurm's daemons need root")
    done = subprocess.run(
        ["bash", str(HERE / f"{name}.sh"), sys.executable], capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"{name}: as it should be"
