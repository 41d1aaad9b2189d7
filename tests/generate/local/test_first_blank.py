"""A completion keeps its first blank with tokenizers like Llama's, whose decoder takes one for its own."""

import shutil
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from cascade.generate import Model
from cascade.generate.local.loaded_model import LoadedModel
from cascade.generate.weights import MINI

PIECES = ["<unk>", "<s>", "</s>", "\n", "▁", "▁▁", "▁▁▁▁", "def", "f", ":", "return", "x", "▁x", "▁return"]


def test_what_a_completion_adds_to_its_prompt(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MINI / "small", folder)
    merges = [("▁", "▁"), ("▁▁", "▁▁"), ("▁", "x")]
    vocab = {piece: i for i, piece in enumerate(PIECES)} | {c: 14 + i for i, c in enumerate("deruntx")}
    plain = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>"))
    plain.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    plain.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="</s>", unk_token="<unk>").save_pretrained(
        folder
    )
    loaded = LoadedModel(Model("m", str(folder), str(folder)), "auto", "cpu")
    ids = [PIECES.index(piece) for piece in ("▁▁▁▁", "return", "▁x")]
    assert loaded.decode(ids) == "   return x"  # on their own
    assert loaded.decoder("x:\n", "", chat=False)(ids) == "    return x"
