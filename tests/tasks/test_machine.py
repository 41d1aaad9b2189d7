"""Machines as they are: full and read-only disks, no home, locale or git; one line, and nothing is lost."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.tasks.test_cases import RECORDED, N, program, record, write

MOUNTED = {
    "outputs": ("size=8k", "error: a folder of this run: No space left on device; choose another folder"),
    "mlruns": ("size=300k", "database or disk is full"),
    "store": ("ro", "cannot write the store: Read-only file system; set paths.store"),
}


def in_namespace(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """A study in user and mount namespaces of its own, behind some shell lines."""
    command = [sys.executable, str(ROOT / "run.py"), *RECORDED, "task=run", "hydra.run.dir=outputs/x"]
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            f'{script} exec "$@"',
            "sh",
            *command,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this machine gives no user namespace that may mount")
    return done


@pytest.mark.parametrize("place", MOUNTED)
def test_a_disk_without_room_is_one_line(tmp_path: Path, place: str) -> None:
    write(tmp_path)
    record(tmp_path, [program(i) for i in range(N)])
    (tmp_path / place).mkdir()
    options, says = MOUNTED[place]
    done = in_namespace(tmp_path, f"mount -t tmpfs -o {options} none {place};")
    assert done.returncode == 1
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_bare_machine_is_enough(tmp_path: Path) -> None:
    """No home, locale or git; nothing may be executed in the folder of temporary files."""
    write(tmp_path)
    record(tmp_path, [program(i) for i in range(N)])
    (tmp_path / "tmp").mkdir()
    bare = "mount -t tmpfs -o noexec none tmp; unset HOME LANG; export LC_ALL=C PYTHONUTF8=0"
    done = in_namespace(tmp_path, f'{bare} PYTHONCOERCECLOCALE=0 TMPDIR="$PWD/tmp" PATH=/nowhere;')
    assert done.returncode == 0, done.stderr
    assert f"small: {N} of {N} right (greedy)" in done.stdout + done.stderr
