"""lm-evaluation-harness's logged samples: ``samples_humaneval_<time>.jsonl``."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cascade.base import Record, read_records
from cascade.generate.reader import TextKind
from cascade.generate.recordings.importers.base import (
    RecordedSample,
    first_record,
    named,
    ordinal,
    record_files,
)
from cascade.generate.sample import Solution


def matches(path: Path) -> bool:
    """Whether the first record has a document and responses."""
    record = first_record(path)
    return record is not None and {"doc", "resps"} <= record.fields.keys()


def read(path: Path, model: str | None) -> Iterator[RecordedSample]:
    """The responses (``--log_samples``) as they came, before the harness's filters.

    Source: https://github.com/EleutherAI/lm-evaluation-harness. A response continues the prompt or what
    the task put behind it; a record that stands there again, as where a run was resumed, counts once.
    """
    model = named(model, path)
    records: dict[tuple[str, tuple[str, ...]], Record] = {}
    for file in record_files(path):
        for record in read_records(file):
            records.setdefault((_task_id(record), tuple(_texts(record))), record)
    counts = Counter(task for task, texts in records for _ in texts)
    greedy = max(counts.values(), default=0) <= 1
    seen: Counter[str] = Counter()
    for (task, texts), record in records.items():
        for text in texts:
            yield RecordedSample(
                model,
                task,
                "solution",
                None if greedy else 0,
                seen[task],
                Solution(text, None),
                record.place,
                text_kind=TextKind.completion,
            )
            seen[task] += 1


def _task_id(record: Record) -> str:
    doc = record.fields["doc"]
    task = doc.get("task_id") if isinstance(doc, dict) else None
    return str(task) if task is not None else ordinal(record.natural("doc_id"))


def _texts(record: Record) -> list[str]:
    """The responses, each request's list one behind the other."""
    found: list[str] = []

    def take(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            for item in value:
                take(item)
        else:
            raise record.error("field `resps` must be lists of texts; was the task one that generates?")

    take(record.fields.get("resps"))
    return found
