"""The hostile programs of `tricks`, each with its right verdict and neighbours that keep theirs."""

import pytest

from cascade.execute import Batch, Check, Isolation, Limits, Outcome, execute
from tests.execute import tricks
from tests.execute.test_battery import LAYERS as EVERY

LAYERS = {name: layers for name, layers in EVERY.items() if name != "bubblewrap"}
LIMITS = Limits(timeout_s=1.0, reference_timeout_s=1.0, memory_mb=512)
RIGHT = "def f(x):\n    return x + 1"
on_every_layer = pytest.mark.parametrize(
    "layers", ["all", *(pytest.param(name, marks=pytest.mark.slow) for name in LAYERS if name != "all")]
)


def run(batch: Batch, layers: str, limits: Limits = LIMITS) -> Outcome:
    [(_, outcome)] = execute([batch], limits, 1, Isolation(layers=LAYERS[layers]))
    return outcome


@on_every_layer
def test_a_data_sets_test_believes_nobody(layers: str) -> None:
    cases = [*tricks.REFERENCE.items()]
    # 150 MB take a second where memory is slow.
    seconds = {"huge": 5.0}
    tests = [Check(test, seconds.get(name, 1.0), "f") for name, (_, test, _) in cases]
    tests.append(Check(tricks.CHECK, 1.0, "f"))
    programs = []
    for i, (_, (program, _, _)) in enumerate(cases):
        programs += [(program, (i,)), (f"{RIGHT}\nn = {i}", (len(cases),))]
    rows = run(Batch(tuple(tests), tuple(programs)), layers).rows
    wrong = {n: r for (n, (_, _, right)), r in zip(cases, rows[::2], strict=True) if r not in right}
    assert not wrong
    assert set(rows[1::2]) == {"P"}


@on_every_layer
def test_every_line_finds_the_program_as_it_was_loaded(layers: str) -> None:
    tests = tuple(Check(f"assert f() == 1, {i}", 1.0) for i in range(3))
    programs = tuple((program, (0, 1, 2)) for program in tricks.LEAKS.values())
    rows = run(Batch(tests, programs), layers).rows
    assert {name: row for name, row in zip(tricks.LEAKS, rows, strict=True) if row != "PPP"} == {}


@pytest.mark.parametrize("entry_point", [None, "f"])
@pytest.mark.parametrize("given", ["Iterable", "cast", "Counter"])
def test_what_a_test_passes_is_as_it_was(given: str, entry_point: str | None) -> None:
    """The program names none of it, and hangs something on it."""
    limits = Limits(1.0, 1.0, 512, "from typing import *")
    program = "def f(c):\n    seen = hasattr(c, 'n')\n    c.n = 1\n    return seen"
    tests = tuple(Check(f"assert not f({given}), {i}", 1.0, entry_point) for i in range(3))
    assert run(Batch(tests, ((program, (0, 1, 2)),)), "all", limits).rows == ["PPP"]


@pytest.mark.parametrize("proofs", [True, False])
def test_what_ends_is_not_proven_endless(proofs: bool) -> None:
    limits = Limits(timeout_s=9.0, reference_timeout_s=9.0, memory_mb=512, proofs=proofs)
    programs = tuple((program, (0,)) for program in tricks.ENDING.values())
    outcome = run(Batch((Check("assert f(200000) == 1", 9.0),), programs), "all", limits)
    assert {name: row for name, row in zip(tricks.ENDING, outcome.rows, strict=True) if row != "P"} == {}
    assert outcome.n_proven == 0


@pytest.mark.parametrize("entry_point", [None, "f"])
def test_programs_that_differ_are_not_taken_for_equal(entry_point: str | None) -> None:
    found, right = {}, {}
    for name, (one, other, test, rows) in tricks.TWINS.items():
        if name == "line asked by the test" and entry_point:
            continue  # it may not ask
        batch = Batch((Check(test, 1.0, entry_point),), ((one, (0,)), (other, (0,))))
        found[name], right[name] = tuple(run(batch, "all").rows), rows
    assert found == right


def test_a_line_changes_nothing_for_the_next_or_for_others() -> None:
    """Names bound and attributes set in a line, in a process that many lines share."""
    lines = [
        "assert [0 for math.pi in [3.0]]",
        "assert (n := 5) == 5",
        "assert [0 for f.n in [3]]",
        "assert n == 1 and not hasattr(f, 'n')",
        "assert str(math.pi) == '3.141592653589793'",
    ]
    limits = Limits(1.0, 1.0, 512, "import math\nfrom typing import *")
    program = "n = 1\ndef f(): return n"
    every = tuple(range(len(lines)))
    batch = Batch(tuple(Check(line, 1.0) for line in lines), ((program, every), (f"{program}\nm = 2", every)))
    assert run(batch, "all", limits).rows == ["PPPPP", "PPPPP"]


@pytest.mark.parametrize("program", ["while True: pass", "import os\nwhile True: pass"])
@on_every_layer
def test_a_program_that_never_loads_costs_one_limit(layers: str, program: str) -> None:
    tests = (*(Check(f"assert f({i})", 1.0) for i in range(30)), Check("import os", 1.0))
    outcome = run(Batch(tests, ((program, tuple(range(31))),)), layers)
    assert outcome.rows == ["T" * 31]
    assert sum(seconds > 0 for seconds in outcome.seconds[0]) == 1  # nobody else waited
