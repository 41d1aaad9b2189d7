"""Verdicts of a data set's test: what a candidate can and cannot say."""

import resource

import pytest

from cascade.execute import Batch, Check, Limits, Outcome, execute
from cascade.execute.wire import MalformedError, Packer, Unpacker

RIGHT = "def f(x):\n    return x + 1"
CHECK = (
    "def check(candidate):\n    assert candidate(1) == 2\n    assert abs(candidate(2) - 3) < 1e-6\ncheck(f)"
)


def judge(program: str, test: str, entry_point: str | None = "f") -> Outcome:
    batch = Batch((Check(test, 1.0, entry_point),), ((program, (0,)),))
    [(_, outcome)] = execute([batch], Limits(1.0, 1.0, 512), 1)
    return outcome


@pytest.mark.parametrize(
    ("program", "row"),
    [
        (RIGHT, "P"),
        ("def f(x): return 0", "F"),
        ("def abs(x): return 0\ndef f(x): return 2", "F"),
        ("class A:\n    def __eq__(self, o): return True\ndef f(x): return A()", "F"),
        ("class I(int):\n    def __eq__(self, o): return True\ndef f(x): return I(7)", "F"),
        ("import builtins\nbuiltins.abs = lambda x: 0\ndef f(x): return 2", "F"),
        ("def f(x): raise ValueError", "E"),
        ("import os\ndef f(x): os._exit(0)", "E"),
    ],
)
def test_no_candidate_says_that_it_passed(program: str, row: str) -> None:
    assert judge(program, CHECK).rows == [row]


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("def f(l): l.append(1)", "a = []\nf(a)\nassert a == [1]"),
        ("def f(l): return l", "a = [1]\nassert f(a) is a"),
        ("def f(x): return [x] * 2", "a = f([])\nassert a[0] is a[1]"),
        ("def f(n):\n    for i in range(n): yield i", "assert list(f(3)) == [0, 1, 2]"),
        ("def f(g): return g(2) + 1", "assert f(lambda n: n * 5) == 11"),
        ("def f(x): return lambda y: x + y", "assert f(1)(2) == 3"),
        ("def f(x): raise KeyError(x)", "try:\n    f(1)\nexcept KeyError as e:\n    assert e.args == (1,)"),
        ("def f(x): return float('nan')", "assert f(1) != f(1)"),
        ("def f(x): return -0.0", "assert str(f(1)) == '-0.0'"),
        ("def f(x): return 10 ** 5000", "assert f(1) == 10 ** 5000"),
        ("def f(x): return {(1, 2), 'a'}", "assert f(1) == {'a', (1, 2)}"),
    ],
)
def test_what_goes_over_is_what_one_process_would_see(program: str, test: str) -> None:
    outcome = judge(program, test)
    assert outcome.rows == ["P"] and outcome.n_fallback == 0


def test_an_object_is_judged_by_the_fallback_and_counted() -> None:
    outcome = judge("class A:\n    n = 2\ndef f(x): return A()", "assert f(1).n == 2")
    assert (outcome.rows, outcome.n_fallback) == (["P"], 1)


@pytest.mark.parametrize(
    ("program", "test", "row"),
    [
        ("K = []\ndef f(x):\n    K.append(x)\n    return K", "a = f(1)\nf(2)\nassert a == [1]", "P"),
        (
            "class A:\n    def matches(self, x): return True\ndef f(x): return A()",
            "assert f(1).matches(5)",
            "P",
        ),
        ("def f(x):\n    while True: pass", "assert f(1) == 2", "T"),
        ("def f(x): raise AssertionError", "assert f(1) == 2", "F"),
    ],
    ids=["aliases between calls", "own judge", "own time-out", "own failure"],
)
def test_what_is_not_promised(program: str, test: str, row: str) -> None:
    """The second list of docs/sandbox.md: what a verdict on the program itself may still rest on."""
    assert judge(program, test).rows == [row]


PREPARED = """
def __prepare__():
    {before}
    return [(n, n + 1) for n in range(3)]

try:
    __prepared__
except NameError:
    __prepared__ = __prepare__()
for n, expected in __prepared__:
    assert f(n) == expected
"""
BURN = "import time\n    until = time.process_time() + 0.9\n    while time.process_time() < until: pass"


def test_what_a_test_prepares_is_prepared_once_and_costs_no_program_its_time() -> None:
    """Were each to pay, every one would be out of time with its own work."""
    burn = BURN.replace("0.9", "0.2")
    slow = f"def f(x):\n    if x == 2:\n        {burn.replace(chr(10), chr(10) + '    ')}\n    return x + 1"
    programs = [f"{slow}\nN = {i}" for i in range(5)] + ["def f(x): return 0"]
    test = Check(PREPARED.format(before=BURN), 1.0, "f")
    [(_, outcome)] = execute([Batch((test,), tuple((one, (0,)) for one in programs))], Limits(1, 1, 512), 1)
    assert outcome.rows == ["P"] * 5 + ["F"]
    assert sum(seconds for row in outcome.seconds for seconds in row) < 5 * 0.6


@pytest.mark.parametrize(
    ("program", "before", "row"),
    [
        (RIGHT, "pass", "P"),
        ("__prepared__ = []\ndef __prepare__(): return []\ndef f(x): return 0", "pass", "F"),
        (RIGHT, "raise ValueError", "E"),
        (RIGHT, "while True: pass", "T"),
    ],
    ids=["right", "a program with these names", "an error", "never ends"],
)
def test_what_is_prepared_is_the_tests_own(program: str, before: str, row: str) -> None:
    batch = Batch((Check(PREPARED.format(before=before), 0.1, "f"),), ((program, (0,)),))
    [(_, outcome)] = execute([batch], Limits(0.1, 0.1, 512), 1)
    assert outcome.rows == [row]


def children_s() -> float:
    """CPU seconds of the servers that have ended, with all that they started."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_what_is_prepared_serves_later_trials_too() -> None:
    """There are more programs than share a referee."""
    programs = [f"{RIGHT}\nN = {i}" for i in range(200)]
    test = Check(PREPARED.format(before=BURN), 1.0, "f")
    before = children_s()
    [(_, outcome)] = execute([Batch((test,), tuple((one, (0,)) for one in programs))], Limits(1, 1, 512), 1)
    spent = children_s() - before
    assert outcome.rows == ["P"] * 200
    assert 0.9 <= spent < 4 * 0.9  # what four trials would need if each prepared it


@pytest.mark.parametrize(
    "value", ["[lambda: None]", "b'x' * ((1 << 28) + 1)"], ids=["cannot be sent", "too large to keep"]
)
def test_what_cannot_be_kept_each_test_prepares_itself(value: str) -> None:
    test = f"def __prepare__():\n    return {value}, 2\ntry: __prepared__\n" + (
        "except NameError: __prepared__ = __prepare__()\nassert f(1) == __prepared__[1]"
    )
    batch = Batch((Check(test, 2.0, "f"),), ((RIGHT, (0,)), ("def f(x): return 0", (0,))))
    [(_, outcome)] = execute([batch], Limits(2.0, 2.0, 2048), 1)
    assert outcome.rows == ["P", "F"]


READS_FILES = """
import os
def f(x):
    found = b""
    for descriptor in range(1024):
        try: found += os.pread(descriptor, 1 << 16, 0)
        except OSError: pass
    return len(found) + x + 1
"""


def test_what_is_prepared_no_candidate_can_read() -> None:
    """It lies in a file of the zygote, of which every candidate is a fork."""
    batch = Batch((Check(PREPARED.format(before="pass"), 1.0, "f"),), ((READS_FILES, (0,)), (RIGHT, (0,))))
    [(_, outcome)] = execute([batch], Limits(1.0, 1.0, 512), 1)
    assert outcome.rows == ["P", "P"]


SAYS_WORDS = """
import os, struct, time
while True:
    for word in {words!r}:
        for descriptor in range(3, 40):
            try: os.write(descriptor, struct.pack("<cBI", word.encode(), 0, 0))
            except OSError: pass
    time.sleep(0.2)
"""


@pytest.mark.parametrize("words", ["B", "Y", "BY", "?"])
@pytest.mark.parametrize("prepares", [True, False])
def test_a_line_gets_no_time_by_saying_what_no_line_says(words: str, prepares: bool) -> None:
    """Whatever it says, it ends, and its neighbour's verdict is the neighbour's."""
    line = Check(SAYS_WORDS.format(words=words), 0.2)
    checks = (line, Check(PREPARED.format(before="pass") if prepares else CHECK, 0.2, "f"))
    batch = Batch(checks, ((RIGHT, (0, 1)), ("def f(x): return 0", (0, 1))))
    [(_, outcome)] = execute([batch], Limits(0.2, 0.2, 512), 1)
    assert [row[1] for row in outcome.rows] == ["P", "F"]
    assert {row[0] for row in outcome.rows} <= {"E", "T"}


def test_a_cycle_and_what_is_no_table() -> None:
    value: list[object] = [1]
    value.append((value, {2}))
    packer = Packer(lambda _value, _packer: ["absent", 0])
    reference = packer.pack(value)
    made = Unpacker(packer.nodes, lambda _atom, _table: None).value(reference)
    assert made[0] == 1 and made[1][0] is made and made[1][1] == {2}
    for nodes in ([["t", [0]]], [["?"]], [["s", [1]], ["l"]], {"a": 1}, [["d", 1]]):
        with pytest.raises(MalformedError):
            Unpacker(nodes, lambda _atom, _table: None)
