"""docs/own-problems.md, followed from an empty folder by its own five commands; and ten broken files."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from cascade.base import DataError
from cascade.problems import DataSet, load_problems
from tests.conftest import ROOT, Run

PAGE = (ROOT / "docs" / "own-problems.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
GOOD = {
    "task_id": "own/0",
    "prompt": "Twice x.",
    "entry_point": "double",
    "tests": ["assert double(2) == 4"],
}


@pytest.mark.slow
def test_five_commands_lead_to_a_finished_study(run: Run, tmp_path: Path) -> None:
    assert len(COMMANDS) == 5
    printed = []
    for command in COMMANDS:
        if not command.startswith("cascade"):
            subprocess.run(["bash", "-ec", command], cwd=tmp_path, check=True)
            continue
        done = run(*shlex.split(command)[1:])
        assert done.returncode == 0, f"{command}{done.stderr}"
        printed.append(done.stdout)
    checked, studied, _, _ = printed
    assert "10 problems of own: references pass their tests" in checked
    assert "report.html" in studied
    assert list(tmp_path.glob("outputs/**/plans.json"))


def without(*fields: str, **other: object) -> str:
    return json.dumps({name: value for name, value in (GOOD | other).items() if name not in fields})


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (without()[:-20], "line 2: not JSON"),
        (without(test=[]), "line 2: unknown field `test`; known are task_id, prompt"),
        (without("prompt"), "line 2: field `prompt` is missing"),
        (without("entry_point"), "line 2: field `entry_point` is missing: name the function"),
        (without(tests=[]), "line 2: field `tests` must be a list of asserts or of {input, output}, and not"),
        (without(tests=["assert double(1"]), "line 2: test 1 is not Python"),
        (without(tests=["double(1)"]), "line 2: test 1 asserts nothing: any answer would pass it"),
        (without(reference="def twice(x): return 2 * x"), "line 2: `reference` does not define double, its"),
        (without(), "line 2: task own/0 is already defined in line 1; remove one of them"),
        (
            without(task_id="own/1", packages=["no_such_one"]),
            "its problems need no_such_one: pip install no_such_one",
        ),
    ],
)
def test_ten_broken_files_are_one_line_each(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "problems.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{line}\n")
    with pytest.raises(DataError) as caught:
        load_problems(DataSet("own", "own", str(path)))
    said = str(caught.value)
    assert "\n" not in said and said.startswith(str(path)) and says in said


def test_the_program_says_that_line_and_nothing_else(run: Run, tmp_path: Path) -> None:
    (tmp_path / "problems.jsonl").write_text(f"{json.dumps(GOOD)}\n{without('prompt')}\n")
    done = run("dataset=own", "dataset.path=problems.jsonl", "split.max_accuracy_gap=1")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    [said] = [one for one in done.stderr.splitlines() if one.strip()]
    assert "problems.jsonl, line 2: field `prompt` is missing" in said
