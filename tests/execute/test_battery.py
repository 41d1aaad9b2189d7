"""The hostile battery on every layer that this machine has: verdicts, neighbours, what is left behind."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from cascade.execute import CONTAINERS, Batch, Check, Isolation, Limits, Outcome, execute
from tests.execute.battery import CASES, RIGHT, TEST, Case

LIMITS = Limits(timeout_s=0.3, reference_timeout_s=1.0, memory_mb=512)
LAYERS = {
    "all": ("namespaces", "landlock", "seccomp", "uid"),
    "without namespaces": ("landlock", "seccomp"),
    "namespaces alone": ("namespaces",),
    "bare": (),
    "bubblewrap": ("namespaces", "landlock", "seccomp", "uid"),
}
# Each of these sits idle for seconds until the limit of a program that may be asleep; so does `sleeper`.
WAITING = (
    *("inspect", "secret read again, inside", "garbage said", "garbage said, inside"),
    *("a reply without end", "a reply without end, inside"),
)
# Known from what other tests start at the same time.
SLEEP = str(100_000 + os.getpid())
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")


def run(cases: list[Case], layers: str, fill: dict[str, str]) -> Outcome:
    """Every case followed by a neighbour that is right, in one server."""
    tests = [Check(case.test, case.timeout_s) for case in cases] + [Check(TEST, LIMITS.timeout_s)]
    programs: list[tuple[str, tuple[int, ...]]] = []
    fill = fill | {"SLEEP": SLEEP}
    for i, case in enumerate(cases):
        source = case.program
        for key, value in fill.items():
            source = source.replace(f"{{{key}}}", value)
        programs += [(source, (i,)), (f"{RIGHT}n = {i}", (len(cases),))]
    isolation = Isolation(layers=LAYERS[layers], container=layers if layers in CONTAINERS else None)
    [(_, outcome)] = execute([Batch(tuple(tests), tuple(programs))], LIMITS, 1, isolation)
    return outcome


def processes() -> set[int]:
    return {int(path.name) for path in Path("/proc").glob("[0-9]*")}


@pytest.mark.parametrize(
    ("layers", "left_out"),
    [("all", WAITING), *(pytest.param(name, (), marks=pytest.mark.slow) for name in LAYERS)],
)
def test_battery(
    layers: str, left_out: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(CASES) >= 100 and {case.name for case in CASES}.issuperset(WAITING)
    if layers == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    bare = layers == "bare"
    cases = [case for case in CASES if (case.holds_bare or not bare) and case.name not in left_out]
    monkeypatch.setenv("SECRET_KEY", "not for them")
    outside = tmp_path / "outside" / "file"
    outside.parent.mkdir()
    outside.write_text("kept")
    mode = outside.stat().st_mode
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    victim = subprocess.Popen(["sleep", "600"])
    reached: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: accept(server, reached), daemon=True).start()
        before = processes()
        fill = {"OUTSIDE": str(outside), "PORT": str(server.getsockname()[1]), "VICTIM": str(victim.pid)}
        outcome = run(cases, layers, fill)
    if layers != "bare" and not set(LAYERS[layers]) & set(outcome.layers):
        pytest.skip(f"this machine allows only {outcome.layers}")
    wrong = [
        f"{case.name}: {row}, not {case.verdicts}"
        for case, row in zip(cases, outcome.rows[::2], strict=True)
        if row not in case.verdicts
    ]
    assert not wrong
    assert set(outcome.rows[1::2]) == {"P"}
    assert victim.poll() is None
    victim.kill()
    victim.wait()
    assert not reached
    assert outside.read_text() == "kept" and outside.stat().st_mode == mode
    assert [path.name for path in tmp_path.iterdir()] == ["outside"], "something was left on the disk"
    deadline = time.monotonic() + 5
    while (left := sleepers(before, tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def sleepers(before: set[int], scratch: Path) -> list[int]:
    """New processes that a case could have started, and servers with a folder in `scratch`."""
    found = []
    for pid in processes() - before:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if SLEEP.encode() in command or str(scratch).encode() in command:
            found.append(pid)
    return found


def accept(server: socket.socket, reached: list[object]) -> None:
    try:
        while True:
            reached.append(server.accept())
    except OSError:
        return


def test_what_the_bare_layer_cannot_hold(tmp_path: Path) -> None:
    """Layer (a) hides no files: the documentation says so, case by case."""
    outside = tmp_path / "file"
    outside.write_text("kept")
    cases = [case for case in CASES if not case.holds_bare]
    changed = []
    for case in cases:
        folder = tmp_path / "outside"
        folder.mkdir(exist_ok=True)
        (folder / "file").write_text("kept")
        (folder / "file").chmod(0o600)
        run([case], "bare", {"OUTSIDE": str(folder / "file")})
        intact = (folder / "file").exists() and (folder / "file").read_text() == "kept"
        if not intact or (folder / "file").stat().st_mode & 0o777 != 0o600:
            changed.append(case.name)
    assert changed == [case.name for case in cases]
    text = " ".join((Path(__file__).parents[2] / "docs" / "sandbox.md").read_text().split())
    assert all(name in text for name in changed)
