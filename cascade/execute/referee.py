"""The process of the tests: it calls the candidate, compares what comes back, and says the verdict.

The candidate cannot reach it: they share two pipes, over which plain data goes (see `wire`). A test runs
here with the program's functions standing for calls into the candidate. A data set's test finds Python's
own builtins whatever the program has named so; a model's own line finds the program's names first, as in
one process.
"""

import builtins
import json
import os
import select
import signal
import struct
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cascade.execute.candidate import ITERATOR, OBJECT
from cascade.execute.purity import MODULES, SAFE_BUILTINS
from cascade.execute.remote import Remote
from cascade.execute.wire import MalformedError, Packer, Unpacker, receive, send

# A record for each test: a verdict's letter, flags and CPU microseconds.
RECORD = struct.Struct("<cBI")
AGAIN, FALLBACK = 1, 2
# Instead of a letter: the candidate is not as it was, another one is needed for this test.
RENEW = b"N"
# What the zygote says: go on, with the candidate's pid; or what became of the candidate.
CONTROL = struct.Struct("<ci")
GO = b"G"
_ABSENT = object()


@dataclass(frozen=True)
class Test:
    """A test as a referee runs it.

    Attributes:
        code: its code; its text where the server could not compile it.
        names: the names that it looks up.
        entry_point: of a data set's test, the name that is the program's; None for a model's own line.
    """

    code: Any
    names: tuple[str, ...]
    entry_point: str | None


class Gone(BaseException):
    """The candidate has ended; the verdict is known."""


class Referee:
    """Runs tests against one candidate after another."""

    def __init__(self, prelude: Any, requests: int, replies: int, control: int, records: int) -> None:
        self._requests, self._replies, self._control, self._records = requests, replies, control, records
        self._base: dict[str, Any] = {"__name__": "__test__"}
        exec(prelude, self._base)
        self._reading, self._writing = select.poll(), select.poll()
        for poll in (self._reading, self._writing):
            poll.register(control, select.POLLIN)
        self._reading.register(replies, select.POLLIN)
        self._writing.register(requests, select.POLLOUT)
        self._late: dict[str, float] = {}
        self._callbacks: list[Callable[..., Any]] = []
        self._fate: bytes | None = None
        self._flags = 0
        self._trusting = self._first = False
        self._seconds = 0.0

    def run(self, program: list[tuple[Test, float]]) -> None:
        """All tests of a program, each as soon as there is a candidate for it."""
        self._late.clear()
        for test, seconds in program:
            while (record := self._one(test, seconds))[0] == RENEW:
                os.write(self._records, RECORD.pack(*record))
            os.write(self._records, RECORD.pack(*record))

    def _one(self, test: Test, seconds: float) -> tuple[bytes, int, int]:
        word, pid = self._told()
        while word in (b"E", b"T") and pid:  # what became of a candidate that had answered already
            word, pid = self._told()
        if word != GO:
            return word, 0, 0
        began = time.process_time() + _cpu_seconds(pid)
        self._fate, self._flags, self._seconds, self._first = None, 0, seconds, True
        self._trusting = test.entry_point is None
        self._callbacks.clear()
        signal.setitimer(signal.ITIMER_PROF, seconds)
        letter = self._verdict(test)
        signal.setitimer(signal.ITIMER_PROF, 0)
        spent = time.process_time() + _cpu_seconds(pid) - began
        # A test that ends the candidate's process has swallowed nothing: what became of it is the verdict.
        return self._fate or letter, self._flags, min(max(0, int(1e6 * spent)), 0xFFFFFFFF)

    def _verdict(self, test: Test) -> bytes:
        try:
            space = dict(self._base)
            if not self._bind(space, test):
                return RENEW
            code = test.code
            exec(compile(code, "<test>", "exec") if isinstance(code, str) else code, space)
        except AssertionError:
            return b"F"
        except BaseException:
            return b"E"
        return b"P"

    def _bind(self, space: dict[str, Any], test: Test) -> bool:
        """Let a test's names stand for the program's; whether the candidate is as it was."""
        names = [name for name in test.names if self._is_the_programs(name, test.entry_point)]
        reply = self._exchange(["begin", self._seconds, names])
        match reply:
            case ["stale"]:
                return False
            case ["value", nodes, list(found), int()] if len(found) == len(names):
                table = Unpacker(nodes, self._given)
                for name, one in zip(names, found, strict=True):
                    if one == ["module", name] and not self._trusting and name in sys.stdlib_module_names:
                        space[name] = __import__(name)  # the test itself says which
                    elif (value := table.value(one)) is not _ABSENT:
                        space[name] = value
                        if isinstance(value, Remote):
                            object.__setattr__(value, "_label", name)
                return True
        raise MalformedError

    def _is_the_programs(self, name: str, entry_point: str | None) -> bool:
        if entry_point is None or name == entry_point:
            return True
        # Of the prelude, too, what a program could only pretend to be.
        return not hasattr(builtins, name) and not isinstance(self._base.get(name), types.ModuleType)

    def _told(self) -> tuple[bytes, int]:
        data = os.read(self._control, CONTROL.size)
        if len(data) < CONTROL.size:
            os._exit(0)
        word, pid = CONTROL.unpack(data)
        return word, pid

    def _wait(self, poll: Any) -> None:
        """Until a pipe is ready, or the candidate is gone."""
        if self._fate is not None:
            raise Gone
        ready = dict(poll.poll())
        if self._control in ready:
            self._fate, _ = self._told()
            raise Gone

    def _exchange(self, message: list[Any]) -> list[Any]:
        """Send a message; what comes back, after calls of the test's own functions."""
        send(self._requests, message, lambda: self._wait(self._writing))
        while True:
            reply = receive(self._replies, lambda: self._wait(self._reading))
            match reply:
                case ["callback", int(number), nodes, list(references)]:
                    self._call_back(number, nodes, references)
                case list():
                    return reply
                case _:
                    raise MalformedError

    def _ask(self, operation: str, *operands: Any, **named: Any) -> Any:
        """Let the candidate do something; its result, with operands changed as it has changed them."""
        exported: list[Any] = []

        def export(value: Any) -> list[Any]:
            exported.append(value)
            return self._export(value)

        packer = Packer(export)
        references = [packer.pack(one) for one in operands]
        keywords = [[name, packer.pack(value)] for name, value in named.items()]
        message = [operation, packer.nodes, references, keywords]
        first, self._first = self._first, False
        key = ""
        if first and len(exported) == 1 and exported[0] is operands[0] and operation == "call":
            key = json.dumps([operands[0]._label, packer.nodes, references[1:], keywords])
            if self._late.get(key, 0.0) >= self._seconds:
                self._fate = b"T"
                raise Gone
        if operation != "call" and not (
            operation in ("iter", "next", "len") and operands[0]._kind == ITERATOR
        ):
            self._flags |= FALLBACK
        try:
            reply = self._exchange(message)
        except Gone:
            if key and self._fate in (b"T", b"U"):
                self._late[key] = self._seconds
            raise
        match reply:
            case ["value", nodes, reference, int(flags)]:
                self._flags |= AGAIN if flags else 0
                return Unpacker(nodes, self._given, packer.mutable).value(reference)
            case ["error", nodes, [str(name), list(bases), list(arguments)], int(flags)]:
                self._flags |= AGAIN if flags else 0
                table = Unpacker(nodes, self._given, packer.mutable if nodes else None)
                raise _error(name, bases, [table.value(one) for one in arguments])
        raise MalformedError

    def _call_back(self, number: int, nodes: Any, references: list[Any]) -> None:
        packer = Packer(self._export)
        try:
            table = Unpacker(nodes, self._given)
            result = self._callbacks[number](*[table.value(one) for one in references])
            answer = ["result", packer.nodes, packer.pack(result)]
        except Gone:
            raise
        except Exception as error:
            name = next(
                (c.__name__ for c in type(error).__mro__ if hasattr(builtins, c.__name__)), "Exception"
            )
            answer = ["raise", name, str(error)]
        send(self._requests, answer, lambda: self._wait(self._writing))

    def _export(self, value: Any) -> list[Any]:
        """How a value that is no plain data goes to the candidate."""
        if type(value) is Remote:
            return ["own", value._number]
        name, module = getattr(value, "__qualname__", None), getattr(value, "__module__", None)
        if type(name) is str and type(module) is str and "<" not in name:
            found = sys.modules.get(module)
            if module != "__test__" and found is not None and getattr(found, name, None) is value:
                return ["global", module, name]
        if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType):
            self._callbacks.append(value)
            return ["callback", len(self._callbacks) - 1]
        if isinstance(value, Iterator):
            self._callbacks.append(lambda: [*_first(value)])
            return ["items", len(self._callbacks) - 1]
        raise TypeError("a test passes an object that is no plain data")

    def _given(self, atom: list[Any]) -> Any:
        match atom:
            case ["absent", _]:
                return _ABSENT
            case ["function" | "iterator" | "object" as kind, int(number)]:
                if kind == OBJECT:
                    self._flags |= FALLBACK
                return self._remote(kind, number)
            case ["base", int(number), str(), [reference, nodes]]:
                # As what its plain base holds; a model's own line sees the object itself.
                self._flags |= FALLBACK
                if self._trusting:
                    return self._remote(OBJECT, number)
                return Unpacker(nodes, self._given).value(reference)
            case ["module", str(name)] if name in MODULES:
                return __import__(name, fromlist=["_"])
            case ["module", str(name)]:
                return types.ModuleType(name)
            case ["global", str(module), str(name)]:
                if module == "builtins" and name in SAFE_BUILTINS:
                    return getattr(builtins, name)
                if module in MODULES and name in MODULES[module]:
                    return getattr(__import__(module, fromlist=["_"]), name)
                return self._global(module, name)
        raise MalformedError

    def _global(self, module: str, name: str) -> Any:
        """A function of a library's that the program has at hand: called there."""
        return lambda *arguments, **named: self._ask("call", _Named(module, name), *arguments, **named)

    def _remote(self, kind: str, number: int) -> Remote:
        return Remote(self._ask, kind, number, "", self._trusting)


class _Named:
    """A library's function by its name."""

    def __init__(self, module: str, name: str) -> None:
        self.__module__, self.__qualname__ = module, name


def _first(items: Iterator[Any]) -> Iterator[Any]:
    for item in items:
        yield item
        return


def _error(own: str, bases: list[Any], arguments: list[Any]) -> BaseException:
    """An exception by its name: a builtin one, or one that derives from it."""
    found = [getattr(builtins, name, None) for name in bases if type(name) is str]
    kind = next((one for one in found if isinstance(one, type) and issubclass(one, BaseException)), Exception)
    if own:
        kind = type(own, (kind,), {})
    error = kind.__new__(kind)
    error.args = tuple(arguments)
    return error


def _cpu_seconds(pid: int) -> float:
    """CPU time of another process so far; 0 where the system does not tell."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def run_referee(
    prelude: Any, programs: list[list[tuple[Test, float]]], pipes: tuple[int, int, int, int]
) -> None:
    """Judge programs one after another; see `Referee` for the pipes."""
    referee = Referee(prelude, *pipes)
    for program in programs:
        referee.run(program)
