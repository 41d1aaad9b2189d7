"""Which function a prompt asks for, and what code it may hold."""

import pytest

from cascade.config import compose_study
from cascade.problems import DataSet, load_problems
from cascade.serving.prompt_function import PromptError, problem_of
from tests.conftest import SHARED, needs_shared

DOC = '    """Sum of a and b."""\n'


def same(problems: list) -> None:  # type: ignore[type-arg]
    for problem in problems:
        found = problem_of(problem.prompt, pure_only=True)
        expected = problem.prompt.rstrip(), problem.entry_point, problem.preamble
        assert (found.prompt.rstrip(), found.entry_point, found.preamble) == expected


def test_every_prompt_of_the_embedded_set_is_read_as_it_is() -> None:
    same(load_problems(compose_study(()).dataset))


@needs_shared("humaneval")
def test_every_prompt_of_humaneval_is_read_as_it_is() -> None:
    [path] = (SHARED / "humaneval").glob("HumanEval.jsonl*")
    same(load_problems(DataSet("humaneval", "humaneval", path=str(path))))


@pytest.mark.parametrize(
    ("prompt", "name", "source"),
    [
        (f"def add(a, b):\n{DOC}", "add", f"def add(a, b):\n{DOC}"),
        (f"def add(a, b):\r\n{DOC}", "add", f"def add(a, b):\n{DOC}"),
        (f"def add(a, b):\n{DOC}    pass\n", "add", f"def add(a, b):\n{DOC}"),
        (f"def add(a, b):\n{DOC}    # your code\n    ...\n", "add", f"def add(a, b):\n{DOC}"),
        ("def add(a, b): ...", "add", "def add(a, b):\n"),
        ("def add(a, b):", "add", "def add(a, b):\n"),
        (f"Complete this:\n\n```python\ndef add(a, b):\n{DOC}```\nThanks!", "add", f"def add(a, b):\n{DOC}"),
        (f"Complete this:\n\ndef add(a, b):\n{DOC}", "add", f"def add(a, b):\n{DOC}"),
        (
            f"Do it.\nimport math\nfrom typing import List\n\ndef add(a, b):\n{DOC}",
            "add",
            f"import math\nfrom typing import List\n\ndef add(a, b):\n{DOC}",
        ),
        (
            "```py\ndef add(a: int) -> int:\n    ...\n```\nIt adds one.",
            "add",
            'def add(a: int) -> int:\n    """\n    It adds one.\n    """\n',
        ),
        (
            "Write a function `add(a, b)` that adds.",
            "add",
            'def add(a, b):\n    """\n    Write a function `add(a, b)` that adds.\n    """\n',
        ),
        (
            "Write a Python function called add.",
            "add",
            'def add(*args):\n    """\n    Write a Python function called add.\n    """\n',
        ),
        (
            "Implement def add(n: int) -> list[int], sorted.",
            "add",
            'def add(n: int) -> list[int]:\n    """\n'
            '    Implement def add(n: int) -> list[int], sorted.\n    """\n',
        ),
    ],
)
def test_a_function_is_found(prompt: str, name: str, source: str) -> None:
    found = problem_of(prompt, pure_only=True)
    assert (found.entry_point, found.prompt) == (name, source)


def test_the_function_is_the_one_that_is_not_written_yet() -> None:
    helper = "def helper(x):\n    return x + 1\n\n"
    found = problem_of(f"{helper}def add(a, b):\n{DOC}", pure_only=True)
    assert (found.entry_point, found.preamble) == ("add", helper)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "Hello, how are you?",
        "Write a python function to find the shared elements of two lists.",
        "Please write the function that sorts.",
        "What does the function do?",
        "class A:\n    pass\n",
        "x = 1\n",
        "```\nfor (int i = 0; i < n; i++) {}\n```",
    ],
)
def test_a_prompt_without_a_function_is_told_what_is_needed(prompt: str) -> None:
    with pytest.raises(PromptError, match="no function to write was found") as error:
        problem_of(prompt, pure_only=True)
    assert error.value.code == "no_function"


HOSTILE = [
    "import os\nos.system('id')\n",
    "import subprocess\n",
    "from dataclasses import sys\n",
    "__import__('os').system('id')\n",
    "while True:\n    pass\n",
    "x = [0] * 10 ** 12\n",
    "x = list(range(10 ** 12))\n",
    "def g():\n    import os\n    os.remove('/')\n\n",
    "class A:\n    x = open('/etc/passwd')\n\n",
    "@print\n",
    "exec('1')\n",
    "eval\n",
    "print('x')\n",
    "import sys; sys.setrecursionlimit(10)\n",
    "try:\n    pass\nfinally:\n    raise SystemExit\n",
]


@pytest.mark.parametrize("before", HOSTILE)
def test_code_that_does_more_than_define_is_refused(before: str) -> None:
    with pytest.raises(PromptError) as error:
        problem_of(f"{before}def add(a, b):\n{DOC}", pure_only=True)
    assert error.value.code == "prompt_code"
    assert problem_of(f"{before}def add(a, b):\n{DOC}", pure_only=False).entry_point == "add"


@pytest.mark.parametrize("header", ["def f(x=open('/etc/passwd').read()):", "def f(x: exec('1')):"])
def test_headers_that_run_code_are_refused(header: str) -> None:
    with pytest.raises(PromptError):
        problem_of(f"{header}\n{DOC}", pure_only=True)


@pytest.mark.parametrize(
    "prompt",
    [
        "def f(x):\n" * 20_000,
        "```\n" * 50_000,
        "(" * 100_000 + "def f(x):\n",
        "def f(" + "(" * 5000,
        "\n" * 200_000 + "def",
        "function `" * 20_000,
        "import a\n" * 20_000 + "def f(x) text",
        "def f(x):\n    " + "'" * 100_000,
    ],
)
def test_odd_texts_end_soon(prompt: str) -> None:
    """In what the quick suite allows; a pattern that goes back and forth would take hours."""
    try:
        problem_of(prompt, pure_only=True)
    except PromptError as error:
        assert error.code in ("no_function", "prompt_code")
