"""Problems from local files and from the hub's reader: toy files, errors, and the real data sets."""

import ast
import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from cascade.base.errors import DataError
from cascade.problems import DataSet, Problem, load_problems
from cascade.problems.prompt_synthesis import pose

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no folder shared/data beside the checkout")

HUMANEVAL = {
    "task_id": "Toy/0",
    "prompt": 'import math\n\n\ndef double(x: int) -> int:\n    """Twice x."""\n',
    "entry_point": "double",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n",
}
SANITIZED = {
    "task_id": 7,
    "prompt": 'Write a function that says "\\d" """.',
    "code": "import math\ndef helper():\n    return 1\ndef f(a: int, b=2):\n    return a + b + helper() - 1",
    "test_imports": ["import math"],
    "test_list": ["assert math.isclose(f(1), 3)", "assert f(1, 3) == 4"],
}
FULL = {
    "task_id": 8,
    "text": "Write a function to sum a pair.",
    "code": "class Pair(object):\r\n\tdef __init__(self, a, b):\r\n\t\tself.a, self.b = a, b\r\n"
    "def total(p):\r\n\treturn p.a + p.b",
    "test_setup_code": "p = Pair(1, 2)",
    "test_list": ["assert total(p) == 3"],
    "challenge_test_list": [],
}


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def load(path: Path, format: str, difficulty: str | None = None) -> list[Problem]:
    return load_problems(DataSet("toy", format, path, difficulty=difficulty))


def verdict(problem: Problem, text: str, completion: bool = False) -> bool:
    """Whether an answer passes the reference test, in one namespace as in the sandbox."""
    namespace: dict[str, object] = {"__name__": "answer"}
    try:
        exec(problem.program(text, completion=completion), namespace)
        exec(problem.reference_test, namespace)
    except Exception:
        return False
    return True


def test_humaneval(tmp_path):
    (problem,) = load(write(tmp_path / "a.jsonl", HUMANEVAL), "humaneval")
    assert problem.preamble == "import math\n\n\n"
    assert verdict(problem, "    return 2 * x\n", completion=True)
    assert not verdict(problem, "    return 3 * x\n", completion=True)
    assert verdict(problem, "def double(x):\n    return int(math.ldexp(x, 1))")
    assert verdict(problem, problem.reference_solution)


def test_humaneval_leaves_out_a_reference_that_does_not_continue_its_prompt(tmp_path):
    broken = HUMANEVAL | {"canonical_solution": "  return 2 * x\n", "entry_point": "double "}
    (problem,) = load(write(tmp_path / "a.jsonl", broken), "humaneval")
    assert problem.reference_solution is None
    assert problem.entry_point == "double"
    assert verdict(problem, "    return 2 * x\n", completion=True)


def test_mbpp_sanitized(tmp_path):
    (problem,) = load(write(tmp_path / "a.json", SANITIZED), "mbpp")
    assert (problem.task_id, problem.entry_point, problem.preamble) == ("Mbpp/7", "f", "")
    function = ast.parse(problem.prompt).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert ast.get_docstring(function) == SANITIZED["prompt"]
    assert problem.prompt.startswith("def f(a: int, b=2):\n")
    assert verdict(problem, "    return a + b\n", completion=True)
    assert not verdict(problem, "    return a\n", completion=True)
    assert verdict(problem, problem.reference_solution)


def test_mbpp_full_keeps_the_classes_that_its_tests_use(tmp_path):
    (problem,) = load(write(tmp_path / "a.jsonl", FULL), "mbpp")
    assert (problem.task_id, problem.entry_point) == ("Mbpp/8", "total")
    assert problem.preamble.startswith("class Pair")
    assert verdict(problem, "    return p.a + p.b\n", completion=True)
    assert verdict(problem, "def total(pair):\n    return sum(vars(pair).values())")
    assert verdict(problem, problem.reference_solution)
    assert not verdict(problem, "def total(pair):\n    return 0")


@given(st.text(max_size=60), st.booleans())
def test_a_docstring_reads_back_as_the_description(text, quoted):
    description = (f'"{text}"' if quoted else text).replace("\r\n", "\n")
    prompt = pose("def f(x):", description)
    function = ast.parse(prompt + "    return x\n").body[0]
    assert isinstance(function, ast.FunctionDef)
    read = ast.literal_eval(function.body[0].value)

    def plain(text: str) -> list[str]:
        return [line.rstrip() for line in text.split("\n")]

    assert plain(textwrap.dedent(read).strip()) == plain(textwrap.dedent(description.strip()))


@pytest.mark.parametrize(
    ("format", "records", "says"),
    [
        ("humaneval", [HUMANEVAL, HUMANEVAL], "line 2: task Toy/0 is already defined in line 1"),
        ("humaneval", [{**HUMANEVAL, "prompt": None}], "line 1: field `prompt` must be a string, not null"),
        ("humaneval", [SANITIZED], "line 1: field `entry_point` is missing"),
        ("humaneval", [], "holds no problems; set dataset.path"),
        ("mbpp", [HUMANEVAL], "line 1: field `code` is missing"),
        ("mbpp", [SANITIZED | {"code": "def f(:"}], "line 1: `code` or a test is not Python"),
        ("mbpp", [SANITIZED | {"code": "x = 1"}], "line 1: its tests call no function that `code` defines"),
        ("mbpp", [SANITIZED, SANITIZED], "line 2: task Mbpp/7 is already defined in line 1"),
        (
            "nonsense",
            [HUMANEVAL],
            "dataset.format=nonsense: must be one of apps, humaneval, humaneval_plus, ",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_it(tmp_path, format, records, says):
    path = write(tmp_path / "toy.jsonl", *records)
    with pytest.raises(DataError) as caught:
        load(path, format)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value) or format == "nonsense"


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"dataset.path=.*nowhere.jsonl: does not exist; set it to"):
        load(tmp_path / "nowhere.jsonl", "humaneval")
    with pytest.raises(DataError, match="is a folder, not a file"):
        load(tmp_path, "humaneval")
    with pytest.raises(DataError, match=r"has no source: set dataset.path or dataset.hub_id"):
        load_problems(DataSet("toy", "humaneval"))


def test_the_hub_reader_takes_a_folder_of_json_lines(tmp_path):
    write(tmp_path / "test.jsonl", HUMANEVAL, HUMANEVAL | {"task_id": "Toy/1"})
    problems = load_problems(DataSet("toy", "humaneval", hub_id=str(tmp_path), hub_split="test"))
    assert [problem.task_id for problem in problems] == ["Toy/0", "Toy/1"]
    assert verdict(problems[1], "    return 2 * x\n", completion=True)


def test_the_hub_reader_joins_splits_and_reads_parquet(tmp_path):
    datasets = pytest.importorskip("datasets")
    for split, ids in (("train", [1, 2]), ("validation", [3])):
        (tmp_path / "data").mkdir(exist_ok=True)
        rows = [SANITIZED | {"task_id": number} for number in ids]
        datasets.Dataset.from_list(rows).to_parquet(tmp_path / "data" / f"{split}-0.parquet")
    dataset = DataSet("toy", "mbpp", hub_id=str(tmp_path), hub_split="train+validation")
    assert [problem.task_id for problem in load_problems(dataset)] == ["Mbpp/1", "Mbpp/2", "Mbpp/3"]


def test_the_hubs_converted_branch_is_read_one_configuration_at_a_time(tmp_path):
    datasets = pytest.importorskip("datasets")
    for config, ids in (("introductory", [1]), ("all", [1, 2])):
        for split in ("train", "test"):
            (tmp_path / config / split).mkdir(parents=True)
            rows = [SANITIZED | {"task_id": number + (10 if split == "train" else 0)} for number in ids]
            datasets.Dataset.from_list(rows).to_parquet(tmp_path / config / split / "0000.parquet")
    dataset = DataSet(
        "toy", "mbpp", hub_id=str(tmp_path), hub_config="introductory", revision="refs/convert/parquet"
    )
    assert [problem.task_id for problem in load_problems(dataset)] == ["Mbpp/1"]


def test_a_hub_that_cannot_be_read_names_the_remedy(tmp_path):
    write(tmp_path / "test.jsonl", HUMANEVAL)
    with pytest.raises(DataError) as caught:
        load_problems(DataSet("toy", "humaneval", hub_id=str(tmp_path), hub_split="validation"))
    assert "cannot be read from the Hugging Face hub" in str(caught.value)
    assert "set dataset.path to a local copy" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unreachable_hub_and_a_missing_package_are_one_line():
    script = textwrap.dedent("""
        import sys
        if sys.argv[1] == "missing":
            sys.modules["datasets"] = None
        from cascade.base.errors import DataError
        from cascade.problems import DataSet, load_problems
        try:
            load_problems(DataSet("humaneval", "humaneval", hub_id="nobody/no_such_data_set"))
        except DataError as error:
            print(error)
    """)
    offline = os.environ | {"HF_HUB_OFFLINE": "1"}
    for case, says in (
        ("missing", "pip install "),
        ("offline", "cannot be read from the Hugging"),
    ):
        run = [sys.executable, "-c", script, case]
        printed = subprocess.run(run, env=offline, capture_output=True, text=True, timeout=60).stdout
        assert says in printed
        assert "set dataset.path to a local copy" in printed
        assert printed.count("\n") == 1


# Runs every program of a JSON list after one another in one process, each under a time limit, and
# prints the names of those that fail.
RUN_ALL = """
import json, signal, sys
def late(*_): raise TimeoutError
signal.signal(signal.SIGALRM, late)
sys.setrecursionlimit(5000)
for name, program in json.load(sys.stdin):
    namespace = {"__name__": "answer"}
    signal.alarm(20)
    try:
        exec(program, namespace)
    except BaseException:
        print(name, file=sys.stderr)
    signal.alarm(0)
"""


def failing(programs: dict[str, str]) -> set[str]:
    """The names of the programs that raise, run in one child process with a time limit each."""
    run = [sys.executable, "-W", "ignore", "-c", RUN_ALL]
    given = json.dumps(list(programs.items()))
    done = subprocess.run(run, input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split("\n")) - {""}


@needs_shared
@pytest.mark.parametrize(
    ("path", "format", "count"),
    [
        ("humaneval/HumanEval.jsonl.gz", "humaneval", 164),
        ("mbpp/sanitized-mbpp.json.gz", "mbpp", 427),
    ],
)
def test_every_reference_solution_is_right_and_an_empty_answer_wrong(path, format, count):
    problems = load(SHARED / path, format)
    assert len({problem.task_id for problem in problems}) == count
    right = {
        problem.task_id: f"{problem.reference_solution}\n{problem.reference_test}" for problem in problems
    }
    assert failing(right) == set()
    wrong = {
        problem.task_id: f"{problem.program('    return None', completion=True)}\n{problem.reference_test}"
        for problem in problems
    }
    assert failing(wrong) == set(wrong)


@needs_shared
def test_real_mbpp_prompts_show_no_examples():
    problems = load(SHARED / "mbpp/sanitized-mbpp.json.gz", "mbpp")
    for problem in problems:
        ast.parse(problem.prompt + "    pass\n")
        assert "assert" not in problem.prompt.lower().replace("assertion", "")
        for line in problem.reference_test.splitlines():
            assert line not in problem.prompt or not line.strip()


@needs_shared
def test_the_full_mbpp_and_codets_reformatting_load(caplog):
    full = load(SHARED / "mbpp/mbpp.jsonl.gz", "mbpp")
    assert len(full) == 974
    needing_classes = {problem.task_id for problem in full if problem.preamble}
    assert needing_classes == {"Mbpp/367", "Mbpp/601", "Mbpp/927"}
    programs = {p.task_id: f"{p.reference_solution}\n{p.reference_test}" for p in full}
    assert failing({task_id: programs[task_id] for task_id in needing_classes}) == set()
    with caplog.at_level(logging.WARNING):
        codet = load(SHARED / "mbpp/mbpp_sanitized_for_code_generation.jsonl.gz", "humaneval")
    assert len(codet) == 427
    assert codet[0].task_id == "MbppEval/2"
