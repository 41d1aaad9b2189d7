"""Loops whose state comes back are proven non-terminating, and only those."""

import ast

import pytest

from cascade.execute import Batch, Check, Limits, execute
from cascade.execute.nontermination.loop_sites import loops

LIMITS = Limits(timeout_s=1.0, reference_timeout_s=1.0, memory_mb=512)


def verdict(body: str, argument: str = "5") -> tuple[str, int]:
    """The letter of `f(argument)` and how many pairs were proven non-terminating."""
    program = f"def f(n):\n    {body}\n    return n"
    [(_, outcome)] = execute([Batch((Check(f"assert f({argument})", 1.0),), ((program, (0,)),))], LIMITS, 1)
    [letter] = outcome.rows
    return letter, outcome.n_proven


@pytest.mark.parametrize(
    "body",
    [
        "while n:\n        pass",
        "k, l = 0, []\n    while n:\n        k += 1\n        l.append(k % 7)",
        "l = [[1]]\n    while len(l[-1]) < 3:\n        l.append([])",
        "l = [n, 1]\n    while l[-1] + l[-2] > 0:\n        l.append(l[-2])",
        "s = set(range(n))\n    while min(s) == 0:\n        s.add(n)\n        s.remove(n)",
    ],
)
def test_a_state_that_comes_back_is_proven(body: str) -> None:
    assert verdict(body) == ("T", 1)


@pytest.mark.parametrize(
    "body",
    [
        "l = [0]\n    while l[-1] < 400_000:\n        l.append(l[-1] + 1)",
        "l, k = [0, 0], 0\n    while l[-2] < 200_000:\n        k = l[-1] + 1\n        l.append(k)",
        "l = [400_000, 0]\n    while l[-2] + l[-1]:\n        l.append(l[-2] - 1 if l[-2] else 0)",
        "s = {n}\n    while min(s) < 300_000:\n        s.add(min(s) + 1)\n        s.remove(min(s))",
    ],
)
def test_a_loop_that_ends_is_waited_for(body: str) -> None:
    assert verdict(body) == ("P", 0)


def unordered(program: str) -> bool:
    [loop] = loops(ast.parse(f"{program}\nwhile x:\n    pass")).values()
    return loop.unordered


@pytest.mark.parametrize(
    "statement",
    [
        *("for i in s: g = i", "g = [i for i in s]", "g = list(s)", "g = s.pop()", "a, b = s", "g = f'{s}'"),
        *("g = '%s' % s", "g += s", "g[0:2] = s", "g = [*s]", "g = key(s)", "g = min(s, key=abs)"),
        *("sorted = list", "def min(s): return [*s]", "x = lambda len: len(s)", "yield from s", "g = str(s)"),
        *("for a, b in sorted(g): pass", "class A: pass"),
    ],
)
def test_what_sees_the_order_of_a_set(statement: str) -> None:
    assert not unordered(f"def f(s, g):\n    {statement}")


def test_what_does_not_see_the_order_of_a_set() -> None:
    assert unordered("def f(s):\n    for i in range(len(s)): s.add(i % 2)\n    return sorted(s)[0] in s")
