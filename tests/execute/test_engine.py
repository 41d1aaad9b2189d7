"""The engine: right verdicts, bounded harm, nothing left behind."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cascade.base.errors import ExecutionError
from cascade.execute import Batch, Check, Isolation, Limits, execute
from cascade.execute.isolation.layers import PACKAGE_ROOT

LIMITS = Limits(timeout_s=0.5, reference_timeout_s=1.0, memory_mb=512)
RIGHT = "def f(x):\n    return x + 1"


def rows(programs: list[str], lines: list[str], limits: Limits = LIMITS, workers: int = 1) -> list[str]:
    """The letters of every program on every line."""
    tests = tuple(Check(line, limits.timeout_s) for line in lines)
    batch = Batch(tests, tuple((program, tuple(range(len(lines)))) for program in programs))
    [(_, found)] = execute([batch], limits, workers)
    return found.rows


@pytest.mark.parametrize(
    ("program", "line", "letter"),
    [
        (RIGHT, "assert f(1) == 2", "P"),
        (RIGHT, "assert f(1) == 3", "F"),
        (RIGHT, "assert f('a') == 3", "E"),
        (RIGHT, "assert g(1) == 3", "E"),
        (RIGHT, "assert f(", "E"),
        ("def f(x:", "assert True", "E"),
        ("", "assert True", "P"),
        ("raise SystemExit(0)", "assert True", "E"),
        ("import os; os._exit(0)", "assert True", "E"),
        ("while True: pass", "assert True", "T"),
        ("def f(x):\n    while True: pass", "assert f(1)", "T"),
        ("def f(x):\n  while True:\n    try: f(x)\n    except BaseException: pass", "assert f(1)", "T"),
        ("def f(x): return sum(range(10**12))", "assert f(1)", "T"),  # inside C code
        ("def f(x): return f(x)", "assert f(1)", "E"),
        ("def f(x): return [0] * 10**11", "assert f(1)", "E"),
        ("def f(x): return input()", "assert f(1) == ''", "E"),
        ("def f(x): print('x' * 10**7); return 1", "assert f(1) == 1", "P"),
        ("import os, signal\ndef f(x): os.kill(os.getpid(), signal.SIGSEGV)", "assert f(1)", "E"),
        ("def f(x): open('big', 'w').write('x' * 10**8); return 1", "assert f(1) == 1", "E"),
        ("from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int", "assert A(1).x == 1", "P"),
        ("from __future__ import annotations\n" + RIGHT, "assert f(1) == 2", "P"),
        ("x = '\ud800'", "assert len(x) == 1", "E"),  # not encodable source
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()",
            "assert True",
            "P",
        ),
    ],
)
def test_letters(program: str, line: str, letter: str) -> None:
    assert rows([program], [line]) == [letter]


def test_a_line_that_ends_the_child_costs_only_itself() -> None:
    lines = [
        "assert f(1) == 2",
        "import os; os._exit(0)",
        "assert f(2) == 3",
        "while True: pass",
        "assert f(0)",
    ]
    assert rows([RIGHT], lines) == ["PEPTP"]


def test_a_line_cannot_rename_for_the_next() -> None:
    assert rows([RIGHT], ["f = None", "assert f(1) == 2"]) == ["PP"]
    assert rows([RIGHT], ["assert (f := max)", "assert f(1) == 2"]) == ["PP"]


@pytest.mark.parametrize(
    "program",
    [
        "n = 0\ndef f():\n    global n\n    n += 1\n    return n",
        "def f(a=[]):\n    a.append(1)\n    return len(a)",
        "L = []\ndef f():\n    L.append(1)\n    return len(L)",
        "class A:\n    n = 0\ndef f():\n    A.n += 1\n    return A.n",
        "def f():\n    f.n = getattr(f, 'n', 0) + 1\n    return f.n",
        "import itertools\nc = itertools.count(1)\ndef f(): return next(c)",
        "import math\ndef f():\n    math.n = getattr(math, 'n', 0) + 1\n    return math.n",
        "from functools import lru_cache\n@lru_cache\ndef g(): return []\n"
        "def f():\n    g().append(1)\n    return len(g())",
        "import builtins\ndef f():\n    builtins.n = getattr(builtins, 'n', 0) + 1\n    return builtins.n",
        "import os\ndef f():\n    open('x', 'a').write('1')\n    return os.path.getsize('x')",
        "class A:\n    l = []\ndef f():\n    A().l.append(1)\n    return len(A.l)",
        "def g():\n    l = []\n    return lambda: l.append(1) or len(l)\nf = g()",
        "from collections import Counter\nC = Counter()\ndef f():\n    C.update('a')\n    return C['a']",
        "import decimal\ndef f():\n    decimal.getcontext().prec += 1\n"
        "    return decimal.getcontext().prec - 28",
        "T = {'a': [0]}\ndef f():\n    T['a'][0] += 1\n    return T['a'][0]",
        "def f(s=set()):\n    s.add(len(s))\n    return len(s)",
    ],
)
def test_state_does_not_pass_from_line_to_line(program: str) -> None:
    assert rows([program], ["assert f() == 1"] + ["assert f() == 1, 'again'"] * 2) == ["PPP"]


def test_what_is_reported() -> None:
    tests = tuple(Check(line, 0.5) for line in ("assert f(1) == 2", "assert f(0) == 1"))
    plain, stateful = RIGHT, "import os\n" + RIGHT
    endless = "def f(x):\n    while x:\n        pass\n    return 1"
    batch = Batch(tests, tuple((program, (0, 1)) for program in (plain, stateful, endless)))
    [(_, outcome)] = execute([batch], LIMITS, 1)
    assert outcome.rows == ["PP", "PP", "TP"]
    assert (outcome.n_isolated, outcome.n_proven) == (2, 1)
    assert "rlimits" in outcome.layers
    # The proof came long before the limit.
    assert all(0.0 <= seconds < LIMITS.timeout_s for row in outcome.seconds for seconds in row)


def test_confined_or_not_at_all() -> None:
    batch = Batch((Check("assert f(1) == 2", 0.5),), ((RIGHT, (0,)),))
    with pytest.raises(
        ExecutionError, match=r"sandbox\.require=confined: this machine allows only process group"
    ):
        list(execute([batch], LIMITS, 1, Isolation(require_confined=True, layers=())))


def test_a_container_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    batch = Batch((Check("assert f(1) == 2", 0.5),), ((RIGHT, (0,)),))
    with pytest.raises(ExecutionError, match="bwrap: the execution server cannot be started"):
        list(execute([batch], LIMITS, 1, Isolation(container="bubblewrap")))


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_bubblewrap() -> None:
    outside = str(Path.home() / "cascade-test-outside")
    batch = Batch((Check("assert f(1) == 2", 0.5),), ((RIGHT, (0,)), (f"open({outside!r}, 'w')", (0,))))
    [(_, outcome)] = execute([batch], LIMITS, 1, Isolation(container="bubblewrap"))
    assert outcome.rows == ["P", "E"] and "bubblewrap" in outcome.layers


def test_the_same_endless_call_is_waited_for_once() -> None:
    program = "def f(x):\n    while x: pass\n    return 0"
    started = time.monotonic()
    lines = [f"assert f(1) == {i}" for i in range(40)]
    assert rows([program], [*lines, "assert f(0) == 0"]) == ["T" * 40 + "P"]
    assert time.monotonic() - started < 40 * LIMITS.timeout_s / 2


def test_prelude_comes_first() -> None:
    limits = Limits(0.5, 1.0, 512, "import math\nfrom typing import *")
    assert rows(["def f(x: List[int]): return math.ceil(x)"], ["assert f(0.5) == 1"], limits) == ["P"]
    assert rows(["def f(x: List[int]): return x"], ["assert f(1) == 1"]) == ["E"]


def test_verdicts_do_not_hang_on_hashes_or_chance() -> None:
    program = "import random\ndef f(): return list({'a', 'b', 'c', 'd'}), random.random()"
    [first] = rows([program + "\nR = f()"], ["assert 'a' in R[0]"])
    assert first == "P"
    lines = [f"assert f()[0][0] == {letter!r}" for letter in "abcd"] + ["assert f()[1] < 0.5"]
    assert rows([program], lines) == rows([program], lines)


def test_each_program_has_its_own_tests_and_order_does_not_matter() -> None:
    tests = tuple(Check(f"assert f({i}) == {i + 1}", 0.5) for i in range(3))
    wrong = "def f(x):\n    return 2"
    batches = [
        Batch(tests, ((RIGHT, (2, 0)), (wrong, (0, 1, 2)), (RIGHT + "\n# twin", (1,)))),
        Batch(tests, ((wrong, (1,)),)),
    ]
    assert all_rows(batches, 2) == {0: ["PP", "FPF", "P"], 1: ["P"]}
    assert all_rows(batches[::-1], 1) == {1: ["PP", "FPF", "P"], 0: ["P"]}


def all_rows(batches: list[Batch], workers: int) -> dict[int, list[str]]:
    return {index: outcome.rows for index, outcome in execute(batches, LIMITS, workers)}


def children_of(pid: int) -> set[int]:
    """Every living process below one, by /proc."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            below.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, todo = set(), [pid]
    while todo:
        new = below.get(todo.pop(), [])
        found.update(new)
        todo += new
    return found


linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


@linux_only
def test_nothing_is_left_behind(tmp_path: Path) -> None:
    mark = f"cascade-test-{os.getpid()}"
    program = f"""
import os, subprocess, sys
def f(x):
    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', {mark!r}])
    return 1
"""
    before = children_of(os.getpid())  # of other tests: multiprocessing keeps a tracker
    assert rows([program], ["assert f(1) == 1"]) == ["E"]
    time.sleep(0.2)
    commands = [p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists()]
    assert not [c for c in commands if mark.encode() in c]
    assert children_of(os.getpid()) <= before


@pytest.mark.parametrize(
    "layers", [("namespaces", "landlock", "seccomp", "uid"), ("namespaces",), ("landlock",)]
)
def test_no_file_is_left_for_the_next_program(layers: tuple[str, ...]) -> None:
    paths = ["stray", "../stray", "../a/b/stray", "../run2", "/scratch/stray"]
    leaves = f"""
import os
def f(x):
    for path in {paths}:
        try:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            open(path, "w").close()
        except OSError:
            pass
    return os.path.exists("stray")
"""
    finds = f"import os\ndef f(x): return any(map(os.path.exists, {paths}))"
    tests = Check("assert f(1)", 0.5), Check("assert not f(1)", 0.5)
    batch = Batch(tests, ((leaves, (0,)), (finds, (1,)), (leaves, (0,)), (finds, (1,))))
    [(_, outcome)] = execute([batch], LIMITS, 1, Isolation(layers=layers))
    assert outcome.rows == ["P"] * 4


def test_a_copy_in_the_folder_for_temporary_files_is_as_safe(tmp_path: Path) -> None:
    """The isolation puts its own scratch folder somewhere else."""
    shutil.copytree(
        Path(PACKAGE_ROOT) / "cascade", tmp_path / "cascade", ignore=shutil.ignore_patterns("__pycache__")
    )
    code = """
import tempfile
from cascade.execute import Batch, Check, Limits, execute
tempfile.tempdir = {folder!r}
batch = Batch((Check("assert f(1)", 1.0),), (("def f(x): return 1", (0,)),))
[(_, outcome)] = execute([batch], Limits(1.0, 1.0, 512), 1)
print(*outcome.rows, *outcome.layers, sep=", ")
"""
    found = []
    for root, folder in ((PACKAGE_ROOT, None), (tmp_path, None), (tmp_path, str(tmp_path))):
        command = [sys.executable, "-c", code.format(folder=folder)]
        environment = os.environ | {"PYTHONPATH": str(root)}
        found.append(
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        )
    assert all(line.startswith("P, process group") for line in found)
    assert len({"namespaces" in line for line in found}) == 1


@linux_only
def test_closing_the_iterator_ends_every_process() -> None:
    endless = Batch((Check("while True: pass", 30.0),), ((RIGHT, (0,)),))
    quick = Batch((Check("assert f(1) == 2", 0.5),), ((RIGHT, (0,)),))
    before = children_of(os.getpid())
    results = execute([quick, endless, endless], LIMITS, 2)
    assert next(results)[1].rows == ["P"]
    results.close()  # type: ignore[attr-defined]
    assert children_of(os.getpid()) <= before


@linux_only
def test_a_killed_server_is_replaced() -> None:
    slow = Batch((Check("import time; time.sleep(1)", 5.0),), ((RIGHT, (0,)),))
    killed = threading.Thread(target=kill_one_server)
    killed.start()
    assert all_rows([slow], 1) == {0: ["P"]}
    killed.join()


@linux_only
def test_a_server_that_dies_again_and_again_is_given_up() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=lambda: [kill_one_server() for _ in iter(stop.is_set, True)])
    thread.start()
    slow = Batch((Check("import time; time.sleep(9)", 5.0),), ((RIGHT, (0,)),))
    try:
        with pytest.raises(ExecutionError, match="died 3 times"):
            list(execute([slow], LIMITS, 1))
    finally:
        stop.set()
        thread.join()


def kill_one_server() -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for pid in children_of(os.getpid()):
            try:
                if b"cascade.execute.server" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                    continue
                time.sleep(0.3)
                os.kill(pid, signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                continue
            return
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="becomes somebody else")
def test_a_user_without_rights_has_the_filter_too() -> None:
    """It needs no namespaces, which some machines do not allow."""
    code = """
import os, sysconfig
from cascade.execute.isolation import layers
sysconfig.get_paths()  # while this Python's files can be read
os.setresgid(12345, 12345, 12345), os.setresuid(12345, 12345, 12345)
print(*layers.confine_server(["landlock", "seccomp"], "/tmp").layers)
"""
    environment = os.environ | {"PYTHONPATH": PACKAGE_ROOT}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "seccomp" in done.stdout, done.stderr


def test_a_late_second_call_says_nothing_of_the_first() -> None:
    program = "def f(x):\n    while x > 1: pass\n    return x"
    check = "def check(g):\n    assert g(1) == 1\n    assert g(2) == 2\ncheck(f)"
    lines = [check, "assert f(1) == f(2)", "assert f(1) == 1", "assert f(2) == 2", "assert f(2) == 3"]
    assert rows([program], lines) == ["TTPTT"]


BURN = """
import time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
"""


@pytest.mark.parametrize(
    ("program", "letters"),
    [
        (RIGHT, "PPP"),
        (BURN + "def f(x): burn(0.3); return x + 1", "TPP"),
        (BURN + "def f(x): burn(0.3); return x", "TFF"),
        (BURN + "burn(0.3)\ndef f(x): return x + 1", "TPP"),  # the definitions are late
        (BURN + "import sys\nsys.setrecursionlimit(900)\ndef f(x): burn(0.3); return x + 1", "TPP"),  # impure
        ("def f(x):\n    while True: pass", "TTT"),
        ("while True: pass", "TTT"),
        ("1 / 0", "EEE"),
    ],
)
def test_a_test_with_several_limits_runs_once(program: str, letters: str) -> None:
    """With the longest; what it took says the others."""
    tests = tuple(Check("assert f(1) == 2", seconds, "f") for seconds in (0.1, 1.0, 2.0))
    [(_, found)] = execute([Batch(tests, ((program, (0, 1, 2)),))], LIMITS, 1)
    assert found.rows == [letters]
    assert found.seconds[0][:2] == [0.0, 0.0]
