"""docs/recordings.md, followed from an empty folder: its YAML files and its command, on two small files."""

import json
import re
import shlex
from pathlib import Path

from cascade.generate.weights import MINI
from tests.conftest import ROOT, Run

PAGE = (ROOT / "docs" / "recordings.md").read_text(encoding="utf-8")


def test_the_page_leads_to_what_is_read(run: Run, tmp_path: Path) -> None:
    for name, text in re.findall(r"^```yaml\n# (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        # Their tokenizers are on the hub; the embedded family's are at hand.
        (tmp_path / name).write_text(re.sub(r"Qwen/[\w.-]+", str(MINI / "small"), text))
    problems = [
        {
            "task_id": f"HumanEval/{i}",
            "prompt": f'def f{i}(x):\n    """Adds {i}."""\n',
            "entry_point": f"f{i}",
            "canonical_solution": f"    return x + {i}\n",
            "test": f"def check(candidate):\n    assert candidate(1) == {1 + i}\n",
        }
        for i in range(3)
    ]
    (tmp_path / "HumanEval.jsonl.gz").write_text("".join(json.dumps(line) + "\n" for line in problems))
    texts = {
        "small": ["    return x + 0\n", "return x + 1\n", "I do not know.\n"],
        "large": [f"```python\ndef f{i}(x):\n    return x + {i}\n```" for i in range(3)],
    }
    (tmp_path / "out").mkdir()
    for model, model_texts in texts.items():
        lines = [{"task_id": f"HumanEval_{i}", "completion": text} for i, text in enumerate(model_texts)]
        (tmp_path / "out" / f"{model}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    [command] = re.findall(r"^python run\.py (task=check .*?[^\\])$", PAGE, re.MULTILINE | re.DOTALL)
    done = run(*shlex.split(command.replace("\\\n", " ")))
    assert done.returncode == 0, done.stderr
    cells = [line.split() for line in done.stdout.splitlines()]
    rows = {row[0]: row for row in cells if row and row[0] in texts and row[-1].isdecimal()}
    # solutions, empty, not Python, no function, cut, free, mended, needing the prelude; tests without assert
    assert rows["small"][-9:] == ["3", "0", "1", "0", "0", "0", "1", "0", "0"]
    assert rows["large"][-9:] == ["3", "0", "0", "0", "0", "0", "0", "0", "0"]
    assert "HumanEval/1 (continues the prompt" in done.stdout
    assert not (tmp_path / "store").exists()
