"""What can be known of a text before it runs: whether it compiles, is pure, and what it shares with others.

The texts are untrusted and the compiler is not made for them: a child reads them, and where one takes
it down, that text is left to the child that runs it.
"""

import ast
import builtins
import contextlib
import functools
import hashlib
import marshal
import os
import signal
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cascade.execute.children import silence
from cascade.execute.equivalence import MAX_CHARS, canonical
from cascade.execute.isolation.layers import Confinement
from cascade.execute.nontermination.loop_sites import loops
from cascade.execute.only_call import gives_plain_data, only_call
from cascade.execute.purity import is_provable, is_pure, names_used

ANALYSIS_MEMORY_MB = 2048
ANALYSIS_SECONDS = 5.0
MAX_CODE_BYTES = 1 << 20


@dataclass
class Text:
    """A program or test.

    Attributes:
        source: the text.
        name: the file name in its frames.
        key: texts that share it do the same.
        broken: whether it is not Python.
        pure: see `purity`.
        used: the names and attributes in it.
        looked_up: the names that it looks up.
        only_call: of a line, the call that it can run out of time in (see `only_call`).
        plain_data: of a program, whether its calls give plain data.
        loops: where it may be proven non-terminating; see `loop_sites`.
        provable: whether its numbers may be reasoned about, too; see `purity.is_provable`.
        code: marshalled code; None where the text is left to the child.
        entry_point: of a data set's test, the name that is the program's.
    """

    source: str
    name: str
    key: str
    broken: bool = False
    pure: bool = False
    used: tuple[str, ...] = ()
    looked_up: tuple[str, ...] = ()
    only_call: str = ""
    plain_data: bool = False
    loops: tuple[tuple[int, tuple[Any, ...]], ...] = ()
    provable: bool = False
    code: bytes | None = None
    entry_point: str | None = None

    def load(self) -> Any:
        """Its code object; its source where there is none."""
        return self.source if self.code is None else marshal.loads(self.code)

    def for_a_referee(self) -> tuple[Any, ...]:
        """The fields of a `referee.Test`."""
        return (*self._made, self.entry_point, self.seed)

    @functools.cached_property
    def _made(self) -> tuple[Any, ...]:
        # Where the text could not be read here, at least what it is a test of.
        return self.load(), self.looked_up or ((self.entry_point,) if self.entry_point else ())

    @functools.cached_property
    def seed(self) -> int:
        """A number of its own."""
        return int.from_bytes(hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).digest()[:6])


def analyse(
    sources: list[str], name: str, confinement: Confinement, modules: Mapping[str, str]
) -> list[Text]:
    """What is known of each text, found out in a child.

    Args:
        sources: the texts.
        name: the file name in their frames.
        confinement: what the child is behind.
        modules: those that the prelude imports, by the names that it gives them.
    """
    found: list[Text] = []
    while len(found) < len(sources):
        os.makedirs(f"{confinement.scratch}/run", exist_ok=True)  # noqa: PTH103
        reader, sink = os.pipe()
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                silence((sink,))
                confinement.enter_child(ANALYSIS_MEMORY_MB, len(sources) * ANALYSIS_SECONDS)
                warnings.simplefilter("ignore")
                with os.fdopen(sink, "wb") as out:
                    for source in sources[len(found) :]:
                        signal.setitimer(signal.ITIMER_PROF, ANALYSIS_SECONDS)
                        marshal.dump(_facts(source, name, modules), out)
                        out.flush()
            os._exit(0)
        os.close(sink)
        with os.fdopen(reader, "rb") as facts, contextlib.suppress(EOFError, ValueError, TypeError):
            while len(found) < len(sources):
                found.append(Text(sources[len(found)], name, *marshal.load(facts)))
        os.waitpid(pid, 0)
        if len(found) < len(sources):
            source = sources[len(found)]
            found.append(Text(source, name, source))
    return found


def _facts(source: str, name: str, modules: Mapping[str, str]) -> tuple[Any, ...]:
    """The fields of a `Text` after its name."""
    if name == "<program>" and len(source) > MAX_CHARS:
        return (source,)
    try:
        tree = ast.parse(source)
        code = compile(source, name, "exec")
    except (SyntaxError, ValueError):
        return (source, True)
    except (RecursionError, MemoryError):
        return (source,)
    dumped = marshal.dumps(code)
    used, looked_up = names_used(tree)
    if len(dumped) > MAX_CODE_BYTES or len(source) > MAX_CHARS:  # a data set's test may be as long as that
        return (source, False, False, used, looked_up, "", False, (), False, dumped)
    bound_by_test = frozenset(looked_up) - frozenset(dir(builtins)) if name == "<test>" else None
    pure = is_pure(tree, bound_by_test, modules)
    provable = pure and name == "<program>" and is_provable(tree)
    watched = loops(tree, provable) if pure and name == "<program>" else {}
    return (
        canonical(code) if pure else source,
        False,
        pure,
        used,
        looked_up,
        only_call(tree) if pure and name == "<test>" else "",
        pure and name == "<program>" and gives_plain_data(tree),
        tuple((line, tuple(loop)) for line, loop in watched.items()),
        provable,
        dumped,
    )
