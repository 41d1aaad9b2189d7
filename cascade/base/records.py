"""JSON records from a file: a list or one record a line, compressed or not, each with its place."""

import bz2
import codecs
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cascade.base.errors import DataError

# How files begin that are compressed; the content decides, not the name.
GZIP_MAGIC, ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
BZIP2_MAGIC, XZ_MAGIC, ZIP_MAGIC = b"BZh", b"\xfd7zX", b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands.

    Attributes:
        source: the file or hub data set, as the user may look it up.
        unit: what `number` counts: ``line`` or ``record``.
        number: 1-based.
    """

    source: str
    unit: str
    number: int

    def __str__(self) -> str:
        """The place in words, e.g. ``samples.jsonl, line 3``."""
        return f"{self.source}, {self.unit} {self.number}"

    def error(self, what: str) -> DataError:
        """An error that begins with the place."""
        return DataError(f"{self}: {what}")


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object and its place."""

    place: Place
    fields: Mapping[str, Any]

    def error(self, what: str) -> DataError:
        """An error that begins with the record's place."""
        return self.place.error(what)

    def text(self, name: str) -> str:
        """The string in a field; DataError unless there is one."""
        value = self._present(name)
        if not isinstance(value, str):
            raise self.error(f"field `{name}` must be a string, not {kind_of(value)}")
        return value

    def texts(self, name: str) -> list[str]:
        """The list of strings in a field; DataError unless there is one."""
        values = self._present(name)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.error(f"field `{name}` must be a list of strings")
        return values

    def natural(self, name: str) -> int:
        """The non-negative integer in a field; DataError unless there is one."""
        value = self._present(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.error(f"field `{name}` must be a non-negative integer, not {value!r}")
        return value

    def optional_natural(self, name: str) -> int | None:
        """Like `natural`; None where the field is absent or null."""
        return None if self.fields.get(name) is None else self.natural(name)

    def _present(self, name: str) -> Any:
        if name not in self.fields:
            found = ", ".join(sorted(self.fields)) or "none"
            raise self.error(f"field `{name}` is missing (fields found: {found})")
        return self.fields[name]


def kind_of(value: object) -> str:
    """The JSON name of a value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return "a string" if isinstance(value, str) else "a number"


def read_records(path: Path) -> Iterator[Record]:
    """The records of a JSON list or JSON Lines file, as text or compressed: its first bytes say how.

    Blank lines and commas behind a line are ignored. JSON Lines are read one by one, so a large file costs no
    memory.

    Raises:
        DataError: the file is missing, not readable, not UTF-8, broken inside, or a line (named by
            its number) is not a JSON object.
    """
    with _opened(path) as text:
        yield from _records(path, text)


def read_value(path: Path) -> Any:
    """The one JSON value in a file, compressed or not; DataError as for `read_records`."""
    with _opened(path) as text:
        whole = text.read()
    try:
        return json.loads(whole)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: not JSON ({error.msg})") from error


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOWrapper]:
    """The text of a file, decompressed by what its first bytes say."""
    try:
        with path.open("rb") as raw:
            begins = raw.read(4)
            raw.seek(0)
            stream: Any = raw
            encoding = "utf-16" if begins[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
            if begins[:2] == GZIP_MAGIC:
                stream = gzip.GzipFile(fileobj=raw)
            elif begins[:3] == BZIP2_MAGIC:
                stream = bz2.BZ2File(raw)
            elif begins == XZ_MAGIC:
                stream = lzma.LZMAFile(raw)  # noqa: SIM115 - the wrapper closes it
            elif begins == ZIP_MAGIC:
                raise DataError(f"{path}: a zip archive; unpack it")
            elif begins == ZSTD_MAGIC:
                from pyarrow import CompressedInputStream  # slow, and other files do without

                stream = CompressedInputStream(raw, "zstd")
            with io.TextIOWrapper(stream, encoding=encoding) as text:
                yield text
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not a UTF-8 text file ({error.reason}); convert it: iconv -f latin1 -t utf-8"
        ) from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be read ({_first_line(error)})") from error


def _records(path: Path, text: io.TextIOWrapper) -> Iterator[Record]:
    first = True
    for number, line in enumerate(text, start=1):
        stripped = line.strip()
        if not stripped:
            continue
        if first and stripped[0] == "[":
            yield from _listed(path, line + text.read(), number)
            return
        try:
            fields = json.loads(stripped.removesuffix(","))
        except ValueError as error:
            raise DataError(
                f"{path}, line {number}: not JSON ({_fault(error)}); write one JSON object a line, "
                "or one JSON list"
            ) from error
        record = Record(Place(str(path), "line", number), fields)
        if not isinstance(fields, dict):
            raise record.error(f"must be a JSON object, not {kind_of(fields)}")
        first = False
        yield record


def _listed(path: Path, text: str, first_line: int) -> Iterator[Record]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise DataError(f"{path}, line {line}: not JSON ({error.msg})") from error
    for number, fields in enumerate(values, start=1):
        record = Record(Place(str(path), "record", number), fields)
        if not isinstance(fields, dict):
            raise record.error(f"must be a JSON object, not {kind_of(fields)}")
        yield record


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _fault(error: ValueError) -> str:
    """What is wrong with one line's JSON, and in which column."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}: column {error.colno}"
    return _first_line(error)
