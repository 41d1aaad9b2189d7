"""Problems of one's own: a JSON object each, or a folder each (docs/datasets.md)."""

import ast
import builtins
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from cascade.base import DataError, Place, Record
from cascade.problems.apps_tests import Case, call_test, literal, stdin_test
from cascade.problems.base import Problem, preamble_of
from cascade.problems.prompt_synthesis import header_of, parse, pose
from cascade.problems.stdin_programs import stdin_problem

FIELDS = (
    "task_id",
    "prompt",
    "entry_point",
    "tests",
    "setup",
    "reference",
    "files",
    "packages",
    "timeout_s",
    "shadow",  # what a service kept beside a prompt; not looked at
)
# What a problem's folder may hold, and the field that each file stands for.
FOLDER_FILES = {
    "prompt.md": "prompt",
    "prompt.py": "prompt",
    "tests.py": "tests",
    "setup.py": "setup",
    "reference.py": "reference",
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def to_problem(record: Record, *, pairs: bool = True) -> Problem:
    """A problem from one record.

    Required: ``task_id``, ``prompt``, ``tests``, and ``entry_point`` unless the problem is over
    standard input (see `stdin_problem`). Optional: ``setup``, ``reference``, ``files``, ``packages``,
    ``timeout_s``.

    Raises:
        DataError: a field is missing, unknown, of another type, or does not fit the others.
    """
    if unknown := sorted(set(record.fields) - set(FIELDS)):
        raise record.error(f"unknown field `{unknown[0]}`; known are {', '.join(FIELDS)}")
    task_id, prompt = filled(record, "task_id"), filled(record, "prompt")
    tests = _tests(record)
    reference = _python(record, "reference")
    if "entry_point" in record.fields:
        name = entry_point_of(record)
        prompt = posed(prompt, name, reference)
        if reference is not None and name not in _defined(reference):
            raise record.error(f"`reference` does not define {name}, its `entry_point`")
        problem = Problem(task_id, prompt, name, preamble_of(prompt, name), _joined(name, tests), reference)
    else:
        if not all(isinstance(test, dict) for test in tests):
            raise record.error(
                "field `entry_point` is missing: name the function that the tests call, or give tests as "
                "objects of input and output texts for a program that reads standard input"
            )
        problem = stdin_problem(task_id, prompt, [_stdin_case(test) for test in tests], pairs=pairs)
    return Problem(
        problem.task_id,
        problem.prompt,
        problem.entry_point,
        problem.preamble,
        problem.reference_test,
        reference,
        setup=_files(record) + (_python(record, "setup") or ""),
        reads_stdin=problem.reads_stdin,
        pairs=problem.pairs,
        packages=tuple(record.texts("packages")) if "packages" in record.fields else (),
        timeout_s=_timeout(record),
    )


def single_tests(record: Record) -> list[str]:
    """The reference test of each of a record's tests alone, in order."""
    tests = _tests(record)
    name = record.text("entry_point") if "entry_point" in record.fields else None
    return [stdin_test([_stdin_case(test)]) if name is None else _joined(name, [test]) for test in tests]


def read_folder(folder: Path) -> Iterator[Record]:
    """The problems of a folder with one folder a problem, in the order of their names.

    A problem's folder holds ``prompt.md`` (or ``prompt.py``) and ``tests.py``; and it may hold
    ``reference.py``, ``setup.py``, ``problem.json`` (the other fields) and a folder ``files``. The
    folder's name is the task id. Where nothing names the entry point it is the function that
    ``reference.py`` defines last, or the only one that ``tests.py`` calls and does not define.

    Raises:
        DataError: a file that is not known, cannot be read or is missing.
    """
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise DataError(f"{folder}: holds no folder; give each problem one, with prompt.md and tests.py")
    for number, problem_folder in enumerate(folders, start=1):
        place = Place(str(problem_folder), "problem", number)
        fields: dict[str, Any] = {"task_id": problem_folder.name}
        for path in sorted(problem_folder.iterdir()):
            if path.name.startswith(".") or path.name == "__pycache__":
                continue
            if path.name in FOLDER_FILES:
                fields[FOLDER_FILES[path.name]] = _text(path)
            elif path.name == "files" and path.is_dir():
                inside = sorted(file for file in path.rglob("*") if file.is_file())
                fields["files"] = {file.relative_to(path).as_posix(): _text(file) for file in inside}
            elif path.name == "problem.json":
                fields |= _settings(path)
            else:
                known = ", ".join([*FOLDER_FILES, "problem.json", "files/"])
                raise DataError(f"{path}: a problem's folder holds {known} and nothing else")
        if "entry_point" not in fields and isinstance(fields.get("tests"), str):
            name = _named(fields.get("reference"), fields["tests"])
            fields |= {} if name is None else {"entry_point": name}
        yield Record(place, fields)


def _settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(_text(path))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error})") from error
    if not isinstance(settings, dict):
        raise DataError(f"{path}: must be a JSON object of fields")
    return settings


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error})") from error


def _named(reference: Any, tests: str) -> str | None:
    """The entry point, where the reference or the tests make it clear."""
    try:
        if isinstance(reference, str) and (defined := _defined(reference)):
            return defined[-1]
        tree = parse(tests)
    except (SyntaxError, ValueError):
        return None
    known = {node.name for node in ast.walk(tree) if isinstance(node, Function | ast.ClassDef)}
    known |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    known |= {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    names = called - known - set(dir(builtins))
    return names.pop() if len(names) == 1 else None


def filled(record: Record, field: str) -> str:
    text = record.text(field)
    if not text.strip():
        raise record.error(f"field `{field}` is empty")
    return text


def entry_point_of(record: Record) -> str:
    name = record.text("entry_point").strip()
    if not name.isidentifier():
        raise record.error(f"field `entry_point` must be a function's name, not {name!r}")
    return name


def _python(record: Record, field: str) -> str | None:
    """The Python source in an optional field."""
    if field not in record.fields:
        return None
    source = record.text(field)
    try:
        parse(source)
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise record.error(f"field `{field}` is not Python{line} ({getattr(error, 'msg', error)})") from error
    return source if source.endswith("\n") else source + "\n"


def _defined(source: str) -> list[str]:
    return [node.name for node in parse(source).body if isinstance(node, Function)]


def posed(prompt: str, name: str, reference: str | None) -> str:
    """A prompt that defines the function: as it is, or made from a text and the reference's header."""
    for ending in ("", "\n    pass\n"):
        try:
            if name in _defined(prompt.rstrip() + ending):
                return prompt if prompt.endswith("\n") else prompt + "\n"
        except (SyntaxError, ValueError):
            continue
    functions = [n for n in parse(reference or "").body if isinstance(n, Function) and n.name == name]
    return pose(header_of(functions[-1]) if functions else f"def {name}(*args):", prompt)


def _tests(record: Record) -> list[Any]:
    """The tests: Python sources, or objects of input and output. At least one."""
    tests = record.fields.get("tests")
    if isinstance(tests, str):
        tests = [tests]
    if tests is None:
        raise record.error("field `tests` is missing; give a list of asserts or of {input, output}")
    if not isinstance(tests, list) or not tests:
        raise record.error("field `tests` must be a list of asserts or of {input, output}, and not empty")
    called = "entry_point" in record.fields
    for number, test in enumerate(tests, start=1):
        if isinstance(test, str):
            try:
                body = parse(test).body
            except (SyntaxError, ValueError) as error:
                raise record.error(f"test {number} is not Python ({getattr(error, 'msg', error)})") from error
            if not any(isinstance(node, ast.Assert | ast.Raise) for part in body for node in ast.walk(part)):
                raise record.error(f"test {number} asserts nothing: any answer would pass it")
        elif isinstance(test, dict) and set(test) == {"input", "output"}:
            if called and not isinstance(test["input"], list):
                raise record.error(f"test {number}: `input` must be the list of the call's arguments")
            if not called and not (isinstance(test["input"], str) and isinstance(test["output"], str)):
                raise record.error(
                    f"test {number}: `input` and `output` must be texts where there is no `entry_point`"
                )
        else:
            raise record.error(f"test {number} must be an assert or an object of `input` and `output`")
    if len({isinstance(test, str) for test in tests}) > 1:
        raise record.error("field `tests` mixes asserts and input/output pairs; give one kind")
    return tests


def _joined(name: str, tests: list[Any]) -> str:
    if isinstance(tests[0], str):
        return "\n".join(tests) + "\n"
    return call_test(name, [[(test["input"], [test["output"]]) for test in tests]])


def _stdin_case(test: Mapping[str, str]) -> Case:
    return [test["input"]], [test["output"]]


def _files(record: Record) -> str:
    """Source that writes the files which an answer may read."""
    files = record.fields.get("files", {})
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise record.error("field `files` must be an object of texts by file name")
    for name in files:
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts or "\\" in name:
            raise record.error(f"field `files`: {name!r} must be a relative path without ..")
    if not files:
        return ""
    lines = ["import os as _os"]
    for name, text in files.items():
        if parent := str(PurePosixPath(name).parent).strip("."):
            lines.append(f"_os.makedirs({parent!r}, exist_ok=True)")
        lines.append(f"with open({name!r}, 'w', encoding='utf-8', newline='') as _file:")
        lines.append(f"    _file.write({literal(text)})")
    return "\n".join(lines) + "\n"


def _timeout(record: Record) -> float | None:
    value = record.fields.get("timeout_s")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 3600:
        raise record.error(f"field `timeout_s` must be a number of seconds up to 3600, not {value!r}")
    return float(value)
