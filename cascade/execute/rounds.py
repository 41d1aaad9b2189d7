"""Proof that a loop outlasts its limit: a round of it, run on bounds instead of numbers, never leaves it.

The bounds of the first round are the numbers that a real run had. Those of later rounds are guessed,
growing by the same step each round (see `bounds`), and one round of the program, run on them, has to
confirm the guess: it ends within the bounds of the next one, whatever branches it took, and leaves the
loop by none. All operations are whole numbers' and cannot raise; whatever else is met, or could raise,
gives up. The bounds hold for more rounds than any interpreter can do before the limit.
"""

import ast
import builtins
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cascade.execute.bounds import (
    COMPARISONS,
    OPERATORS,
    GiveUp,
    Int,
    Listed,
    Value,
    between,
    exact,
    lift,
    negative,
    order,
    root,
)

# No Python goes round a loop more often in a second.
ROUNDS_PER_S = 10**9
MAX_GUESSES = 10
# Work in one proof, in nodes; rounds of an inner loop that are run one by one; calls in calls.
MAX_NODES, MAX_UNROLLED, MAX_CALLS = 8000, 50, 4
MAX_STACK = 500

State = dict[str, Value]


@dataclass
class _Flow:
    """How control left a block other than by its end."""

    breaks: list[State | None] = field(default_factory=list)
    continues: list[State | None] = field(default_factory=list)
    returns: list[Value] = field(default_factory=list)


def outlasts(loop: ast.While, frame: types.FrameType, tree: ast.Module, seconds: float) -> bool | None:
    """Whether a loop that is at the start of a round runs on for some CPU seconds at least.

    Args:
        loop: the loop.
        frame: of the function that it is in.
        tree: the program.
        seconds: how long.

    Returns:
        None without a proof; otherwise whether lists grow without end, so that memory may be short first.
    """
    depth, below = 0, frame.f_back
    while below is not None:
        depth, below = depth + 1, below.f_back
    if depth > MAX_STACK:
        return None
    try:
        return _Proof(tree, frame).holds(loop, dict(frame.f_locals), math.ceil(seconds * ROUNDS_PER_S))
    except (GiveUp, RecursionError, MemoryError, OverflowError):
        return None


class _Proof:
    def __init__(self, tree: ast.Module, frame: types.FrameType) -> None:
        self._functions = {node.lineno: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        self._space, self._code = frame.f_globals, frame.f_code
        self._left, self._calls, self._grows = MAX_NODES, 0, False

    def holds(self, loop: ast.While, variables: Mapping[str, object], n_rounds: int) -> bool | None:
        known = {name: lift(value) for name, value in variables.items()}
        lists = [id(value) for value in variables.values() if type(value) is list]
        start = {
            name: value
            for name, value in known.items()
            if value is not None and not (isinstance(value, Listed) and lists.count(id(variables[name])) > 1)
        }
        steps: dict[str, tuple[int, int]] = dict.fromkeys(start, (0, 0))
        for _ in range(MAX_GUESSES):
            self._grows = False
            head = {name: value.growing(*steps[name], n_rounds) for name, value in start.items()}
            after = self._round(loop, dict(head))
            if after is None:
                return False  # not even this round ends
            wrong = False
            for name, value in head.items():
                needed = value.steps(after.get(name), steps[name])
                if needed == steps[name]:
                    continue
                wrong = True
                if needed is None:
                    del start[name]  # nothing is known of it, and it may not be read
                else:
                    start[name], steps[name] = start[name].loosened(after[name]), needed
            if not wrong:
                return self._grows
        return None
