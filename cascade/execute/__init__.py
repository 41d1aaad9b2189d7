"""Programs in, verdicts out: execution of untrusted code.

`engine` runs batches of programs and tests in confined servers, `verdicts` asks it for what the store does
not know, `judge` turns a family's samples into verdicts. `isolation/` keeps the code from the machine,
`nontermination/` proves that a run never ends so that nobody has to wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cascade.execute.batches import (
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
    )
    from cascade.execute.engine import execute
    from cascade.execute.judge import JudgeReport, judge_family
    from cascade.execute.pool import ServerPool
    from cascade.execute.purity import is_pure
    from cascade.execute.verdicts import Needs, Sandbox, check_id

__all__ = [
    "CONTAINERS",
    "ERROR",
    "FAIL",
    "PASS",
    "TIMEOUT",
    "Batch",
    "Check",
    "Isolation",
    "JudgeReport",
    "Limits",
    "Needs",
    "Outcome",
    "Sandbox",
    "ServerPool",
    "check_id",
    "execute",
    "is_pure",
    "judge_family",
]

_MODULES = {
    "execute": "engine",
    "JudgeReport": "judge",
    "judge_family": "judge",
    "Needs": "verdicts",
    "Sandbox": "verdicts",
    "ServerPool": "pool",
    "check_id": "verdicts",
    "is_pure": "purity",
}


def __getattr__(name: str) -> object:
    # Imported when it is asked for, with nothing but the standard library: the server is in this package
    # too and may run in a container's Python, and each fork of it would pay for what the engine imports.
    if name not in __all__:
        raise AttributeError(f"module 'cascade.execute' has no attribute {name!r}")
    return getattr(import_module(f"cascade.execute.{_MODULES.get(name, 'batches')}"), name)
