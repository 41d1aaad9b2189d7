"""Proof that a recursion outlasts its limit: the calls that it makes are counted, equal ones only once.

A function that gets numbers and returns one does the same each time that it gets the same (see `purity`).
So its run is followed exactly (see `statements`), and where a call has been made before, its result and the
number of calls in it are known. Their sum is a number of calls that the real run has to make; there may
be more of them than any interpreter makes before the limit.
"""

import ast
import math
import sys
import types

from cascade.execute.nontermination.expressions import State
from cascade.execute.nontermination.interval_domain import GiveUp, Int, Value, lift
from cascade.execute.nontermination.loop_proof import ROUNDS_PER_S
from cascade.execute.nontermination.statements import Flow, Steps

# Calls in one another: the real ones, of which the known ones are not followed, must have room too.
MAX_DEPTH, MAX_STACK = 300, 200
# Python frames that this module may need for them.
OWN_STACK = 20 * MAX_DEPTH
MAX_ROUNDS, MAX_NODES = 2000, 20_000


class _Enough(Exception):  # noqa: N818 - not an error
    """There are more calls than can be made."""


def outlasts(frame: types.FrameType, tree: ast.Module, seconds: float) -> bool:
    """Whether a function's call takes some CPU seconds at least.

    Args:
        frame: of the call.
        tree: the program.
        seconds: how long.
    """
    depth, below = 0, frame.f_back
    while below is not None:
        depth, below = depth + 1, below.f_back
    if depth > MAX_STACK:
        return False
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + OWN_STACK)
    try:
        _Counted(tree, frame, math.ceil(seconds * ROUNDS_PER_S)).follow(frame)
    except _Enough:
        return True
    except (GiveUp, RecursionError, OverflowError, MemoryError):
        pass
    finally:
        sys.setrecursionlimit(limit)
    return False


class _Counted(Steps):
    max_calls, max_unrolled, max_nodes = MAX_DEPTH, MAX_ROUNDS, MAX_NODES

    def __init__(self, tree: ast.Module, frame: types.FrameType, enough: int) -> None:
        super().__init__(tree, frame.f_globals)
        self._known: dict[tuple[object, ...], tuple[Value, int]] = {}
        self._n, self._enough = 0, enough

    def follow(self, frame: types.FrameType) -> None:
        """Run a frame's function again from its start."""
        node = self.definition(frame.f_code)
        names = [one.arg for one in node.args.args]
        stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        values = {name: lift(frame.f_locals.get(name)) for name in names if name not in stored}
        state: State = {name: value for name, value in values.items() if isinstance(value, Int)}
        self.within(frame.f_code, node.body, state, Flow())

    def called(self, function: types.FunctionType, arguments: list[Value]) -> Value:
        if not all(isinstance(one, Int) and one.value is not None for one in arguments):
            raise GiveUp
        key = (function, *arguments)
        if key not in self._known:
            before = self._n
            self._n += 1
            value = super().called(function, arguments)
            self._known[key] = value, self._n - before
        else:
            self._n += self._known[key][1]
        if self._n > self._enough:
            raise _Enough
        return self._known[key][0]

    def condition(self, node: ast.expr, state: State) -> tuple[State | None, State | None]:
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            raise GiveUp  # its middle would be counted twice
        yes, no = super().condition(node, state)
        if yes is not None and no is not None:
            raise GiveUp
        return yes, no

    def value(self, node: ast.expr, state: State) -> Value:
        if isinstance(node, ast.BoolOp):
            raise GiveUp  # all of its parts would be counted
        return super().value(node, state)

    def settle(self) -> None:
        raise GiveUp
