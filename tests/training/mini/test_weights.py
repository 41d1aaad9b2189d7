"""The shipped weights: small, loadable, and they write what they were trained for."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

# ruff: noqa: E402
from cascade.generate.family import Model
from cascade.generate.local.loaded_model import LoadedModel
from cascade.generate.weights import MINI as WEIGHTS
from cascade.problems.mini import load_mini
from training.mini.compose import HeldOut
from training.mini.corpus import documents, tokenize
from training.mini.evaluate import complete, lines_of, score
from training.mini.prompts import solution_prompt, test_prompt
from training.mini.tokenizer import train_tokenizer
from training.mini.train import SIZES, Batches, Size, build_model, train

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small are slower with several threads on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_all_together_are_under_twelve_megabytes() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*") if file.is_file()) < 12_000_000


def test_every_size_is_shipped_as_the_script_trains_it() -> None:
    assert {folder.name for folder in WEIGHTS.iterdir()} == set(SIZES)
    for name, size in SIZES.items():
        record = json.loads((WEIGHTS / name / "training.json").read_text())
        assert {key: record[key] for key in vars(size)} == vars(size)
        assert record["parameters"] == build_model(size).num_parameters()


@pytest.mark.parametrize("name", SIZES)
def test_greedy_completions_parse(name: str) -> None:
    problems = load_mini()[:6]
    model = LoadedModel(Model(name, str(WEIGHTS / name), str(WEIGHTS / name)), "float32", "cpu")
    prompts = [make(problem) for make in (solution_prompt, test_prompt) for problem in problems]
    texts = complete(model, prompts)
    parsed = 0
    for problem, (body,) in zip(problems, texts[:6], strict=True):
        assert body.startswith("    ")
        try:
            ast.parse(problem.program(body, completion=True))
            parsed += 1
        except SyntaxError:
            pass
    assert parsed >= 5
    assert sum(len(lines_of(text)) for (text,) in texts[6:]) >= 21


def test_score_counts_what_it_says() -> None:
    problem = load_mini()[0]
    body = str(problem.reference_solution).removeprefix(problem.prompt)
    right, *_ = problem.reference_test.splitlines()
    wrong = f"assert {problem.entry_point}({{}}) == 5"
    row = score([problem], [[body, "    return 0\n"]], [[f"{right}\n{right}\n{wrong}\nassert (\n"]])
    assert (row.solved, row.solved_any, row.lines, row.inputs) == (0.5, 1.0, 3.0, 2.0)
    assert row.right == pytest.approx(2 / 3)


def test_a_tiny_training_runs_and_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Compiling takes longer than these few steps.
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **how: None)
    monkeypatch.setattr("training.mini.train._BATCH_TOKENS", 2_000)
    monkeypatch.setattr("training.mini.train._WARMUP_STEPS", 5)
    monkeypatch.setattr("training.mini.train._LOG_EVERY", 10)
    drawn = documents(0, 0, 300, HeldOut())
    corpus = tokenize(train_tokenizer(document.prompt + document.completion for document in drawn), drawn)
    size = Size(
        width=32, layers=1, heads=2, key_value_heads=1, steps=20, learning_rate=5e-3, solution_share=0.07
    )
    logs = [train(size, corpus, 0, CPU)[1] for _ in range(2)]
    assert logs[0] == logs[1]
    assert logs[0][-1][1] < logs[0][0][1] - 0.3


def test_batches_hold_every_document_once_with_its_completion_labelled() -> None:
    drawn = documents(0, 0, 200, HeldOut())
    corpus = tokenize(train_tokenizer(document.prompt + document.completion for document in drawn), drawn)
    wanted = int((corpus.lengths - corpus.prompts).sum())
    seen = rows = 0
    for ids, labels in Batches(corpus, 3_000, 0, CPU):
        assert ids.shape == labels.shape
        assert bool(((labels == ids) | (labels == -100)).all())
        seen += int((labels != -100).sum())
        rows += len(ids)
        if rows >= len(drawn):
            break
    assert (rows, seen) == (len(drawn), wanted)
