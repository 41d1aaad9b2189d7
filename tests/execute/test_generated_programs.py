# ruff: noqa: E501 - programs are data
"""Generated programs with state of every sort: proofs on, proofs off and a new interpreter say the same."""

import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from cascade.execute import Batch, Check, Limits, execute

LIMITS = Limits(timeout_s=0.5, reference_timeout_s=0.5, memory_mb=512)
# State that a program keeps, and expressions that change it and give small numbers.
STATES = {
    "L = [0]": ["(L.append(0), len(L))[1]", "len(L)"],
    "class C:\n    n = 0\n    def inc(self):\n        self.n += 1\n        return self.n\nK = C\nk = C()\ninc = k.inc": [
        *("inc()", "k.inc()", "K.inc(K)", "C().inc()", "getattr(K, 'n') + 1"),
    ],
    "class D:\n    m = 0\n    @classmethod\n    def inc(cls):\n        cls.m += 1\n        return cls.m\n"
    "    @property\n    def p(self):\n        return D.inc()\nd = D()": [
        "D.inc()",
        "d.p",
        "type(d).inc()",
        "d.m",
    ],
    "pop = list(range(40, 0, -1)).pop": ["pop()"],
    "from collections import deque\nq = deque(range(1, 40))\nleft = q.popleft": ["left()", "len(q)"],
    "it = iter(range(40))": ["next(it)"],
    "def gen():\n    n = 0\n    while True:\n        n += 1\n        yield n\ng = gen()": [
        "next(g)",
        "next(gen())",
    ],
    "def count(h):\n    c = [0]\n    def w(*a):\n        c[0] += 1\n        return c[0]\n    return w\n"
    "@count\ndef deco(): return 0": ["deco()", "count(None)()"],
    "def default(a=[]):\n    a.append(0)\n    return len(a)": ["default()", "default([])"],
    "def keyword(*, a={}):\n    a[len(a)] = 0\n    return len(a)": ["keyword()", "keyword(a={})"],
    "def property(x): return [x]\nP = property(0)": ["(P.append(0), len(P))[1]", "len(property(0))"],
    "def len(x):\n    N[0] += 1\n    return N[0]\nN = [0]": ["len(0)", "N[0]"],
    "from functools import partial\nB = []\nadd = partial(B.append, 0)": ["(add(), B.__len__())[1]"],
    "x = 0\ndef step():\n    global x\n    x += 1\n    return x": ["step()", "x"],
    "class S(set): pass\ns = S()": ["(s.add(s.__len__()), s.__len__())[1]"],
}
BODIES = (
    "    return {a}",
    "    return {a} + {b}",
    "    k = 0\n    while k < n:\n        k += 1\n        v = {a}\n    return v",
    "    while {a} < 9:\n        v = {b}\n    return v",
    "    v = 0\n    while v != 7:\n        v = {a}\n    return v",
    "    v, l = 0, []\n    while v < 5:\n        l.append({b})\n        v = {a}\n    return l.__len__()",
    "    for v in range(n):\n        w = {a}\n    return w",
    "    def again(m): return {a} if m == 0 else again(m - 1)\n    return again(n)",
    "    h = lambda: {a}\n    v = h()\n    while v < 4:\n        v = h()\n    return v",
)
LINES = ("assert f(3) == 1", "assert f(3) == 3", "assert f(2) in (2, 5, 7, 9)", "assert f(1) < f(1)")
programs = st.builds(
    lambda states, body, picks: (
        "\n".join(states)
        + "\ndef f(n):\n"
        + body.format(
            **{
                name: (every := [e for state in states for e in STATES[state]])[pick % len(every)]
                for name, pick in zip("ab", picks, strict=True)
            }
        )
    ),
    st.lists(st.sampled_from([*STATES]), min_size=1, max_size=3, unique=True),
    st.sampled_from(BODIES),
    st.tuples(st.integers(0, 20), st.integers(0, 20)),
)


def fresh(pair: tuple[str, str]) -> str:
    """The verdict of a new interpreter."""
    code = "\n".join(pair)
    limits = lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 1))  # noqa: E731
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=limits, env={}
    )
    if done.returncode < 0:
        return "T"
    return "P" if done.returncode == 0 else "F" if done.stderr.splitlines()[-1] == "AssertionError" else "E"


def check(sources: list[str]) -> None:
    tests = tuple(Check(line, LIMITS.timeout_s) for line in LINES)
    every = tuple(range(len(LINES)))
    batch = Batch(tests, tuple((source, every) for source in sources))
    [(_, on)] = execute([batch], LIMITS, 1)
    [(_, off)] = execute([batch], replace(LIMITS, proofs=False), 1)
    with ThreadPoolExecutor(2) as pool:
        letters = [*pool.map(fresh, [(source, line) for source in sources for line in LINES])]
    n = len(LINES)
    rows = ["".join(letters[i * n : (i + 1) * n]) for i in range(len(sources))]
    assert [*zip(sources, on.rows, strict=True)] == [*zip(sources, rows, strict=True)]
    assert on.rows == off.rows


@settings(max_examples=1, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(st.lists(programs, min_size=8, max_size=8, unique=True))
def test_generated_programs(sources: list[str]) -> None:
    check(sources)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[*HealthCheck])
@given(st.lists(programs, min_size=8, max_size=16, unique=True))
def test_many_generated_programs(sources: list[str]) -> None:
    check(sources)
