"""Throughput of a model on the hardware at hand: the paper's Table 2, measured (section 3.4)."""

import logging
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from cascade.base import CascadeError
from cascade.generate.family import Model
from cascade.generate.local.batch import ContinuousBatch, GenerationRequest
from cascade.generate.local.loaded_model import (
    MOST_ROWS,
    LoadedModel,
    bytes_per_column,
    device_name,
    keeps_everything,
    largest_batch,
    new_batch,
    rows_that_fit,
    with_batch_size_that_fits,
)
from cascade.generate.local.loading import random_model
from cascade.generate.local.scheduler import Done, run_queue
from cascade.generate.local.work_timer import WorkTimer

log = logging.getLogger(__name__)

# The paper takes the smallest 2^g GPUs whose memory holds a batch of 10.
PAPER_BATCH = 10
# The part of a GPU's memory that weights, keys and values may take.
USABLE_SHARE = 0.9
# New tokens of the untimed run that sets everything up.
WARM_UP_TOKENS = 24
COPIED_BYTES = 1 << 28


@dataclass(frozen=True)
class ModelProfile:
    """How fast a model writes at the largest batch.

    Attributes:
        gpus: the smallest power of two whose memory holds a batch of 10; 1 for a CPU.
        batch: rows of the largest batch.
        seconds_per_1k_tokens: median over the runs of the device's time per 1,000 tokens, EOS not counted.
        tokens: new tokens of one run.
        weight_limit_share: rate as a part of what reading the weights once a step would allow.
        memory_share: bytes of weights, keys and values that a step reads, as a part of what the memory
            could have given in its time.
        device: in words.
    """

    gpus: int
    batch: int
    seconds_per_1k_tokens: float
    tokens: int
    weight_limit_share: float
    memory_share: float
    device: str


@dataclass(frozen=True)
class TimedBatch:
    """What is timed.

    Attributes:
        requests: at least one prompt, longest first; they are repeated to fill a batch.
        ends: tokens that end a row; none where the length is set.
        done: says which rows have all that is wanted of them.
        batch_size: most rows; None for as many as the memory holds.
        cache: see `cascade.generate.local.loaded_model`.
        sampling: temperature and top_p.
        repeats: timed runs.
    """

    requests: Sequence[GenerationRequest]
    ends: frozenset[int]
    done: Done
    batch_size: int | None
    cache: str
    sampling: tuple[float, float]
    repeats: int


def set_length(prompt_tokens: int, new_tokens: int, vocabulary: int) -> list[GenerationRequest]:
    """Prompts of random tokens and of one length, each different."""
    numbers = torch.Generator().manual_seed(0)
    ids = torch.randint(vocabulary, (MOST_ROWS, prompt_tokens), generator=numbers).tolist()
    return [GenerationRequest(tuple(prompt), new_tokens, seed) for seed, prompt in enumerate(ids)]


def profile_random(
    model: Model, dtype: str, device_map: str, prompt_tokens: int, new_tokens: int, setup: TimedBatch
) -> ModelProfile:
    """Time an architecture with random weights: how fast it writes does not depend on what they say.

    Raises:
        CascadeError: the architecture is unknown, or needs more memory than one GPU has.
    """
    shape = random_model(model, dtype, "meta")
    gpus = gpus_needed(shape, prompt_tokens + new_tokens)
    if gpus > 1:
        raise CascadeError(
            f"{model.name}: needs {gpus} GPUs of this kind for a batch of {PAPER_BATCH}; random weights are "
            "built on one GPU: use a larger one, or profile.weights=trained"
        )
    weights = random_model(model, dtype, device_map)
    requests = set_length(prompt_tokens, new_tokens, weights.config.vocab_size)
    # Here every row reaches its limit: a cache that grows has to hold all of them at once.
    fit = min(rows_that_fit(weights, prompt_tokens + new_tokens), setup.batch_size or MOST_ROWS)
    return profile(model.name, weights, gpus, replace(setup, requests=requests, batch_size=fit))


def profile_loaded(name: str, loaded: LoadedModel, setup: TimedBatch) -> ModelProfile:
    """Time a model with its own weights, which say when a sample ends."""
    columns = max(len(request.ids) + request.limit for request in setup.requests)
    return profile(name, loaded.weights, max(gpus_needed(loaded.weights, columns), loaded.n_devices), setup)


def profile(name: str, weights: Any, gpus: int, setup: TimedBatch) -> ModelProfile:
    """Time full batches of a model."""
    found: list[ModelProfile] = []

    def write(most_rows: int) -> None:
        found.append(_timed(weights, gpus, replace(setup, batch_size=most_rows)))

    if not keeps_everything(weights):
        raise CascadeError(
            f"{name}: some layers of {weights.config.model_type} keep a part of the past only (a sliding "
            "window, say), and task=profile times rows that are replaced one by one; let a run price it "
            "(hardware=gpu), or an engine (generator=vllm)"
        )
    enough = _repeated(setup.requests)
    with_batch_size_that_fits(write, largest_batch(weights, enough, setup.batch_size, setup.cache), name)
    [profile] = found
    log.info(
        "%s: %.0f tokens/s at batch %d on %s, %.0f %% of the weight-reading limit",
        name,
        1000 / profile.seconds_per_1k_tokens,
        profile.batch,
        profile.device,
        100 * profile.weight_limit_share,
    )
    return profile


def _timed(weights: Any, gpus: int, setup: TimedBatch) -> ModelProfile:
    rows = new_batch(weights, _repeated(setup.requests), setup.batch_size, setup.cache, setup.sampling)
    # Short and long prompts as they come, longest first as they stand.
    order = [i * len(setup.requests) // rows.slots for i in range(rows.slots)]
    requests = [setup.requests[i] for i in order]
    done = setup.done
    setup = replace(setup, done=lambda positions, written: done([order[p] for p in positions], written))
    _run(rows, [replace(request, limit=min(WARM_UP_TOKENS, request.limit)) for request in requests], setup)
    runs = [_run(rows, requests, setup) for _ in range(setup.repeats)]
    seconds = statistics.median(1000 * seconds / tokens for seconds, tokens in runs)
    tokens = round(statistics.mean(tokens for _, tokens in runs))
    weight_bytes = sum(p.numel() * p.element_size() for p in weights.parameters())
    new = tokens / len(requests)
    columns = statistics.mean(len(request.ids) for request in requests) + new / 2
    step_s = statistics.median(seconds for seconds, _ in runs) / new
    bandwidth = bytes_per_second(weights.device) * len({p.device for p in weights.parameters()})
    read = weight_bytes + len(requests) * columns * bytes_per_column(weights)
    return ModelProfile(
        gpus=gpus,
        batch=len(requests),
        seconds_per_1k_tokens=seconds,
        tokens=tokens,
        weight_limit_share=weight_bytes / bandwidth / (seconds / 1000 * len(requests)),
        memory_share=read / bandwidth / step_s,
        device=device_name(weights),
    )


def _repeated(requests: Sequence[GenerationRequest]) -> list[GenerationRequest]:
    """As many as the largest batch takes, or more."""
    return [requests[i % len(requests)] for i in range(max(len(requests), MOST_ROWS))]


def _run(
    rows: ContinuousBatch, requests: Sequence[GenerationRequest], setup: TimedBatch
) -> tuple[float, int]:
    """Seconds that the device worked on one batch, and its tokens."""
    rows.clear()
    timer = WorkTimer(rows.device)
    tokens = sum(
        len(ids) for report in run_queue(rows, requests, setup.ends, setup.done) for _, ids, _ in report.ended
    )
    return timer.lap()[0], max(tokens, 1)


def gpus_needed(weights: Any, columns: int) -> int:
    """The smallest power of two of this machine's GPUs that holds a batch of 10; 1 on a CPU."""
    if not torch.cuda.is_available() or weights.device.type == "cpu":
        return 1
    memory = USABLE_SHARE * torch.cuda.get_device_properties(0).total_memory
    needed = sum(p.numel() * p.element_size() for p in weights.parameters())
    needed += PAPER_BATCH * columns * bytes_per_column(weights)
    gpus = 1
    while gpus * memory < needed:
        gpus *= 2
    return gpus


def bytes_per_second(device: torch.device) -> float:
    """Memory bandwidth, measured by copying: each byte is read and written."""
    source = torch.empty(COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(5):
        _wait(device)
        started = time.perf_counter()
        target.copy_(source)
        _wait(device)
        best = min(best, time.perf_counter() - started)
    return 2 * COPIED_BYTES / best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
