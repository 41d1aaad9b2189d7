# ruff: noqa: E501 - programs are data
"""Hostile programs of our own: what each does, its right verdict, and where the bare layer cannot hold it.

Every case is a program, and the test `assert f(1) == 2`, unless it brings its own. `WRONG` returns 0, so
whatever the program tries, a pass would be a forged one. {OUTSIDE}, {PORT} and {VICTIM} are filled in
with a file that must not change, a port that must not be reached, a process that must not die.
"""

from dataclasses import dataclass

from tests.execute import tricks

TEST = "assert f(1) == 2"
WRONG = "\ndef f(x):\n    return 0\n"
RIGHT = "\ndef f(x):\n    return x + 1\n"


@dataclass(frozen=True)
class Case:
    """One program.

    Attributes:
        name: what it does.
        program, test: the pair.
        verdicts: the right verdict; several where the layers or Python versions may differ, none of them a pass
            that is not deserved.
        holds_bare: whether layer (a) alone keeps the harm away.
        timeout_s: CPU seconds; more for what ends, but late where memory is slow.
    """

    name: str
    program: str
    verdicts: str
    test: str = TEST
    holds_bare: bool = True
    timeout_s: float = 0.3


def _wrong(name: str, attempt: str, verdicts: str = "FE", holds_bare: bool = True) -> Case:
    """Something tried while the program is defined, in spite of an f that is wrong."""
    return Case(name, attempt + WRONG, verdicts, holds_bare=holds_bare)


def _inside(name: str, attempt: str, verdicts: str = "FE", holds_bare: bool = True) -> Case:
    """The same, tried by f while the test runs."""
    body = "\n".join("    " + line for line in attempt.splitlines())
    return Case(f"{name}, inside", f"def f(x):\n{body}\n    return 0\n", verdicts, holds_bare=holds_bare)


# Each of these is tried at both places.
FORGERIES = {
    "os._exit": "import os; os._exit(0)",
    "sys.exit": "import sys; sys.exit(0)",
    "SystemExit": "raise SystemExit(0)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "SIGKILL to itself": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "abort": "import os; os.abort()",
    "segmentation fault": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "bytes into every descriptor": "import os\nfor d in range(3, 256):\n"
    "    for m in (b'P', b'R' + b'P' * 16, b'RP\\0\\0\\0\\0'):\n        try: os.write(d, m)\n        except OSError: pass",
    "descriptors closed": "import os\nos.closerange(0, 256)",
    "result copied over": "import os\nr, w = os.pipe()\nfor d in range(3, 12): os.dup2(w, d)",
    "secret read again": "import os\nfor d in range(3, 12):\n    try:\n        b = os.read(d, 64)\n"
    "        for e in range(3, 12):\n            try: os.write(e, b'R' + b)\n            except OSError: pass\n"
    "    except OSError: pass",
    "frames walked": "import sys, os\nfr = sys._getframe()\nwhile fr:\n    for o in [*fr.f_locals.values(), *fr.f_code.co_consts,"
    " *fr.f_globals.values()]:\n        if isinstance(o, bytes) and len(o) == 16:\n            for d in range(3, 12):\n"
    "                try: os.write(d, b'R' + o)\n                except OSError: pass\n    fr = fr.f_back",
    "frames' variables set": "import sys\nfr = sys._getframe()\nwhile fr:\n    for n in list(fr.f_locals):\n"
    "        if n not in ('f', 'sys', 'fr', '__builtins__'): fr.f_locals[n] = None\n    fr = fr.f_back",
    "garbage collector asked": "import gc, os\nfor o in gc.get_objects():\n    if isinstance(o, bytes): os.write(3, o)",
    "referents of the runner's frame": "import gc, sys\nfor o in gc.get_referents(sys._getframe().f_back):\n    print(o)",
    "referrers asked": "import gc\ngc.get_referrers(f)",
    "trace function": "import sys\nsys.settrace(lambda *a: None)",
    "profile function": "import sys\nsys.setprofile(lambda *a: None)",
    "line jumped over": "import sys\ndef t(fr, e, a):\n    fr.f_lineno += 1\n    return t\nsys._getframe().f_back.f_trace = t\n"
    "sys.settrace(t)",
    "runner's code replaced": "import sys, types\nfr = sys._getframe()\nwhile fr:\n    for o in fr.f_code.co_consts:\n"
    "        if isinstance(o, types.FunctionType): o.__code__ = (lambda *a: None).__code__\n    fr = fr.f_back",
    "code made from bytes": "import types\n(lambda: 0).__code__.replace(co_code=b'\\x64\\xff')",
    "foreign functions": "import ctypes\nctypes.pythonapi.PyErr_Clear()\nctypes.CDLL(None)._exit(0)",
    "foreign functions, imported around": "import sys, importlib\nsys.modules.pop('ctypes', None)\n"
    "importlib.import_module('_ctypes').dlopen(None, 0)",
    "memory file": "open('/proc/self/mem', 'rb').read(1)\nraise SystemExit",
    "memory file by a detour": "import os\nos.chdir('/')\nopen('pro' + 'c/self/mem', 'rb')\nraise SystemExit",
    "exit handlers": "import atexit, os\n@atexit.register\ndef g():\n    for d in range(3, 12): os.write(d, b'RPPPP')",
    "signal handlers": "import signal, os\nfor s in (signal.SIGPROF, signal.SIGTERM, signal.SIGALRM, signal.SIGVTALRM):\n"
    "    signal.signal(s, lambda *a: os._exit(0))\nsignal.setitimer(signal.ITIMER_REAL, 0.01)",
    "AssertionError replaced": "import builtins\nbuiltins.AssertionError = type('X', (Exception,), {})",
    "AssertionError muted": "import builtins\nbuiltins.AssertionError = lambda *a: SystemExit(0)",
    "builtins replaced": "import builtins\nbuiltins.exec = builtins.compile = builtins.eval = lambda *a, **k: None",
    "os replaced": "import os\nos.write = os._exit = os.fork = lambda *a: 0",
    "modules emptied": "import sys\nsys.modules.clear()",
    "the runner's module looked for": "import sys\nm = [n for n in sys.modules if 'cascade' in n or n == 'ctypes']\n"
    "assert m, 'none'",
    "exception hook": "import sys\nsys.excepthook = sys.unraisablehook = lambda *a: None",
    "thread that never ends": "import threading, time\nthreading.Thread(target=time.sleep, args=({SLEEP},)).start()",
    "thread that writes": "import threading, os\ndef w():\n    while True:\n        for d in range(3, 12):\n"
    "            try: os.write(d, b'RPPPPPPPPPPPPPPPP')\n            except OSError: pass\nthreading.Thread(target=w).start()",
    "finalizer": "import os\nclass D:\n    def __del__(self): os._exit(0)\nd = D()\ndel d",
    "recursion limit": "import sys\nsys.setrecursionlimit(10**9)\ndef g(): g()\ng()",
    "limits raised": "import resource\nfor r in (resource.RLIMIT_AS, resource.RLIMIT_CPU):\n"
    "    resource.setrlimit(r, (resource.RLIM_INFINITY,) * 2)",
    "another user": "import os\nos.setuid(0)",
    "subinterpreter": "import _xxsubinterpreters as s\ns.run_string(s.create(), 'import os; os._exit(0)')",
    "secret in a frame": "import sys, os\nfr = sys._getframe()\nwhile fr:\n    s = fr.f_locals.get('secret')\n"
    "    if isinstance(s, bytes):\n        for d in range(3, 12):\n            try: os.write(d, b'R' + s)\n"
    "            except OSError: pass\n        os._exit(0)\n    fr = fr.f_back",
    "records written": "import os\nfor d in range(3, 64):\n    for m in (b'P\\0\\0\\0\\0\\0', b'\\0\\0\\0\\x0c[\"value\",[],2,0]'):\n"
    "        try: os.write(d, m)\n        except OSError: pass",
    "tests in the frames": "import sys\nfr, seen = sys._getframe(), []\nwhile fr:\n    seen += [v for v in fr.f_locals.values() if '== 2' in repr(v)[:9999]]\n"
    "    fr = fr.f_back\nif any('assert' in repr(s) and 'seen' not in repr(s) for s in seen):\n    def g(x): return 2\n    sys.modules['candidate'].__dict__['f'] = g",
    "modules of modules": "from dataclasses import sys as s\nfor n in range(3, 64):\n    try: s.modules['posix'].write(n, b'PPPPPPPP')\n    except OSError: pass\n"
    "s.setrecursionlimit(60)",
    "foreign functions by another name": "import importlib.util as u, importlib.machinery as m, sys\np = u.find_spec('_ctypes').origin\n"
    "l = m.ExtensionFileLoader('x._ctypes', p)\nc = u.module_from_spec(u.spec_from_loader('x._ctypes', l))",
    "builtins of the test": "import builtins\nfor n in ('abs', 'all', 'any', 'isinstance', 'len', 'round', 'str', 'sorted'):\n"
    "    setattr(builtins, n, lambda *a, **k: True)",
    "runner's modules changed": "import gc, types\nfor o in gc.get_objects():\n    if isinstance(o, types.FunctionType) and 'cascade' in str(o.__module__):\n"
    "        o.__code__ = (lambda *a, **k: 2).__code__ if not o.__code__.co_freevars else o.__code__",
    "audit hooks": "import sys\nsys.addaudithook(lambda *a: 1 / 0)",
}
FORGERIES |= tricks.FORGERIES
# May end out of time instead, if the thread or handler keeps the child busy, or where it has read away what
# it is asked next ("secret read again") and waits for more.
SLOW = tricks.SLOW | {*("thread that writes", "recursion limit", "signal handlers", "secret read again")}

PROCESSES = {
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "fork": "import os\nif os.fork() == 0:\n    import time; time.sleep({SLEEP})",
    "program started": "import subprocess\nsubprocess.Popen(['sleep', '{SLEEP}'])",
    "shell": "import os\nos.system('sleep {SLEEP} &')",
    "program in place": "import os\nos.execv('/bin/true', ['true'])",
    "fork beneath Python's own": "import _posixsubprocess as p, os\nr, w = os.pipe()\n"
    "p.fork_exec([b'/bin/sleep', b'{SLEEP}'], [b'/bin/sleep'], True, (w,), None, None, -1, -1, -1, -1, -1, -1, r, w,"
    " False, False, -1, None, None, None, -1, None)",
    "spawn": "import os\nos.posix_spawn('/bin/sleep', ['sleep', '{SLEEP}'], {})",
    "multiprocessing": "import multiprocessing as m, time\nm.get_context('fork').Process(target=time.sleep, args=({SLEEP},)).start()",
    "kill everything": "import os, signal\nos.kill(-1, signal.SIGKILL)",
    "kill the parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
    "kill another": "import os, signal\nos.kill({VICTIM}, signal.SIGKILL)",
    "kill the group": "import os, signal\nos.killpg(0, signal.SIGKILL)",
    "trace the parent": "import os\nopen(f'/proc/{os.getppid()}/mem', 'r+b').write(b'x')",
    "many threads": "import threading, time\nfor i in range(10**4): threading.Thread(target=time.sleep, args=(9,)).start()",
}
FILES = {
    "file outside written": "open('{OUTSIDE}', 'w').write('changed')",
    "file outside removed": "import os\nos.remove('{OUTSIDE}')",
    "file outside renamed": "import os\nos.rename('{OUTSIDE}', '{OUTSIDE}.moved')",
    "file outside opened to all": "import os\nos.chmod('{OUTSIDE}', 0o777)",
    "folder outside removed": "import shutil, os\nshutil.rmtree(os.path.dirname('{OUTSIDE}'))",
}
NETWORK = {
    "connection": "import socket\nsocket.create_connection(('127.0.0.1', {PORT}), 1).send(b'x')",
    "connection beneath": "import _socket\ns = _socket.socket()\ns.connect(('127.0.0.1', {PORT}))",
    "datagram": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {PORT}))",
    "server": "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()",
    "web page": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{PORT}/', timeout=1)",
}

CASES: list[Case] = [
    *(_wrong(n, a, "FET" if n in SLOW else "FE") for n, a in FORGERIES.items()),
    *(_inside(n, a, "FET" if n in SLOW else "FE") for n, a in FORGERIES.items()),
    *(_wrong(n, a, "FET") for n, a in PROCESSES.items()),
    *(_wrong(n, a, "FE", holds_bare=False) for n, a in FILES.items()),
    *(_wrong(n, a, "FE") for n, a in NETWORK.items()),
    # Time.
    Case("endless loop", "def f(x):\n    while True: pass", "T"),
    Case("endless loop while defined", "while True: pass", "T"),
    Case("endless loop that grows", "def f(x):\n    while x: x += 1", "T"),
    Case("exceptions swallowed", "def f(x):\n    while True:\n        try: f(x)\n        except BaseException: pass", "T"),
    Case("timers off, a little late", "import signal, time\ndef f(x):\n    signal.setitimer(signal.ITIMER_PROF, 0)\n"
         "    t = time.process_time()\n    while time.process_time() - t < 0.6: pass\n    return 2", "T"),
    Case("timers off while defined, a little late", "import signal, time\nsignal.setitimer(signal.ITIMER_PROF, 0)\n"
         "while time.process_time() < 0.6: pass\ndef f(x): return 2", "T"),
    Case("timers off", "import signal\nsignal.setitimer(signal.ITIMER_PROF, 0)\nwhile True: pass", "T"),
    Case("signals blocked", "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass", "T"),
    Case("signals ignored", "import signal\nsignal.signal(signal.SIGPROF, signal.SIG_IGN)\nwhile True: pass", "T"),
    Case("loop in C", "def f(x): return sum(range(10**12))", "T"),
    Case("regular expression", "import re\ndef f(x): return re.match('(a+)+$', 'a' * 40 + 'b')", "T"),
    Case("big integer", "def f(x): return len(str(7 ** 10**8 % 10**9)) + (3 ** (10**8) and 0)", "T"),
    Case("big exponent folded", "def f(x): return 9**9**9", "TE"),
    Case("sleeper", "import time\ndef f(x): time.sleep({SLEEP})", "T"),
    Case("busy threads", "import threading\ndef g():\n    while True: pass\nfor i in range(4): threading.Thread(target=g).start()\n"
         "def f(x):\n    while True: pass", "T"),
    # Memory, output, recursion, crashes.
    Case("memory in one piece", "def f(x): return [0] * 10**11", "E"),
    Case("memory in pieces", "def f(x):\n    a = []\n    while True: a.append(bytearray(10**7))", "ET"),
    Case("memory in strings", "def f(x):\n    s = 'a'\n    while True: s += s", "ET"),
    Case("memory shared", "import mmap\ndef f(x): return [mmap.mmap(-1, 10**9) for i in range(99)]", "E"),
    Case("huge print", "def f(x):\n    print('x' * 10**8)\n    return 2", "P", timeout_s=3.0),
    Case("print until the end", "def f(x):\n    while True: print('x' * 1000)", "T"),
    Case("huge file", "def f(x): open('big', 'w').write('x' * 10**8); return 2", "E"),
    Case("many files", "def f(x):\n    for i in range(3000):\n        try: open(f'f{i}', 'w').close()\n        except OSError: return 2\n    return 2", "PT"),
    Case("deep folders", "import os\ndef f(x):\n    for i in range(60):\n        os.mkdir('d' * 99); os.chdir('d' * 99)\n    return 2", "P"),
    Case("folders closed", "import os\ndef f(x):\n    os.makedirs('a/b'); os.chmod('a/b', 0); os.chmod('a', 0); return 2", "PE"),
    Case("open files", "def f(x): return [open(__import__('os').devnull) for i in range(999)]", "E"),
    Case("recursion", "def f(x): return f(x)", "E"),
    Case("recursion in C", "def f(x):\n    a = []\n    for i in range(10**6): a = [a]\n    return repr(a)", "ET"),
    Case("stack overflow", "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __getattr__(self, n): return getattr(self, n + 'a')\n"
         "def f(x): return A().b", "ET"),
    Case("crash in a generator", "def f(x):\n    g = iter(())\n    for i in range(10**6): g = filter(None, g)\n    return 0", "EFT"),
    Case("input", "def f(x): return input()", "E"),
    Case("standard input read", "import sys\ndef f(x): return 2 if sys.stdin.read() == '' else 0", "P"),
    Case("environment", "import os\ndef f(x): return 2 if not {k for k in os.environ if 'SECRET' in k} else 0", "P"),
    # Sources.
    Case("brackets", "(" * 10**5, "E"),
    Case("five megabytes", "x = 1\n" * 10**6, "ET"),
    Case("minus signs", "x = " + "-" * 10**5 + "1", "E"),
    Case("long sum", "x = " + "+".join("1" * 10**4), "E"),
    Case("NUL byte", "x = 1\0", "E"),
    Case("lone surrogate", "x = '\ud800'", "E"),
    Case("not Python", "def f(x:", "E"),
    Case("nested functions", "\n".join(" " * i + f"def g{i}():" for i in range(120)), "E"),
    Case("empty", "", "E"),
    Case("other encoding", "# -*- coding: rot13 -*-\n" + WRONG, "F"),
    # Right programs that look odd, and wrong ones that Python itself lets pass: a fresh process says the same.
    Case("always equal", "class A:\n    def __eq__(self, other): return True\ndef f(x): return A()", "P"),
    Case("stubborn but right", "import sys\nsys.setrecursionlimit(5000)" + RIGHT, "P"),
    Case("counter", "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n + 1", "P"),
    Case("thread of its own", "import threading\ndef f(x):\n    r = []\n    t = threading.Thread(target=r.append, args=(x + 1,))\n"
         "    t.start(); t.join()\n    return r[0]", "P"),
    Case("scratch file", "def f(x):\n    open('a', 'w').write('2')\n    return int(open('a').read())", "P"),
    Case("test that fails for itself", RIGHT, "F", "assert f(1) == 3"),
    Case("test that ends the process", RIGHT, "E", "import os; os._exit(0)"),
    Case("test that is endless", RIGHT, "T", "while True: pass"),
    Case("test that is not Python", RIGHT, "E", "assert f(1"),
]  # fmt: skip
