"""Execution of untrusted programs: verdicts for solutions x test lines and solutions x reference tests."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cascade.execute.engine import (
        CONTAINERS,
        ERROR,
        FAIL,
        PASS,
        TIMEOUT,
        Batch,
        Check,
        Isolation,
        Limits,
        Outcome,
        execute,
    )

__all__ = [
    "CONTAINERS",
    "ERROR",
    "FAIL",
    "PASS",
    "TIMEOUT",
    "Batch",
    "Check",
    "Isolation",
    "Limits",
    "Outcome",
    "execute",
]


def __getattr__(name: str) -> object:
    # Imported when it is asked for: the server is in this package too, and each fork of it would pay for
    # the threads that the engine uses.
    if name not in __all__:
        raise AttributeError(f"module 'cascade.execute' has no attribute {name!r}")
    from cascade.execute import engine

    return getattr(engine, name)
