"""task=solve: files of problems through a plan, killed and resumed, against what the plan promised."""

import json
import signal
import time
from pathlib import Path

import pytest

from cascade.base import DataError
from cascade.problems import read_prompts
from cascade.serving import SolutionFile, plan_name
from tests.conftest import Run
from tests.program import Program
from tests.serving.conftest import LiveFamily
from tests.serving.made_up import MODELS, SMALL, TWO, plan_file

SOLVE = ("task=solve", "solve.plans=plans.json")
PROMPT = 'def add(a, b):\n    """Return the sum of a and b."""\n'


def lines(folder: Path) -> list[dict]:  # type: ignore[type-arg]
    path = folder / "solutions.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_killed_solve_goes_on_and_says_what_was_promised(
    run: Run, tmp_path: Path, family: LiveFamily
) -> None:
    plan_file(tmp_path / "plans.json")
    name = plan_name(TWO, MODELS)
    problems = family.problems[:30]
    few = [
        {key: getattr(problem, key) for key in ("task_id", "prompt", "entry_point")}
        | {"tests": problem.reference_test.splitlines()}
        for problem in problems
    ]
    (tmp_path / "few.jsonl").write_text("\n".join(map(json.dumps, few)))
    settings = (*SOLVE, "solve.problems=few.jsonl", f"solve.plan={name}", "solve.concurrency=4")
    log = (tmp_path / "log").open("w+")
    first = Program(settings, tmp_path, log, log)
    end = time.monotonic() + 120
    while len(lines(tmp_path)) < 3:
        assert first.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < end
        time.sleep(0.01)
    first.kill()
    assert first.wait(30) == -signal.SIGKILL
    log.close()
    path = tmp_path / "solutions.jsonl"
    path.write_bytes(path.read_bytes() + b'{"task_id": "half a li')
    before = {line["task_id"]: line for line in lines_of(path)}
    assert 3 <= len(before) < len(problems)
    second = run(*settings)
    assert second.returncode == 0, second.stderr
    said = second.stdout
    after = lines(tmp_path)
    assert [line["task_id"] for line in after[: len(before)]] == list(before)
    assert [before[line["task_id"]] for line in after[: len(before)]] == list(before.values())
    assert sorted(line["task_id"] for line in after) == sorted(p.task_id for p in problems)
    assert f"{len(problems)} problems answered by {name}" in said
    assert "the promise 60.0 % (40.0 to 80.0)" in said
    [found] = tmp_path.glob("outputs/**/solve.json")
    compared = json.loads(found.read_text())
    assert compared["n_proved"] == len(problems)
    assert not compared["same_problems"]
    assert compared["usd_per_1k_queries"] == pytest.approx(
        1000 * sum(line["usd"] for line in after) / len(after)
    )
    for line in after[:2]:
        problem = next(p for p in problems if p.task_id == line["task_id"])
        expected = family.run(family.cascade(TWO).answer(problem))
        assert (line["solution"], line["stage"], line["tokens"]) == (
            expected.program,
            expected.stage,
            expected.tokens,
        )


def lines_of(path: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in path.read_text().splitlines()[:-1]]


def test_prompts_of_ones_own_are_answered_without_references(tmp_path: Path, run: Run) -> None:
    plan_file(tmp_path / "plans.json")
    problems = [{"prompt": PROMPT, "entry_point": "add"}, {"prompt": "Negate x.", "entry_point": "neg"}]
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, problems)))
    overrides = (*SOLVE, "solve.problems=mine.jsonl")
    done = run(*overrides, "solve.budget_usd_per_1k=0.1")
    assert done.returncode == 0, done.stderr
    assert "unknown: the problems have no references" in done.stdout
    found = lines(tmp_path)
    assert {line["task_id"] for line in found} == {"line/1", "line/2"}
    assert {line["plan"] for line in found} == {plan_name(SMALL, MODELS)}
    for line in found:
        assert "def " in line["solution"]
    other = run(*overrides, "solve.plan=best")
    assert other.returncode == 1
    assert "other settings or prices; name another solve.output" in other.stderr


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("rule=codet",), "its plans were chosen with rule.name=paper, and the command says codet"),
        (("solve.plan=nonsense",), "solve.plan=nonsense: no such plan; there are small-greedy"),
        (("solve.plan=best", "solve.min_accuracy=0.5"), "leave one of them out"),
        (("solve.min_accuracy=0.99",), "no plan reaches that accuracy"),
        (("solve.problems=nowhere.jsonl",), "solve.problems="),
        (("solve.deadline_s=-1",), "solve.deadline_s=-1: must be a positive number"),
        (("generator=recorded", "generator.path=plans.json"), "does not write single samples"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, run: Run, settings: tuple[str, ...], said: str) -> None:
    plan_file(tmp_path / "plans.json")
    done = run(*SOLVE, *settings)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_prompts_are_read_with_their_mistakes_named(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"prompt": PROMPT, "entry_point": "add", "tests": ["assert add(1, 2) == 3"]}))
    [problem] = read_prompts(path)
    assert problem.reference_test
    for content, said in (
        ('{"prompt": "x"}', "field `entry_point` is missing"),
        ('{"prompt": "x", "entry_point": "1x"}', "must be a function's name"),
        ('{"prompt": "", "entry_point": "x"}', "field `prompt` is empty"),
        ("", "holds no problems"),
        ('{"prompt": "x", "entry_point": "f", "task_id": "a"}\n' * 2, "was already given"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=said):
            read_prompts(path)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "solutions.jsonl"
    path.write_text('{"task_id": "x", "solution": ""}\n')
    with pytest.raises(DataError, match="line 1: not a line of task=solve"):
        SolutionFile(path, "run")
