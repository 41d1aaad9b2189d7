"""The evaluation set: its answers are right, and training shows nothing like it."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from cascade.base.errors import DataError
from cascade.problems.mini import EVAL_FILE, load_mini
from training.mini import corpus, evalset
from training.mini.check import passes
from training.mini.compose import Composition, HeldOut


def test_shipped_file_is_what_the_command_writes(tmp_path: Path) -> None:
    path = tmp_path / "eval.jsonl"
    evalset.write(evalset.build(), path)
    assert path.read_bytes() == EVAL_FILE.read_bytes()


def test_another_seed_gives_other_problems() -> None:
    shipped = [problem.prompt for problem in evalset.read()[:5]]
    assert [problem.prompt for problem in evalset.build(seed=1, count=5)] != shipped


def test_references_pass_and_stubs_fail() -> None:
    problems = load_mini()
    assert len(problems) == evalset.COUNT == len({problem.task_id for problem in problems})
    references = [f"{problem.reference_solution}\n{problem.reference_test}" for problem in problems]
    assert passes(references) == [True] * len(problems)
    stub = [
        problem.program("    return None\n", completion=True) + problem.reference_test for problem in problems
    ]
    assert passes(stub) == [False] * len(problems)


def test_hidden_tests_notice_a_left_out_step() -> None:
    for problem in evalset.read():
        composition = problem.composition
        for index, (step, _) in enumerate(composition.parts):
            if step.takes == step.gives and len(composition.parts) > 1:
                shorter = composition.without(index)
                for line in problem.tests:
                    call, expected = line.removeprefix(f"assert {problem.entry_point}(").split(") == ")
                    if shorter.run(eval(call)) != eval(expected):
                        break
                else:
                    pytest.fail(f"{problem.task_id}: nothing notices that {step.name} is missing")


def test_problems_have_one_to_five_steps_and_all_kinds() -> None:
    compositions = [problem.composition for problem in evalset.read()]
    assert {len(composition.parts) for composition in compositions} == {1, 2, 3, 4, 5}
    assert {composition.takes for composition in compositions} == {
        "numbers",
        "text",
        "words",
        "number",
        "table",
    }


def test_problems_differ_in_signature_and_behaviour() -> None:
    compositions = [problem.composition for problem in evalset.read()]
    assert len({composition.signature for composition in compositions}) == evalset.COUNT
    assert len({composition.behaviour for composition in compositions}) == evalset.COUNT


def _drawn(monkeypatch: pytest.MonkeyPatch, forbidden: HeldOut) -> list[Composition]:
    """The compositions of the first documents of the shipped models' corpus."""
    compositions: list[Composition] = []
    draw = corpus.draw_composition

    def record(rng: Random, held_out: HeldOut) -> Composition:
        compositions.append(draw(rng, held_out))
        return compositions[-1]

    monkeypatch.setattr(corpus, "draw_composition", record)
    corpus.documents(0, 0, 4_000, forbidden)
    return compositions


def test_training_shows_no_signature_and_no_behaviour_of_the_evaluation_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held_out = evalset.held_out()
    compositions = _drawn(monkeypatch, held_out)
    assert len(compositions) > 500
    assert held_out.signatures.isdisjoint(composition.signature for composition in compositions)
    assert held_out.behaviours.isdisjoint(composition.behaviour for composition in compositions)


def test_without_holding_out_training_would_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    held_out = evalset.held_out()
    compositions = _drawn(monkeypatch, HeldOut())
    assert any(composition.signature in held_out.signatures for composition in compositions)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "eval.jsonl"
    path.write_text(EVAL_FILE.read_text().splitlines()[0] + '\n{"task_id": "mini/1"}\n')
    with pytest.raises(DataError, match=r"eval\.jsonl, line 2: field `prompt` is missing"):
        load_mini(path)
    with pytest.raises(DataError, match="no such file"):
        load_mini(tmp_path / "missing.jsonl")


def test_import_needs_no_torch() -> None:
    code = "import sys, training.mini.grammar, cascade.problems.mini; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
