"""What a forked child does: run a program and its tests, and tell verdicts that the code cannot make up.

Two ways. A *plain* program (see `plain`) cannot reach the runner: it is run once, its tests in turn
after it, and a record is written for each. Any other program gets a child for each test, which runs
`GUARDED`: the verdict "passed" is a secret that the server drew for this pair. It is read from a pipe
before the program starts and lies on the interpreter's value stack until the test has returned; no
name, object or frame that Python code can get hold of leads to it, and nothing that the code runs is
looked up by a name that it could have changed. A hook in the interpreter refuses what could look
behind that: tracing, the garbage collector's lists, foreign functions, replaced code.
"""

import gc
import os
import resource
import signal
import struct
import sys
import time
import types
from collections.abc import Callable
from typing import Any, NamedTuple

from cascade.execute.isolation.layers import Confinement
from cascade.execute.nontermination import watch as endless
from cascade.execute.nontermination.loop_sites import Loop

# One for each test: a letter and the CPU microseconds. M: out of memory; U: proven to outlast the limit; a
# small letter: the test was watched for a while, which a program near its recursion limit could have noticed.
RECORD = struct.Struct("<cI")
READY, FAILED, PROVEN = b"R", b"E", b"U"
SECRET_BYTES = 16

# Text literals that stand where a call or a value is wanted are replaced by the objects (see `bind`).
GUARDED = """
def pair():
    try:
        STEPS
    except "ASSERTION":
        "WRITE"("RESULT", b"F")
    except "EVERYTHING":
        "WRITE"("RESULT", b"E")
    finally:
        "EXIT"(0)
""".replace(
    "STEPS",
    # On one line, and with all operands evaluated in this order: first the secret, last the test.
    '"WRITE"("RESULT", ("READ"("SECRET", 16), "EXEC"("PROGRAM", "SPACE"), "WRITE"("RESULT", b"R"), '
    '"TIMER"(2, "SECONDS"), "EXEC"("TEST", "SPACE"))[0])',
)
HOOK = """
def hook(event, arguments):
    if event in "DENIED" or "START"(event, "DENIED_FAMILIES"):
        raise "REFUSAL"
    if event == "import" and arguments[0] in "DENIED_MODULES":
        raise "NO_MODULE"
    if event == "object.__setattr__" and arguments[1] == "__code__":
        raise "REFUSAL"
    if event in "ON_PATHS" and "proc" in "SPLIT"("TEXT"(arguments[0]), "/"):
        raise "REFUSAL"
    if (event == "os.kill" or event == "os.killpg") and arguments[0] != "PID":
        raise "REFUSAL"
"""
DENIED = frozenset(
    (
        "sys.settrace",
        "sys.setprofile",
        "sys._current_frames",
        "sys._current_exceptions",
        "sys.addaudithook",
        "sys.monitoring.register_callback",
        "gc.get_objects",
        "gc.get_referrers",
        "gc.get_referents",
        "code.__new__",
        "os.system",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.symlink",
        "os.link",
        "os.startfile",
        "pty.spawn",
        "subprocess.Popen",
        "resource.prlimit",
    )
)
ON_PATHS = frozenset(("open", "os.chdir", "os.listdir", "os.scandir"))
DENIED_FAMILIES = ("ctypes.", "socket.", "cpython.run_", "winreg.")
DENIED_MODULES = frozenset(
    ("ctypes", "_ctypes", "_testcapi", "_xxsubinterpreters", "_interpreters", "cffi", "_cffi_backend")
)


def bind(source: str, objects: dict[str, Any]) -> Callable[..., Any]:
    """A function whose code holds objects where its source has texts: there is no name to change."""
    space: dict[str, Any] = {}
    exec(compile(source, "<runner>", "exec"), space)
    [function] = [value for value in space.values() if isinstance(value, types.FunctionType)]
    code = function.__code__
    constants = tuple(objects.get(c, c) if isinstance(c, str) else c for c in code.co_consts)
    return types.FunctionType(code.replace(co_consts=constants), {"__builtins__": {}})


def silence(keep: tuple[int, ...]) -> None:
    """Empty stdin, output to nowhere, and no descriptor but some."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    at = 3
    for descriptor in sorted(keep):
        os.closerange(at, descriptor)
        at = descriptor + 1
    os.closerange(at, 1024)


# Modules that are hidden, not freed: they go on being used.
_hidden: list[types.ModuleType] = []


def hide() -> None:
    """Let nothing of the server be imported any more, here and in what is forked."""
    for name in [*sys.modules]:
        if name == "__main__" or name.partition(".")[0] in ("cascade", "ctypes", "_ctypes"):
            _hidden.append(sys.modules.pop(name))


def _module() -> types.ModuleType:
    """The module that a program is run as."""
    import random  # the server has it already, see `_warm` there

    module = types.ModuleType("candidate")
    sys.modules["candidate"] = sys.modules["__main__"] = module
    random.seed(0)
    gc.enable()
    return module


class Job(NamedTuple):
    """A plain program, and plain tests to run after it.

    Attributes:
        program: its code.
        tests: their code, each with its CPU seconds.
        watched: see `loops`.
        source: the program's text.
    """

    program: types.CodeType
    tests: list[tuple[types.CodeType, float]]
    watched: dict[int, Loop]
    source: str


def run_plain(prelude: types.CodeType, jobs: list[Job], result: int, imports_only: bool) -> None:
    """Plain programs, each once and its tests in turn after it: FAILED, or READY and records for them.

    Args:
        prelude: what comes before each.
        jobs: the programs.
        result: the descriptor that is written to.
        imports_only: whether the prelude only imports: then what it names is the same for all.
    """
    named: dict[str, object] = {}
    if imports_only:
        exec(prelude, named)
        prelude = compile("", "<prelude>", "exec")
    for job in jobs:
        _run_job(prelude, named, job, result)


def _run_job(prelude: types.CodeType, named: dict[str, object], job: Job, result: int) -> None:
    space = _module().__dict__
    space.update(named)
    clock, timer = time.process_time, signal.setitimer
    watch = endless.Watch(job.watched, job.source)

    def unending() -> None:
        os.write(result, RECORD.pack(PROVEN, int(1e6 * (clock() - started))))
        os._exit(0)

    timer(signal.ITIMER_PROF, job.tests[0][1])
    try:
        exec(prelude, space)
        exec(job.program, space)
    except MemoryError:
        os._exit(0)  # perhaps for what others have left
    except BaseException:
        os.write(result, FAILED)
        return
    os.write(result, READY)
    watch.start(unending)
    for test, seconds in job.tests:
        names = dict(space)
        started = clock()
        watch.begin(seconds)
        try:
            exec(test, space)
            letter = b"P"
        except AssertionError:
            letter = b"F"
        except MemoryError:
            letter = b"M"
        except BaseException:
            letter = b"E"
        if watch.used:
            letter = letter.lower()
        os.write(result, RECORD.pack(letter, int(1e6 * (clock() - started))))
        space.clear()
        space.update(names)
    watch.end()
    space.clear()


def run_guarded(
    prelude: types.CodeType,
    program: types.CodeType | str,
    test: types.CodeType | str,
    seconds: float,
    result: int,
    secret: int,
) -> None:
    """Any program with one test: READY once it is defined, then the secret if it passed, or F or E."""
    if isinstance(program, str):
        program = compile(program, "<program>", "exec")
    if isinstance(test, str):
        test = compile(test, "<test>", "exec")
    module = _module()
    exec(prelude, module.__dict__)
    hook = bind(
        HOOK,
        {
            "DENIED": DENIED,
            "DENIED_FAMILIES": DENIED_FAMILIES,
            "DENIED_MODULES": DENIED_MODULES,
            "ON_PATHS": ON_PATHS,
            "START": str.startswith,
            "REFUSAL": PermissionError,
            "NO_MODULE": ImportError,
            "TEXT": str,
            "SPLIT": str.split,
            "PID": os.getpid(),
        },
    )
    pair = bind(
        GUARDED,
        {
            "WRITE": os.write,
            "READ": os.read,
            "EXEC": exec,
            "TIMER": signal.setitimer,
            "EXIT": os._exit,
            "RESULT": result,
            "SECRET": secret,
            "PROGRAM": program,
            "TEST": test,
            "SPACE": module.__dict__,
            "SECONDS": seconds,
            "ASSERTION": AssertionError,
            "EVERYTHING": BaseException,
        },
    )
    sys.addaudithook(hook)
    del hook
    signal.setitimer(signal.ITIMER_PROF, seconds)
    pair()


def enter(confinement: Confinement, memory_mb: int, cpu_seconds: float, keep: tuple[int, ...]) -> None:
    """Silent and confined, for good."""
    silence(keep)
    confinement.enter_child(memory_mb, cpu_seconds)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
