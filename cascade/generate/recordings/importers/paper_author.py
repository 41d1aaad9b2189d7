"""The paper author's recordings: his repository's layout, and the same data as six gzip files."""

import re
from collections.abc import Iterator
from pathlib import Path

from cascade.base import Record, read_records
from cascade.generate.recordings.importers.base import Kind, RecordedSample
from cascade.generate.sample import SelfTest, Solution

# One file a model and kind: answers_7B.jsonl.gz, tests_7B.jsonl.gz.
FLAT = re.compile(r"(?P<kind>answers|tests)_(?P<model>.+?)\.jsonl(\.gz)?")
# The repository's layout: answer/7B/7B_p10_l3.json, testcase/7B/7B_p0_l0.json.
NESTED = re.compile(r"(?P<model>.+)_p(?P<k>\d+)_l(?P<loop>\d+)\.json(\.gz)?")
NESTED_FOLDERS: tuple[tuple[str, Kind], ...] = (("answer", "solution"), ("testcase", "test"))


def matches(path: Path) -> bool:
    """Whether the folder holds the answers of either layout."""
    if not path.is_dir():
        return False
    return (path / "answer").is_dir() or any(FLAT.fullmatch(file.name) for file in path.iterdir())


def read(path: Path, model: str | None) -> Iterator[RecordedSample]:
    """The samples of a folder; each model's name stands in its files' names.

    Source: https://github.com/BoyuanJackChen/code_cascading_shared (code/answer, code/testcase).
    An answer is a whole program and has its token count (`num_ids`); a test has its counts up to
    the second and fourth line (`num_ids_2`, `num_ids_4`). k = 0 is greedy; of k = 10 each loop is
    a draw, ordered by `pass`. `model` is not looked at.
    """
    for file in sorted(path.iterdir()):
        if flat := FLAT.fullmatch(file.name):
            kind: Kind = "solution" if flat["kind"] == "answers" else "test"
            for record in read_records(file):
                k, loop = record.natural("k"), record.natural("loop")
                yield _recorded(record, flat["model"], kind, record.text("task_id"), k, loop)
    for folder, kind in NESTED_FOLDERS:
        for file in sorted((path / folder).glob("*/*")):
            if nested := NESTED.fullmatch(file.name):
                for record in read_records(file):
                    task_id = f"HumanEval/{record.natural('number')}"
                    yield _recorded(
                        record, nested["model"], kind, task_id, int(nested["k"]), int(nested["loop"])
                    )


def _recorded(record: Record, model: str, kind: Kind, task_id: str, k: int, loop: int) -> RecordedSample:
    text = record.text("answer")
    sample: Solution | SelfTest
    if kind == "solution":
        sample = Solution(text, record.optional_natural("num_ids"))
    else:
        counts = {line: record.optional_natural(f"num_ids_{line}") for line in (2, 4)}
        known = {line: count for line, count in counts.items() if count is not None}
        sample = SelfTest(text, None, known)
    return RecordedSample(
        model=model,
        task_id=task_id,
        kind=kind,
        draw=None if k == 0 else loop,
        index=record.natural("pass"),
        sample=sample,
        place=record.place,
    )
