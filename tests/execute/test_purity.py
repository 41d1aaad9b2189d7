"""What is pure: on the list, and nothing beside it."""

import ast

import pytest

from cascade.execute.only_call import gives_plain_data, only_call
from cascade.execute.purity import is_provable, is_pure, modules_named


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
        # A builtin, or a name of typing's, that is bound where nothing runs.
        "if 0: eval = 0\ndef f(x): return eval('1')",
        "try: pass\nexcept ValueError as exec: pass\ndef f(x): exec('1')",
        "def g(globals): pass\ndef f(x): return globals()",
        "[0 for getattr in ()]\ndef f(x): return getattr(f, '__globals__')",
        "def g():\n    open = 1\ndef f(x): return open('x')",
        "class A:\n    vars = vars\ndef f(x): return A.vars(x)",
        "def g():\n    global compile\n    compile = 0\ndef f(x): return compile('1', '', 'eval')",
        "if 0: get_type_hints = 0\ndef f(x: 'eval(1)'): return get_type_hints(f)",
        "match 0:\n    case [*dir]: pass\ndef f(x): return dir(x)",
        "match 0:\n    case {**setattr}: pass\ndef f(x): return setattr(f, 'x', 1)",
        "if 0: math = 0\nclass A: pass\nA._x = 0\ndef f(x): return math._x",
        # Classes whose methods may have any name.
        "t = type(int)\nA = t('A', (), {'__del__': print})",
        "A = type(type(1))('A', (), {})",
        "A = [type(int)][0]('A', (), {})",
        "def f(x, t=type(str)): return t('A', (), {})",
        "A = (lambda t: t('A', (), {}))(type(int))",
        "A = (type(int) or 1)('A', (), {})",
        # State that nothing shows, and code that runs when something is collected.
        "from collections.abc import Sequence\nclass C: pass\nC.register = 0\ndef f(): Sequence.register(C)",
        "def g():\n    try: yield 1\n    finally: print()\ndef f(): return next(g())",
        "def g():\n    while True:\n        try: yield 1\n        except: pass\ndef f(): return g()",
        # Texts that read attributes, and what an exception holds.
        "class A:\n    format_map = 1\ndef f(x): return '{x.__globals__}'.format_map({'x': f})",
        "class A:\n    obj = 1\ndef f(x):\n    try: x.count\n    except AttributeError as e: return e.obj",
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


@pytest.mark.parametrize(
    ("line", "pure"),
    [
        ("assert f(1) == math.pi", True),
        ("assert isinstance(f(1), List)", True),
        ("assert get_type_hints(f) == {}", False),
        ("assert eval('f(1)')", False),
        ("assert [eval for eval in [1]] and eval('f(1)')", False),
        ("assert type(int)('A', (), {})", False),
    ],
)
def test_lines(line: str, pure: bool) -> None:
    names = frozenset({"f", "math", "List", "get_type_hints"})
    assert is_pure(ast.parse(line), names) == pure


def test_a_name_that_is_bound_where_it_is_used_hides_nothing() -> None:
    assert is_pure(ast.parse("def f(input, id):\n    dir = input + id\n    return dir"))
    assert is_pure(
        ast.parse("def f(x): return type(x) == int or type(x) in (str, list) or type(x).__name__ == 'a'")
    )


def test_modules_of_the_prelude_are_modules() -> None:
    known = modules_named(ast.parse("import collections\nimport re as r"))
    assert known == {"collections": "collections", "r": "re"}
    assert is_pure(ast.parse("def f(x): return collections.Counter(r.findall('a', x))"), known=known)
    path = "class A: pass\na = A()\na._sys = a.modules = 0\ndef f(): return collections._sys.modules"
    assert not is_pure(ast.parse(path), known=known)
    assert not is_pure(ast.parse(f"if 0: collections = 0\n{path}"), known=known)


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("assert f(1) == 2", "f(1)"),
        ("assert not f(1, k=[2])", "f(1, k=[2])"),
        ("assert abs(f(1) - 0.5) < 1e-6, 'text'", "f(1)"),
        ("assert round(f(1), 2) == round(-0.5, 2)", "f(1)"),
        ("assert 2 == f(1)", "f(1)"),
        ("assert isinstance(f(1), list)", "f(1)"),
        ("assert f(1) == f(2)", ""),
        ("assert f(g(1)) == 1", ""),
        ("assert f(1) == 9**9**9", ""),
        ("assert f(1) * 10**9", ""),
        ("assert f(1), g(2)", ""),
        ("assert f(1) and g(2)", ""),
        ("assert 0 < 1 < f(1)", ""),
        ("assert [f(1)] == [1]", ""),
    ],
)
def test_the_only_call_of_a_line(line: str, call: str) -> None:
    assert only_call(ast.parse(line)) == call


@pytest.mark.parametrize(
    ("program", "plain"),
    [("def f(x): return x", True), ("class A: pass", False), ("def abs(x):\n    while x: pass", False)],
)
def test_what_gives_plain_data(program: str, plain: bool) -> None:
    assert gives_plain_data(ast.parse(program)) == plain
