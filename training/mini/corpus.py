"""The training corpus: documents in both formats, generated in parallel and kept as tokens.

``python -m training.mini.corpus --out DIR`` writes DIR/tokens.npz and DIR/tokenizer.json.
"""

import argparse
import os
import time
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from training.mini.compose import HeldOut, draw_composition
from training.mini.evalset import held_out
from training.mini.grammar import draw_exercise, draw_test
from training.mini.prompts import SOLUTION_MARK, TEST_MARK
from training.mini.tokenizer import EOS, train_tokenizer

DOCUMENTS = 1_800_000
_CHUNK = 4_000
# Drawing a composition costs more than wording it, and a new wording is a new document.
_WORDINGS = 6
# The other documents are tests: to know a value is much harder than to write the code, and a family
# whose tests are worth as much as its solutions is what cascading needs.
SOLUTION_SHARE = 0.07
_TOKENIZER_CHUNKS = 4


@dataclass(frozen=True)
class Document:
    """A prompt and its completion, which ends in a newline; the end-of-text token is added later."""

    prompt: str
    completion: str


def documents(
    seed: int, chunk: int, count: int, forbidden: HeldOut, solution_share: float = SOLUTION_SHARE
) -> list[Document]:
    """`count` documents; the same for equal arguments, whatever is generated beside them."""
    rng = Random(f"corpus/{seed}/{chunk}")
    drawn: list[Document] = []
    while len(drawn) < count:
        composition = draw_composition(rng, forbidden)
        for _ in range(_WORDINGS):
            exercise = draw_exercise(rng, composition)
            if rng.random() < solution_share:
                drawn.append(Document(SOLUTION_MARK + exercise.prompt, exercise.body))
            else:
                drawn.append(Document(TEST_MARK + exercise.prompt, draw_test(rng, exercise)))
    return drawn[:count]


@dataclass(frozen=True)
class Corpus:
    """Tokenized documents, one after another.

    Attributes:
        tokens: all token ids, uint16.
        lengths: tokens of each document, its end-of-text token included.
        prompts: tokens of each document's prompt.
    """

    tokens: npt.NDArray[np.uint16]
    lengths: npt.NDArray[np.int32]
    prompts: npt.NDArray[np.int32]

    def save(self, path: Path) -> None:
        """Write the corpus to an .npz file."""
        np.savez(path, tokens=self.tokens, lengths=self.lengths, prompts=self.prompts)

    @classmethod
    def load(cls, path: Path) -> "Corpus":
        """Read a corpus that `save` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["tokens"], arrays["lengths"], arrays["prompts"])

    @classmethod
    def concatenate(cls, parts: "list[Corpus]") -> "Corpus":
        """The documents of all parts, in order."""
        return cls(
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([part.lengths for part in parts]),
            np.concatenate([part.prompts for part in parts]),
        )


def tokenize(tokenizer: Tokenizer, drawn: list[Document]) -> Corpus:
    """Documents as tokens; prompt and completion are encoded apart, as they are at generation."""
    end = tokenizer.token_to_id(EOS)
    prompts = [encoding.ids for encoding in tokenizer.encode_batch([document.prompt for document in drawn])]
    endings = tokenizer.encode_batch([document.completion for document in drawn])
    completions = [[*encoding.ids, end] for encoding in endings]
    ids = [token for pair in zip(prompts, completions, strict=True) for part in pair for token in part]
    sizes = np.array([len(prompt) for prompt in prompts], dtype=np.int32)
    lengths = sizes + np.array([len(completion) for completion in completions], dtype=np.int32)
    return Corpus(np.array(ids, dtype=np.uint16), lengths, sizes)


# A worker process makes many chunks with the same two.
_held_out = cache(held_out)


@cache
def _load_tokenizer(path: Path) -> Tokenizer:
    return Tokenizer.from_file(str(path))


def _chunk(seed: int, tokenizer_file: Path, size: int, solution_share: float, chunk: int) -> Corpus:
    drawn = documents(seed, chunk, size, _held_out(), solution_share)
    return tokenize(_load_tokenizer(tokenizer_file), drawn)


def make_corpus(folder: Path, seed: int, count: int, solution_share: float, workers: int) -> None:
    """Write `folder`/tokenizer.json and `folder`/tokens.npz with about `count` documents.

    The result depends on `seed`, `count` and `solution_share` only, not on `workers`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer_file = folder / "tokenizer.json"
    sample = [
        document.prompt + document.completion
        for chunk in range(_TOKENIZER_CHUNKS)
        for document in documents(seed, chunk, _CHUNK, _held_out(), solution_share)
    ]
    train_tokenizer(sample).save(str(tokenizer_file))
    # One process a core does better than the tokenizer's own threads in each of them.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with get_context("spawn").Pool(workers) as pool:
        make = partial(_chunk, seed, tokenizer_file, _CHUNK, solution_share)
        parts = pool.map(make, range(-(-count // _CHUNK)), chunksize=1)
    Corpus.concatenate(parts).save(folder / "tokens.npz")


def main() -> None:
    """Write a corpus."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--solution-share", type=float, default=SOLUTION_SHARE, help="the others are tests")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    start = time.perf_counter()
    make_corpus(args.out, args.seed, args.documents, args.solution_share, args.workers)
    corpus = Corpus.load(args.out / "tokens.npz")
    print(
        f"{len(corpus.lengths)} documents, {len(corpus.tokens) / 1e6:.1f}M tokens "
        f"(longest {corpus.lengths.max()}) in {time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
