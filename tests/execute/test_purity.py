"""What is pure: on the list, and nothing beside it."""

import ast

import pytest

from cascade.execute.purity import is_provable, is_pure


@pytest.mark.parametrize(
    "program",
    [
        "def f(x): return x + 1",
        "import math\ndef f(x): return math.sqrt(x)",
        "from collections import Counter\ndef f(x): return Counter(x).most_common(1)",
        "T = [1, 2]\ndef f(x): return x in T",
        "class A:\n    def inc(self): self.n = 1\ndef f(x): return A().inc()",
    ],
)
def test_pure(program: str) -> None:
    assert is_pure(ast.parse(program))


@pytest.mark.parametrize(
    "program",
    [
        "import sys\ndef f(x): return x",
        "from dataclasses import sys as s\ndef f(x): return x",
        "import math as m\nn = m\ndef f(x): return x",
        "import math\ndef f(x): return math.__loader__",
        "import calendar\ndef f(x): calendar.mdays[2] = 29",
        "import copy\ndef f(x): return copy.dispatch_table",
        "import hashlib\ndef f(x): return hashlib.algorithms_available",
        "def f(x): return (i for i in x).gi_frame",
        "class A:\n    gi_frame = 1\ndef f(x): return (i for i in x).gi_frame",
        "def f(x): return getattr(x, 'a')",
        "def f(x): return f.__globals__",
        "class A:\n    def __del__(self): pass",
        "class M(type): pass\nclass A(metaclass=M): pass",
        "def f(x): return os",
    ],
)
def test_impure(program: str) -> None:
    assert not is_pure(ast.parse(program))


@pytest.mark.parametrize(
    "program",
    [
        "def range(x): return x\ndef f(x): return range(x)",
        "def property(g): return g\n@property\ndef f(x): return x",
        "n = 0\ndef f(x):\n    global n\n    n += 1",
        "def f(x): return x\ndef f(x): return 1",
    ],
)
def test_nothing_is_proven_where_names_mean_two_things(program: str) -> None:
    assert not is_provable(ast.parse(program))
