"""The live generator on tiny checkpoints of the three paper families' architectures."""

import json
import shutil
import signal
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

pytest.importorskip("torch")

import torch

from cascade.base.errors import CascadeError
from cascade.generate.family import Family, Model
from cascade.generate.identity import fingerprint, unloadable
from cascade.generate.interface import SampleRequest
from cascade.generate.local.batch import ContinuousBatch, GenerationRequest
from cascade.generate.local.generator import TransformersGenerator
from cascade.generate.local.loaded_model import (
    LoadedModel,
    bytes_per_column,
    new_batch,
    rows_that_fit,
    with_batch_size_that_fits,
)
from cascade.generate.local.row_blocks import reads_by_blocks, slots_of_blocks
from cascade.generate.local.scheduler import run_queue
from cascade.generate.prompts import PromptStyle
from cascade.generate.sample_store import SampleStore
from cascade.generate.weights import MINI as WEIGHTS
from cascade.problems.base import Problem
from cascade.problems.mini import load_mini
from tests.conftest import Run
from tests.generate.local.mini_writer import N_SAMPLES, start
from tests.generate.tiny import CONFIGS, WINDOWED, save_tiny
from tests.toy import ASSERTING, comment_out, write_toy

PROMPTS = ["def f(x):\n", "def task_1(xs: list):\n    return", "assert", "x = 1\ny = 22\nassert task_1([1, 2"]
GENERATOR = TransformersGenerator(
    batch_size=8, draws=2, temperature=0.8, top_p=0.95, dtype="auto", device_map="cpu", cache="auto", seed=0
)
PROBLEMS = [Problem(f"T/{i}", f"def f{i}(x):\n", f"f{i}", "", "assert True") for i in range(5)]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)  # threads that wait for each other on a busy machine take forever


@pytest.fixture(scope="module", params=CONFIGS)
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp(request.param)
    save_tiny(folder, request.param, seed=1)
    return folder


def load(folder: Path) -> LoadedModel:
    return LoadedModel(Model("tiny", str(folder), str(folder)), "auto", "cpu")


def go_on(
    loaded: LoadedModel,
    prompts: list[str],
    n: int = 1,
    *,
    seed: int | None = None,
    rows: int = 8,
    cache: str = "growing",
    limit: int = 80,
) -> list[list[int]]:
    """Continue each prompt n times through a queue; the rows of a prompt together."""
    ids = [loaded.encode(prompt, "", chat=False) for prompt in prompts]
    requests = [
        (i, j, GenerationRequest(prompt, limit, None if seed is None else 1000 * seed + 10 * i + j))
        for i, prompt in enumerate(ids)
        for j in range(n)
    ]
    requests.sort(key=lambda one: len(one[2].ids), reverse=True)
    written: dict[tuple[int, int], list[int]] = {}
    for report in loaded.run_queue([a for _, _, a in requests], rows, cache, (0.8, 0.95), nobody):
        for position, row, _ in report.ended:
            assert requests[position][:2] not in written
            written[requests[position][:2]] = row
    return [written[i, j] for i in range(len(prompts)) for j in range(n)]


def nobody(_: object, rows: list[list[int]]) -> list[bool]:
    return [False] * len(rows)


def plain_greedy(loaded: LoadedModel, prompt: str, limit: int = 80) -> list[int]:
    """What the library writes for one prompt alone."""
    inputs = loaded.tokenizer([prompt], return_tensors="pt")
    out = loaded.weights.generate(**inputs, do_sample=False, max_new_tokens=limit, pad_token_id=0)
    row: list[int] = out[0, inputs["input_ids"].shape[1] :].tolist()
    return row[: row.index(0)] if 0 in row else row


def test_greedy_rows_are_greedy_singles(tiny: Path) -> None:
    """Left padding, shared prefills, the cache, and rows that are replaced by others change no token."""
    loaded = load(tiny)
    expected = [plain_greedy(loaded, prompt) for prompt in PROMPTS]
    assert go_on(loaded, PROMPTS, rows=1) == expected
    for rows in (3, 8):
        assert go_on(loaded, PROMPTS, n=3, rows=rows) == [row for row in expected for _ in range(3)], rows


def test_a_row_replaces_another_of_any_length(tiny: Path) -> None:
    """Prompts of every length through two slots: columns are dropped and shared in every way there is."""
    loaded = load(tiny)
    prompts = ["x = 1\n" * n + "assert" for n in range(1, 12)] + ["def"]
    expected = [plain_greedy(loaded, prompt, 40) for prompt in prompts]
    assert go_on(loaded, prompts, rows=2, limit=40) == expected


def test_the_longest_rows_stand_together(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are moved between the slots so that the others read fewer columns; no token changes by it."""
    loaded = load(tiny)
    prompts = ["x = 1\n" * n + "assert" for n in range(9)]
    limits = [5, 50, 90]
    expected = {
        (i, most): plain_greedy(loaded, prompt, most) for i, prompt in enumerate(prompts) for most in limits
    }
    asked = sorted(expected, reverse=True)
    requests = [GenerationRequest(loaded.encode(prompts[i], "", chat=False), most, None) for i, most in asked]
    n_moved = 0
    arrange = ContinuousBatch.arrange

    def watched(batch: ContinuousBatch) -> list[int]:
        nonlocal n_moved
        old = arrange(batch)
        assert sorted(old) == list(range(batch.slots))
        n_moved += sum(slot != row for slot, row in enumerate(old))
        if reads_by_blocks(loaded.weights):
            lengths = batch._lengths()
            by_block = [lengths[block] for block in slots_of_blocks(batch.slots)]
            assert all(min(a) >= max(b) for a, b in pairwise(by_block))
        return old

    monkeypatch.setattr(ContinuousBatch, "arrange", watched)
    written = {}
    for report in loaded.run_queue(requests, 16, "growing", (0.8, 0.95), nobody):
        written |= {asked[position]: row for position, row, _ in report.ended}
    assert written == expected
    assert (n_moved > 0) == reads_by_blocks(loaded.weights)


def test_a_fixed_cache_writes_the_same(tiny: Path) -> None:
    """The cache of a compiled step, without compiling, which takes minutes."""
    loaded = load(tiny)
    loaded.weights.get_compiled_call = lambda _: loaded.weights
    expected = [plain_greedy(loaded, prompt, 40) for prompt in PROMPTS]
    assert go_on(loaded, PROMPTS, n=5, rows=3, cache="fixed", limit=40) == [
        r for r in expected for _ in range(5)
    ]


@pytest.mark.parametrize("works_for", [0, 1, 20])
def test_a_step_that_cannot_be_compiled_goes_on_with_a_growing_cache(
    tiny: Path, works_for: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Whenever the compiler gives up: no token changes, one warning says so, and it is not tried again."""
    loaded = load(tiny)
    expected = [plain_greedy(loaded, prompt, 40) for prompt in PROMPTS]
    steps = []

    def compiled(**inputs: object) -> object:
        steps.append(1)
        if len(steps) > works_for:
            raise RuntimeError("Cannot copy between CPU and CUDA tensors during CUDA graph capture")
        return loaded.weights(**inputs)

    loaded.weights.get_compiled_call = lambda _: compiled
    for _ in range(2):
        assert go_on(loaded, PROMPTS, n=5, rows=3, cache="fixed", limit=40) == [
            r for r in expected for _ in range(5)
        ]
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "cannot be compiled (RuntimeError: Cannot copy" in warning.message
    assert len(steps) == works_for + 1


@pytest.mark.parametrize("architecture", WINDOWED)
def test_layers_that_keep_a_part_of_the_past(tmp_path: Path, architecture: str) -> None:
    """Sliding windows go through the library's cache: greedy as it writes, sampled by each row's seed."""
    save_tiny(tmp_path, architecture, seed=1)
    loaded = load(tmp_path)
    # Longer than the window of 16, and padded to different lengths.
    prompts = [*PROMPTS, "x = 1\ny = 22\n" * 8 + "assert"]
    expected = [plain_greedy(loaded, prompt, 40) for prompt in prompts]
    sampled = go_on(loaded, prompts, n=2, seed=5, rows=4, cache="auto", limit=40)
    for rows in (1, 3, 8):
        assert go_on(loaded, prompts, rows=rows, cache="auto", limit=40) == expected, rows
        assert go_on(loaded, prompts, n=2, seed=5, rows=rows, cache="auto", limit=40) == sampled, rows


@pytest.mark.slow
def test_a_compiled_step_writes_the_same() -> None:
    loaded = load(WEIGHTS / "small")
    prompts = [f"Tests:\n{p.prompt}" for p in load_mini()[:6]]
    assert go_on(loaded, prompts, rows=4, cache="fixed") == go_on(loaded, prompts, rows=4)


def test_sampling_depends_on_the_seed_only(tiny: Path) -> None:
    """A row's random numbers are its own: what is written beside it does not matter."""
    loaded = load(tiny)
    one = go_on(loaded, PROMPTS, n=4, seed=5)
    assert one == go_on(loaded, PROMPTS, n=4, seed=5)
    assert one == go_on(loaded, PROMPTS, n=4, seed=5, rows=3)
    assert one != go_on(loaded, PROMPTS, n=4, seed=6)
    assert len({tuple(row) for row in one[:4]}) > 1


def test_looks_count_every_token_once() -> None:
    loaded = load(WEIGHTS / "small")
    requests = [
        GenerationRequest(loaded.encode(f"Tests:\n{p.prompt}", "", chat=False), 50, None)
        for p in load_mini()[:9]
    ]
    requests.sort(key=lambda request: len(request.ids), reverse=True)
    rows = new_batch(loaded.weights, requests, 4, "growing", (0.8, 0.95))
    tokens, ended = 0, {}
    for report in run_queue(rows, requests, frozenset({0}), nobody):
        assert report.rows <= 4
        tokens += 16 * len(report.going) + sum(len(ids) - before for _, ids, before in report.ended)
        ended |= {position: len(ids) for position, ids, _ in report.ended}
    assert sorted(ended) == list(range(9)) and tokens == sum(ended.values())


def test_bytes_of_a_column() -> None:
    """Keys and values, 4 bytes each: Llama's small model by hand."""
    weights = load(WEIGHTS / "small").weights
    config = weights.config
    by_hand = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * 4
    assert bytes_per_column(weights) == by_hand


def test_the_free_memory_bounds_the_rows() -> None:
    weights = load(WEIGHTS / "small").weights
    free = psutil.virtual_memory().available
    columns = free // (100 * bytes_per_column(weights))  # a row takes a hundredth of it
    assert 40 < rows_that_fit(weights, columns) < 90  # others come and go meanwhile
    assert rows_that_fit(weights, 100 * columns) == 1


def test_samples_are_written_once(tiny: Path, tmp_path: Path) -> None:
    family = Family("tiny", (Model("m", str(tiny), str(tiny)),), PromptStyle(), 24)
    request = SampleRequest(family, PROBLEMS, 3, 2, "cpu", tmp_path / "store")
    first = GENERATOR.samples(request)
    by_task = first.samples["m"]
    assert list(by_task) == [p.task_id for p in PROBLEMS]
    for samples in by_task.values():
        assert samples.greedy is not None and len(samples.greedy.solutions) == len(samples.greedy.tests) == 1
        assert [(len(d.solutions), len(d.tests)) for d in samples.draws] == [(3, 3)] * 2
        assert all(s.tokens is not None and s.tokens <= 24 for d in samples.draws for s in d.solutions)
    written = n_samples(tmp_path / "store")
    assert GENERATOR.samples(request) == first  # the measured price too
    assert n_samples(tmp_path / "store") == written
    changed = replace(GENERATOR, seed=1).samples(request).samples["m"]
    assert changed != by_task
    assert [s.greedy for s in changed.values()] == [s.greedy for s in by_task.values()]


def test_other_weights_are_another_model(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "copy")
    assert fingerprint(Model("m", str(tiny), "")) == fingerprint(Model("m", str(tmp_path / "copy"), ""))
    weights = tmp_path / "copy" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert fingerprint(Model("m", str(tiny), "")) != fingerprint(Model("m", str(tmp_path / "copy"), ""))


def test_mini_stops_after_the_lines_that_are_looked_at(tmp_path: Path) -> None:
    style = PromptStyle("Solution:\n{prompt}", "Tests:\n{prompt}", stop=("\n    return",))
    family = Family("mini", (Model("m", str(WEIGHTS / "small"), str(WEIGHTS / "small")),), style, 60)
    by_task = GENERATOR.samples(SampleRequest(family, load_mini()[:6], 1, 2, "cpu", tmp_path)).samples["m"]
    for samples in by_task.values():
        [test], [solution] = samples.greedy.tests, samples.greedy.solutions  # type: ignore[union-attr]
        assert test.text.count("\n") == 1 and test.text.count("assert ") == 2
        assert sorted(test.tokens_at) == [1, 2] and test.tokens_at[2] == test.tokens
        assert "return" not in solution.text


def test_a_small_model_writes_ahead_of_a_large_one(tmp_path: Path) -> None:
    """Speculative decoding changes no greedy token, and is another model to the store."""
    large = Model("large", str(WEIGHTS / "large"), str(WEIGHTS / "large"))
    drafted = replace(large, name="drafted", draft_model=str(WEIGHTS / "small"))
    style = PromptStyle("Solution:\n{prompt}", "Tests:\n{prompt}")
    family = Family("mini", (large, drafted), style, 48)
    made = GENERATOR.samples(SampleRequest(family, load_mini()[:3], 1, 2, "cpu", tmp_path))
    assert n_samples(tmp_path) == 2 * 3 * 2
    assert set(made.measured) == {"large", "drafted"}
    for task, model_samples in made.samples["large"].items():
        other = made.samples["drafted"][task].greedy
        assert model_samples.greedy is not None and other is not None
        assert [s.text for s in model_samples.greedy.solutions] == [s.text for s in other.solutions]
        assert [s.text for s in model_samples.greedy.tests] == [s.text for s in other.tests]


def test_quantized_weights_are_another_model(tmp_path: Path) -> None:
    """As YAML says it; eight bits change hardly any greedy answer."""
    pytest.importorskip("torchao", reason="the quantization's own package is not installed")
    folder = str(WEIGHTS / "large")
    int8 = {"default": {"_type": "Int8WeightOnlyConfig", "_version": 2, "_data": {}}}
    eight = Model("8 bits", folder, folder, quantization={"quant_method": "torchao", "quant_type": int8})
    style = PromptStyle("Solution:\n{prompt}", "Tests:\n{prompt}")
    family = Family("f", (Model("32 bits", folder, folder), eight), style, 48)
    made = GENERATOR.samples(SampleRequest(family, load_mini()[:10], 1, 0, "cpu", tmp_path))
    answers = [
        [
            model_samples.greedy.solutions[0].text if model_samples.greedy else ""
            for model_samples in samples.values()
        ]
        for samples in made.samples.values()
    ]
    assert n_samples(tmp_path) == 2 * 10
    assert sum(one == other for one, other in zip(*answers, strict=True)) >= 7


def test_an_unknown_quantization(tmp_path: Path) -> None:
    folder = str(WEIGHTS / "small")
    family = Family("f", (Model("m", folder, folder, key="m", quantization={"quant_method": "no"}),))
    with pytest.raises(CascadeError, match=r"m: family\.models\.m\.quantization: "):
        GENERATOR.samples(SampleRequest(family, PROBLEMS[:1], 1, 0, "cpu", tmp_path))


def test_memory_that_suffices_for_nothing() -> None:
    tried = []

    def write(batch_size: int) -> None:
        tried.append(batch_size)
        torch.empty(1 << 60, dtype=torch.uint8)  # the real allocator's real error

    with pytest.raises(CascadeError, match="big: too little memory for one prompt"):
        with_batch_size_that_fits(write, 8, "big")
    assert tried[0] == 8 and tried[-1] == 1


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda f: shutil.rmtree(f), "m: no model can be loaded from .*: no such folder"),
        (lambda f: (f / "tokenizer.json").unlink(), "m: no tokenizer can be loaded from"),
        (lambda f: (f / "model.safetensors").write_bytes(b"broken"), "m: no model can be loaded from"),
        (lambda f: (f / "config.json").write_text("{"), "m: no "),
    ],
)
def test_broken_checkpoints(tmp_path: Path, harm: object, says: str) -> None:
    shutil.copytree(WEIGHTS / "small", tmp_path / "m")
    harm(tmp_path / "m")  # type: ignore[operator]
    family = Family("f", (Model("m", str(tmp_path / "m"), str(tmp_path / "m")),))
    with pytest.raises(CascadeError, match=says) as raised:
        GENERATOR.samples(SampleRequest(family, PROBLEMS, 1, 0, "cpu", tmp_path / "store"))
    assert "\n" not in str(raised.value)


def test_a_prompt_longer_than_the_context(tiny: Path) -> None:
    family = Family("f", (Model("m", str(tiny), str(tiny)),), max_new_tokens=8)
    problem = replace(PROBLEMS[0], prompt="x = 1\n" * 200)
    with pytest.raises(
        CascadeError, match=r"m, T/0: the prompt has .* tokens, but the model has room for 256"
    ):
        GENERATOR.samples(SampleRequest(family, [problem], 1, 0, "cpu", tiny / "store"))


def test_a_killed_generation_goes_on_where_it_stopped(tmp_path: Path) -> None:
    # Two at once on one store: each sample is written once, and both have all of them.
    at_once = [start(tmp_path / "whole", tmp_path / name) for name in ("one", "other")]
    for process in at_once:
        process.join(300)
    whole = (tmp_path / "one").read_text()
    assert (tmp_path / "other").read_text() == whole
    killed = start(tmp_path / "killed", tmp_path / "killed.json")
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and n_samples(tmp_path / "killed") < 5:
        time.sleep(0.01)
    killed.kill()
    killed.join()
    assert 5 <= n_samples(tmp_path / "killed") < n_samples(tmp_path / "whole") == N_SAMPLES
    start(tmp_path / "killed", tmp_path / "resumed").join(300)
    # Each sample has its own random numbers, so that even those beside other rows come out alike.
    assert n_other(tmp_path / "resumed", tmp_path / "one") <= 1
    assert n_samples(tmp_path / "killed") == N_SAMPLES


def n_other(file: Path, whole: Path) -> int:
    """How many samples are others.

    A process reads what was kept at once, and a row beside other rows is rounded otherwise: where two tokens
    are about equally likely the other one may be drawn.
    """
    ours, theirs = json.loads(file.read_text()), json.loads(whole.read_text())
    return sum(one != other for one, other in zip(ours, theirs, strict=True))


def n_samples(store: Path) -> int:
    """Samples that are kept in a store."""
    return sum(file.read_bytes().count(b'"tokens_at"') for file in (store / "samples").glob("*.jsonl"))


@pytest.mark.parametrize(
    "architecture",
    [pytest.param(name, marks=[] if name == "llama" else pytest.mark.slow) for name in CONFIGS],
)
def test_the_whole_study_on_tiny_checkpoints(
    run: Run, tmp_path: Path, made_mlruns: Path, architecture: str
) -> None:
    """The same YAML for all three, only the ids changed; random models solve nothing, but everything runs."""
    write_toy(tmp_path / "toy", n_problems=6)
    comment_out(tmp_path / "toy" / "problems.jsonl")
    for size, seed in (("a", 1), ("b", 2)):
        save_tiny(tmp_path / size, architecture, seed)
    family = {
        "name": "tiny",
        "models": {size: {"hub_id": str(tmp_path / size)} for size in "ab"},
        "max_new_tokens": 12,
        "prompts": ASSERTING,
    }
    (tmp_path / "conf" / "family").mkdir(parents=True)
    (tmp_path / "conf" / "family" / "tiny.yaml").write_text(json.dumps(family))
    done = run(
        f"hydra.searchpath=[{tmp_path}/conf]",
        "family=tiny",
        "dataset=humaneval",
        "dataset.path=toy/problems.jsonl",
        "search.k=[-1,0,1,3]",
        "generator.batch_size=16",
        "report.page=false",
        "hydra.run.dir=out",
    )
    assert done.returncode == 0, done.stderr
    plans = json.loads((tmp_path / "out" / "plans.json").read_text())
    assert plans["models"] == ["a", "b"] and len(plans["front"]) >= 1
    assert all(price["usd_per_1m_tokens"] > 0 for price in plans["study"]["prices"].values())


@pytest.mark.slow
def test_a_generation_that_is_killed_every_few_seconds_gets_on(tmp_path: Path) -> None:
    """Each process is killed as soon as it has kept anything, long before its samples end."""

    def size() -> int:
        return sum(file.stat().st_size for file in (tmp_path / "killed" / "samples").glob("*.jsonl"))

    start(tmp_path / "whole", tmp_path / "whole.json").join(600)
    kills, pieces = 0, tmp_path / "pieces.json"
    while not pieces.exists():
        process, before = start(tmp_path / "killed", pieces), size()
        while process.is_alive() and size() == before:
            time.sleep(0.02)
        if process.is_alive() and kills < 10:
            process.kill()
            kills += 1
        process.join(600)
        assert process.exitcode in (0, -signal.SIGKILL)
    assert kills > 3
    assert n_other(pieces, tmp_path / "whole.json") <= 1


class _Stopped(BaseException):
    pass


@pytest.mark.parametrize("windowed", [False, True])
def test_samples_that_never_end_in_one_go_are_finished_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, windowed: bool
) -> None:
    """A process that is killed every few seconds, before any sample ends, still gets on."""
    folder = WEIGHTS / "small"
    if windowed:
        save_tiny(folder := tmp_path / "windowed", next(iter(WINDOWED)), 0)
    style = PromptStyle("Solution:\n{prompt}", "Tests:\n{prompt}")
    family = Family("mini", (Model("m", str(folder), str(folder)),), style, 90)

    def write(store: str) -> list[tuple[str, int]]:
        asked = SampleRequest(family, PROBLEMS[:2], 2, 4, "cpu", tmp_path / store)
        by_task = TransformersGenerator(4, 1, 0.8, 0.95, "auto", "cpu", "auto", 0).samples(asked).samples["m"]
        draws = [d for one in by_task.values() for d in (one.greedy, *one.draws) if d is not None]
        return [(s.text, s.tokens or 0) for d in draws for s in d.solutions]

    whole = write("whole")
    monkeypatch.setattr("cascade.generate.local.generator.KEEP_EVERY_S", 0.0)
    keep = SampleStore.add_begun

    def keep_and_stop(store: SampleStore, begun: dict[str, tuple[int, list[int]]]) -> None:
        keep(store, begun)
        if begun:
            raise _Stopped

    monkeypatch.setattr(SampleStore, "add_begun", keep_and_stop)
    stops = 0
    while True:
        try:
            pieces = write("pieces")
            break
        except _Stopped:
            stops += 1
            assert stops < 100
    assert stops > 3
    assert pieces == whole


def test_an_interrupt_inside_an_import_is_no_broken_model() -> None:
    try:
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("Failed to import transformers.models.auto")
    except RuntimeError as error:
        with pytest.raises(KeyboardInterrupt):
            unloadable("tokenizer", Model("m", "x", "x"), "x", error)
