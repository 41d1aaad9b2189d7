"""EvalPlus's folders of programs: one folder a problem, one file a sample (``HumanEval_0/0.py``)."""

import re
from collections.abc import Iterator
from pathlib import Path

from cascade.base import DataError, Place
from cascade.generate import source
from cascade.generate.reader import TextKind
from cascade.generate.recordings.importers.base import RecordedSample, named
from cascade.generate.sample import Solution

PROBLEM = re.compile(r"(?:HumanEval|Mbpp|humaneval|mbpp)[_-]\d+")


def matches(path: Path) -> bool:
    """Whether a folder holds folders that are called as problems are."""
    return path.is_dir() and any(_problems(path))


def read(path: Path, model: str | None) -> Iterator[RecordedSample]:
    """The programs of a folder; one a problem is greedy, several are a draw.

    Source: https://github.com/evalplus/evalplus (``--samples FOLDER``). Sanitized programs are taken
    unchanged; a text that is not Python is read as a reply.

    Raises:
        DataError: a file is no text, or there is no sample in any folder.
    """
    model = named(model, path)
    files = {folder: sorted(folder.glob("*.py"), key=_number) for folder in sorted(_problems(path))}
    greedy = max(map(len, files.values())) <= 1
    if not any(files.values()):
        raise DataError(f"{path}: its folders hold no *.py files")
    for folder, programs in files.items():
        for index, file in enumerate(programs):
            try:
                text = file.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"{file}: cannot be read as UTF-8 text ({error})") from error
            kind = TextKind.program if source.is_python(text) else TextKind.auto
            place = Place(str(file), "line", 1)
            draw = None if greedy else 0
            yield RecordedSample(
                model, folder.name, "solution", draw, index, Solution(text, None), place, text_kind=kind
            )


def _problems(path: Path) -> Iterator[Path]:
    return (folder for folder in path.iterdir() if folder.is_dir() and PROBLEM.fullmatch(folder.name))


def _number(file: Path) -> tuple[int, str]:
    return (int(file.stem) if file.stem.isdecimal() else -1, file.stem)
