"""Loops that are proven to outlast a limit never end before it: proofs against real execution."""

import ast
import itertools
import sys
import types
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from cascade.execute.fingerprint import PROGRAM_FILE
from cascade.execute.nontermination import loop_proof as rounds
from cascade.execute.nontermination.loop_sites import loops

MAX_LINES = 30_000
HELPERS = """
def is_prime(n):
    if n < 2:
        return False
    for d in range(2, int(n ** 0.5) + 1):
        if n % d == 0:
            return False
    return True
def halves(n):
    k = 0
    while n > 1:
        n //= 2
        k += 1
    return k
"""


class EnoughError(Exception):
    """The run took as many lines as it may."""


def claims_and_end(program: str, call: str) -> tuple[bool, bool]:
    """Whether any loop was claimed to outlast a second, at some of its rounds, and whether all ended."""
    tree = ast.parse(program)
    watched = loops(tree)
    firsts = {node.lineno: node for node in ast.walk(tree) if isinstance(node, ast.While | ast.For)}
    nodes = {line: firsts[loop.first] for line, loop in watched.items()}
    space: dict[str, Any] = {}
    exec(compile(program, PROGRAM_FILE, "exec"), space)
    claimed, left, seen = False, MAX_LINES, dict.fromkeys(watched, 0)

    def trace(frame: types.FrameType, event: str, _: object) -> Any:
        nonlocal claimed, left
        if frame.f_code.co_filename != PROGRAM_FILE:
            return None
        if event == "line":
            left -= 1
            if left < 0:
                raise EnoughError
            line = frame.f_lineno
            if line in watched:
                seen[line] += 1
                if seen[line] & (seen[line] - 1):
                    return trace  # in rounds 1, 2, 4, 8, …
                claimed |= rounds.outlasts(nodes[line], frame, tree, 1.0) is not None
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        eval(call, space)
    except EnoughError:
        return claimed, False
    except Exception:
        return claimed, True
    finally:
        sys.settrace(before)
    return claimed, True


@pytest.mark.parametrize(
    "body",
    [
        "while n > 0:\n        n += 1",
        "m = n\n    while True:\n        n += 1\n        m -= 1\n        if n < m:\n            break",
        "k = 0\n    while len(l) < n:\n        k += 1\n        if is_prime(k) and k < n:\n            n = 5",
        "l.append(0)\n    while len(l) < n:\n        l.append(n)\n        n += 2 - n % 2",
        "k, n = 0, -n\n    while n:\n        k += n & 1\n        n >>= 1",
        "s = 2\n    while True:\n        n += 1\n        s += n\n        if is_prime(s) and n < 5: return",
        "while n < 10 ** 12:\n        n += 1",
        "for k in range(2, 10 ** 9 + 7):\n        if n % k == 7:\n            l.append(k)",
        "for k in range(10 ** 10, 0, -1):\n        m = k\n        while n % m == 0:\n            n //= k",
        "while n > 0:\n        n += 1\n        for k in range(n):\n            if k:\n                break",
        "while n != 0:\n        n -= 2",
        "for k in range(1, 10 ** 9):\n        if 7 % k == 0:\n            n = max(n, min(k, 3))",
        "m = 1\n    for k in range(1, 10 ** 9):\n        if 77 % k == 0:\n            m = max(m, k)",
        "while n > 0:\n        l.append(n)\n        n += 2 if n % 2 else -1",
        "while 3 * n + 1 != 0 and n & 3 == 1:\n        n -= 4",
    ],
)
def test_proven(body: str) -> None:
    claimed, ended = claims_and_end(f"{HELPERS}def f(n, l):\n    {body}\n    return n", "f(5, [])")
    assert claimed
    assert not ended


@pytest.mark.parametrize(
    "body",
    [
        "while n < 10 ** 6:\n        n += 1",  # ends after a while
        "while n > 0:\n        n -= 1",
        "while n != 1:\n        n -= 2",
        "while n % 6 != 2:\n        n += 3",
        "while n > 0:\n        n += 1\n        l[n]",  # an index error
        "while n > 0:\n        n += 1\n        1 // (n - 300)",
        "k = n\n    while n > 0:\n        n += 1\n        if n == 400:\n            del k\n        k += 1",
        "m = l\n    while len(m) < 50:\n        l.append(1)",  # one list, two names
        "while n > 0:\n        n *= 2",  # memory
        "while n > 0:\n        n += 1\n        l.append(l)",
        "while n > 0:\n        n += 1\n        g(n)",  # unbound
        "for k in range(10 ** 6):\n        n += 1",  # ends after a while
        "for k in range(10 ** 9):\n        if n % k == 0:\n            n += 1",  # nought
        "for k in range(10 ** 9):\n        if k == 7000 + n:\n            return k",
        "m = 10 ** 9\n    for k in range(m):\n        m += 1",  # the range may have been another
        "range = lambda _: [1, 2, 3]\n    for k in range(10 ** 9):\n        n += k",
        "while n ** 0.5 > 0:\n        n = n * n",  # overflows
    ],
)
def test_not_proven(body: str) -> None:
    claimed, _ = claims_and_end(f"{HELPERS}def f(n, l):\n    {body}\n    return n", "f(5, [1])")
    assert not claimed


NAMES = st.sampled_from(["a", "b", "c"])
NUMBERS = st.integers(-4, 9)
ATOMS = st.one_of(NAMES, NUMBERS.map(str), st.just("len(l)"))


@st.composite
def expressions(draw: st.DrawFn) -> str:
    one, other = draw(ATOMS), draw(ATOMS)
    shapes = [
        one,
        f"{one} {draw(st.sampled_from(['+', '-', '*', '//', '%', '&', '>>', '<']))} {other}",
        f"abs({one})",
        f"{draw(st.sampled_from(['max', 'min']))}({one}, {other})",
        f"-{draw(NAMES)}",
        f"halves({one})",
        f"int(is_prime({one}))",
        f"({one} if {draw(conditions())} else {other})",
        f"l[{one}]",
        f"int({one} / {other})",
    ]
    return draw(st.sampled_from(shapes))


@st.composite
def conditions(draw: st.DrawFn) -> str:
    def one() -> str:
        return f"{draw(ATOMS)} {draw(st.sampled_from(['<', '<=', '>', '>=', '==', '!=']))} {draw(ATOMS)}"

    shapes = [
        one(),
        one(),
        f"{one()} and {one()}",
        f"{one()} or {one()}",
        f"not {one()}",
        f"{draw(NAMES)} % 3",
    ]
    return draw(st.sampled_from([*shapes, f"{draw(ATOMS)} < {draw(ATOMS)} <= {draw(ATOMS)}"]))


@st.composite
def statements(draw: st.DrawFn, depth: int, inner: bool) -> list[str]:
    kinds = ["step", "step", "step", "set", "swap", "append", "if", "if"]
    kinds += ["for", "while"] if depth < 2 else []
    kinds += ["leave"] if depth else []
    match draw(st.sampled_from(kinds)):
        case "step":
            return [f"{draw(NAMES)} {draw(st.sampled_from(['+=', '-=', '+=', '//=', '%=']))} {draw(NUMBERS)}"]
        case "set":
            return [f"{draw(NAMES)} = {draw(expressions())}"]
        case "swap":
            return [f"{draw(NAMES)}, {draw(NAMES)} = {draw(expressions())}, {draw(expressions())}"]
        case "append":
            return [f"l.append({draw(expressions())})"]
        case "leave":
            return [draw(st.sampled_from(["break", "continue", f"return {draw(NAMES)}"]))]
        case "if":
            yes, no = draw(blocks(depth + 1, inner)), draw(blocks(depth + 1, inner))
            return [
                f"if {draw(conditions())}:",
                *_indented(yes),
                *(["else:", *_indented(no)] if draw(st.booleans()) else []),
            ]
        case "for":
            head = f"for {draw(NAMES)} in range({draw(ATOMS)}, {draw(st.one_of(ATOMS, st.just('10**9')))}):"
            return [head, *_indented(draw(blocks(depth + 1, True)))]
    return [f"while {draw(conditions())}:", *_indented(draw(blocks(depth + 1, True)))]


@st.composite
def blocks(draw: st.DrawFn, depth: int, inner: bool) -> list[str]:
    return list(itertools.chain(*(draw(statements(depth, inner)) for _ in range(draw(st.integers(1, 3))))))


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


@settings(max_examples=300, deadline=None)
@given(blocks(1, True), conditions(), st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_what_is_proven_does_not_end(body: list[str], condition: str, start: tuple[int, int, int]) -> None:
    lines = ["def f(a, b, c, l):", *_indented([f"while {condition}:", *_indented(body)]), "    return a"]
    claimed, ended = claims_and_end(HELPERS + "\n".join(lines), f"f{(*start, [1, 2, 3])}")
    assert not (claimed and ended)
