"""The process of one program: it runs the program's definitions and then answers calls with plain data.

Nothing that it could want to know is in it: no data set's test, no expected value, no other program. Nothing
that it says is such a test's verdict: the referee, which it cannot reach, compares what it answers (see
`referee`). Only the lines that the same model wrote are run here where both they and the program are pure.
"""

import builtins
import gc
import marshal
import mmap
import operator
import os
import random
import resource
import signal
import struct
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cascade.execute.arrays import made_array, pack_array
from cascade.execute.fingerprint import Fingerprint, UnknownStateError
from cascade.execute.library import PROGRAM_MODULE
from cascade.execute.nontermination.loop_sites import Loop
from cascade.execute.nontermination.watch import Watch
from cascade.execute.wire import Packer, Unpacker, receive_more, send

# What a candidate says of itself: loaded; all lines run; not as it was loaded.
LOADED, DONE, STALE = b"L", b"D", b"N"
# A record for each test: a verdict's code, flags and CPU microseconds.
RECORD = struct.Struct("<cBI")
MOST_MICROSECONDS = 0xFFFFFFFF
# The exit status of a program that was proven to outlast its limit.
PROVEN_STATUS = 87
# Flags of an answer: the test was watched, or short of memory: elsewhere it might have gone another way.
WATCHED, MEMORY = 1, 2
# A process that was so much larger than after its definitions is not as it was loaded.
SPARE_BYTES = 32 << 20
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024
# Python's limit for a script: what this module's own frames take is added.
RECURSION_LIMIT = 1000

FUNCTION, ITERATOR, OBJECT = "function", "iterator", "object"
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)
# By plain type, what an instance of a subclass holds, whatever the subclass makes of its methods.
_PLAIN_BASES: dict[type, Callable[[Any], Any]] = {
    int: int.__pos__,
    float: float.__pos__,
    complex: complex.__pos__,
    str: str.__str__,
    bytes: lambda value: b"".join((value,)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    list: lambda value: [*list.__iter__(value)],
    dict: lambda value: {key: dict.__getitem__(value, key) for key in dict.__iter__(value)},
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}


# What may be done with an object that stays here; the names are methods of `remote.Remote`.
_OPERATORS = (
    *("eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert", "index", "contains"),
    *("getitem", "setitem", "delitem", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow"),
    *("and_", "or_", "xor", "lshift", "rshift", "matmul"),
)
_BUILTINS = (
    *(len, iter, next, bool, hash, repr, str, int, float, complex, bytes, reversed, getattr, setattr, type),
    *(round, format, divmod),
)
OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in _OPERATORS},
    **{builtin.__name__: builtin for builtin in _BUILTINS},
    "isinstance": lambda cls, value: isinstance(value, cls),
    "issubclass": lambda cls, value: issubclass(value, cls),
}


@dataclass(frozen=True)
class Program:
    """What a candidate runs.

    Attributes:
        prelude, code: before the program, and the program; texts where the server could not compile them.
        source: the program's text.
        watched: loops that may be proven non-terminating (see `loop_sites`).
        provable: whether its numbers may be reasoned about, too (see `purity`).
        used: names that the program uses, where it is pure; None where each test needs a new process.
        lines: the model's own lines that are run here: marshalled code or a text, CPU seconds.
        seconds: CPU limit of its definitions.
    """

    prelude: Any
    code: Any
    source: str
    watched: dict[int, Loop]
    provable: bool
    used: frozenset[str] | None
    lines: list[tuple[Any, float]]
    seconds: float


class Candidate:
    """Answers."""

    def __init__(self, program: Program, requests: int, replies: int) -> None:
        self._program, self._requests, self._replies = program, requests, replies
        self._owned: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._unread = b""
        self._flags = 0
        self._space: dict[str, Any] = {}
        self._failed = False
        self._fingerprint: Fingerprint | None = None
        self._fresh = True
        self._given_globals = False  # a test has passed what the program might not name: no state has it
        self._large = 0
        self._watch = Watch(program.watched, program.provable, program.source, self._globals)

    def _globals(self) -> list[object]:
        """The state of the program's names, as it is."""
        if self._fingerprint is None:
            raise UnknownStateError
        return self._fingerprint.now(self._space)

    def load(self) -> None:
        """Run the program's definitions."""
        module = types.ModuleType(PROGRAM_MODULE)
        sys.modules[PROGRAM_MODULE] = sys.modules["__main__"] = module
        random.seed(0)
        gc.enable()
        self._space = space = module.__dict__
        # What the program makes of its builtins is not what answers for it.
        copied = sys.modules["builtins"] = types.ModuleType("builtins")
        copied.__dict__.update(builtins.__dict__)
        space["__builtins__"] = copied
        depth, frame = 0, sys._getframe()
        while frame is not None:
            depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
        sys.setrecursionlimit(RECURSION_LIMIT + depth)
        signal.setitimer(signal.ITIMER_PROF, self._program.seconds)
        try:
            exec(self._program.prelude, space)
            named = dict(space)
            code = self._program.code
            exec(compile(code, "<program>", "exec") if isinstance(code, str) else code, space)
        except BaseException:
            self._failed = True
            return
        if self._program.used is not None:
            self._fingerprint = Fingerprint.of(space, named, self._program.used)
        self._large = _peak_bytes() + SPARE_BYTES

    def watch(self) -> None:
        """From now on what never ends is looked for."""
        self._watch.start(lambda: os._exit(PROVEN_STATUS))

    def run_lines(self, todo: list[int], records: mmap.mmap) -> bytes:
        """Run some of the model's own lines in the program's names, as one process would.

        A pure program reaches neither the line nor what says its verdict; it could pass by an object that is
        equal to everything, which a line believes anyway.

        Args:
            todo: which lines.
            records: what came of each is written here.

        Returns:
            `DONE`, or `STALE` where another process is needed for the next one.
        """
        for at, i in enumerate(todo):
            state = self._state_for_a_test()
            if state == "stale":
                return STALE
            code, seconds = self._program.lines[i]
            began = time.process_time()
            verdict = b"E" if state == "failed" else self._line(code, seconds)
            micro = min(int(1e6 * (time.process_time() - began)), MOST_MICROSECONDS)
            RECORD.pack_into(records, at * RECORD.size, verdict, self._state(), micro)
        return DONE

    def _line(self, code: Any, seconds: float) -> bytes:
        self._watch.begin(seconds)
        try:
            exec(
                compile(code, "<test>", "exec") if isinstance(code, str) else marshal.loads(code), self._space
            )
            verdict = b"P"
        except AssertionError:
            verdict = b"F"
        except BaseException as error:
            verdict = b"E"
            if isinstance(error, MemoryError):
                self._flags |= MEMORY
        signal.setitimer(signal.ITIMER_PROF, 0)
        return verdict

    def answer(self) -> None:
        """Answer until the process is ended."""
        while True:
            message = self._receive()
            if message[0] == "begin":
                self._begin(message[1], message[2])
            else:
                send(self._replies, self._do(message))

    def _receive(self) -> Any:
        message, self._unread = receive_more(self._requests, self._unread)
        return message

    def _state_for_a_test(self) -> str:
        """Whether a new test may begin: "loaded"; else why not."""
        if self._failed:
            return "failed"
        if not self._fresh and (
            self._fingerprint is None
            or self._given_globals
            or _peak_bytes() > self._large
            or not self._fingerprint.holds(self._space)
        ):
            return "stale"
        self._fresh, self._flags = False, 0
        return "loaded"

    def _begin(self, seconds: float, names: list[str]) -> None:
        """A new test: what names stand for."""
        if (state := self._state_for_a_test()) != "loaded":
            send(self._replies, [state])
            return
        self._owned.clear()
        self._numbers.clear()
        if (loaded := self._fingerprint) is not None:
            self._given_globals |= any(n in loaded.prelude and n not in loaded.used for n in names)
        packer = self._packer()
        found = [packer.pack(self._space[n]) if n in self._space else ["absent", 0] for n in names]
        send(self._replies, ["value", packer.nodes, found, 0])
        self._watch.begin(seconds)

    def _do(self, message: list[Any]) -> list[Any]:
        packer = self._packer()
        try:
            operation, nodes, references, keywords = message
            table = Unpacker(nodes, self._given)
            arguments = [table.value(one) for one in references]
            named = {name: table.value(one) for name, one in keywords}
            for one in table.mutable:
                packer.add(one)
            if operation == "call":
                self._watch.begin_call()
                result = arguments[0](*arguments[1:], **named)
            else:
                result = OPERATIONS[operation](*arguments)
            reference = packer.pack(result)
            return ["value", packer.nodes, reference, self._state()]
        except BaseException as error:
            return self._raised(error, packer)

    def _state(self) -> int:
        return self._flags | (WATCHED if self._watch.used else 0)

    def _raised(self, error: BaseException, packer: Packer) -> list[Any]:
        if isinstance(error, MemoryError):
            self._flags |= MEMORY
        names = [one.__name__ for one in type(error).__mro__ if one.__module__ == "builtins"]
        class_name = type(error).__name__ if type(error).__module__ != "builtins" else ""
        try:
            packer.finish()
            arguments = [packer.pack(one) for one in error.args]
        except BaseException:
            packer, arguments = self._packer(), []
        # Without its traceback nothing keeps the frames alive that the error came through.
        error.__traceback__ = None
        return ["error", packer.nodes, [class_name, names, arguments], self._state()]

    def _packer(self) -> Packer:
        """An empty table; an object that is met again in it travels as before."""
        atoms: dict[int, list[Any]] = {}

        def export(value: Any, packer: Packer) -> list[Any]:
            if id(value) not in atoms:
                atoms[id(value)] = self._export(value, packer)
            return atoms[id(value)]

        return Packer(export)

    def _export(self, value: Any, packer: Packer) -> list[Any]:
        """How a value that is no plain data travels."""
        # Its own methods and properties, `__class__` among them, are not asked: they might never answer.
        kind = type(value)
        if issubclass(kind, types.ModuleType):
            return ["module", value.__name__, self._number(value)]
        if issubclass(kind, _FUNCTIONS):
            name, module = getattr(value, "__qualname__", None), getattr(value, "__module__", None)
            if type(name) is str and type(module) is str and module != PROGRAM_MODULE:
                found = sys.modules.get(module)
                if found is not None and getattr(found, name, None) is value:
                    return ["global", module, name]
            return [FUNCTION, self._number(value)]
        if issubclass(kind, Iterator):
            return [ITERATOR, self._number(value)]
        if (packed := pack_array(value)) is not None:
            return packed
        for base, held in _PLAIN_BASES.items():
            if issubclass(kind, base):
                return ["base", self._number(value), base.__name__, packer.reference(held(value))]
        return [OBJECT, self._number(value)]

    def _number(self, value: Any) -> int:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._owned)
            self._owned.append(value)
        return self._numbers[id(value)]

    def _given(self, atom: list[Any], _: Unpacker) -> Any:
        match atom:
            case ["array", *_]:
                return made_array(atom)
            case ["own", number]:
                return self._owned[number]
            case ["global", module, name]:
                self._given_globals |= module != "builtins"
                return getattr(builtins if module == "builtins" else __import__(module, fromlist=["_"]), name)
            case ["callback", number]:
                return lambda *arguments: self._call_back(number, arguments)
            case ["items", number]:
                return self._items(number)
        raise ValueError

    def _items(self, number: int) -> Iterator[Any]:
        """What an iterator of the test's gives."""
        while items := self._call_back(number, ()):
            yield items[0]

    def _call_back(self, number: int, arguments: tuple[Any, ...]) -> Any:
        """Call a function that the test has passed; what the test asks meanwhile is answered."""
        packer = self._packer()
        references = [packer.pack(one) for one in arguments]
        send(self._replies, ["callback", number, packer.nodes, references])
        while True:
            message = self._receive()
            if message[0] == "result":
                return Unpacker(message[1], self._given).value(message[2])
            if message[0] == "raise":
                error = getattr(builtins, message[1], Exception)
                raise error(message[2])
            send(self._replies, self._do(message))


def _peak_bytes() -> int:
    """The most memory that this process has had at once."""
    return _MAXRSS_UNIT * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run_candidate(
    program: Program, todo: list[int], records: mmap.mmap | None, requests: int, replies: int, life: int
) -> None:
    """Load a program, run lines and answer.

    Args:
        program: the program.
        todo, records: which of its lines are run here, if any, and where what comes of them is written.
        requests, replies: calls and their results.
        life: says that it is loaded, that it has run the lines and, when it ends, that the process has.
    """
    candidate = Candidate(program, requests, replies)
    candidate.load()
    os.write(life, LOADED)
    candidate.watch()
    if records is not None:
        os.write(life, candidate.run_lines(todo, records))
    candidate.answer()
