"""LiveCodeBench's outputs: a list of problems, each with its replies and the code taken out of them."""

from collections.abc import Iterator
from pathlib import Path

from cascade.base import Record, read_records
from cascade.generate.reader import TextKind
from cascade.generate.recordings.importers.base import RecordedSample, first_record, named, record_files
from cascade.generate.sample import Solution

REPLIES, CODES = "output_list", "code_list"


def matches(path: Path) -> bool:
    """Whether the first record has a question's id and replies or code."""
    record = first_record(path)
    fields = record.fields if record is not None else {}
    return "question_id" in fields and (REPLIES in fields or CODES in fields)


def read(path: Path, model: str | None) -> Iterator[RecordedSample]:
    """The replies, or where there are none the code; one a problem is greedy, several are a draw.

    Source: https://github.com/LiveCodeBench/LiveCodeBench (``output/<model>/…json``, and what its
    custom evaluator takes: ``question_id`` with ``code_list``).
    """
    model = named(model, path)
    records = [record for file in record_files(path) for record in read_records(file)]
    texts = [_texts(record) for record in records]
    greedy = max(map(len, texts), default=0) <= 1
    for record, codes in zip(records, texts, strict=True):
        for index, text in enumerate(codes):
            yield RecordedSample(
                model,
                record.text("question_id"),
                "solution",
                None if greedy else 0,
                index,
                Solution(text, None),
                record.place,
                text_kind=TextKind.reply,
            )


def _texts(record: Record) -> list[str]:
    replies = record.texts(REPLIES) if REPLIES in record.fields else []
    return replies if any(replies) else record.texts(CODES)
