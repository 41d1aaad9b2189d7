"""CodeT's files: sampled solutions and tests of one model, joined to problems by their prompts."""

from collections.abc import Iterator
from pathlib import Path

from cascade.base import DataError, Place, read_records
from cascade.generate.recordings.importers.base import RecordedSample, named
from cascade.generate.sample import SelfTest, Solution

SOLUTIONS, SOLUTION_PROMPTS = "*code_solution.jsonl*", "*_for_code_generation.jsonl*"
TESTS, TEST_PROMPTS = "*test_case.jsonl*", "*_for_test_case_generation.jsonl*"
# Every prompt for a test ends in this word; the sample goes on from there.
ASSERT = "assert "


def matches(path: Path) -> bool:
    """Whether the folder holds CodeT's solutions."""
    return path.is_dir() and any(path.glob(SOLUTIONS))


def read(path: Path, model: str | None) -> Iterator[RecordedSample]:
    """The solutions and tests of a folder, each problem's list as one draw.

    Source: https://github.com/microsoft/CodeT (data/generated_data and data/dataset). A solution is
    the body for CodeT's own prompt (HumanEval's without its examples), so that the program is that
    prompt and the body; the body ends before the first line of code that is not indented, as with
    CodeT's stop words. The folder holds the solutions, the prompts they answer, and for tests the
    same two files.
    """
    model = named(model, path)
    for place, task_id, prompt, texts in _lists(path, SOLUTIONS, SOLUTION_PROMPTS):
        for index, text in enumerate(texts):
            solution = Solution(prompt + _body(text), None)
            yield RecordedSample(model, task_id, "solution", 0, index, solution, place, prompted=prompt)
    if any(path.glob(TESTS)):
        for place, task_id, _, texts in _lists(path, TESTS, TEST_PROMPTS):
            for index, text in enumerate(texts):
                test = SelfTest(ASSERT + text, None)
                yield RecordedSample(model, task_id, "test", 0, index, test, place, prompted=ASSERT)


def _lists(path: Path, samples: str, prompts: str) -> Iterator[tuple[Place, str, str, list[str]]]:
    """Each problem's place, id, prompt and list of sampled texts."""
    ids = {record.text("prompt"): record.text("task_id") for record in read_records(_only(path, prompts))}
    for record in read_records(_only(path, samples)):
        prompt = record.text("prompt")
        if prompt not in ids:
            raise record.error(f"its prompt is none of those in {_only(path, prompts).name}")
        yield record.place, ids[prompt], prompt, record.texts("samples")


def _only(path: Path, pattern: str) -> Path:
    """The one file in the folder that the pattern names."""
    files = sorted(path.glob(pattern))
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise DataError(f"{path}: needs exactly one file {pattern}, found {found}; one folder a model")
    return files[0]


def _body(text: str) -> str:
    """The lines of a function's body: up to the first line of code that is not indented."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if line.strip() and not line[0].isspace():
            return "".join(f"{kept}\n" for kept in lines[:at])
    return text
