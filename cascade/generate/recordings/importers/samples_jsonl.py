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
    """The solutions of a file (or of a folder's files), in order; of several models, model by model.

    Sources: https://github.com/openai/human-eval (`completion` continues the prompt) and
    https://github.com/evalplus/evalplus (`solution` is a whole program, and is taken where both
    are there; unchanged unless it is not Python). If no problem has more than one sample they are
    greedy, otherwise one draw.

    Raises:
        DataError: a sample comes twice, or two files hold the same ones.
    """
    files = {file: list(read_records(file)) for file in record_files(path)}
    _differ(path, files)
    by_model: dict[str, list[Record]] = {}
    for file, records in files.items():
        for record in records:
            by_model.setdefault(_model(record, model, file), []).append(record)
    if len(by_model) > 1 and model is not None and model not in by_model:
        raise DataError(
            f"{path}: holds samples of several models ({', '.join(sorted(by_model))}), none of them called "
            f"{model}; call the family's models so, or name a file with the samples of {model} alone"
        )
    for name, records in by_model.items():
        yield from _of_model(name if len(by_model) > 1 else model or name, records)


def _model(record: Record, model: str | None, file: Path) -> str:
    """Whose sample a record is: its own field `model`, which people add, or what the caller knows."""
    return record.text("model") if "model" in record.fields else named(model, file)


def _of_model(model: str, records: Sequence[Record]) -> Iterator[RecordedSample]:
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
    held: dict[tuple[tuple[str, str, str], ...], Path] = {}
    for file, records in files.items():
        samples = tuple(sorted((task_id_of(r), _text(r), str(r.fields.get("model"))) for r in records))
        if samples in held:
            raise DataError(
                f"{path}: {held[samples].name} and {file.name} hold the same samples (human-eval writes its "
                f"results beside them); set generator.path={held[samples]}"
            )
        held[samples] = file
    _no_versions(path, sorted(files))


def _no_versions(path: Path, files: Sequence[Path]) -> None:
    """Raise where EvalPlus's sanitized (or raw) texts lie beside the same samples' others."""
    by_base: dict[Path, Path] = {}
    for file in files:
        base = file.parent / re.sub(r"[-_.](?:sanitized(?:-calibrated)?|raw)(?=\.)", "", file.name)
        if base in by_base:
            raise DataError(
                f"{path}: {by_base[base].name} and {file.name} are the same samples, sanitized and raw; set "
                f"generator.path={file} or …/{by_base[base].name}"
            )
        by_base[base] = file


def _no_repeats(records: Sequence[Record], counts: Counter[str]) -> None:
    """Raise where samples stand there twice: some of them, a second one of few problems, or all."""
    usual = Counter(counts.values()).most_common(1)[0][0] if counts else 0
    few = usual == 1 and sum(count > 1 for count in counts.values()) < len(counts) / 2
    first: dict[tuple[str, str], Record] = {}
    second: tuple[str, Record] | None = None
    for record in records:
        task_id = task_id_of(record)
        if counts[task_id] <= usual:
            continue
        before = first.setdefault((task_id, _text(record)), record)
        if before is not record:
            raise record.error(f"repeats the sample in {_where(before, record)}; remove one of them")
        other = first.setdefault((task_id, ""), record) if few else record
        if other is not record and second is None:
            second = _where(other, record), record
    if second is not None:
        where, record = second
        raise record.error(
            f"a second sample of {task_id_of(record)} (the first is in {where}), where most problems have "
            "one; remove one of them"
        )
    texts = {(task_id_of(record), _text(record)) for record in records}
    if usual > 1 and len(texts) == len(counts) > 1:
        raise DataError(
            f"{records[0].place.source}: all samples of each problem are alike ({usual} of each): they were "
            "written twice, or drawn at a temperature of 0; keep one of each"
        )


def _where(before: Record, record: Record) -> str:
    """The place of an earlier record, said beside a later one's."""
    there = before.place
    return f"{there.unit} {there.number}" if there.source == record.place.source else str(there)
