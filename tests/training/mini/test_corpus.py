"""The corpus and the tokenizer: formats apart from the first token, prompts that end at a boundary."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tokenizers")

from tokenizers import Tokenizer

from cascade.generate.weights import MINI as WEIGHTS
from cascade.problems.mini import load_mini
from training.mini import prompts
from training.mini.corpus import Corpus, Document, documents, make_corpus, tokenize
from training.mini.evalset import held_out
from training.mini.prompts import SOLUTION_MARK, TEST_MARK
from training.mini.tokenizer import EOS, PAD


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(WEIGHTS / "small" / "tokenizer.json"))


@pytest.fixture(scope="module")
def drawn() -> list[Document]:
    return documents(7, 0, 600, held_out())


def test_documents_depend_on_seed_and_chunk_only(drawn: list[Document]) -> None:
    assert documents(7, 0, 600, held_out()) == drawn
    assert documents(7, 1, 600, held_out()) != drawn
    assert documents(8, 0, 600, held_out()) != drawn


def test_both_formats_are_there(drawn: list[Document]) -> None:
    tests = [document for document in drawn if document.prompt.startswith(TEST_MARK)]
    solutions = [document for document in drawn if document.prompt.startswith(SOLUTION_MARK)]
    assert len(tests) + len(solutions) == len(drawn)
    assert len(solutions) > 10
    assert all(4 <= document.completion.count("assert ") <= 5 for document in tests)


def test_prompts_end_at_a_token_boundary(tokenizer: Tokenizer, drawn: list[Document]) -> None:
    for document in drawn:
        apart = tokenizer.encode(document.prompt).ids + tokenizer.encode(document.completion).ids
        assert apart == tokenizer.encode(document.prompt + document.completion).ids


def test_formats_differ_from_the_first_token_on(tokenizer: Tokenizer) -> None:
    for problem in load_mini()[:10]:
        solution = tokenizer.encode(prompts.solution_prompt(problem)).ids
        test = tokenizer.encode(prompts.test_prompt(problem)).ids
        assert solution[0] != test[0]
        assert solution[-1] == test[-1] == tokenizer.encode("\n").ids[0]


def test_tokenizer_round_trip(tokenizer: Tokenizer, drawn: list[Document]) -> None:
    texts = [document.prompt + document.completion for document in drawn[:100]]
    for text in [*texts, "naïve λ\t'x\n\n   # 'a b' 10", "'", ""]:
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_values_are_read_by_character_and_digit(tokenizer: Tokenizer) -> None:
    pieces = [tokenizer.decode([token]) for token in tokenizer.encode("f('the text', 1203)").ids]
    assert "".join(pieces) == "f('the text', 1203)"
    assert [piece for piece in pieces if piece.strip().isalnum()] == list("fthetext1203")


def test_special_tokens(tokenizer: Tokenizer) -> None:
    assert (tokenizer.token_to_id(EOS), tokenizer.token_to_id(PAD)) == (0, 1)


def test_tokenize_ends_each_document(tokenizer: Tokenizer, drawn: list[Document]) -> None:
    corpus = tokenize(tokenizer, drawn[:3])
    ends = np.cumsum(corpus.lengths) - 1
    assert corpus.tokens[ends].tolist() == [0, 0, 0]
    prompt = corpus.tokens[: corpus.prompts[0]].tolist()
    assert tokenizer.decode(prompt) == drawn[0].prompt


def test_corpus_does_not_depend_on_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.mini.corpus._CHUNK", 60)
    corpora = []
    for workers in (1, 2):
        make_corpus(tmp_path / str(workers), seed=5, count=200, solution_share=0.07, workers=workers)
        corpora.append(Corpus.load(tmp_path / str(workers) / "tokens.npz"))
    first, second = corpora
    assert np.array_equal(first.tokens, second.tokens)
    assert np.array_equal(first.prompts, second.prompts)
    files = [tmp_path / str(workers) / "tokenizer.json" for workers in (1, 2)]
    assert files[0].read_bytes() == files[1].read_bytes()
