"""Recursions that are proven to outlast a limit: the calls that are counted are those that are made."""

import ast
import sys
import types
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from cascade.execute import Batch, Check, Limits, execute
from cascade.execute.fingerprint import PROGRAM_FILE
from cascade.execute.nontermination import recursion_proof as calls

FIB = "def f(n):\n    if n < 2:\n        return n\n    return f(n - 1) + f(n - 2)"


def real_calls(program: str, n: int) -> int:
    """Calls that `f(n)` makes, itself not counted; 3,000 if there are more, or it raises."""
    space: dict[str, Any] = {}
    exec(compile(program, PROGRAM_FILE, "exec"), space)
    count = -1

    def trace(frame: types.FrameType, event: str, _: object) -> None:
        nonlocal count
        # Others are called in between: hypothesis counts the time of the garbage collector.
        count += event == "call" and frame.f_code.co_filename == PROGRAM_FILE
        if count >= 3000:
            raise RuntimeError

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        space["f"](n)
    except Exception:
        return 3000
    finally:
        sys.settrace(before)
    return count


def outlasts(program: str, n: int, n_calls: int) -> bool:
    """Whether `f(n)` is proven to make more calls than a number."""
    space: dict[str, Any] = {}
    exec(compile(program, PROGRAM_FILE, "exec"), space)
    proven = False

    def trace(frame: Any, _event: str, _: object) -> None:
        nonlocal proven
        sys.settrace(None)
        proven = calls.outlasts(frame, ast.parse(program), (n_calls - 0.5) / calls.ROUNDS_PER_S)
        raise RuntimeError

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        space["f"](n)
    except RuntimeError:
        return proven
    finally:
        sys.settrace(before)
    raise AssertionError


CONDITION = st.sampled_from(
    ["n % 2 == 0", "n > 3 and g(n) > 2", "not n % 3", "g(n) == 1", "1 < n < 9", "n < 3 or g(n - 1)"]
)
TERM = st.sampled_from(
    ["f(n - 1)", "f(n - 2)", "g(n)", "f(n // 2)", "n", "2", "(f(n - 1) if n % 2 else g(n))"]
)


@settings(max_examples=300, deadline=None)
@given(CONDITION, st.lists(TERM, min_size=1, max_size=3), TERM, st.integers(0, 12))
def test_calls_are_counted(condition: str, terms: list[str], other: str, n: int) -> None:
    program = (
        "def g(n):\n    k = 0\n    for d in range(n):\n        k += h(d)\n    return k\n"
        "def h(n):\n    return n % 3\n"
        f"def f(n):\n    if n < 1:\n        return h(n)\n"
        f"    if {condition}:\n        return {' + '.join(terms)}\n"
        f"    m = {other}\n    while m > n:\n        m -= 1 + h(m)\n    return m"
    )
    count = real_calls(program, n)
    if count < 3000:
        assert not outlasts(program, n, count)
        # Nothing is left out either, but in what is not followed.
        assert count == 0 or "<" in condition or outlasts(program, n, count - 1)


@pytest.mark.parametrize(
    ("program", "line", "letter", "proven"),
    [
        (FIB, "assert f(100) == 1", "T", True),
        (FIB, "assert f(20) == 6765", "P", False),
        # It ends by an exception that calls that are known already do not show.
        (
            "def g(n):\n    return g(n - 1) if n else 0\ndef f(n):\n    return g(n)",
            "assert f(5000)",
            "E",
            False,
        ),
        ("def f(l):\n    return f(l + [1])", "assert f([])", "E", False),
    ],
)
def test_recursions(program: str, line: str, letter: str, proven: bool) -> None:
    [(_, outcome)] = execute([Batch((Check(line, 1.0),), ((program, (0,)),))], Limits(1.0, 1.0, 512), 1)
    assert outcome.rows == [letter]
    assert outcome.n_proven == proven
