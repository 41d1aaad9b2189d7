"""Programs and test lines taken out of what models write."""

from textwrap import dedent

import pytest

from cascade.generate.reader import TextKind, read_program
from cascade.generate.reading import (
    read_solution,
    read_test,
    self_test,
    solution_end,
    test_is_complete as complete,
)
from cascade.problems import Problem
from tests.generate.test_reading import decode, ids

PROMPT = 'from typing import List\n\n\ndef f(x: int) -> int:\n    """Twice."""\n'
PROBLEM = Problem("T/0", PROMPT, "f", "from typing import List\n\n\n", "assert f(1) == 2\n")


def completed(text: str) -> str:
    return read_program(text, PROBLEM, TextKind.completion).text


def answered(text: str) -> str:
    return read_program(text, PROBLEM, TextKind.reply).text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("    return 2 * x\n", "    return 2 * x\n"),
        ("    return 2 * x\n\nprint(f(3))\n", "    return 2 * x\n\n"),
        (
            "    return g(x)\n\ndef g(x):\n    return 2 * x\n\nassert f(1) == 2\n",
            "    return g(x)\n\ndef g(x):\n    return 2 * x\n\n",
        ),
        ("    return 2 * x\n\nif __name__ == '__main__':\n    f(1)\n", "    return 2 * x\n\n"),
        ("    return 2 * x\n\nThis doubles x.\n", "    return 2 * x\n\n"),
        (
            "    y = [\n        x,\n    ]\n    return 2 * y[0]\n\ndef g(\n",
            "    y = [\n        x,\n    ]\n    return 2 * y[0]\n\n",
        ),
        ('    return """\nprint(1)\n""" and 2 * x\nf(2)', '    return """\nprint(1)\n""" and 2 * x\n'),
        ("    return ]\n\nprint(1)\n", "    return ]\n\nprint(1)\n"),  # what is broken stays broken
        ("    y = x\n    return 2 *", "    y = x\n    return 2 *"),
    ],
)
def test_a_completion_is_cut_after_its_function(text: str, kept: str) -> None:
    assert completed(text) == kept


ANSWER = dedent(
    """\
    Sure! You install nothing:
    ```bash
    pip install nothing
    ```
    Here it is:
    ```python
    import math

    def f(x):
        return 2 * x

    print(f(1))
    ```
    It doubles x.
    """
)


def test_the_fence_that_defines_the_function() -> None:
    assert answered(ANSWER) == "import math\n\ndef f(x):\n    return 2 * x\n\n"


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("```python\ndef f(x):\n    return 2 * x", "def f(x):\n    return 2 * x"),  # cut at the limit
        ("def f(x):\n    return 2 * x\n", "def f(x):\n    return 2 * x\n"),
        ("The function:\n\ndef f(x):\n    return 2 * x\n\nIt doubles.", "def f(x):\n    return 2 * x\n\n"),
        ("```\nx = 1\n```", "x = 1\n"),  # a fence without the function
        ("I cannot.", "I cannot."),
        ("", ""),
    ],
)
def test_answers(text: str, program: str) -> None:
    assert answered(text) == program


def test_an_answer_ends_with_its_fence() -> None:
    closed = "Here:\n```python\ndef f():\n    pass\n```"
    assert solution_end(closed[:-3], (), completion=False) is None
    written = read_solution(decode, ids(f"{closed}\nIt works."), (), completion=False)
    assert written.text.rstrip() == closed
    assert solution_end(f"{closed}\n", (), completion=True) is None


@pytest.mark.parametrize(
    ("begins", "text", "kept"),
    [
        ("assert", " f(1) == 2\nassert f(2) == 4\n```\nDone", "assert f(1) == 2\nassert f(2) == 4"),
        (
            "",
            "Tests:\n```python\nassert f(1) == 2\nassert f(2) == 4\n```\nDone",
            "assert f(1) == 2\nassert f(2) == 4",
        ),
        ("", "```python\n# a test\nassert f(1) == 2\n", "# a test\nassert f(1) == 2"),
        ("", "```\nf(1)\n```\n```python\nassert f(1) == 2\n```", "assert f(1) == 2"),
        ("", "no test at all", "no test at all"),
    ],
)
def test_test_lines_stand_in_fences(begins: str, text: str, kept: str) -> None:
    written = read_test(decode, ids(text), begins, 2)
    assert self_test(written, 2).text == kept
    assert written.tokens == (begins + text).index(kept) + len(kept) - len(begins)


def test_a_test_is_complete_when_its_fence_closes() -> None:
    assert not complete("```python\nassert f(1) == 2\n", 4)
    assert complete("```python\nassert f(1) == 2\n```", 4)
    assert complete("assert f(1) == 2\nassert f(2) == 3\n", 2)
    assert not complete("assert f(1) == 2\nassert f([1,\n", 2)
    assert complete("assert f(1) == 2\nassert f([1,\n2\n3\n4\n5\n", 2)
    assert complete("assert f(1) == 2\nassert f([1,\n  2,\n  3]) == 3\n", 2)
    assert not complete("assert f(1) == 2\nassert f(2) == 3", 2)
