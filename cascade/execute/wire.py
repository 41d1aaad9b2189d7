"""Plain data between two processes that do not trust each other: a flat table of values in JSON.

None, booleans, numbers, text, bytes, lists, tuples, dictionaries, sets and a few containers of the standard
library travel by value, with their aliases, cycles and non-finite numbers; reading them runs no code. What
is no plain data travels as a number that its owner knows it by (see `Packer`). JSON carries the table:

    scalar as itself | [n]: node n | [kind, …]: an atom that JSON lacks;  node: [kind, value, …]
"""

import collections
import datetime
import json
import os
import select
import struct
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

MAX_MESSAGE = 1 << 28
_read, _write = os.read, os.write  # whatever a program makes of the module
_PIECE = 4096  # a pipe that says it can be written takes so much without blocking (PIPE_BUF)
_READ = 1 << 18
_LENGTH = struct.Struct("!I")
_SMALL = 1 << 62
_CONTAINERS: dict[type, str] = {
    list: "l",
    tuple: "t",
    set: "s",
    frozenset: "z",
    dict: "d",
    collections.OrderedDict: "O",
    collections.Counter: "C",
    collections.deque: "q",
    bytearray: "y",
}
_MAKE: dict[str, Callable[[], Any]] = {
    "l": list,
    "s": set,
    "d": dict,
    "O": collections.OrderedDict,
    "C": collections.Counter,
    "q": collections.deque,
    "y": bytearray,
    "D": collections.defaultdict,
}
_VIEWS: dict[type, str] = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
# Of naive times: what makes them again.
_TIMES: dict[type, tuple[str, ...]] = {
    datetime.date: ("year", "month", "day"),
    datetime.time: ("hour", "minute", "second", "microsecond"),
    datetime.datetime: ("year", "month", "day", "hour", "minute", "second", "microsecond"),
    datetime.timedelta: ("days", "seconds", "microseconds"),
}
_TIMES_BY_NAME = {one.__name__: one for one in _TIMES}
_FACTORIES = {f"{f.__name__}": f for f in (int, float, str, bool, list, dict, set, tuple)}
_SIMPLE = frozenset((int, float, bool, type(None)))


class MalformedError(Exception):
    """A message that no honest process sends."""


class Packer:
    """Turns values into a table; one object is one node however often it is met."""

    def __init__(self, export: "Callable[[Any, Packer], list[Any]]") -> None:
        """Prepare; `export` says how a value that is no plain data travels in this table."""
        self.nodes: list[list[Any]] = []
        self.mutable: list[Any] = []
        self._export = export
        self._at: dict[int, int] = {}
        self._alive: list[Any] = []  # so that no id is used twice
        self._todo: list[Any] = []

    def pack(self, value: Any) -> Any:
        """The reference to a value; its nodes are in the table."""
        reference = self.reference(value)
        self.finish()
        return reference

    def finish(self) -> None:
        """Fill the nodes that are only numbered so far."""
        while self._todo:
            value = self._todo.pop()
            node = self.nodes[self._at[id(value)]]
            kind, make = type(value), self.reference
            if kind in (list, tuple):
                node += self._scalars(value) or map(make, tuple(value))
            elif kind in (set, frozenset):
                node += map(make, tuple(value))
            elif kind is collections.deque:
                node.append(value.maxlen)
                node += map(make, tuple(value))
            elif kind is bytearray:
                node.append(value.decode("latin-1"))
            else:
                if kind is collections.defaultdict:
                    node.append(None if value.default_factory is None else value.default_factory.__name__)
                for key, held in tuple(value.items()):
                    node += (make(key), make(held))

    @staticmethod
    def _scalars(value: Any) -> Any:
        """A sequence of numbers as it is, without a look at each."""
        kinds = set(map(type, value))
        if value and kinds <= _SIMPLE:
            if int in kinds:
                numbers = value if len(kinds) == 1 else [one for one in value if type(one) is int]
                if not (min(numbers) > -_SMALL and max(numbers) < _SMALL):
                    return None
            return value
        return None

    def reference(self, value: Any) -> Any:
        """The reference to a value; nodes of containers are only numbered so far (see `finish`)."""
        kind = type(value)
        if kind is int:
            return value if -_SMALL < value < _SMALL else ["i", hex(value)]
        if kind is float or kind is bool or value is None:
            return value
        if kind is str:
            return value if value.isascii() or _encodable(value) else ["u", _hex(value)]
        if (at := self._at.get(id(value))) is not None:
            return [at]
        tag = _CONTAINERS.get(kind)
        if tag is None and kind is collections.defaultdict:
            factory = value.default_factory
            if factory is None or _FACTORIES.get(getattr(factory, "__name__", "")) is factory:
                tag = "D"
        if tag is not None:
            self.add(value, tag)
            return [self._at[id(value)]]
        if kind is bytes:
            return ["b", value.decode("latin-1")]
        if kind is complex:
            return ["c", value.real, value.imag]
        if kind is range:
            return ["r", *map(hex, (value.start, value.stop, value.step))]
        if kind is Fraction:
            return ["F", hex(value.numerator), hex(value.denominator)]
        if kind is Decimal:
            return ["M", str(value)]
        if value is Ellipsis:
            return ["e", 0]
        if value is NotImplemented:
            return ["e", 1]
        if kind in _VIEWS:
            return ["v", _VIEWS[kind], self.reference(dict(value.mapping))]
        if kind is slice:
            return ["S", *map(self.reference, (value.start, value.stop, value.step))]
        if kind in _TIMES and getattr(value, "tzinfo", None) is None:
            return ["d", kind.__name__, *(getattr(value, name) for name in _TIMES[kind])]
        return self._export(value, self)

    def add(self, value: Any, tag: str | None = None) -> None:
        """Give a container the next number."""
        tag = tag or _CONTAINERS.get(type(value), "D")
        self._at[id(value)] = len(self.nodes)
        self.nodes.append([tag])
        self._alive.append(value)
        self._todo.append(value)
        if tag not in "tz":
            self.mutable.append(value)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _hex(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").hex()


class Unpacker:
    """Turns a table into values.

    Attributes:
        mutable: the containers in it that can change, in the table's order.
    """

    def __init__(
        self, nodes: Any, given: "Callable[[list[Any], Unpacker], Any]", first: list[Any] | None = None
    ) -> None:
        """Read a table.

        Args:
            nodes: the table.
            given: what an atom that `Packer`'s `export` made stands for in this table.
            first: objects that the first nodes are new contents of.

        Raises:
            MalformedError: it is none.
        """
        self._given = given
        self.mutable: list[Any] = []
        try:
            self._objects = self._read(nodes, first or [])
        except MalformedError:
            raise
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, RecursionError, OverflowError):
            raise MalformedError from None

    def value(self, reference: Any) -> Any:
        """What a reference stands for.

        Raises:
            MalformedError: nothing.
        """
        if type(reference) is not list:
            if type(reference) is dict:
                raise MalformedError
            return reference
        if len(reference) == 1:
            at = reference[0]
            if type(at) is not int or not 0 <= at < len(self._objects):
                raise MalformedError
            return self._objects[at]
        try:
            return self._atom(reference)
        except (TypeError, ValueError, IndexError, KeyError, ArithmeticError, AttributeError):
            raise MalformedError from None

    def _atom(self, atom: list[Any]) -> Any:
        match atom:
            case ["i", str(digits)]:
                return int(digits, 16)
            case ["u", str(data)]:
                return bytes.fromhex(data).decode("utf-8", "surrogatepass")
            case ["b", str(data)]:
                return data.encode("latin-1")
            case ["c", float(real), float(imaginary)]:
                return complex(real, imaginary)
            case ["r", start, stop, step]:
                return range(int(start, 16), int(stop, 16), int(step, 16))
            case ["F", over, under]:
                return Fraction(int(over, 16), int(under, 16))
            case ["M", str(digits)]:
                return Decimal(digits)
            case ["e", which]:
                return NotImplemented if which else Ellipsis
            case ["v", str(view), [int(at)]] if view in _VIEWS.values() and type(self._objects[at]) is dict:
                return getattr(self._objects[at], view)()
            case ["S", start, stop, step]:
                return slice(self.value(start), self.value(stop), self.value(step))
            case ["d", str(name), *numbers] if all(type(one) is int for one in numbers):
                return _TIMES_BY_NAME[name](*numbers)
        return self._given(atom, self)

    def _read(self, nodes: list[list[Any]], first: list[Any]) -> list[Any]:
        objects: list[Any] = [None] * len(nodes)
        self._objects = objects
        for at, node in enumerate(nodes):
            if (tag := node[0]) not in ("t", "z"):
                container = first[at] if at < len(first) else None
                if container is not None and _CONTAINERS.get(type(container), "D") != tag:
                    raise MalformedError
                if container is None:
                    container = collections.deque(maxlen=node[1]) if tag == "q" else _MAKE[tag]()
                objects[at] = container
                self.mutable.append(container)
        self._freeze(nodes, objects)
        value = self.value
        for node, container in zip(nodes, objects, strict=True):
            tag = node[0]
            if tag == "l":
                container[:] = map(value, node[1:])
            elif tag == "y":
                container[:] = node[1].encode("latin-1")
            elif tag == "q":
                items = [*map(value, node[2:])]
                container.clear()
                container.extend(items)
            elif tag == "s":
                items = [*map(value, node[1:])]
                container.clear()
                container.update(items)
            elif tag in "dOCD":
                if tag == "D":
                    container.default_factory = None if node[1] is None else _FACTORIES[node[1]]
                items = [*map(value, node[2 if tag == "D" else 1 :])]
                container.clear()
                dict.update(container, zip(items[::2], items[1::2], strict=True))
        return objects

    def _freeze(self, nodes: list[list[Any]], objects: list[Any]) -> None:
        """Make the tuples and frozensets, those inside others first."""
        begun: set[int] = set()
        for start, one in enumerate(nodes):
            todo = [start] if one[0] in ("t", "z") else []
            while todo:
                at = todo[-1]
                if objects[at] is not None:
                    todo.pop()
                    continue
                node = nodes[at]
                inner = [at for item in node[1:] for at in _nodes_in(item) if objects[at] is None]
                if inner:
                    if at in begun:
                        raise MalformedError  # it holds itself
                    begun.add(at)
                    todo += inner
                    continue
                items = map(self.value, node[1:])
                objects[at] = tuple(items) if node[0] == "t" else frozenset(items)
                todo.pop()


def _nodes_in(reference: Any) -> list[int]:
    """The nodes that a reference or an atom names."""
    if type(reference) is not list:
        return []
    if len(reference) == 1:
        return reference
    return [at for part in reference if type(part) is list for at in _nodes_in(part)]


def packed(message: Any) -> bytes:
    """A message as it goes over a stream: its length and JSON."""
    data = json.dumps(message, separators=(",", ":"), check_circular=False).encode()
    return _LENGTH.pack(len(data)) + data


def write(stream: int, data: bytes, wait: Callable[[], None] | None = None) -> None:
    """Write all of some data; `wait` returns once the stream takes `_PIECE` bytes without blocking."""
    view = memoryview(data)
    while view:
        if wait is not None:
            wait()
        view = view[_write(stream, view[:_PIECE] if wait is not None else view) :]


def send(stream: int, message: Any) -> None:
    """Send a message."""
    write(stream, packed(message))


def receive(stream: int) -> Any:
    """The next message of a stream that answers one at a time; see `receive_more`."""
    message, unread = receive_more(stream, b"")
    if unread:
        raise MalformedError
    return message


def receive_more(stream: int, unread: bytes, wait: Callable[[], None] | None = None) -> tuple[Any, bytes]:
    """The next message, and what was read of those after it.

    Args:
        stream: where from.
        unread: what was read of it before.
        wait: returns once there is something to read.

    Raises:
        EOFError: the stream has ended.
        MalformedError: it is no message.
    """
    data = unread
    while len(data) < 4 or len(data) < (end := 4 + _LENGTH.unpack_from(data)[0]):
        if len(data) >= 4:
            if end > MAX_MESSAGE:
                raise MalformedError
            pieces, left = [data], end - len(data)
            while left > 0:
                pieces.append(_piece(stream, wait))
                left -= len(pieces[-1])
            data = b"".join(pieces)
        else:
            data += _piece(stream, wait)
    try:
        return json.loads(data[4:end]), data[end:]
    except (ValueError, RecursionError):
        raise MalformedError from None


def _piece(stream: int, wait: Callable[[], None] | None) -> bytes:
    if wait is not None:
        wait()
    piece = _read(stream, _READ)
    if not piece:
        raise EOFError
    return piece


def drain(stream: int) -> None:
    """Throw away what is in a pipe."""
    poll = select.poll()
    poll.register(stream, select.POLLIN)
    while poll.poll(0) and os.read(stream, 1 << 16):
        pass
