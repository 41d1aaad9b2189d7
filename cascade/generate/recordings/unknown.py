"""What to say of a path that is no recording, or not the one asked for: one line that helps."""

import glob
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

from cascade.base import DataError
from cascade.generate.recordings.importers.base import Importer, first_record, record_files

MODEL = "{model}"
SHOWN = 5  # names of a folder that a message shows

# Of the formats that people come near to: the fields that a record must have, `a|b` for either.
FIELDS = {
    "cascade": ("task_id", "kind", "draw", "text"),
    "samples_jsonl": ("task_id", "completion|solution"),
    "lm_eval": ("doc", "resps"),
    "livecodebench": ("question_id", "output_list|code_list"),
}
# Fields that only problems have, and only results.
PROBLEMS = frozenset({"canonical_solution", "test_list", "input_output", "public_test_cases", "plus_input"})
RESULTS = frozenset({"eval", "results", "pass@1", "pass_at_k"})


def nothing_there(path: str) -> DataError:
    """The error where no file or folder fits `generator.path`: what is there instead, by the first names."""
    # The deepest folder that is there, above whatever has a wildcard or the model's name in it.
    folder, missing = Path(path).parent, ""
    while not folder.is_dir():
        missing = (
            "" if MODEL in folder.name or glob.has_magic(folder.name) else f", there is no folder {folder}"
        )
        folder = folder.parent
    wanted = "no file matches" if MODEL in path or glob.has_magic(path) else "no such file or folder"
    return DataError(f"generator.path={path}: {wanted}{missing}; {_names(folder)}")


def unknown_format(path: Path, formats: Iterable[str]) -> DataError:
    """The error where no format fits: whether these are records at all, and what the nearest formats want."""
    if not record_files(path):
        below = f"where they lie in folders below it write a pattern: generator.path={path}/**/*.jsonl; "
        has_folders = path.is_dir() and any(entry.is_dir() for entry in path.iterdir())
        return DataError(
            f"{path}: no *.jsonl or *.json file in this folder; {below * has_folders}{_names(path)}"
        )
    first = first_record(path)
    if first is None:
        return DataError(f"{path}: holds no records")
    found = first.fields.keys()
    what = f"not a recording in a known format (fields of the first record: {', '.join(found)}); "
    if found & PROBLEMS:
        return first.error(f"{what}it is a problem of a data set, not what a model wrote; name the samples")
    if found & RESULTS:
        return first.error(
            f"{what}it holds an evaluation's results, not what a model wrote; name the samples"
        )
    return first.error(
        f"{what}{_lacks(found)}set generator.format to one of {', '.join(formats)} to see what it "
        "lacks, or name the fields as docs/recordings.md has them"
    )


def one_format(path: Path, formats: Mapping[str, Importer], importer: Importer) -> None:
    """Raise `DataError` where the files of a folder or pattern are of several formats, or some of none."""
    files = record_files(path)
    if len(files) < 2 or not importer.matches(files[0]):
        return
    name = next(name for name, other in formats.items() if other is importer)
    for file in files[1:]:
        if importer.matches(file) or first_record(file) is None:
            continue
        other = next((name for name, other in formats.items() if other.matches(file)), "of no known format")
        raise DataError(
            f"{path}: {files[0].name} is {name}, {file.name} is {other}; name those of one "
            "format in generator.path"
        )


def absent_model(model: str, path: str, found: Set[str]) -> DataError:
    """The error where a model of the family is not in the recording."""
    there = ", ".join(sorted(found)) or "none"
    return DataError(
        f"{path}: no samples of model {model} (models found: {there}); "
        "record it, or choose a family without it"
    )


def _lacks(found: Set[str]) -> str:
    """What a record lacks of the formats that it shares a field with."""
    near = []
    for name, fields in FIELDS.items():
        missing = [field for field in fields if not found & set(field.split("|"))]
        if 0 < len(missing) < len(fields):
            near.append(f"{name} lacks {', '.join(' or '.join(field.split('|')) for field in missing)}")
    return f"{'; '.join(f'as {lack}' for lack in near)}; " if near else ""


def _names(folder: Path) -> str:
    """What a folder holds, by its first names."""
    names = sorted(f"{e.name}{'/' * e.is_dir()}" for e in folder.iterdir() if not e.name.startswith("."))
    if not names:
        return f"the folder {folder} is empty"
    more = f", … ({len(names)} in all)" if len(names) > SHOWN else ""
    return f"the folder {folder} holds {', '.join(names[:SHOWN])}{more}"
