"""Programs that are called equal do the same to every test."""

import pytest

from cascade.execute import Batch, Check, Limits, execute
from cascade.execute.equivalence import canonical


def key(source: str) -> str:
    return canonical(compile(source, "<program>", "exec"))


def test_layout_and_comments_do_not_matter_and_all_else_does() -> None:
    assert key("def f(x): return x  # one") == key("\n\ndef f(x):\n    return (x)")
    for other in (
        "def f(y): return y",
        "def g(x): return x",
        "def f(x):\n    'a'\n    return x",
        "def f(x): return 1",
    ):
        assert key("def f(x): return x") != key(other)


@pytest.mark.parametrize(
    ("programs", "line", "rows"),
    [
        (["def f():\n    'a'", "def f():\n    'b'"], "assert f.__doc__ == 'a'", ["P", "F"]),
        (["def f(): pass", "\ndef f(): pass"], "assert f.__code__.co_firstlineno == 1", ["P", "F"]),
    ],
)
def test_a_test_sees_what_differs(programs: list[str], line: str, rows: list[str]) -> None:
    batch = Batch((Check(line, 1.0),), tuple((program, (0,)) for program in programs))
    [(_, outcome)] = execute([batch], Limits(1.0, 1.0, 512), 1)
    assert outcome.rows == rows
