"""Which programs and lines may share a run."""

import ast

import pytest

from cascade.execute.equivalence import canonical as canonical_of, first_call as first_call_of, only_calls


def canonical(source: str) -> str:
    return canonical_of(source, compile(source, "<program>", "exec"))


def first_call(line: str) -> str | None:
    return first_call_of(ast.parse(line))


def test_layout_comments_and_docstrings_do_not_matter() -> None:
    one = 'def f(x):\n    """Doc."""\n    return x+1  # add\n'
    other = "def f(x):\n    'Other.'\n\n    return (x + 1)"
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x):\n    return x", "def f(y):\n    return y"),  # names can be passed by keyword
        ("def f(x):\n    return 1", "def f(x):\n    return 1.0"),
        ("def f():\n    'a'\n    return f.__doc__", "def f():\n    'b'\n    return f.__doc__"),
        ("def f():\n    'a'\n    return 'a'", "def f():\n    'b'\n    return 'b'"),
        ("def f():\n    return 1", "def f():\n    return True"),
        ("def f():\n    'doc'", "def f():\n    return 'doc'"),
    ],
)
def test_anything_else_does(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("assert f(1) == 2", "f(1)"),
        ("assert f(1) == 3, 'message'", "f(1)"),
        ("assert 2 == f(1)", "f(1)"),
        ("assert sorted(f(1)) == [1]", "f(1)"),
        ("assert not f(1)", "f(1)"),
        ("assert f(1) % 2 and g(2)", "f(1)"),
        ("assert f(g(2)) == 1", "g(2)"),
        ("assert [f(1), 2] == [1, 2]", "f(1)"),
        ("assert x.y(1) == 2", "x.y(1)"),
        ("assert f(-1)[0] == 2", "f(-1)"),
        # Something else may take the time before the call, or the call may not be made.
        ("assert 9**9**9 == f(1)", None),
        ("assert all(f(i) for i in (1, 2))", None),
        ("assert (lambda: f(1))() == 2", None),
        ("assert x if f(1) else y", None),
        ("assert True", None),
    ],
)
def test_first_call(line: str, call: str | None) -> None:
    if call is None:
        assert first_call(line) is None
    else:
        assert first_call(line) == first_call(f"assert {call}")
        assert first_call(line) is not None


@pytest.mark.parametrize(
    ("test", "call"),
    [
        (
            "M = {'author': 'x'}\ndef check(g):\n    'doc'\n    assert g(1) == 2\n    assert g(3)\ncheck(f)",
            "f(1)",
        ),
        ("def check(g):\n    assert abs(g([1, 2], 'a')) < 2\ncheck(f)", "f([1, 2], 'a')"),
        ("def check(g):\n    x = 2 ** 9 ** 9\n    assert g(1) == 2\ncheck(f)", None),
        ("def check(g):\n    assert g(g(1)) == 2\ncheck(f)", "f(1)"),
        ("def check(g):\n    assert g(g) == 2\ncheck(f)", None),
        ("def check(g):\n    assert h(1) == 2\ncheck(f)", None),
        ("def check(g=h(1)):\n    assert g(1) == 2\ncheck(f)", None),
        ("def check(g):\n    assert g(1) == 2\nother(f)", None),
        ("h(1)\ndef check(g):\n    assert g(1) == 2\ncheck(f)", None),
    ],
)
def test_first_call_of_a_reference_test(test: str, call: str | None) -> None:
    assert first_call(test) == (None if call is None else first_call(f"assert {call}"))


@pytest.mark.parametrize(
    ("line", "only"),
    [
        ("assert f(1) == [2, -3]", True),
        ("assert not f('a', [1])", True),
        ("assert f(1) == f(2)", False),
        ("assert sorted(f(1)) == [1]", False),
        ("assert 2 in f(1)", False),
        ("assert f(1) ** 9 == 2", False),
        ("assert [i for i in f(1)]", False),
        ("def check(g):\n    assert g(1) == 2\ncheck(f)", False),
    ],
)
def test_a_late_line_says_that_its_call_is_late(line: str, only: bool) -> None:
    assert only_calls(ast.parse(line)) == only
