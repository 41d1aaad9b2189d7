"""Execution of untrusted programs: verdicts for solutions x test lines and solutions x reference tests."""

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
