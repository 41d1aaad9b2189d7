"""What can be known of a text before it runs: whether it compiles, is plain, and what it shares with others.

The texts are untrusted and the compiler is not made for them: a child reads them, and where one takes
it down, that text is left to the child that runs it.
"""

import ast
import contextlib
import functools
import marshal
import os
import signal
import warnings
from dataclasses import dataclass
from typing import Any

from cascade.execute.child import enter
from cascade.execute.equivalence import MAX_CHARS, canonical, first_call, only_calls
from cascade.execute.isolation.layers import Confinement
from cascade.execute.nontermination.loop_sites import loops
from cascade.execute.pure_tests import is_plain_test
from cascade.execute.purity import is_plain

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
        plain: see `plain`.
        first_call: see `equal.first_call`; tests only.
        only_calls: see `equal.only_calls`; tests only.
        loops: see `loops`; plain programs only.
        code: marshalled code; None where the text is left to the child.
    """

    source: str
    name: str
    key: str
    broken: bool = False
    plain: bool = False
    first_call: str | None = None
    only_calls: bool = False
    loops: tuple[tuple[int, tuple[Any, ...]], ...] = ()
    code: bytes | None = None

    def load(self) -> Any:
        """Its code object; its source where there is none."""
        return self.source if self.code is None else marshal.loads(self.code)

    @functools.cached_property
    def loaded(self) -> Any:
        """The same, made once: for texts that many children run."""
        return self.load()


def analyse(sources: list[str], name: str, confinement: Confinement) -> list[Text]:
    """What is known of each text, found out in a child."""
    found: list[Text] = []
    while len(found) < len(sources):
        os.makedirs(f"{confinement.scratch}/run", exist_ok=True)  # noqa: PTH103
        reader, sink = os.pipe()
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                enter(confinement, ANALYSIS_MEMORY_MB, len(sources) * ANALYSIS_SECONDS, (sink,))
                warnings.simplefilter("ignore")
                with os.fdopen(sink, "wb") as out:
                    for source in sources[len(found) :]:
                        signal.setitimer(signal.ITIMER_PROF, ANALYSIS_SECONDS)
                        marshal.dump(_facts(source, name), out)
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


def _facts(source: str, name: str) -> tuple[Any, ...]:
    """The fields of a `Text` after its name."""
    if len(source) > MAX_CHARS:
        return (source,)
    try:
        tree = ast.parse(source)
        code = compile(source, name, "exec")
    except (SyntaxError, ValueError):
        return (source, True)
    except (RecursionError, MemoryError):
        return (source,)
    dumped = marshal.dumps(code)
    if len(dumped) > MAX_CODE_BYTES:
        return (source,)
    if name == "<test>":
        return source, False, is_plain_test(tree), first_call(tree), only_calls(tree), (), dumped
    plain = is_plain(tree)
    return (
        canonical(source, code),
        False,
        plain,
        None,
        False,
        tuple((line, tuple(loop)) for line, loop in loops(tree).items()) if plain else (),
        dumped,
    )
