"""bigcode-evaluation-harness's generations: a list a problem, in the data set's order, of programs."""

from collections.abc import Iterator
from pathlib import Path

from cascade.base import DataError, Place, read_value
from cascade.generate.reader import TextKind
from cascade.generate.recordings.importers.base import RecordedSample, named, ordinal, record_files
from cascade.generate.sample import Solution


def matches(path: Path) -> bool:
    """Whether it is one JSON file with a list of lists of texts."""
    files = record_files(path)
    if len(files) != 1 or not files[0].is_file():
        return False
    try:
        return _lists(read_value(files[0]))
    except DataError:
        return False


def read(path: Path, model: str | None) -> Iterator[RecordedSample]:
    """The generations, each with its prompt, as the harness saves them (``--save_generations``).

    Source: https://github.com/bigcode-project/bigcode-evaluation-harness. Which problem a list belongs to
    only its place says; one generation a problem is greedy, several are a draw.

    Raises:
        DataError: the file is of another form.
    """
    [file] = record_files(path)
    model = named(model, path)
    lists = read_value(file)
    if not _lists(lists):
        raise DataError(f"{file}: must be a JSON list of lists of texts, one list a problem")
    greedy = max(map(len, lists)) <= 1
    for position, texts in enumerate(lists):
        place = Place(str(file), "list", position + 1)
        for index, text in enumerate(texts):
            draw = None if greedy else 0
            yield RecordedSample(
                model,
                ordinal(position),
                "solution",
                draw,
                index,
                Solution(text, None),
                place,
                text_kind=TextKind.auto,
            )


def _lists(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in value)
    )
