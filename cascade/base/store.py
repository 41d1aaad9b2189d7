"""The store: samples and verdicts on disk, never lost, never computed twice.

A log is a folder of segments in JSON Lines. Every writer appends to a segment of its own, so that
any number of processes on any number of machines may share a folder without locks; a record that
a killed process left unfinished is passed over. Records carry what they are about as hashes, so
that equal work is found again whoever did it.
"""

import hashlib
import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cascade.base.errors import CascadeError, DataError


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

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Every finished record of every segment.

        Raises:
            DataError: a segment is damaged in the middle.
        """
        for path in sorted(self.folder.glob("*.jsonl")):
            # Split at line feeds only: JSON escapes them, and nothing else ends a record.
            *lines, _unfinished = path.read_bytes().split(b"\n")
            for number, line in enumerate(lines, 1):
                try:
                    yield json.loads(line)
                except ValueError:
                    raise DataError(
                        f"{path}, line {number}: damaged record; delete the file, its work is done again"
                    ) from None

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record; it is in the kernel's hands when this returns.

        Raises:
            CascadeError: the folder cannot be written.
        """
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            if self._segment is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
                self._segment = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            view = memoryview(line)
            while view:
                view = view[os.write(self._segment, view) :]
        except OSError as error:
            raise CascadeError(
                f"{self.folder}: cannot write the store: {error.strerror}; set paths.store to a folder "
                "with room that you may write"
            ) from None

    def close(self) -> None:
        """Close this writer's segment; a later append opens a new one."""
        if self._segment is not None:
            os.close(self._segment)
            self._segment = None


class VerdictStore:
    """Verdicts by the hashes of program and test; see `cascade.execute` for what each character means."""

    def __init__(self, folder: Path) -> None:
        """Open the store and read what is known; the folder need not exist."""
        self._log = Log(folder / "verdicts")
        # By scope, blocks of (test hash -> column, program hash -> row of verdicts).
        self._blocks: dict[str, list[tuple[dict[str, int], dict[str, str]]]] = {}
        for record in self._log:
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
        """Close the segment that this process wrote."""
        self._log.close()

    def _remember(self, scope: str, tests: Sequence[str], rows: Mapping[str, str]) -> None:
        columns = {test: column for column, test in enumerate(tests)}
        self._blocks.setdefault(scope, []).append((columns, dict(rows)))
