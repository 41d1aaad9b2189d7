"""The project's own recordings, `cascade` format: JSON Lines, one sample a record; read and written."""

import gzip
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from cascade.base import Record, read_records
from cascade.generate.reader import TextKind
from cascade.generate.reading import FILTERED, LENGTH, how_it_ended
from cascade.generate.recordings.importers.base import (
    Kind,
    RecordedSample,
    first_record,
    named,
    record_files,
    task_id_of,
)
from cascade.generate.sample import Draw, ModelSamples, SelfTest, Solution

KINDS = ("solution", "test")


def matches(path: Path) -> bool:
    """Whether the first record has a task id, a kind and a text."""
    record = first_record(path)
    return record is not None and {"task_id", "kind", "text"} <= record.fields.keys()


def read(path: Path, model: str | None) -> Iterator[RecordedSample]:
    """The samples of a file, or of a folder's files. The format is described in docs/recordings.md.

    `model` stands in for a record's own field `model` where that is absent.
    """
    for file in record_files(path):
        for record in read_records(file):
            kind = record.text("kind")
            if kind not in KINDS:
                raise record.error(f"field `kind` must be solution or test, not {kind!r}")
            draw = None if record.fields.get("draw") == "greedy" else record.natural("draw")
            yield RecordedSample(
                # Of equal strings one is kept: a recording says the same names in every record.
                model=sys.intern(record.text("model") if "model" in record.fields else named(model, file)),
                task_id=sys.intern(task_id_of(record)),
                kind=cast(Kind, sys.intern(kind)),
                draw=draw,
                index=0 if draw is None else record.natural("index"),
                sample=_solution(record) if kind == "solution" else _test(record),
                place=record.place,
                text_kind=_text_kind(record),
            )


def _text_kind(record: Record) -> TextKind:
    value = record.fields.get("text_kind")
    if value is None:
        return TextKind.completion if record.fields.get("completion") is True else TextKind.auto
    if value not in TextKind.__members__:
        raise record.error(
            f"field `text_kind` must be one of {', '.join(TextKind.__members__)}, not {value!r}"
        )
    return TextKind[value]


def _solution(record: Record) -> Solution:
    completion = record.fields.get("completion", False)
    if not isinstance(completion, bool):
        raise record.error(f"field `completion` must be true or false, not {completion!r}")
    ended = how_it_ended(record.fields.get("finish_reason"))
    return Solution(
        sys.intern(record.text("text")),
        record.optional_natural("tokens"),
        completion,
        _seconds(record),
        cut=ended == LENGTH,
        filtered=ended == FILTERED,
    )


def _test(record: Record) -> SelfTest:
    return SelfTest(
        sys.intern(record.text("text")),
        record.optional_natural("tokens"),
        _tokens_at(record),
        _seconds(record),
    )


def _seconds(record: Record) -> float | None:
    value = record.fields.get("seconds")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise record.error(f"field `seconds` must be a non-negative number, not {value!r}")
    return float(value)


def _tokens_at(record: Record) -> dict[int, int]:
    """Tokens up to each line, by its 1-based number, from a list or an object."""
    value = record.fields.get("tokens_at_line")
    if value is None:
        return {}
    pairs: list[tuple[Any, Any]] | None = None
    if isinstance(value, list):
        pairs = list(enumerate(value, start=1))
    elif isinstance(value, dict) and all(map(str.isdecimal, value)):
        pairs = sorted(zip(map(int, value), value.values(), strict=True))
    if pairs is None or not _rising([count for _, count in pairs]):
        raise record.error(
            "field `tokens_at_line` must be a list of integers that never decrease, one a line, or an "
            'object of such numbers by line ({"2": 74, "4": 132})'
        )
    return dict(pairs)


def _rising(counts: list[Any]) -> bool:
    """Whether these are non-negative integers that never decrease."""
    if any(isinstance(count, bool) or not isinstance(count, int) or count < 0 for count in counts):
        return False
    return all(before <= after for before, after in pairwise(counts))


def write_recording(path: Path, samples: Mapping[str, Mapping[str, ModelSamples]]) -> None:
    """Write samples (model -> task id -> samples) as one file that `read` gives back unchanged.

    The file appears whole or not at all: it is written beside its place and renamed. A name that
    ends in ``.gz`` is compressed; equal samples give equal bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("xb") as raw:
            if path.name.endswith(".gz"):
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as zipped:
                    zipped.writelines(_lines(samples))
            else:
                raw.writelines(_lines(samples))
            raw.flush()
            os.fsync(raw.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _lines(samples: Mapping[str, Mapping[str, ModelSamples]]) -> Iterator[bytes]:
    for model, by_task in samples.items():
        for task_id, written in by_task.items():
            draws: list[tuple[str | int, Draw]] = list(enumerate(written.draws))
            if written.greedy is not None:
                draws.insert(0, ("greedy", written.greedy))
            for draw, block in draws:
                kinds: tuple[tuple[Kind, Sequence[Solution | SelfTest]], ...] = (
                    ("solution", block.solutions),
                    ("test", block.tests),
                )
                for kind, texts in kinds:
                    for index, sample in enumerate(texts):
                        head = {
                            "task_id": task_id,
                            "model": model,
                            "kind": kind,
                            "draw": draw,
                            "index": index,
                        }
                        yield (json.dumps(head | _fields(sample)) + "\n").encode()


def _fields(sample: Solution | SelfTest) -> dict[str, Any]:
    """A sample's fields; what was not recorded is left out."""
    fields: dict[str, Any] = {"text": sample.text, "text_kind": "program"}
    if sample.tokens is not None:
        fields["tokens"] = sample.tokens
    if isinstance(sample, Solution) and sample.completion:
        fields["completion"] = True
    if isinstance(sample, SelfTest) and sample.tokens_at:
        fields["tokens_at_line"] = {str(line): count for line, count in sample.tokens_at.items()}
    if sample.seconds is not None:
        fields["seconds"] = sample.seconds
    return fields
