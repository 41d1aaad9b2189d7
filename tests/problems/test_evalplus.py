"""HumanEval+ and MBPP+: what counts as right, and the real files where they are at hand."""

import json
import textwrap

import pyarrow
import pyarrow.parquet
import pytest

from cascade.base import DataError
from cascade.problems import DataSet, load_problems
from tests.problems.right import right
from tests.problems.test_load_problems import SHARED, needs_shared

TOY = {
    "task_id": "HumanEval/900",
    "prompt": 'def half(x):\n    """Half of x."""\n',
    "entry_point": "half",
    "canonical_solution": "    return x / 2\n",
    "base_input": [[2]],
    "plus_input": [[3]],
    "atol": 0,
    "contract": "",
}


def toy(tmp_path, record, format="humaneval_plus", **settings):
    (tmp_path / "p.jsonl").write_text(json.dumps(record) + "\n")
    (problem,) = load_problems(DataSet("toy", format, str(tmp_path / "p.jsonl"), **settings))
    return problem


def test_extended_inputs_tolerance_and_base(tmp_path):
    problem = toy(tmp_path, TOY)
    assert right(problem, "def half(x):\n    return x / 2 + 1e-8")
    assert not right(problem, "def half(x):\n    return x / 2 + 1e-5")
    assert not right(problem, "def half(x):\n    return float(x // 2)")
    assert right(toy(tmp_path, TOY, tests="base"), "def half(x):\n    return float(x // 2)")
    assert right(toy(tmp_path, TOY | {"atol": 0.6}), "def half(x):\n    return float(x // 2)")


def test_base_tests_need_a_format_that_has_them(tmp_path):
    test = "def check(candidate):\n    inputs = [[2]]\n    results = [1.0]\n"
    test += "    for inp, exp in zip(inputs, results):\n        assertion(candidate(*inp), exp, 0)\n"
    record = {k: TOY[k] for k in ("task_id", "prompt", "entry_point", "canonical_solution")} | {"test": test}
    assert right(toy(tmp_path, record), "def half(x):\n    return x / 2")
    with pytest.raises(DataError, match="line 1: this format does not tell base tests"):
        toy(tmp_path, record, tests="base")
    with pytest.raises(DataError, match="must be base or null"):
        toy(tmp_path, TOY, tests="plus")


def test_prove_on_plus_keeps_both_tests(tmp_path):
    both, extended, base = (
        toy(tmp_path, TOY, **settings) for settings in ({"prove_on": "plus"}, {}, {"tests": "base"})
    )
    assert both.choosing_test == base.reference_test != extended.reference_test == both.reference_test
    assert extended.choosing_test == extended.reference_test
    with pytest.raises(DataError, match=r"dataset.prove_on=base: must be plus or null"):
        toy(tmp_path, TOY, prove_on="base")
    with pytest.raises(DataError, match=r"dataset.prove_on=plus: .*leave out dataset.tests"):
        toy(tmp_path, TOY, prove_on="plus", tests="base")
    with pytest.raises(DataError, match=r"dataset.prove_on=plus: .*is for humaneval_plus and mbpp_plus only"):
        toy(tmp_path, TOY, "humaneval", prove_on="plus")
    record = TOY | {"test": "inputs = [[2]]\nresults = [1.0]\nfor i in inputs:\n    assertion(i, 0)\n"}
    del record["plus_input"]
    with pytest.raises(DataError, match=r"line 1: this format does not tell .*dataset.prove_on=plus needs"):
        toy(tmp_path, record, prove_on="plus")


MBPP_TOY = {
    "task_id": "Mbpp/900",
    "prompt": '"""\nWrite a function to halve.\nassert half(2) == 1\n"""\n',
    "entry_point": "half",
    "canonical_solution": "\ndef half(x):\n    return x / 2\n",
    "base_input": [[2]],
    "plus_input": [[3]],
    "atol": 0,
    "contract": "",
    "assertion": "assert half(2) == 1",
}
WRITTEN = "inputs = [[2], [3]]\nresults = [1.0, 1.5]\nfor i, (inp, exp) in enumerate(zip(inputs, results)):\n"


@pytest.mark.parametrize(
    ("format", "record"),
    [
        (
            "humaneval_plus",
            {name: TOY[name] for name in ("task_id", "prompt", "canonical_solution", "entry_point")}
            | {
                "test": "def check(candidate):\n"
                + textwrap.indent(WRITTEN + "    assertion(candidate(*inp), exp, 0)\n", "    ")
            },
        ),
        (
            "mbpp_plus",
            {
                "task_id": 900,
                "code": MBPP_TOY["canonical_solution"],
                "prompt": "Write a function to halve.",
                "source_file": "Benchmark Questions Verification V2.ipynb",
                "test_imports": [],
                "test_list": ["assert half(2) == 1"],
                "test": WRITTEN + "    assertion(half(*inp), exp, 0)\n",
            },
        ),
    ],
)
def test_the_hubs_layout_is_read_by_the_hubs_own_reader(tmp_path, monkeypatch, format, record):
    folder = tmp_path / "hub" / "data"
    folder.mkdir(parents=True)
    table = pyarrow.Table.from_pylist([record])
    pyarrow.parquet.write_table(table, folder / "test-00000-of-00001-5973903632b82d40.parquet")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    (from_hub,) = load_problems(DataSet("toy", format, hub_id=str(tmp_path / "hub"), hub_split="test"))
    (from_file,) = load_problems(DataSet("toy", format, str(next(folder.iterdir()))))
    assert from_hub == from_file
    # The release's own format judges alike.
    released = toy(tmp_path, TOY if format == "humaneval_plus" else MBPP_TOY, format)
    for problem in (from_hub, released):
        assert problem.entry_point == "half" and right(problem, problem.reference_solution)
        assert right(problem, "def half(x):\n    return x / 2 + 1e-8")
        assert not right(problem, "def half(x):\n    return float(x // 2)")


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "format", "count"),
    [
        ("humaneval-plus/HumanEvalPlus.jsonl.gz", "humaneval_plus", 164),
        ("humaneval-plus/HumanEvalPlus-Mini.jsonl.gz", "humaneval_plus", 164),
        ("humaneval-plus/HumanEvalPlus-OriginFmt.jsonl.gz", "humaneval_plus", 164),
        ("mbpp-plus/MbppPlus.jsonl.gz", "mbpp_plus", 378),
        ("mbpp-plus/MbppPlus-OriginFmt.jsonl.gz", "mbpp_plus", 378),
    ],
)
def test_every_reference_passes(path, format, count):
    problems = load_problems(DataSet("plus", format, str(SHARED / path)))
    assert len(problems) == count
    assert [p.task_id for p in problems if not right(p, p.reference_solution)] == []
