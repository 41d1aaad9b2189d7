"""The live generator on GPUs: every way to place a model and keep its past writes what the library writes.

Run on a machine with GPUs: ``python -m pytest tests/gpu -q``. It needs nothing but the checkout, torch,
transformers and accelerate; models are tiny, random and made here. Two GPUs bring the balanced placement.
"""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from cascade.generate.family import Family, Model
from cascade.generate.interface import SampleRequest
from cascade.generate.local.generator import TransformersGenerator
from cascade.generate.local.loaded_model import LoadedModel
from cascade.problems.base import Problem
from tests.generate.local.test_generator import go_on
from tests.generate.tiny import CONFIGS, OTHERS, WINDOWED, save_tiny

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU on this machine")

N_GPUS = torch.cuda.device_count() if torch.cuda.is_available() else 0
# Prompts of 40 lengths.
PROMPTS = ["x = 1\n" * (i % 13) + "def task_1(xs: list):\n    return"[: 8 + i % 25] for i in range(40)]
PLACES = ["cuda:0"] + (["balanced"] if N_GPUS > 1 else [])


@pytest.fixture(scope="module", params=[*CONFIGS, *OTHERS, *WINDOWED])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp(request.param)
    save_tiny(folder, request.param, seed=1)
    return folder


def greedy_of_the_library(loaded: LoadedModel, prompt: str, limit: int) -> list[int]:
    inputs = loaded.tokenizer([prompt], return_tensors="pt").to(loaded.weights.device)
    out = loaded.weights.generate(**inputs, do_sample=False, max_new_tokens=limit, pad_token_id=0)
    row: list[int] = out[0, inputs["input_ids"].shape[1] :].tolist()
    return row[: row.index(0)] if 0 in row else row


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("cache", ["growing", "auto"])
def test_greedy_rows_are_the_library_s(tiny: Path, place: str, cache: str) -> None:
    """40 of 40, compiled where that is the way of the architecture, in float32."""
    loaded = LoadedModel(Model("tiny", str(tiny), str(tiny)), "float32", place)
    expected = [greedy_of_the_library(loaded, prompt, 40) for prompt in PROMPTS]
    assert go_on(loaded, PROMPTS, rows=16, cache=cache, limit=40) == expected


def test_a_whole_family_is_written_and_priced(tmp_path: Path) -> None:
    """Through the generator with everything left to it, a mixture of experts among the members."""
    models = []
    for name in ("llama", "qwen3_moe", "gemma3"):
        save_tiny(tmp_path / name, name, seed=2)
        models.append(Model(name, str(tmp_path / name), str(tmp_path / name), key=name))
    problems = [Problem(f"T/{i}", f"def f{i}(x):\n", f"f{i}", "", "assert True") for i in range(20)]
    generator = TransformersGenerator(None, 1, 0.8, 0.95, "auto", "auto", "auto", 0)
    request = SampleRequest(
        Family("tiny", tuple(models), max_new_tokens=24), problems, 3, 2, "gpu", tmp_path / "s"
    )
    made = generator.samples(request)
    assert generator.samples(request) == made
    for model in models:
        assert made.measured[model.name].seconds_per_1k_tokens > 0
        assert len(made.samples[model.name]) == 20
    print(json.dumps({name: one.seconds_per_1k_tokens for name, one in made.measured.items()}))
