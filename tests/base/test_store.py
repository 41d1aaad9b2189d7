"""The store: torn records, killed writers, several writers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cascade.base.errors import CascadeError, DataError
from cascade.base.store import Log, VerdictStore, digest


def test_verdicts_are_found_again_by_another_process(tmp_path: Path) -> None:
    store = VerdictStore(tmp_path)
    store.add("task 1", ["a", "b", "c"], {"p": "PF.", "q": "EET"})
    store.add("task 1", ["c", "d"], {"p": "TP"})
    for known in (store, VerdictStore(tmp_path)):
        assert known.known("task 1", "p", ["a", "b", "c", "d", "e"]) == {
            "a": "P",
            "b": "F",
            "c": "T",
            "d": "P",
        }
        assert known.known("task 1", "q", ["a"]) == {"a": "E"}
        assert known.known("task 2", "p", ["a"]) == {}


def test_an_unfinished_record_is_passed_over(tmp_path: Path) -> None:
    VerdictStore(tmp_path).add("s", ["a"], {"p": "P"})
    [segment] = (tmp_path / "verdicts").iterdir()
    with segment.open("ab") as file:
        file.write(b'{"scope": "s", "tests": ["b"], "ro')
    assert VerdictStore(tmp_path).known("s", "p", ["a", "b"]) == {"a": "P"}


def test_damage_in_the_middle_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    VerdictStore(tmp_path).add("s", ["a"], {"p": "P"})
    [segment] = (tmp_path / "verdicts").iterdir()
    segment.write_bytes(segment.read_bytes() + b"garbage\n")
    with pytest.raises(DataError, match=r"\.jsonl, line 2: damaged record; delete the file"):
        VerdictStore(tmp_path)


WRITER = """
import sys
from pathlib import Path
from cascade.base.store import Log
log = Log(Path(sys.argv[1]))
for i in range(10**9):
    log.append({"writer": sys.argv[2], "i": i, "filler": "x" * 5000})
"""


def test_killed_writers_lose_at_most_the_record_in_hand(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "log"), str(w)]) for w in range(3)
    ]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(len(own) < 50 for own in by_writer(tmp_path / "log")):
        time.sleep(0.05)
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    found = by_writer(tmp_path / "log")
    assert all(len(own) >= 50 for own in found)
    for own in found:
        assert own == list(range(len(own)))  # every finished record, in order, none twice


def by_writer(folder: Path) -> list[list[int]]:
    """The numbers of the finished records of each of three writers."""
    found: list[list[int]] = [[], [], []]
    for record in Log(folder):
        found[int(record["writer"])].append(record["i"])
    return found


def test_unwritable_folder_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CascadeError, match=r"cannot write the store: .*; set paths\.store"):
        Log(tmp_path / "file" / "log").append({})


def test_full_disk_names_the_setting() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    log = Log(Path("/tmp"))
    log._segment = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(CascadeError, match=r"No space left .* set paths\.store"):
        log.append({"a": 1})


def test_digest_keeps_parts_apart_and_takes_any_text() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("\ud800") != digest("\ud801")
    assert json.dumps(digest("x"))  # plain text
