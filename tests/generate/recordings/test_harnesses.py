"""Outputs as the common harnesses leave them, each with its own small input."""

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cascade.base import DataError
from cascade.generate import Family, Model, PromptStyle, RecordedGenerator
from cascade.generate.interface import SampleRequest
from cascade.generate.recordings.importers.neutral import write_recording
from cascade.generate.sample import ModelSamples
from cascade.generate.weights import MINI
from cascade.problems import Problem

PROMPT = 'def f{i}(x):\n    """Adds {i}."""\n'
TASKS = ["HumanEval/0", "HumanEval/1", "HumanEval/2"]
PROBLEMS = [
    Problem(task, PROMPT.format(i=i), f"f{i}", "", f"assert f{i}(1) == {i + 1}\n")
    for i, task in enumerate(TASKS)
]


def program(i: int) -> str:
    return f"def f{i}(x):\n    return x + {i}\n"


def body(i: int) -> str:
    return f"    return x + {i}\n"


def reply(i: int) -> str:
    return f"Here:\n```python\n{program(i)}```\nIt adds {i}."


def evalplus_folder(at: Path) -> Path:
    for i in range(3):
        (at / f"HumanEval_{i}").mkdir(parents=True)
        (at / f"HumanEval_{i}" / "0.py").write_text(reply(i) if i else program(i))
    (at / "README.md").write_text("not a sample")
    return at


def bigcode(at: Path) -> Path:
    at.mkdir()
    path = at / "generations_humaneval.json"
    path.write_text(json.dumps([[PROMPT.format(i=i) + body(i)] for i in range(3)]))
    return path


def lm_eval(at: Path) -> Path:
    at.mkdir()
    path = at / "samples_humaneval_2025-01-01T00-00-00.jsonl"
    lines = [
        {
            "doc_id": i,
            "doc": {"task_id": TASKS[i], "prompt": PROMPT.format(i=i)},
            "target": "check(f)",
            "resps": [[body(i)]],
            "filtered_resps": [[PROMPT.format(i=i) + body(i)]],
        }
        for i in (0, 1, 2, 0)  # a run that was resumed logs a sample twice
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def lm_eval_by_place(at: Path) -> Path:
    path = lm_eval(at)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        del line["doc"]["task_id"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def livecodebench(at: Path) -> Path:
    at.mkdir()
    path = at / "Scenario.codegeneration_1_0.2.json"
    path.write_text(
        json.dumps(
            [
                {
                    "question_id": TASKS[i],
                    "output_list": [reply(i)],
                    "code_list": [program(i)],
                    "platform": "x",
                }
                for i in range(3)
            ]
        )
    )
    return at


def samples(at: Path, name: str = "samples.jsonl", ids: Callable[[int], object] = TASKS.__getitem__) -> Path:
    at.mkdir(exist_ok=True)
    text = "".join(json.dumps({"task_id": ids(i), "completion": body(i)}) + "\n" for i in range(3))
    path = at / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    elif name.endswith(".zst"):
        pyarrow = pytest.importorskip("pyarrow")
        with pyarrow.CompressedOutputStream(str(path), "zstd") as out:
            out.write(text.encode())
    else:
        path.write_bytes(text.encode())
    return path


def bom(at: Path) -> Path:
    path = samples(at)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    return path


def as_list(at: Path) -> Path:
    path = samples(at)
    path.with_suffix(".json").write_text(json.dumps([json.loads(x) for x in path.read_text().splitlines()]))
    path.unlink()
    return at  # a folder without JSON Lines


def pattern(at: Path) -> str:
    at.mkdir()
    for i in range(3):
        (at / f"part-{i}.jsonl").write_text(json.dumps({"task_id": i, "solution": program(i)}) + "\n")
    (at / "other.txt").write_text("not a sample")
    return str(at / "part-*.jsonl")


def read(path: Path | str) -> Mapping[str, ModelSamples]:
    family = Family("one", (Model("m", "none", str(MINI / "small")),), PromptStyle(completion=False), 500)
    request = SampleRequest(family, PROBLEMS, 1, 0, "cpu", Path("store"))
    return RecordedGenerator(str(path)).samples(request).samples["m"]


@pytest.mark.parametrize(
    "made",
    [
        evalplus_folder,
        bigcode,
        lm_eval,
        lm_eval_by_place,
        livecodebench,
        samples,
        lambda at: samples(at, "samples.jsonl.gz"),
        lambda at: samples(at, "samples.jsonl.zst"),
        lambda at: samples(at, "samples"),  # the content decides, not the name
        lambda at: samples(at, ids=lambda i: f"HumanEval_{i}"),
        lambda at: samples(at, ids=lambda i: f"humaneval-{i}"),
        lambda at: samples(at, ids=lambda i: i),
        lambda at: samples(at, ids=str),
        bom,
        as_list,
        pattern,
    ],
)
def test_outputs_of_every_harness_are_the_same_programs(
    made: Callable[[Path], Path | str], tmp_path: Path
) -> None:
    found = read(made(tmp_path / "outputs"))
    assert list(found) == TASKS
    for i, (problem, model_samples) in enumerate(zip(PROBLEMS, found.values(), strict=True)):
        assert model_samples.greedy is not None
        [solution] = model_samples.greedy.solutions
        space: dict[str, object] = {}
        exec(problem.program(solution.text, completion=solution.completion), space)
        assert space[f"f{i}"](1) == i + 1  # type: ignore[operator]
        assert solution.tokens


def test_several_samples_are_a_draw_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    path = tmp_path / "outputs" / "generations.json"
    path.write_text(json.dumps([[program(i), program(i) + "# b\n"] for i in range(3)]))
    found = read(path)
    texts = [one.text for one in found[TASKS[1]].draws[1].solutions]
    assert texts == [program(1) + "# b\n"]


def two_versions(at: Path) -> Path:
    samples(at, "run.jsonl")
    (at / "run-sanitized.jsonl").write_text(
        "".join(json.dumps({"task_id": TASKS[i], "solution": program(i)}) + "\n" for i in range(3))
    )
    return at


def latin(at: Path) -> Path:
    path = samples(at)
    path.write_bytes(path.read_bytes().replace(b"return", b"# \xe4\n    return"))
    return path


def too_few(at: Path) -> Path:
    at.mkdir()
    (at / "generations.json").write_text(json.dumps([[program(0)], [program(1)]]))
    return at / "generations.json"


def of_another(at: Path) -> Path:
    return samples(at, ids=lambda i: f"Mbpp/{i}")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            two_versions,
            r"run-sanitized\.jsonl and run\.jsonl are the same samples, sanitized and raw",
        ),
        (latin, r"samples\.jsonl: not a UTF-8 text file .*iconv"),
        (too_few, r"holds 2 of them where the data set has 3"),
        (of_another, r"samples\.jsonl, line 1: unknown task id 'Mbpp/0' .*choose the dataset"),
        (lambda at: at / "no-*.jsonl", r": no file matches, there is no folder "),
    ],
)
def test_what_cannot_be_meant_is_one_line(made: Callable[[Path], Path], says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read(made(tmp_path / "outputs"))
    assert "\n" not in str(caught.value)


def test_what_is_read_can_be_written_and_read_again(tmp_path: Path) -> None:
    found = read(evalplus_folder(tmp_path / "outputs"))
    write_recording(tmp_path / "mine.jsonl.gz", {"m": found})
    assert read(tmp_path / "mine.jsonl.gz") == found
