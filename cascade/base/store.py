"""The store: samples and verdicts on disk, never lost, never computed twice.

A log is a folder of segments in JSON Lines. Every writer appends to a segment of its own, so that
any number of processes on any number of machines may share a folder without locks; a record that
a killed process left unfinished is ignored. Every record ends with a checksum: one that a disk
has changed is skipped, and its work is done again. Records carry what they are about as hashes, so
that equal work is found again whoever did it; `Claims` keep two processes from doing it at once.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import secrets
import socket
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cascade.base.errors import CascadeError

log = logging.getLogger(__name__)

# What stands between a record and its checksum.
CHECKSUM = b',"crc":"'
# What a file system says that knows no locks.
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def digest(*parts: str) -> str:
    """A short, stable hash of some texts (80 bits: no collision in any store that fits on a disk)."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "big") + data)
    return state.hexdigest()[:20]


class Log:
    """An append-only folder of JSON records."""

    def __init__(self, folder: Path) -> None:
        """Open a log; the folder is made when the first record is written."""
        self.folder = folder
        self._segment: int | None = None
        self._written: set[str] = set()  # names of the segments that this object wrote
        self._read: dict[str, int] = {}  # bytes of each segment that were handed out

    def unread(self) -> Iterator[dict[str, Any]]:
        """Every finished record that this object has neither handed out before nor written itself.

        A damaged record, and one of another version of this format, is skipped with one line a segment.
        """
        for path in sorted(self.folder.glob("*.jsonl")):
            start = self._read.get(path.name, 0)
            if path.name in self._written or path.stat().st_size <= start:
                continue
            with path.open("rb") as file:
                file.seek(start)
                # Split at line feeds only: JSON escapes them, and nothing else ends a record.
                *lines, unfinished = file.read().split(b"\n")
                self._read[path.name] = file.tell() - len(unfinished)
            damaged, foreign = 0, 0
            for line in lines:
                body, mark, tail = line.rpartition(CHECKSUM)
                if mark and tail == _checksum(body):
                    yield json.loads(body + b"}")
                elif mark or not _is_record(line):
                    damaged += 1
                else:
                    foreign += 1
            if damaged:
                log.warning("%s: %d damaged records are skipped; their work is done again", path, damaged)
            if foreign:
                log.warning(
                    "%s: %d records of another version of the store are not used; their work is done again",
                    path,
                    foreign,
                )

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record; it is in the kernel's hands when this returns.

        Raises:
            CascadeError: the folder cannot be written.
        """
        body = json.dumps(record, separators=(",", ":")).encode()[:-1]
        line = body + CHECKSUM + _checksum(body) + b"\n"
        try:
            if self._segment is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
                self._written.add(name)
                self._segment = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            view = memoryview(line)
            while view:
                view = view[os.write(self._segment, view) :]
        except OSError as error:
            raise _cannot_write(self.folder, error) from None

    def close(self) -> None:
        """Close this writer's segment; a later append opens a new one."""
        if self._segment is not None:
            os.close(self._segment)
            self._segment = None


def _checksum(body: bytes) -> bytes:
    """What ends the line of a record: the CRC-32 of the JSON before it, as its last key."""
    return b'%08x"}' % zlib.crc32(body)


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


class Claims:
    """Work that this process has taken on, so that no other process with the same store does it too.

    A claim is a lock on one byte of a file: the kernel gives it up with the process, however it ends,
    also on a network file system. Threads of one process share their claims.
    """

    def __init__(self, folder: Path) -> None:
        """The claims of a store; the file is made with the first claim."""
        self._path = folder / "claims"
        self._file: int | None = None

    def take(self, key: str) -> bool:
        """Whether this process now has the work of that key (hexadecimal, as from `digest`).

        Raises:
            CascadeError: the store cannot be written.
        """
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _byte(key))
        except (BlockingIOError, PermissionError) as error:
            if self._file is not None:
                return False
            raise _cannot_write(self._path.parent, error) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise _cannot_write(self._path.parent, error) from None
            # Nothing is lost: what two processes do at once is done twice.
        return True

    def give_up(self, keys: Iterable[str]) -> None:
        """Let others have the work of some keys."""
        if self._file is not None:
            for key in keys:
                with contextlib.suppress(OSError):  # of a file system that knows no locks
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _byte(key))

    def close(self) -> None:
        """Give up everything."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _byte(key: str) -> int:
    return int(key[:15], 16)  # below 2^60: offsets are signed, of 64 bits


def _cannot_write(folder: Path, error: OSError) -> CascadeError:
    return CascadeError(
        f"{folder}: cannot write the store: {error.strerror}; set paths.store to a folder with room that you "
        "may write"
    )


class VerdictStore:
    """Verdicts by the hashes of program and test; see `cascade.execute` for what each character means."""

    def __init__(self, folder: Path) -> None:
        """Open the store and read what is known; the folder need not exist."""
        self._log = Log(folder / "verdicts")
        self.claims = Claims(folder)
        # By scope, blocks of (test hash -> column, program hash -> row of verdicts).
        self._blocks: dict[str, list[tuple[dict[str, int], dict[str, str]]]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read what others have written since."""
        for record in self._log.unread():
            self._remember(record["scope"], record["tests"], record["rows"])

    def known(self, scope: str, program: str, tests: Sequence[str]) -> dict[str, str]:
        """The verdicts that are known for a program, by test hash."""
        found: dict[str, str] = {}
        for columns, rows in self._blocks.get(scope, ()):
            row = rows.get(program)
            if row is not None:
                for test in tests:
                    column = columns.get(test)
                    if column is not None and row[column] != ".":
                        found[test] = row[column]
        return found

    def add(self, scope: str, tests: Sequence[str], rows: Mapping[str, str]) -> None:
        """Keep a block of verdicts.

        Args:
            scope: what else the verdicts depend on, and what they are looked up by together.
            tests: hashes of the tests, the columns.
            rows: by program hash, a verdict for each test; "." where the pair was not run.
        """
        self._log.append({"scope": scope, "tests": list(tests), "rows": dict(rows)})
        self._remember(scope, tests, rows)

    def close(self) -> None:
        """Close the segment that this process wrote, and give up its claims."""
        self._log.close()
        self.claims.close()

    def _remember(self, scope: str, tests: Sequence[str], rows: Mapping[str, str]) -> None:
        columns = {test: column for column, test in enumerate(tests)}
        self._blocks.setdefault(scope, []).append((columns, dict(rows)))
