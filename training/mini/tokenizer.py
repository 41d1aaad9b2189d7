"""The tokenizer: byte-level BPE whose tokens never cross a line, a digit or a letter of a value."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

EOS = "<eos>"
PAD = "<pad>"
VOCABULARY = 1024

# A character inside single quotes: an odd number of quotes follows it in its line. Strings are read
# character by character, as numbers are digit by digit, so that a model can work on them.
_QUOTED = r"[^'\n](?=[^'\n]*'(?:[^'\n]*'[^'\n]*')*[^'\n]*(?:\n|\z))"
# A newline is always alone: a prompt that ends in one ends at a token boundary.
_PIECES = rf"{_QUOTED}|\n| {{4,}}|[0-9]|'|-| ?[A-Za-z]+| ?[^\sA-Za-z0-9'\-]+ ?|\s"


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """A tokenizer for texts like `texts`; the token ids of `EOS` and `PAD` are 0 and 1."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[EOS, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def as_transformers(tokenizer: Tokenizer) -> "PreTrainedTokenizerFast":
    """The same tokenizer for transformers; it pads on the left, as batched generation needs."""
    from transformers import PreTrainedTokenizerFast

    make: Any = PreTrainedTokenizerFast  # transformers is not typed
    fast: PreTrainedTokenizerFast = make(
        tokenizer_object=tokenizer,
        eos_token=EOS,
        pad_token=PAD,
        padding_side="left",
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )
    return fast
