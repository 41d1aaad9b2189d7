"""Writing samples with the embedded family's small model, in processes that a test may kill."""

import json
import multiprocessing
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import torch

from cascade.generate.family import Family, Model
from cascade.generate.interface import SampleRequest
from cascade.generate.local.generator import TransformersGenerator
from cascade.generate.prompts import PromptStyle
from cascade.generate.weights import MINI as WEIGHTS
from cascade.problems.mini import load_mini

N_PROBLEMS, N_SAMPLES = 6, 6 * 8  # of a problem two greedy ones, and three solutions and tests of a draw


def write(store: Path, texts: Path) -> None:
    """Write the samples that the store lacks, and the texts of all of them into a file."""
    torch.set_num_threads(1)
    style = PromptStyle("Solution:\n{prompt}", "Tests:\n{prompt}")
    family = Family("mini", (Model("small", str(WEIGHTS / "small"), str(WEIGHTS / "small")),), style, 96)
    generator = TransformersGenerator(16, 1, 0.8, 0.95, "auto", "cpu", "auto", 0)
    made = generator.samples(SampleRequest(family, load_mini()[:N_PROBLEMS], 3, 4, "cpu", store)).samples
    draws = [draw for samples in made["small"].values() for draw in samples.draws]
    texts.write_text(json.dumps([one.text for draw in draws for one in draw.solutions + draw.tests]))


def start(store: Path, texts: Path) -> ForkServerProcess:
    """Start a process that writes; torch is loaded once for all of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=write, args=(store, texts))
    process.start()
    return process
