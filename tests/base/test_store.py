"""The store: torn records, killed writers, several writers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cascade.base.errors import CascadeError
from cascade.base.store import Claims, Log, VerdictStore, digest


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


@pytest.mark.parametrize("at", [0, 1, 9, 23, 40, -12, -4, -2])
@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_costs_its_record_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, at: int, bit: int
) -> None:
    store = VerdictStore(tmp_path)
    for i in range(3):
        store.add("s", [f"test {i}"], {"program": "P"})
    [segment] = (tmp_path / "verdicts").iterdir()
    lines = segment.read_bytes().splitlines(keepends=True)
    changed = bytearray(lines[1])
    changed[at] ^= 1 << bit
    segment.write_bytes(lines[0] + bytes(changed) + lines[2])
    again = VerdictStore(tmp_path)
    tests = ["test 0", "test 1", "test 2"]
    assert again.known("s", "program", tests) == {"test 0": "P", "test 2": "P"}
    [said] = caplog.messages
    assert "damaged records are skipped; their work is done again" in said
    assert str(segment) in said
    again.add("s", ["test 1"], {"program": "F"})  # made again, and found
    assert VerdictStore(tmp_path).known("s", "program", ["test 1"]) == {"test 1": "F"}


def test_records_of_another_version_say_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "verdicts").mkdir()
    (tmp_path / "verdicts" / "old.jsonl").write_text('{"scope":"s","tests":["a"],"rows":{"p":"P"}}\n')
    assert VerdictStore(tmp_path).known("s", "p", ["a"]) == {}
    [said] = caplog.messages
    assert "old.jsonl: 1 records of another version of the store are not used" in said


def test_what_others_write_is_found_without_opening_the_store_again(tmp_path: Path) -> None:
    mine, theirs = VerdictStore(tmp_path), VerdictStore(tmp_path)
    mine.add("s", ["a"], {"p": "P"})
    theirs.add("s", ["b"], {"p": "F"})
    mine.refresh()
    theirs.add("s", ["c"], {"p": "E"})
    mine.refresh()
    mine.refresh()
    assert mine.known("s", "p", ["a", "b", "c"]) == {"a": "P", "b": "F", "c": "E"}


CLAIMER = """
import sys, time
from pathlib import Path
from cascade.base.store import Claims, digest
claims = Claims(Path(sys.argv[1]))
print([claims.take(digest(name)) for name in sys.argv[2:]], flush=True)
time.sleep(1000)
"""


def test_claimed_work_is_free_again_when_its_process_is_killed(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    assert claims.take(digest("mine"))
    assert claims.take(digest("mine"))  # of one process
    command = [sys.executable, "-c", CLAIMER, str(tmp_path), "mine", "theirs"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "[False, True]\n"
        assert not claims.take(digest("theirs"))
        other.kill()
    assert claims.take(digest("theirs"))
    claims.give_up([digest("mine")])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "[True, False]\n"
        other.kill()


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
    while time.monotonic() < deadline and any(len(records) < 50 for records in by_writer(tmp_path / "log")):
        time.sleep(0.05)
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    found = by_writer(tmp_path / "log")
    assert all(len(records) >= 50 for records in found)
    for records in found:
        assert records == list(range(len(records)))  # every finished record, in order, none twice


def by_writer(folder: Path) -> list[list[int]]:
    """The numbers of the finished records of each of three writers."""
    found: list[list[int]] = [[], [], []]
    for record in Log(folder).unread():
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
