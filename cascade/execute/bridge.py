"""Calls from a test into the candidate: what goes over, what comes back, and what a test may see of it.

Nothing that comes back is a verdict. In a data set's test an object of the candidate's is equal to
itself only and nothing to reckon with: its methods could say whatever makes a comparison come out right.
"""

import builtins
import json
import os
import select
import struct
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from cascade.execute.arrays import made_array, pack_array
from cascade.execute.candidate import ITERATOR, OBJECT
from cascade.execute.purity import MODULES, SAFE_BUILTINS
from cascade.execute.remote import Held, Remote, remote
from cascade.execute.wire import MalformedError, Packer, Unpacker, packed, receive_more, write

# What two messages may have to be sent without a look at the answers: pipes take more than both.
SMALL = 16_000
# What the zygote says: go on, with the candidate's pid; or what became of the candidate.
CONTROL = struct.Struct("<ci")
ABSENT = object()
# Modules that a test gets itself where the program has given them a name; others are the candidate's.
_SHARED_MODULES = MODULES.keys() | {"numpy"}
_BASES = {
    base.__name__: base for base in (int, float, complex, str, bytes, tuple, list, dict, set, frozenset)
}
# What ends an iteration may not come out of a call: `zip(map(f, cases), expected)` would take it for its own.
_ENDINGS = frozenset(("StopIteration", "StopAsyncIteration", "GeneratorExit"))


class Gone(BaseException):
    """The candidate has ended; the verdict is known."""


class Stale(BaseException):
    """The candidate is not as it was loaded: another one is needed for this test."""


class Bridge:
    """Calls into one candidate after another.

    Attributes:
        fate: what became of the candidate, as a verdict; None while it lives.
        again: whether the candidate was watched or short of memory: elsewhere it might go another way.
        fallback: whether the test has met an object that is no plain data.
        broken: whether the next message cannot be believed to answer the next question.
    """

    def __init__(self, requests: int, replies: int, control: int) -> None:
        self._requests, self._replies, self._control = requests, replies, control
        self._reading, self._writing = select.poll(), select.poll()
        for poll in (self._reading, self._writing):
            poll.register(control, select.POLLIN)
        self._reading.register(replies, select.POLLIN)
        self._writing.register(requests, select.POLLOUT)
        self._unread = b""
        self._late: dict[str, float] = {}
        self._callbacks: list[Callable[..., Any]] = []
        self._remotes: dict[int, Remote] = {}
        self._bound: dict[tuple[str, ...], list[Any]] = {}
        self._expected: list[Any] | None = None
        self.begin_program()
        self.begin(0.0, trusting=False)

    def begin_program(self) -> None:
        """Forget what is known of the program before."""
        self._late.clear()
        self._bound.clear()

    def begin_candidate(self) -> None:
        """Another process of the same program answers from now on."""
        self._unread = b""
        self._bound.clear()

    def begin(self, seconds: float, trusting: bool) -> None:
        """A test begins.

        Args:
            seconds: its limit.
            trusting: whether objects of the program are believed, as in a model's own line.
        """
        self._seconds, self._trusting, self._n_calls = seconds, trusting, 0
        self._callbacks.clear()
        self._remotes.clear()
        self._expected = None
        self.fate: bytes | None = None
        self.again = self.fallback = self.broken = False

    def told(self) -> tuple[bytes, int]:
        """The zygote's next word."""
        data = os.read(self._control, CONTROL.size)
        if len(data) < CONTROL.size:
            os._exit(0)
        word, pid = CONTROL.unpack(data)
        return word, pid

    def names(self, names: list[str], may_wait: bool) -> dict[str, Any] | None:
        """What names stand for in the candidate, those that are there; None if it is not as it was loaded.

        Args:
            names: the names.
            may_wait: whether the answer may be looked at later (see `settle`), where it was given before.
        """
        message = ["begin", self._seconds, names]
        reply = self._bound.get(tuple(names))
        if reply is None:
            reply = self.exchange(message)
            if may_wait and reply[0] == "value" and not reply[1]:
                self._bound[tuple(names)] = reply
        else:
            self._send(message)
            self._expected = reply
        match reply:
            case ["stale"]:
                return None
            case ["value", nodes, list(found), int()] if len(found) == len(names):
                table = Unpacker(nodes, self._given)
                space = {}
                for name, reply_part in zip(names, found, strict=True):
                    is_module = type(reply_part) is list and reply_part[:2] == ["module", name]
                    if is_module and not self._trusting and name in sys.stdlib_module_names:
                        space[name] = __import__(name)  # the test itself says which
                    elif (value := table.value(reply_part)) is not ABSENT:
                        space[name] = value
                        if isinstance(value, Remote):
                            value._held.label = name
                return space
        raise MalformedError

    def _wait(self, poll: Any) -> None:
        """Until a pipe is ready, or the candidate is gone."""
        if self.fate is not None:
            raise Gone
        ready = dict(poll.poll())
        if self._control in ready:
            self.fate, _ = self.told()
            raise Gone

    def _send(self, message: list[Any]) -> None:
        data = packed(message)
        if len(data) > SMALL:
            self.settle()  # a candidate that is answering reads nothing meanwhile
        write(self._requests, data, lambda: self._wait(self._writing))

    def _receive(self) -> Any:
        reply, self._unread = receive_more(self._replies, self._unread, lambda: self._wait(self._reading))
        return reply

    def settle(self) -> None:
        """Read the answer that `names` has not waited for.

        Raises:
            Stale: it is another one now.
        """
        expected, self._expected = self._expected, None
        if expected is not None and self._receive() != expected:
            raise Stale

    def exchange(self, message: list[Any]) -> list[Any]:
        """Send a message; what comes back, after calls of the test's own functions."""
        broken, self.broken = self.broken, True  # until the reply has been read as a whole
        self._send(message)
        self.settle()
        while True:
            reply = self._receive()
            match reply:
                case ["callback", int(number), nodes, list(references)]:
                    self._call_back(number, nodes, references)
                case list():
                    self.broken = broken
                    return reply
                case _:
                    raise MalformedError

    def ask(self, operation: str, *operands: Any, **named: Any) -> Any:
        """Let the candidate do something; its result, with operands changed as it has changed them."""
        exported: list[Any] = []

        def export(value: Any, packer: Packer) -> list[Any]:
            exported.append(value)
            return self._export(value, packer)

        packer = Packer(export)
        references = [packer.pack(one) for one in operands]
        keywords = [[name, packer.pack(value)] for name, value in named.items()]
        self._n_calls += 1
        key = ""
        if self._n_calls == 1 and len(exported) == 1 and exported[0] is operands[0] and operation == "call":
            key = json.dumps([operands[0]._held.label, packer.nodes, references[1:], keywords])
            if self._late.get(key, 0.0) >= self._seconds:
                self.settle()
                self.fate = b"T"
                raise Gone
        if operation != "call" and not (
            operation in ("iter", "next", "len") and operands[0]._held.kind == ITERATOR
        ):
            self.fallback = True
        try:
            reply = self.exchange([operation, packer.nodes, references, keywords])
        except Gone:
            if key and self.fate in (b"T", b"U"):
                self._late[key] = self._seconds
            raise
        match reply:
            case ["value", nodes, reference, int(flags)]:
                table = self._answer(nodes, packer, flags)
                return table.value(reference)
            case ["error", nodes, [str(name), list(bases), list(arguments)], int(flags)]:
                table = self._answer(nodes, packer if nodes else None, flags)
                if operation == "call" and not self._trusting and not _ENDINGS.isdisjoint(bases):
                    raise RuntimeError(f"the program raised {bases[0]}")
                raise _error(name, bases, [table.value(one) for one in arguments])
        raise MalformedError

    def _answer(self, nodes: Any, packer: Packer | None, flags: int) -> Unpacker:
        self.again |= bool(flags)
        return Unpacker(nodes, self._given, packer.mutable if packer else None)

    def _call_back(self, number: int, nodes: Any, references: list[Any]) -> None:
        packer = Packer(self._export)
        try:
            table = Unpacker(nodes, self._given)
            if not 0 <= number < len(self._callbacks):
                raise MalformedError
            result = self._callbacks[number](*[table.value(one) for one in references])
            answer = ["result", packer.nodes, packer.pack(result)]
        except Gone:
            raise
        except Exception as error:
            name = next(
                (c.__name__ for c in type(error).__mro__ if hasattr(builtins, c.__name__)), "Exception"
            )
            answer = ["raise", name, str(error)]
        self._send(answer)

    def _export(self, value: Any, _: Packer) -> list[Any]:
        """How a value that is no plain data goes to the candidate."""
        if type(value) is Remote:
            return ["own", value._held.number]
        if type(value) is _Named:
            return ["global", value.module, value.name]
        name, module = getattr(value, "__qualname__", None), getattr(value, "__module__", None)
        if type(name) is str and type(module) is str and "<" not in name:
            found = sys.modules.get(module)
            if module != "__test__" and found is not None and getattr(found, name, None) is value:
                return ["global", module, name]
        if isinstance(value, types.FunctionType | types.BuiltinFunctionType | types.MethodType | type):
            self._callbacks.append(value)
            return ["callback", len(self._callbacks) - 1]
        if isinstance(value, Iterator):
            self._callbacks.append(lambda: [*_first(value)])
            return ["items", len(self._callbacks) - 1]
        if (packed := pack_array(value)) is not None:
            return packed
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        raise TypeError("a test passes an object that is no plain data")

    def _given(self, atom: list[Any], table: Unpacker) -> Any:
        match atom:
            case ["absent", _]:
                return ABSENT
            case ["array", *_]:
                return made_array(atom)
            case ["function" | "iterator" | "object" as kind, int(number)]:
                self.fallback |= kind == OBJECT
                return self._remote(kind, number)
            case ["base", int(number), str(base), reference]:
                # As what its plain base holds; a model's own line sees the object itself.
                self.fallback = True
                return (
                    self._remote(OBJECT, number, _BASES[base]) if self._trusting else table.value(reference)
                )
            case ["module", str(name), int(number)] if name in _SHARED_MODULES or not self._trusting:
                return __import__(name, fromlist=["_"]) if name in _SHARED_MODULES else types.ModuleType(name)
            case ["module", str(name), int(number)]:
                return self._remote(OBJECT, number)
            case ["global", str(module), str(name)]:
                if module == "builtins" and name in SAFE_BUILTINS:
                    return getattr(builtins, name)
                if module in MODULES and name in MODULES[module]:
                    return getattr(__import__(module, fromlist=["_"]), name)
                return self._global(module, name)
        raise MalformedError

    def _global(self, module: str, name: str) -> Any:
        """A function of a library's that the program has at hand: called there."""
        return lambda *arguments, **named: self.ask("call", _Named(module, name), *arguments, **named)

    def _remote(self, kind: str, number: int, base: type | None = None) -> Remote:
        if number not in self._remotes:
            self._remotes[number] = remote(Held(self.ask, kind, number, self._trusting, base))
        return self._remotes[number]


class _Named:
    """A library's function by its name."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


def _first(items: Iterator[Any]) -> Iterator[Any]:
    for item in items:
        yield item
        return


def _error(name: str, bases: list[Any], arguments: list[Any]) -> BaseException:
    """An exception by its name: a builtin one, or one that derives from it."""
    found = [getattr(builtins, name, None) for name in bases if type(name) is str]
    kind = next((one for one in found if isinstance(one, type) and issubclass(one, BaseException)), Exception)
    if name:
        kind = type(name, (kind,), {})
    error = kind.__new__(kind)
    error.args = tuple(arguments)
    return error
