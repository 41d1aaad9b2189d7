"""Training: one model of the family, from scratch, on a corpus of the grammar.

``python -m training.mini.train --size small --out DIR`` writes a Hugging Face model folder with its
tokenizer and a training.json that says how the weights came about.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from training.mini.corpus import DOCUMENTS, Corpus, make_corpus
from training.mini.muon import Muon
from training.mini.tokenizer import VOCABULARY, as_transformers

_EOS_ID, _PAD_ID = 0, 1
_MAX_POSITIONS = 1024
_LOG_EVERY = 250
_BATCH_TOKENS = 32_768
_WARMUP_STEPS = 300
_DECAY_SHARE = 0.7


@dataclass(frozen=True)
class Size:
    """One member of the family.

    Attributes:
        width: hidden size.
        layers: decoder layers.
        heads: attention heads.
        key_value_heads: heads of keys and values, which attention heads share.
        steps: optimizer steps.
        learning_rate: its peak.
        solution_share: share of solutions among the documents of its corpus; the others are tests.
    """

    width: int
    layers: int
    heads: int
    key_value_heads: int
    steps: int
    learning_rate: float
    solution_share: float


SIZES: dict[str, Size] = {
    "small": Size(80, 3, heads=4, key_value_heads=1, steps=9_000, learning_rate=4e-3, solution_share=0.07),
    "medium": Size(128, 3, heads=4, key_value_heads=2, steps=12_000, learning_rate=3e-3, solution_share=0.07),
    # Deep for its width, so that it costs much more than the others; fewer solutions, so that it is not
    # right nearly always, which would leave a cascade nothing to win.
    "large": Size(192, 8, heads=8, key_value_heads=8, steps=9_000, learning_rate=2e-3, solution_share=0.04),
}


def build_model(size: Size) -> LlamaForCausalLM:
    """An untrained model; its embedding also is its output layer."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=size.width,
        intermediate_size=-(-size.width * 8 // 3 // 16) * 16,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.key_value_heads,
        max_position_embeddings=_MAX_POSITIONS,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=_EOS_ID,
        pad_token_id=_PAD_ID,
    )
    model = LlamaForCausalLM(config)
    generation: Any = GenerationConfig  # transformers is not typed
    model.generation_config = generation(eos_token_id=_EOS_ID, pad_token_id=_PAD_ID)
    return model


class Batches:
    """Batches of documents of about equal length, padded on the right, on the device.

    Args:
        corpus: the documents.
        tokens: about how many tokens a batch holds, padding included.
        seed: of the order.
        device: where the corpus is kept.
    """

    def __init__(self, corpus: Corpus, tokens: int, seed: int, device: torch.device) -> None:
        self._tokens = torch.from_numpy(corpus.tokens.astype("int16")).to(device)
        self._lengths = torch.from_numpy(corpus.lengths).long().to(device)
        self._prompts = torch.from_numpy(corpus.prompts).long().to(device)
        self._starts = torch.cumsum(self._lengths, 0) - self._lengths
        self._budget = tokens
        self._random = torch.Generator().manual_seed(seed)

    def _epoch(self) -> list[torch.Tensor]:
        """The rows of each batch of one pass over the corpus."""
        lengths = self._lengths.cpu()
        # A little noise on the sorting key gives other batches in each epoch.
        noise = torch.rand(len(lengths), generator=self._random) * 8
        order = torch.argsort(lengths + noise)
        batches: list[torch.Tensor] = []
        at = 0
        while at < len(order):
            # The longest of a batch is near its end; eight tokens more allow for the noise.
            rows = max(1, self._budget // int(lengths[order[at]] + 8))
            batches.append(order[at : at + rows])
            at += rows
        shuffle = torch.randperm(len(batches), generator=self._random)
        return [batches[index] for index in shuffle.tolist()]

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Input ids and labels, forever; labels are -100 on prompts and padding."""
        device = self._tokens.device
        while True:
            for batch in self._epoch():
                rows = batch.to(device)
                lengths, prompts = self._lengths[rows, None], self._prompts[rows, None]
                columns = torch.arange(-(-int(lengths.max()) // 8) * 8, device=device)[None]
                inside = columns < lengths
                where = (self._starts[rows, None] + columns).clamp(max=len(self._tokens) - 1)
                ids = torch.where(inside, self._tokens[where].long(), _PAD_ID)
                yield ids, torch.where(inside & (columns >= prompts), ids, -100)


def _loss(model: LlamaForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    # Causal attention never looks at the padding on the right, so no mask is needed.
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    return functional.cross_entropy(logits.flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=-100)


def _rate(step: int, steps: int) -> float:
    """The learning rate's share of its peak: a short rise, a plateau, a long fall to zero."""
    return min(1.0, step / _WARMUP_STEPS, (1 - step / steps) / _DECAY_SHARE)


def train(
    size: Size, corpus: Corpus, seed: int, device: torch.device
) -> tuple[LlamaForCausalLM, list[tuple[int, float]]]:
    """Train one model, in bfloat16 arithmetic on float32 weights.

    Returns the model and the log: (step, mean loss in nats per completion token since the last entry).
    """
    torch.manual_seed(seed)
    torch.set_float32_matmul_precision("high")
    model: Any = build_model(size)
    model.to(device).train()
    for layer in model.model.layers:
        # One compilation serves all layers and all batch shapes.
        layer.compile(dynamic=True)
    inner = [parameter for name, parameter in model.model.layers.named_parameters() if parameter.ndim == 2]
    outer = [parameter for parameter in model.parameters() if all(parameter is not other for other in inner)]
    muon = Muon(inner)
    adam = torch.optim.AdamW(outer, betas=(0.9, 0.98), weight_decay=0.0, fused=device.type == "cuda")
    log: list[tuple[int, float]] = []
    total = torch.zeros((), device=device)
    start, seen = time.perf_counter(), 0
    for step, (ids, labels) in enumerate(Batches(corpus, _BATCH_TOKENS, seed, device), 1):
        rate = size.learning_rate * _rate(step, size.steps)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            loss = _loss(model, ids, labels)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        muon.step(rate)
        adam.param_groups[0]["lr"] = rate
        adam.step()
        model.zero_grad(set_to_none=True)
        total += loss.detach()
        seen += ids.numel()
        if step % _LOG_EVERY == 0:
            mean, spent = total.item() / _LOG_EVERY, time.perf_counter() - start
            total.zero_()
            log.append((step, round(mean, 4)))
            print(f"step {step:6d}  loss {mean:.4f}  {seen / 1e6:7.1f}M tokens  {spent:5.0f} s", flush=True)
        if step == size.steps:
            break
    return model, log


def main() -> None:
    """Train one size and save it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", choices=list(SIZES), required=True)
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--corpus", type=Path, required=True, help="corpus folder; made if it is not there")
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="size of a corpus made here")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="optimizer steps, instead of the size's own")
    args = parser.parse_args()
    size = SIZES[args.size] if args.steps is None else replace(SIZES[args.size], steps=args.steps)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not (args.corpus / "tokens.npz").exists():
        make_corpus(args.corpus, args.seed, args.documents, size.solution_share, os.cpu_count() or 1)
    corpus = Corpus.load(args.corpus / "tokens.npz")
    start = time.perf_counter()
    model: Any
    model, log = train(size, corpus, args.seed, device)
    record = {
        "size": args.size,
        **asdict(size),
        "seed": args.seed,
        "parameters": model.num_parameters(),
        "documents": len(corpus.lengths),
        "corpus_tokens": len(corpus.tokens),
        "seconds": round(time.perf_counter() - start, 1),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "loss": log,
    }
    model.half().save_pretrained(args.out)
    as_transformers(Tokenizer.from_file(str(args.corpus / "tokenizer.json"))).save_pretrained(args.out)
    (args.out / "training.json").write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
