"""The recorded generator: every format, what is cut or missing, and what each mistake's error says."""

import gzip
import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from cascade.base.errors import DataError
from cascade.generate.family import Family, Model
from cascade.generate.interface import SampleRequest
from cascade.generate.recordings.recorded import RecordedGenerator, load_recording, write_recording
from cascade.generate.sample import Draw, ModelSamples, SelfTest, Solution
from cascade.generate.weights import MINI
from cascade.problems import DataSet, Problem, load_problems

SHARED = Path(__file__).resolve().parents[3] / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no folder shared/data beside the checkout")


def problem(task_id: str) -> Problem:
    return Problem(task_id, "def f(x):\n", "f", "", "assert f(1) == 1\n")


PROBLEMS = [problem("T/0"), problem("T/1")]
NO_TOKENIZER = "/no/such/folder"  # a path, so that no hub is asked


def family(*names: str, tokenizer: str = NO_TOKENIZER) -> Family:
    return Family("toy", tuple(Model(name, name, tokenizer) for name in names))


def lines(path: Path, *records: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(record) + "\n" for record in records)
    path.write_bytes(gzip.compress(text.encode()) if path.name.endswith(".gz") else text.encode())
    return path


def records(
    model: str,
    *,
    tasks: tuple[str, ...] = ("T/0", "T/1"),
    greedy: bool = True,
    draws: int = 2,
    size: int = 3,
    tests: bool = True,
) -> list[dict[str, object]]:
    """A small recording in the neutral format."""
    made: list[dict[str, object]] = []
    slots: list[tuple[str | int, int]] = [("greedy", 0)] if greedy else []
    slots += [(draw, index) for draw in range(draws) for index in range(size)]
    for task in tasks:
        for draw, index in slots:
            at = {"task_id": task, "model": model, "draw": draw, "index": index}
            made.append(at | {"kind": "solution", "text": f"{model} {task} {draw} {index}", "tokens": 7})
            if tests:
                test = {"kind": "test", "text": "assert f(1) == 1", "tokens": 5, "tokens_at_line": [5]}
                made.append(at | test)
    return made


def problem_of(path: Path | str, *, models: Family, draw_size: int = 3, format: str | None = None) -> str:
    """The error of a recording, checked to be one line."""
    with pytest.raises(DataError) as caught:
        load_recording(str(path), format, models, PROBLEMS, draw_size)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---------------------------------------------------------------- the neutral format


def test_the_neutral_format(tmp_path):
    solution = {"task_id": "T/0", "model": "m", "kind": "solution"}
    test = {"task_id": "T/0", "model": "m", "kind": "test"}
    two, apart = "assert f(1)\nassert f(2)", "assert f(1)\n#\n#\nassert f(2)"
    path = lines(
        tmp_path / "a.jsonl",
        test | {"draw": 0, "index": 0, "text": two, "tokens": 20, "tokens_at_line": [9, 19], "seconds": 1},
        solution
        | {"draw": 0, "index": 0, "text": "    return x", "completion": True, "tokens": 4, "seconds": 0.5},
        solution | {"draw": "greedy", "text": "def f(x): ...", "tokens": 6},
        test | {"draw": "greedy", "text": apart, "tokens_at_line": {"2": 9, "4": 20}},
    )
    recording = load_recording(str(path), None, family("m"), PROBLEMS[:1], 1)
    assert recording.notes == ()
    assert recording.samples["m"]["T/0"] == ModelSamples(
        greedy=Draw(
            (Solution("def f(x): ...", 6),),
            (SelfTest(apart, None, {2: 9, 4: 20}),),
        ),
        draws=(
            Draw(
                (Solution("    return x", 4, completion=True, seconds=0.5),),
                (SelfTest(two, 20, {1: 9, 2: 19}, seconds=1.0),),
            ),
        ),
    )


def test_a_folder_of_files_and_a_pattern_with_the_models_name(tmp_path):
    lines(tmp_path / "one.jsonl", *records("a"))
    lines(tmp_path / "two.jsonl.gz", *records("b"))
    (tmp_path / "README.md").write_text("not a recording")
    together = load_recording(str(tmp_path), None, family("a", "b"), PROBLEMS, 3)
    assert list(together.samples) == ["a", "b"]
    assert together.notes == ()
    for model in "ab":
        nameless = [{k: v for k, v in record.items() if k != "model"} for record in records(model)]
        lines(tmp_path / "by model" / model / "samples.jsonl", *nameless)
    pattern = str(tmp_path / "by model" / "{model}" / "samples.jsonl")
    apart = load_recording(pattern, None, family("a", "b"), PROBLEMS, 3)
    assert apart == together
    one = load_recording(pattern, "cascade", family("b"), PROBLEMS, 3)
    assert one.samples == {"b": together.samples["b"]}
    assert one.notes == (f"{pattern}: models outside the family are ignored: a",)


def test_the_order_is_the_problems_and_the_index(tmp_path):
    path = lines(tmp_path / "a.jsonl", *reversed(records("m", size=12, draws=1)))
    recording = load_recording(str(path), None, family("m"), PROBLEMS, 12)
    assert list(recording.samples["m"]) == ["T/0", "T/1"]
    texts = [solution.text for solution in recording.samples["m"]["T/1"].draws[0].solutions]
    assert texts == [f"m T/1 0 {index}" for index in range(12)]


TEXTS = st.text(max_size=12)
COUNTS = st.none() | st.integers(0, 999)
SECONDS = st.none() | st.floats(0, 99)


@st.composite
def written(draw: st.DrawFn) -> tuple[dict[str, dict[str, ModelSamples]], int]:
    size, blocks, greedy = draw(st.integers(1, 3)), draw(st.integers(0, 2)), draw(st.booleans())
    with_tests = draw(st.booleans())
    counts = st.dictionaries(st.integers(1, 9), st.integers(0, 99), min_size=1).map(
        lambda by_line: dict(zip(sorted(by_line), sorted(by_line.values()), strict=True))
    )

    def block(length: int) -> Draw:
        solutions = [
            Solution(draw(TEXTS), draw(st.integers(0, 99)), draw(st.booleans()), draw(SECONDS))
            for _ in range(length)
        ]
        tests = [
            SelfTest(draw(TEXTS), draw(COUNTS), draw(counts), draw(SECONDS))
            for _ in range(length if with_tests else 0)
        ]
        return Draw(tuple(solutions), tuple(tests))

    samples = {
        model: {
            one.task_id: ModelSamples(
                block(1) if greedy or not blocks else None, tuple(block(size) for _ in range(blocks))
            )
            for one in PROBLEMS
        }
        for model in ("a", "b")
    }
    return samples, size


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(written(), st.booleans())
def test_what_is_written_reads_back(tmp_path_factory, made, zipped):
    samples, size = made
    folder = tmp_path_factory.mktemp("written")
    path = folder / ("r.jsonl.gz" if zipped else "r.jsonl")
    write_recording(path, samples)
    assert load_recording(str(path), None, family("a", "b"), PROBLEMS, size).samples == samples
    first = path.read_bytes()
    write_recording(path, samples)
    assert path.read_bytes() == first
    assert [file.name for file in folder.iterdir()] == [path.name]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = lines(tmp_path / "r.jsonl", *records("m"))
    before = path.read_bytes()
    broken = {"m": {"T/0": ModelSamples(Draw((Solution(b"bytes", 1),), ()), ())}}
    with pytest.raises(TypeError):
        write_recording(path, broken)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["r.jsonl"]


# ---------------------------------------------------------------- the other formats


def author(number: int, k: int, loop: int, at: int, text: str, **fields: object) -> dict[str, object]:
    base = {"number": number, "checkpoint": "7B", "pass": at, "answer": text}
    return base | {"task_id": f"HumanEval/{number}", "k": k, "loop": loop} | fields


def test_both_layouts_of_the_papers_author(tmp_path):
    flat, nested = tmp_path / "flat", tmp_path / "nested"
    answers = [author(0, 0, 0, 1, "def f(x):\n\treturn x", num_ids=9)]
    answers += [author(0, 10, loop, at, f"s{loop}{at}", num_ids=at) for loop in (0, 3) for at in (0, 1)]
    tests = [author(0, 0, 0, 0, "assert f(1)", num_ids_2=5, num_ids_4=6)]
    tests += [
        author(0, 10, loop, at, f"assert {loop}{at}", num_ids_2=1, num_ids_4=2)
        for loop in (0, 3)
        for at in (0, 1)
    ]
    lines(flat / "answers_7B.jsonl.gz", *answers)
    lines(flat / "tests_7B.jsonl.gz", *tests)
    for folder, made in (("answer", answers), ("testcase", tests)):
        for k, loop in ((0, 0), (10, 0), (10, 3)):
            mine = [
                {name: value for name, value in one.items() if name not in ("task_id", "k", "loop")}
                for one in made
                if (one["k"], one["loop"]) == (k, loop)
            ]
            path = nested / folder / "7B" / f"7B_p{k}_l{loop}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(mine, indent=4))
    one = [problem("HumanEval/0")]
    read = load_recording(str(flat), None, family("7B"), one, 2)
    assert read == load_recording(str(nested), "paper_author", family("7B"), one, 2)
    assert read.notes == ()
    samples = read.samples["7B"]["HumanEval/0"]
    assert samples.greedy == Draw(
        (Solution("def f(x):\n\treturn x", 9),), (SelfTest("assert f(1)", None, {2: 5, 4: 6}),)
    )
    assert [[s.text for s in draw.solutions] for draw in samples.draws] == [["s00", "s01"], ["s30", "s31"]]
    assert [[t.text for t in draw.tests] for draw in samples.draws][1] == ["assert 30", "assert 31"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """A local tokenizer that makes one token of each character, with EOS as special token."""
    tokenizers, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    characters = [chr(code) for code in range(32, 127)] + ["\n", "\t", "?"]
    vocabulary = {character: at for at, character in enumerate(dict.fromkeys(characters))} | {"</s>": 999}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="?"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    model.post_processor = tokenizers.processors.TemplateProcessing("$A </s>", None, [("</s>", 999)])
    folder = tmp_path_factory.mktemp("tokenizer")
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=model, eos_token="</s>", unk_token="?")
    fast.save_pretrained(folder)
    assert len(fast("ab\n")["input_ids"]) == 4  # EOS is added where it is not refused
    return str(folder)


@pytest.mark.parametrize("field", ["completion", "solution"])
def test_samples_jsonl_with_one_sample_is_greedy_without_tests(tmp_path, tokenizer, field):
    lines(tmp_path / "a.jsonl", *({"task_id": one.task_id, field: "abc"} for one in PROBLEMS))
    read = load_recording(str(tmp_path / "a.jsonl"), None, family("m", tokenizer=tokenizer), PROBLEMS, 10)
    expected = ModelSamples(Draw((Solution("abc", 3, completion=field == "completion"),), ()), ())
    assert read.samples["m"] == {"T/0": expected, "T/1": expected}
    assert read.notes == (
        f"m: tokens of 2 samples are not recorded, counted with {tokenizer}",
        "m has no tests: every option with k > 0 is unavailable for it",
    )


def test_samples_jsonl_with_several_samples_is_draws_one_file_a_model(tmp_path, tokenizer):
    for model in ("a", "b"):
        made = [
            {"task_id": one.task_id, "solution": f"{model}{at}", "completion": "not this"}
            for at in range(5)
            for one in PROBLEMS
        ]
        lines(tmp_path / f"{model}_samples.jsonl.gz", *made)
    pattern = str(tmp_path / "{model}_samples.jsonl.gz")
    read = load_recording(pattern, None, family("a", "b", tokenizer=tokenizer), PROBLEMS, 2)
    samples = read.samples["b"]["T/1"]
    assert samples.greedy is None
    assert [[s.text for s in draw.solutions] for draw in samples.draws] == [["b0", "b1"], ["b2", "b3"]]
    assert read.notes[1:4] == (
        "a: 1 leftover samples are ignored: a draw takes 2 of each kind per problem",
        "a has no greedy solutions: options with k = 0 and k = 1 are unavailable for it",
        "a has no tests: every option with k > 0 is unavailable for it",
    )


def codet(folder: Path, solutions: list[str], tests: list[str] | None) -> Path:
    prompt, asked = "def f(x):\n", "def f(x):\n    pass\n\n# check the correctness of f\nassert "
    lines(folder / "H_for_code_generation.jsonl", {"task_id": "T/0", "prompt": prompt})
    lines(folder / "H_m_code_solution.jsonl.gz", {"prompt": prompt, "samples": solutions})
    if tests is not None:
        lines(folder / "H_for_test_case_generation.jsonl", {"task_id": "T/0", "prompt": asked})
        lines(folder / "H_m_test_case.jsonl", {"prompt": asked, "samples": tests})
    return folder


def test_codet(tmp_path, tokenizer):
    bodies = ["    return x\n\n\ndef g():\n    pass", "    return 1"]
    tests = ["f(1) == 1\nassert f(2) == 2\nassert", "\n"]
    folder = codet(tmp_path, bodies, tests)
    read = load_recording(str(folder), None, family("m", tokenizer=tokenizer), PROBLEMS[:1], 2)
    (draw,) = read.samples["m"]["T/0"].draws
    assert [solution.text for solution in draw.solutions] == [
        "def f(x):\n    return x\n\n\n",
        "def f(x):\n    return 1",
    ]
    assert [solution.tokens for solution in draw.solutions] == [
        len("    return x\n\n\n"),
        len("    return 1"),
    ]
    assert not draw.solutions[0].completion
    first, second = draw.tests
    assert first.text == "assert f(1) == 1\nassert f(2) == 2\nassert"
    assert first.tokens_at == {1: 9, 2: 26, 3: 33}  # "assert " stood in the prompt and costs nothing
    assert first.tokens == 33
    assert (second.text, second.tokens) == ("assert \n", 1)


def test_codet_says_what_a_folder_lacks(tmp_path):
    codet(tmp_path / "a", ["x"], None)
    (tmp_path / "a" / "H_for_code_generation.jsonl").unlink()
    said = problem_of(tmp_path / "a", models=family("m"))
    assert "needs exactly one file *_for_code_generation.jsonl*, found none" in said
    codet(tmp_path / "b", ["x"], None)
    lines(tmp_path / "b" / "H_m_code_solution.jsonl.gz", {"prompt": "def g():\n", "samples": []})
    said = problem_of(tmp_path / "b", models=family("m"))
    assert "line 1: its prompt is none of those in H_for_code_generation.jsonl" in said
    assert "write {model} for the model's name" in problem_of(tmp_path / "b", models=family("m", "n"))


# ---------------------------------------------------------------- token counts


def test_missing_counts_are_counted_line_by_line_without_special_tokens(tmp_path, tokenizer):
    text = "assert f(\n  1\n)\n# note\nassert f(2) "
    at = {"task_id": "T/0", "model": "m", "draw": "greedy"}
    path = lines(
        tmp_path / "a.jsonl",
        at | {"kind": "solution", "text": "abcd"},
        at | {"kind": "test", "text": text},
    )
    read = load_recording(str(path), None, family("m", tokenizer=tokenizer), PROBLEMS[:1], 1)
    greedy = read.samples["m"]["T/0"].greedy
    assert greedy is not None
    assert greedy.solutions[0].tokens == 4
    (test,) = greedy.tests
    assert test.tokens == len(text)
    # the first statement runs over three physical lines and is one line of the test
    assert test.tokens_at == {
        1: len("assert f(\n  1\n)"),
        2: len("assert f(\n  1\n)\n# note"),
        3: len(text) - 1,
    }
    assert read.notes[0] == f"m: tokens of 2 samples are not recorded, counted with {tokenizer}"


def test_recorded_counts_stand(tmp_path, tokenizer):
    at = {"task_id": "T/0", "model": "m", "draw": "greedy"}
    path = lines(
        tmp_path / "a.jsonl",
        at | {"kind": "solution", "text": "abcd", "tokens": 77},
        at | {"kind": "test", "text": "assert f(1)\nassert f(2)", "tokens": 15},
    )
    read = load_recording(str(path), None, family("m", tokenizer=tokenizer), PROBLEMS[:1], 1)
    greedy = read.samples["m"]["T/0"].greedy
    assert greedy is not None
    assert greedy.solutions[0].tokens == 77
    assert greedy.tests[0].tokens == 15
    assert greedy.tests[0].tokens_at == {1: 11, 2: 15}  # never more than the whole


def test_counts_that_can_neither_be_read_nor_counted_are_refused_once(tmp_path):
    path = lines(tmp_path / "a.jsonl", *({"task_id": one.task_id, "solution": "abc"} for one in PROBLEMS))
    said = problem_of(path, models=family("m"))
    assert "m has samples without token counts, and its tokenizer /no/such/folder cannot be" in said
    assert "set family.tokenizer to a local folder" in said


# ---------------------------------------------------------------- draws


def test_longer_lists_are_cut_into_draws_and_the_remainder_is_said(tmp_path):
    path = lines(tmp_path / "a.jsonl", *records("m", draws=2, size=7))
    read = load_recording(str(path), None, family("m"), PROBLEMS, 3)
    texts = [[s.text[-3:] for s in draw.solutions] for draw in read.samples["m"]["T/0"].draws]
    assert texts == [
        ["0 0", "0 1", "0 2"],
        ["0 3", "0 4", "0 5"],
        ["1 0", "1 1", "1 2"],
        ["1 3", "1 4", "1 5"],
    ]
    assert all(len(draw.tests) == 3 for draw in read.samples["m"]["T/1"].draws)
    assert read.notes == ("m: 2 leftover samples are ignored: a draw takes 3 of each kind per problem",)


def test_uneven_draws_are_cut_to_what_every_problem_has(tmp_path):
    made = [
        record
        for record in records("m", draws=2, size=4)
        if (record["task_id"], record["kind"], record["draw"], record["index"])
        not in {("T/1", "test", 0, 2), ("T/0", "solution", 1, 0), ("T/0", "solution", 1, 1)}
    ]
    read = load_recording(str(lines(tmp_path / "a.jsonl", *made)), None, family("m"), PROBLEMS, 3)
    assert [len(draw.solutions) for draw in read.samples["m"]["T/0"].draws] == [3]
    assert read.notes == (
        "m: draws cut to the number of solutions and tests that every problem has: "
        "draw 0 (3 to 4), 1 (2 to 4)",
        "m: 2 leftover samples are ignored: a draw takes 3 of each kind per problem",
    )


@pytest.mark.parametrize(
    ("made", "notes"),
    [
        (records("m", tests=False), ["m has no tests: every option with k > 0 is unavailable for it"]),
        (
            records("m", greedy=False),
            ["m has no greedy solutions: options with k = 0 and k = 1 are unavailable"],
        ),
        (records("m", draws=0), ["m has no draw of 3: options with k > 1 are unavailable for it"]),
        (
            [r for r in records("m") if r["kind"] == "solution" or r["draw"] != "greedy"],
            ["m has no greedy tests: options with k = 1 are unavailable for it"],
        ),
        (
            [r for r in records("m") if r["kind"] == "solution" or r["draw"] == "greedy"],
            ["m has no sampled tests: options with k > 1 are unavailable for it"],
        ),
    ],
)
def test_what_is_missing_is_said_once(tmp_path, made, notes):
    read = load_recording(str(lines(tmp_path / "a.jsonl", *made)), None, family("m"), PROBLEMS, 3)
    assert len(read.notes) == len(notes)
    assert all(found.startswith(note) for found, note in zip(read.notes, notes, strict=True))


# ---------------------------------------------------------------- mistakes


def test_a_path_that_is_not_there_or_no_recording(tmp_path):
    assert f"generator.path={tmp_path}/no: no such file or folder" in problem_of(
        tmp_path / "no", models=family("m")
    )
    said = problem_of(lines(tmp_path / "a.jsonl", {"x": 1}), models=family("m"))
    assert "not a recording in a known format (fields of the first record: x); set generator.format" in said
    (tmp_path / "b.jsonl").write_text("\n")
    assert problem_of(tmp_path / "b.jsonl", models=family("m")).endswith("b.jsonl: holds no records")
    (tmp_path / "runs" / "m").mkdir(parents=True)
    (tmp_path / "runs" / "m" / "a.jsonl").write_text("{}")
    assert "no *.jsonl or *.json file in this folder" in problem_of(tmp_path / "runs", models=family("m"))
    said = problem_of(tmp_path / "a.jsonl", models=family("m"), format="own")
    assert said.startswith("generator.format=own: must be one of paper_author, codet, evalplus_folder, ")
    said = problem_of(tmp_path / "a.jsonl", models=family("m"), format="cascade")
    assert said.endswith("a.jsonl, line 1: field `kind` is missing (fields found: x)")


def test_a_model_without_samples(tmp_path):
    path = lines(tmp_path / "m.jsonl", *records("m"), *records("other"))
    said = problem_of(path, models=family("m", "large"))
    assert said.startswith(f"{path}: no samples of model large (models found: m, other)")
    said = problem_of(tmp_path / "{model}.jsonl", models=family("m", "large"))
    assert "no samples of model large (models found: m)" in said
    said = problem_of(tmp_path / "{model}.gz", models=family("m"))
    there = f"no file matches; the folder {tmp_path} holds m.jsonl"
    assert said == f"generator.path={tmp_path}/{{model}}.gz: {there}"
    said = problem_of(tmp_path / "rec" / "{model}.jsonl", models=family("m"))
    assert f": no file matches, there is no folder {tmp_path}/rec; the folder {tmp_path} holds m" in said
    assert ": no file matches; " in problem_of(tmp_path / "*.txt", models=family("m"))
    assert f"no such file or folder; the folder {tmp_path} holds" in problem_of(
        tmp_path / "n", models=family("m")
    )


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (
            {"task_id": "T/0", "model": "m", "text": "x"},
            "as cascade lacks kind, draw; as samples_jsonl lacks ",
        ),
        (
            {"task_id": "T/0", "prompt": "x", "canonical_solution": "y"},
            "it is a problem of a data set, not ",
        ),
        ({"date": "x", "eval": {}}, "it holds an evaluation's results, not what a model wrote"),
    ],
)
def test_what_is_no_recording_is_told_apart(tmp_path, record, says):
    path = lines(tmp_path / "a.jsonl", record)
    said = problem_of(path, models=family("m"))
    assert said.startswith(f"{path}, line 1: not a recording in a known format (fields of the first ")
    assert says in said


def test_a_folder_of_several_formats_is_told_of(tmp_path):
    lines(tmp_path / "a.jsonl", *records("m"))
    lines(tmp_path / "b.jsonl", {"task_id": "T/0", "completion": "x"})
    said = problem_of(tmp_path, models=family("m"))
    assert said.startswith(f"{tmp_path}: a.jsonl is cascade, b.jsonl is samples_jsonl; ")
    lines(tmp_path / "b.jsonl", {"x": 1})
    assert "b.jsonl is of no known format" in problem_of(tmp_path, models=family("m"))


def test_samples_of_several_models_in_one_file(tmp_path):
    """People add a field `model` to human-eval's records, and put all models into one file."""
    made = [
        {"task_id": f"T/{i}", "model": model, "solution": f"def f():\n    return {i}, '{model}'\n"}
        for model in ("m", "large")
        for i in range(2)
    ]
    path = lines(tmp_path / "a.jsonl", *made)
    read = load_recording(str(path), None, family("m", "large", tokenizer=str(MINI / "small")), PROBLEMS, 3)
    for model in ("m", "large"):
        greedy = read.samples[model]["T/1"].greedy
        assert greedy is not None and greedy.solutions[0].text == f"def f():\n    return 1, '{model}'\n"
    read = load_recording(str(path), None, family("m", tokenizer=str(MINI / "small")), PROBLEMS, 3)
    assert read.notes[-1] == f"{path}: models outside the family are ignored: large"
    assert "several models (large, m), none of them called x" in problem_of(path, models=family("x"))


def test_one_models_files_lie_in_several_folders_under_one_name(tmp_path):
    for i in range(2):
        (tmp_path / f"part{i}").mkdir()
        lines(tmp_path / f"part{i}" / "x.jsonl", {"task_id": f"T/{i}", "solution": f"a = {i}\n"})
    read = load_recording(
        f"{tmp_path}/*/x.jsonl", None, family("m", tokenizer=str(MINI / "small")), PROBLEMS, 3
    )
    assert [read.samples["m"][f"T/{i}"].greedy.solutions[0].text for i in range(2)] == ["a = 0\n", "a = 1\n"]


def test_samples_of_a_model_outside_the_family_are_passed_over(tmp_path):
    path = lines(tmp_path / "a.jsonl", *records("m"), *records("x", tasks=("elsewhere",)), *records("y"))
    read = load_recording(str(path), None, family("m"), PROBLEMS, 3)
    assert read.notes == (f"{path}: models outside the family are ignored: x, y",)


def test_an_unknown_task_id_a_broken_line_and_a_missing_problem(tmp_path):
    path = lines(tmp_path / "a.jsonl", *records("m"), records("m", tasks=("T/9",))[0])
    count = len(records("m")) + 1
    said = problem_of(path, models=family("m"))
    assert said.startswith(f"{path}, line {count}: unknown task id 'T/9' (the data set's are T/0, T/1, …); ")
    with path.open("a") as file:
        file.write('{"task_id": "T/0", \n')
    path.write_text(path.read_text().replace("T/9", "T/0").replace('"index": 0', '"index": 0', 1))
    lines_before = path.read_text().splitlines()
    path.write_text("\n".join([*lines_before[: count - 1], lines_before[-1]]) + "\n")
    assert problem_of(path, models=family("m")).startswith(f"{path}, line {count}: not JSON")
    lines(path, *records("m", tasks=("T/0",)))
    said = problem_of(path, models=family("m"))
    assert said.startswith(f"{path}: model m has no samples for 1 of 2 problems (T/1); add their samples")
    many = [problem(f"T/{number}") for number in range(9)]
    with pytest.raises(DataError, match=r"no samples for 8 of 9 problems \(T/1, T/2, T/3, \.\.\.\)"):
        load_recording(str(path), None, family("m"), many, 3)


def test_greedy_samples_for_some_problems_only_and_nothing_usable(tmp_path):
    made = [r for r in records("m") if r["task_id"] == "T/0" or r["draw"] != "greedy"]
    said = problem_of(lines(tmp_path / "a.jsonl", *made), models=family("m"))
    assert "model m has greedy solutions, but none for 1 of 2 problems (T/1)" in said
    path = lines(tmp_path / "b.jsonl", *records("m", greedy=False, size=2))
    said = problem_of(path, models=family("m"))
    assert said.startswith(
        f"{path}: model m has neither greedy solutions nor a draw of 3; its largest draw has 2"
    )


def test_a_sample_that_comes_twice(tmp_path):
    made = records("m")
    path = lines(tmp_path / "a.jsonl", *made, made[2])
    said = problem_of(path, models=family("m"))
    assert said == f"{path}, line {len(made) + 1}: repeats the sample in line 3; remove one of them"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "answer"}, "field `kind` must be solution or test, not 'answer'"),
        ({"draw": "sampled"}, "field `draw` must be a non-negative integer, not 'sampled'"),
        ({"draw": 1, "index": -1}, "field `index` must be a non-negative integer, not -1"),
        ({"text": None}, "field `text` must be a string, not null"),
        ({"tokens": 1.5}, "field `tokens` must be a non-negative integer, not 1.5"),
        ({"completion": "yes"}, "field `completion` must be true or false, not 'yes'"),
        ({"seconds": "1 s"}, "field `seconds` must be a non-negative number, not '1 s'"),
        (
            {"kind": "test", "tokens_at_line": [4, 3]},
            "field `tokens_at_line` must be a list of integers",
        ),
        ({"kind": "test", "tokens_at_line": {"two": 3}}, "field `tokens_at_line` must be"),
        ({"kind": "test", "tokens_at_line": 3}, "field `tokens_at_line` must be"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(tmp_path, change, says):
    made = records("m")
    made[4] |= change
    path = lines(tmp_path / "a.jsonl", *made)
    said = problem_of(path, models=family("m"))
    assert said.startswith(f"{path}, line 5: ")
    assert says in said


# ---------------------------------------------------------------- real recordings


@pytest.fixture(scope="module")
def humaneval() -> list[Problem]:
    return load_problems(DataSet("humaneval", "humaneval", SHARED / "humaneval/HumanEval.jsonl.gz"))


@needs_shared
def test_the_papers_recording(tmp_path, humaneval):
    folder = SHARED / "wizardcoder-python-humaneval"
    models = family("7B", "13B", "34B")
    start = time.process_time()
    read = RecordedGenerator(str(folder)).samples(SampleRequest(models, humaneval, 10, 4, "", tmp_path))
    assert time.process_time() - start < 10  # about 2 s; room for a busy machine
    assert read.notes == ()
    assert list(read.samples) == ["7B", "13B", "34B"]
    solutions = tests = tokens = at_two = at_four = 0
    for by_task in read.samples.values():
        assert list(by_task) == [one.task_id for one in humaneval]
        for samples in by_task.values():
            assert samples.greedy is not None
            blocks = (samples.greedy, *samples.draws)
            assert [len(block.solutions) for block in blocks] == [1, 10, 10, 10, 10, 10]
            assert [len(block.tests) for block in blocks] == [1, 10, 10, 10, 10, 10]
            for block in blocks:
                solutions += len(block.solutions)
                tests += len(block.tests)
                tokens += sum(solution.tokens or 0 for solution in block.solutions)
                at_two += sum(test.tokens_at[2] for test in block.tests)
                at_four += sum(test.tokens_at[4] for test in block.tests)
    assert solutions == tests == 3 * 164 * (1 + 5 * 10)
    raw = {"num_ids": 0, "num_ids_2": 0, "num_ids_4": 0}
    for file in folder.glob("*.jsonl.gz"):
        with gzip.open(file, "rt") as text:
            for line in text:
                record = json.loads(line)
                for name in raw:
                    raw[name] += record.get(name, 0)
    assert (tokens, at_two, at_four) == (raw["num_ids"], raw["num_ids_2"], raw["num_ids_4"])

    path = tmp_path / "recording.jsonl.gz"
    write_recording(path, read.samples)
    again = load_recording(str(path), None, models, humaneval, 10)
    assert again == read
    subset = load_recording(str(path), None, family("13B"), humaneval, 10)
    assert subset.samples == {"13B": read.samples["13B"]}
    assert subset.notes == (f"{path}: models outside the family are ignored: 34B, 7B",)


@needs_shared
def test_codets_recording(humaneval, tokenizer):
    folder = SHARED / "codegen16b-humaneval-100"
    start = time.process_time()
    read = load_recording(str(folder), None, family("16B", tokenizer=tokenizer), humaneval, 10)
    print(f"{time.process_time() - start:.1f} s")
    assert read.notes[1:] == (
        "16B has no greedy solutions: options with k = 0 and k = 1 are unavailable for it",
    )
    samples = read.samples["16B"]
    assert all(len(of_task.draws) == 10 for of_task in samples.values())
    assert sum(len(draw.solutions) for of_task in samples.values() for draw in of_task.draws) == 16_400
    assert sum(len(draw.tests) for of_task in samples.values() for draw in of_task.draws) == 16_400
    first = samples["HumanEval/0"].draws[0]
    assert first.solutions[0].text.startswith("from typing import List\n\n\ndef has_close_elements(")
    assert ">>>" not in first.solutions[0].text
    assert first.tests[0].text == "assert \n"
