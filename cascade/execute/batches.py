"""What the engine is asked and answers: batches of programs and tests, limits, isolation, verdicts."""

import sys
from dataclasses import dataclass

from cascade.execute.isolation.layers import LAYERS

CONTAINERS = ("bubblewrap", "podman", "docker")

PASS, FAIL, ERROR, TIMEOUT = "P", "F", "E", "T"


@dataclass(frozen=True)
class Limits:
    """What a program may use.

    Attributes:
        timeout_s: CPU seconds for one test line (and for running the program's definitions).
        reference_timeout_s: CPU seconds for one reference test.
        memory_mb: address space of a child in MiB.
        prelude: Python source that is run before every program, for the imports that models leave out.
        proofs: whether a program is out of time as soon as that is proven (see `nontermination`).
    """

    timeout_s: float
    reference_timeout_s: float
    memory_mb: int
    prelude: str = ""
    proofs: bool = True

    @property
    def signature(self) -> str:
        """What else than the texts and their time limits a verdict depends on."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return f"engine=9 python={version} memory_mb={self.memory_mb} prelude={self.prelude!r}"


@dataclass(frozen=True)
class Isolation:
    """How untrusted code is kept apart.

    Attributes:
        require_confined: refuse to run where code cannot be kept from files, network and processes.
        container: a program of `CONTAINERS` that the servers are started in; None for none.
        image: the container's image, for podman and docker; it needs this Python's version.
        layers: what is used if the machine has it (see `layers.LAYERS`); fewer for comparison only.
    """

    require_confined: bool = False
    container: str | None = None
    image: str = ""
    layers: tuple[str, ...] = LAYERS


@dataclass(frozen=True)
class Check:
    """A piece of Python that is run after a program and raises unless the program is right.

    Attributes:
        source: the text.
        timeout_s: CPU seconds it may take.
        entry_point: of a data set's test, the name in it that the program must define; all other names of
            builtins are Python's own in it. None for a line that a model wrote.
    """

    source: str
    timeout_s: float
    entry_point: str | None = None


@dataclass(frozen=True)
class Batch:
    """A unit of execution: some programs, each with the tests to run after it.

    Attributes:
        tests: the tests that the programs share.
        programs: (source, indices into `tests`); no program without tests.
    """

    tests: tuple[Check, ...]
    programs: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def n_pairs(self) -> int:
        """How many verdicts the batch asks for."""
        return sum(len(indices) for _, indices in self.programs)


@dataclass(frozen=True)
class Outcome:
    """The verdicts of a batch.

    Attributes:
        rows: a letter for each of a program's tests: P passed, F an assertion failed, E any other
            exception or crash, T out of time.
        seconds: CPU seconds of each pair, in the same shape; 0 where it was known from an equal one.
        n_isolated: pairs that got a process of their own.
        n_proven: pairs that were proven to outlast their limit, and so did not have to be waited for.
        n_repeated: pairs that ran out of time on a busy machine and were run again in isolation.
        n_fallback: pairs whose verdict rests on an object that is no plain data.
        layers: the isolation that they ran in.
    """

    rows: list[str]
    seconds: list[list[float]]
    n_isolated: int
    n_proven: int
    n_repeated: int
    n_fallback: int
    layers: tuple[str, ...]
