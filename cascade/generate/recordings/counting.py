"""Token counts for recordings that lack them: counted with the model's own tokenizer."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cascade.base import DataError, install_command, reach_hub
from cascade.generate.family import Model
from cascade.generate.reader import all_test_lines
from cascade.generate.reading import pair_tokens
from cascade.generate.recordings.importers.base import RecordedSample
from cascade.generate.sample import SelfTest, Solution

# Texts tokenized in one call: large enough to use every core, small enough to stay in memory.
BATCH = 1024


def count_missing(
    samples: Sequence[RecordedSample], model: Model, path: str, of_pairs: frozenset[str] = frozenset()
) -> tuple[list[RecordedSample], int]:
    """The samples, each with its token counts, and how many had to be counted.

    A solution needs `tokens`; a test needs `tokens_at`, and gets it for every line if it has none.
    Special tokens (EOS too) and what the model was prompted with do not count. A token belongs to
    the count up to a line if it begins before the line's end. `of_pairs` are the ids of the problems whose
    tests are pairs.

    Raises:
        DataError: a count is missing and the tokenizer cannot be loaded.
    """
    lacking = [item for item in samples if _lacks(item.sample)]
    if not lacking:
        return list(samples), 0
    tokenize = _tokenizer(model, path)
    filled = {}
    for at in range(0, len(lacking), BATCH):
        batch = lacking[at : at + BATCH]
        starts = tokenize([item.sample.text.removeprefix(item.prompted) for item in batch])
        for item, begun in zip(batch, starts, strict=True):
            filled[id(item)] = _filled(item, begun, pairs=item.task_id in of_pairs)
    return [filled.get(id(item), item) for item in samples], len(lacking)


def _lacks(sample: Solution | SelfTest) -> bool:
    return sample.tokens is None if isinstance(sample, Solution) else not sample.tokens_at


def _filled(item: RecordedSample, starts: list[int], *, pairs: bool) -> RecordedSample:
    """The sample with its counts, from where each of its tokens starts in the generated text."""
    sample = item.sample
    total = len(starts) if sample.tokens is None else sample.tokens
    if isinstance(sample, Solution):
        return replace(item, sample=replace(sample, tokens=total))
    prompted = len(item.prompted) if sample.text.startswith(item.prompted) else 0
    read = all_test_lines(sample.text, item.text_kind, pairs=pairs).ends
    # Blanks behind a line are not counted.
    ends = [len(sample.text[:end].rstrip(" \t\r")) - prompted for end in read]
    tokens_at = {line: min(total, bisect_left(starts, end)) for line, end in enumerate(ends, start=1)}
    if pairs:
        tokens_at = pair_tokens(list(tokens_at.values()), total)
    return replace(item, sample=replace(sample, tokens=total, tokens_at=tokens_at))


def _tokenizer(model: Model, path: str) -> Callable[[list[str]], list[list[int]]]:
    """A function that gives, for each text, the offsets at which its tokens start."""
    remedy = "give the counts in the recording, or set family.tokenizer to a local folder"
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise DataError(
            f"{path}: {model.name} has samples without token counts, and counting them needs "
            f"`transformers`: {install_command('models')}, or {remedy}"
        ) from error
    if not Path(model.tokenizer).is_dir():
        reach_hub()
    try:
        tokenizer = AutoTokenizer.from_pretrained(model.tokenizer)
        if not tokenizer.is_fast:
            raise ValueError("it has no tokenizer.json, which line counts need")
    except Exception as error:  # whatever it is (network, format, a missing file), the remedy is the same
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{path}: {model.name} has samples without token counts, and its tokenizer "
            f"{model.tokenizer} cannot be loaded ({reason}); {remedy}"
        ) from error

    def starts(texts: list[str]) -> list[list[int]]:
        encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return [[start for start, _ in offsets] for offsets in encoded["offset_mapping"]]

    return starts
