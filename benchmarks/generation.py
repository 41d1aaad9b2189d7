"""Tokens per second: our queue against plain `generate` and the library's pipeline, in one run.

    python benchmarks/generation.py

On a CPU: the embedded family, the same prompts, ten samples each, ended by the model itself. On a GPU:
random weights of the shapes of WizardCoder-Python 7B and Codegen 2B (how fast a model writes does not
depend on what its weights say), 164 prompts x 10 samples x 256 tokens, against batches of the paper's
size (20 and 12) with the library's cache.
"""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import pipeline

from cascade.generate.family import Model
from cascade.generate.local.batch import GenerationRequest
from cascade.generate.local.kv_cache import GROWTH
from cascade.generate.local.loaded_model import (
    LoadedModel,
    gains_by_compiling,
    largest_batch,
    new_batch,
    rows_that_fit,
)
from cascade.generate.local.loading import random_model
from cascade.generate.local.profile import bytes_per_second
from cascade.generate.local.scheduler import run_queue
from cascade.generate.weights import MINI as WEIGHTS
from cascade.problems.mini import load_mini

CONF = Path(__file__).resolve().parents[1] / "conf" / "family"
SAMPLING = (0.8, 0.95)
SAMPLES = 10
CPU_PROBLEMS = 24
CPU_REPEATS = 3
CPU_TOKENS = 192
GPU_PROMPTS, GPU_TOKENS = 164, 256
GPU_SHAPES = (("wizardcoder_python", "m7B", 20), ("codegen", "m2B", 12))


def plain(weights: Any, prompts: Sequence[Sequence[int]], tokens: int, n: int, fixed: bool) -> int:
    """New tokens of one call of the library's `generate`, n samples of each prompt."""
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + list(p) for p in prompts], device=weights.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=weights.device)
    out = weights.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=True,
        temperature=SAMPLING[0],
        top_p=SAMPLING[1],
        top_k=0,
        max_new_tokens=tokens,
        min_new_tokens=tokens if fixed else None,
        num_return_sequences=n,
        pad_token_id=1,
    )[:, width:]
    return out.numel() if fixed else int((out > 1).sum())  # 0 and 1 are mini's end and padding


def requests_of(prompts: Sequence[Sequence[int]], tokens: int) -> list[GenerationRequest]:
    """What our queue is asked for."""
    requests = [
        GenerationRequest(tuple(p), tokens, SAMPLES * i + j)
        for i, p in enumerate(prompts)
        for j in range(SAMPLES)
    ]
    return sorted(requests, key=lambda request: len(request.ids), reverse=True)


def ours(weights: Any, requests: Sequence[GenerationRequest], most_rows: int | None, fixed: bool) -> int:
    """New tokens of all prompts through one queue."""
    rows = new_batch(weights, requests, most_rows, "auto", SAMPLING)
    ends = frozenset() if fixed else frozenset({0, 1})
    looks = run_queue(rows, requests, ends, lambda positions, _: [False] * len(positions))
    return sum(len(ids) for report in looks for _, ids, _ in report.ended)


def rate(write: Callable[[], int]) -> float:
    """Tokens per second of one call."""
    started = time.perf_counter()
    tokens = write()
    return tokens / (time.perf_counter() - started)


def bytes_of(weights: Any) -> int:
    """What reading all weights once takes."""
    return sum(p.numel() * p.element_size() for p in weights.parameters())


def row(name: str, measured: float, base: float, weight_bytes: int, bandwidth: float, batch: int) -> None:
    """One line of the table; the limit is one token a row for each reading of the weights."""
    limit = f"{measured * weight_bytes / bandwidth / batch:.0%}"
    print(f"| {name} | {batch} | {measured:,.0f} | {measured / base:.2f} | {limit} |", flush=True)


def head(title: str) -> None:
    print(f"\n{title}\n\n| way | batch | tokens/s | ratio | of the weight-reading limit |")
    print("| --- | ---: | ---: | ---: | ---: |", flush=True)


def on_a_cpu(size: str, bandwidth: float) -> None:
    """Every way in turn, so that what else runs on the machine meets them alike; the best of each."""
    folder = str(WEIGHTS / size)
    loaded = LoadedModel(Model(size, folder, folder), "auto", "cpu")
    weights, tokenizer = loaded.weights, loaded.tokenizer
    tokenizer.padding_side = "left"
    texts = [f"Solution:\n{problem.prompt}" for problem in load_mini()[:CPU_PROBLEMS]]
    prompts = [loaded.encode(text, "", chat=False) for text in texts]
    pipe = pipeline("text-generation", model=weights, tokenizer=tokenizer)

    def one_by_one() -> int:
        return sum(plain(weights, [prompt], CPU_TOKENS, SAMPLES, False) for prompt in prompts)

    def piped() -> int:
        made = pipe(
            texts,
            batch_size=CPU_PROBLEMS,
            num_return_sequences=SAMPLES,
            max_new_tokens=CPU_TOKENS,
            do_sample=True,
            temperature=SAMPLING[0],
            top_p=SAMPLING[1],
            top_k=0,
            return_full_text=False,
        )
        written = [one["generated_text"] for answers in made for one in answers]
        return sum(map(len, tokenizer(written, add_special_tokens=False)["input_ids"]))

    whole = CPU_PROBLEMS * SAMPLES
    ways: list[tuple[str, int, Callable[[], int]]] = [
        ("generate, prompt by prompt", SAMPLES, one_by_one),
        ("the library's pipeline", whole, piped),
        ("ours", whole, lambda: ours(weights, requests_of(prompts, CPU_TOKENS), None, False)),
    ]
    rates: dict[str, list[float]] = {name: [] for name, _, _ in ways}
    for _ in range(CPU_REPEATS):
        for name, _, way in ways:
            rates[name].append(rate(way))
    head(f"mini {size}, {CPU_PROBLEMS} prompts x {SAMPLES} samples, {torch.get_num_threads()} threads")
    base = max(rates[ways[0][0]])
    for name, batch, _ in ways:
        row(name, max(rates[name]), base, bytes_of(weights), bandwidth, batch)


def on_a_gpu(family: str, key: str, batch: int, bandwidth: float) -> None:
    """A batch of the paper's size first, then the queue."""
    members = yaml.safe_load((CONF / f"{family}.yaml").read_text(encoding="utf-8"))["models"]
    model = Model(members[key]["name"], "", "", key=key, architecture=members[key]["architecture"])
    weights = random_model(model, "bfloat16", "cuda:0")
    chance = random.Random(0)
    prompts = [
        [chance.randrange(2, 30_000) for _ in range(chance.randrange(80, 400))] for _ in range(GPU_PROMPTS)
    ]
    head(f"{family} {model.name}, {GPU_PROMPTS} prompts x {SAMPLES} samples x {GPU_TOKENS} tokens")
    plain(weights, prompts[:batch], 16, 1, True)
    base = rate(lambda: plain(weights, prompts[:batch], GPU_TOKENS, 1, True))
    row("generate, the library's cache", base, base, bytes_of(weights), bandwidth, batch)
    requests = requests_of(prompts, GPU_TOKENS)
    # Every row reaches its limit here: room for all of them, and for the growth of the cache.
    slots = largest_batch(
        weights, requests, rows_that_fit(weights, max(map(len, prompts)) + GPU_TOKENS + GROWTH), "auto"
    )
    measured = rate(lambda: ours(weights, requests, slots, True))
    way = "fixed cache, compiling included" if gains_by_compiling(weights) else "growing cache"
    row(f"ours, {way}", measured, base, bytes_of(weights), bandwidth, slots)


def main() -> None:
    """Print the tables."""
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    bandwidth = bytes_per_second(device)
    name = "CPU" if device.type == "cpu" else torch.cuda.get_device_name(device)
    print(f"{name}, {bandwidth / 1e9:,.0f} GB/s by copying")
    if device.type == "cpu":
        for size in ("small", "large"):
            on_a_cpu(size, bandwidth)
        return
    for family, key, batch in GPU_SHAPES:
        on_a_gpu(family, key, batch, bandwidth)
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
