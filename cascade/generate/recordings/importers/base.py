"""What every importer yields: one sample with whose it is and where it stood."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from cascade.base import DataError, Place, Record, read_records
from cascade.generate.reader import TextKind
from cascade.generate.sample import SelfTest, Solution

Kind = Literal["solution", "test"]


@dataclass(frozen=True, slots=True)
class RecordedSample:
    """One sample of a recording.

    Attributes:
        model: the model's name as the recording has it.
        task_id: the problem's id.
        kind: ``solution`` or ``test``.
        draw: the draw's number, from 0; None for a greedy sample.
        index: its order in the draw; the samples of both kinds pair up in this order.
        sample: a `Solution` where kind is ``solution``, a `SelfTest` where it is ``test``.
        place: where it stood, for errors.
        prompted: the head of the sample's text that the model was given and did not generate; it
            costs no tokens.
        text_kind: how the text is read; a format whose texts are programs already has them taken unchanged.
    """

    model: str
    task_id: str
    kind: Kind
    draw: int | None
    index: int
    sample: Solution | SelfTest
    place: Place
    prompted: str = ""
    text_kind: TextKind = TextKind.program


class Importer(Protocol):
    """One format of recordings: a module with these two functions."""

    def matches(self, path: Path) -> bool:
        """Whether the file or folder looks like this format."""

    def read(self, path: Path, model: str | None) -> Iterator[RecordedSample]:
        """The samples of a file or folder, in its order.

        Args:
            path: the file or folder.
            model: whose samples these are; None where only the records can say.

        Raises:
            DataError: one line that names the file and record, what is wrong and the remedy.
        """


def record_files(path: Path) -> list[Path]:
    """The file itself, the files that a pattern names, or a folder's JSON Lines files, by name.

    A folder without any has its JSON files taken.
    """
    if is_pattern(path):
        return sorted(Path(file) for file in glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute too
    if not path.is_dir():
        return [path]
    names = [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]
    for kind in (".jsonl", ".json"):
        if found := [file for file in names if file.name.endswith((kind, f"{kind}.gz", f"{kind}.zst"))]:
            return sorted(found)
    return []


def is_pattern(path: Path) -> bool:
    """Whether a path is a pattern that names files: it has wildcards, and nothing is called so."""
    return glob.has_magic(str(path)) and not path.exists()


# Of a recording that only counts its records: this sign and the place of the problem in the data set, from 0.
ORDINAL = "#"


def ordinal(position: int) -> str:
    """A task id that says only which problem of the data set it is, from 0."""
    return f"{ORDINAL}{position}"


def task_id_of(record: Record) -> str:
    """A record's task id; a bare number stands for itself."""
    value = record.fields.get("task_id")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else record.text("task_id")


def first_record(path: Path) -> Record | None:
    """The first record of a file, or of a folder's first JSON Lines file; None where there is none."""
    for file in record_files(path):
        for record in read_records(file):
            return record
    return None


def named(model: str | None, path: Path) -> str:
    """The model's name where the records have none; DataError unless the caller knew it."""
    if model is None:
        raise DataError(
            f"{path}: no model name in the records; write {{model}} for the model's name in "
            "generator.path (one file or folder a model), or use a family of one model"
        )
    return model
