"""Proof that a loop outlasts its limit: a round of it, run on bounds instead of numbers, never leaves it.

The bounds of the first round are the numbers that a real run had. Those of later rounds are guessed,
growing by the same step each round (see `bounds`), and one round of the program, run on them, has to
confirm the guess: it ends within the bounds of the next, whatever branches it takes, and leaves the loop
by none. The operations that are known cannot raise on such values; whatever else is met gives up. The
bounds hold for more rounds than any interpreter can do before the limit.
"""

import ast
import collections
import math
import types
from collections.abc import Mapping
from dataclasses import replace
from math import gcd, inf

from cascade.execute.nontermination.expressions import State, merged
from cascade.execute.nontermination.interval_domain import (
    OPERATORS,
    GiveUp,
    Int,
    Listed,
    Value,
    exact,
    gridded,
    lift,
)
from cascade.execute.nontermination.statements import Flow, Steps

# No Python goes round a loop more often in a second: a round is several instructions.
ROUNDS_PER_S = 2 * 10**8
# What the ends of a range may be made of, so that they are still what they were.
_UNCHANGED = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator)
MAX_GUESSES = 10
# Python frames that may lie below a loop, so that the functions it calls have room.
MAX_STACK = 500

# How far a bound moves in a round: the lower and the upper one.
Step = tuple[int, int]
STILL: Step = (0, 0)


def outlasts(
    loop: ast.While | ast.For, frame: types.FrameType, tree: ast.Module, seconds: float
) -> bool | None:
    """Whether a loop that is at the start of a round runs on for some CPU seconds at least.

    Args:
        loop: the loop, at the first statement of a round (`for`) or at its condition (`while`).
        frame: of the function that it is in.
        tree: the program.
        seconds: how long.

    Returns:
        None without a proof; otherwise whether lists grow without end, so that memory may be short first.
    """
    if frame.f_code.co_name.startswith("<"):
        return None  # on the loop's line, but not the function that it is in
    depth, below = 0, frame.f_back
    while below is not None:
        depth, below = depth + 1, below.f_back
    if depth > MAX_STACK:
        return None
    try:
        return _holds(loop, frame, tree, math.ceil(seconds * ROUNDS_PER_S))
    except (GiveUp, RecursionError, OverflowError, MemoryError):
        return None


def _holds(loop: ast.While | ast.For, frame: types.FrameType, tree: ast.Module, n_rounds: int) -> bool | None:
    start = _known(frame.f_locals)
    steps: dict[str, Step] = {}
    every: dict[str, int] = {}
    run = Steps(tree, frame.f_globals)
    counter = _counter(loop, run, frame, start, n_rounds) if isinstance(loop, ast.For) else None
    for _ in range(MAX_GUESSES):
        head = {
            name: _moving(value, steps.get(name, STILL), every.get(name, 0), n_rounds)
            for name, value in start.items()
        }
        run.grows = False
        after = _round(run, loop, frame.f_code, head, counter)
        if after is None:
            return run.grows  # it does not even end
        confirmed = True
        for name, value in head.items():
            later, first = after.get(name), start[name]
            if isinstance(first, Listed) and isinstance(later, Listed) and first.items != later.items:
                start[name], confirmed = replace(first, items=None), False
                continue
            step = _step(value, later, steps.get(name))
            common = _common(first, later, every.get(name, 0))
            if step != steps.get(name, STILL) or common != every.get(name, 0):
                confirmed = False
            every[name] = common
            if step is None:
                del start[name]  # nothing is known of it; a round that reads it gives up
            else:
                steps[name] = step
        if confirmed:
            return run.grows
    return None


def _known(variables: Mapping[str, object]) -> State:
    """What is known of variables; a list only where no other variable holds it."""
    known = {name: lift(value) for name, value in variables.items()}
    holders = collections.Counter(id(value) for value in variables.values() if type(value) is list)
    return {
        name: value
        for name, value in known.items()
        if value is not None and holders.get(id(variables[name]), 1) == 1
    }


def _moving(value: Value, step: Step, every: int, n_rounds: int) -> Value:
    """What a variable is in all rounds, if it begins with a value and moves by a step each round.

    Args:
        value: what it begins with.
        step: how far its bounds move.
        every: what its distances from there are multiples of.
        n_rounds: the last round.
    """
    match value:
        case Int():
            low, high = (
                (line[0], line[0] + by * n_rounds)
                for line, by in zip((value.low, value.high), step, strict=True)
            )
            return gridded(low, high, (every, value.steps[1]))
        case Listed():
            length = _moving(value.length, step, 1, n_rounds)
            assert isinstance(length, Int)
            return replace(value, length=length)
    return value


def _step(before: Value, after: Value | None, step: Step | None) -> Step | None:
    """The step that takes a round's beginning to its end, and an earlier guess too; None for no step."""
    match before, after:
        case Listed(), Listed():
            return _step(before.length, after.length, step)
        case Int(), Int():
            down = [b - a for a, b in zip(before.low, after.low, strict=True)]
            up = [b - a for a, b in zip(before.high, after.high, strict=True)]
            if step is not None:
                down, up = [*down, step[0]], [*up, step[1]]
            low, high = min(down), max(up)
            return None if inf in (-low, high) else (int(low), int(high))
    return STILL if before == after else None


def _common(first: Value, later: Value | None, every: int) -> int:
    """What the distances of an int from its first value are multiples of, with those of one more round."""
    if not isinstance(first, Int) or not isinstance(later, Int):
        return 1
    (step, rest), (other, at) = first.steps, later.steps
    return gcd(every, step, other, at - rest)


def _counter(
    loop: ast.For, run: Steps, frame: types.FrameType, start: State, n_rounds: int
) -> tuple[str, int]:
    """The variable that a loop over a range counts with, and its step.

    Raises:
        GiveUp: the rounds that are left are too few, or cannot be counted.
    """
    match loop:
        case ast.For(
            target=ast.Name(id=name),
            iter=ast.Call(func=ast.Name(id="range"), args=ends, keywords=[]),
            orelse=[],
        ):
            names = [
                node for end in ends for node in ast.walk(end) if isinstance(node, ast.expr | ast.operator)
            ]
        case _:
            raise GiveUp
    changed = {
        node.id for node in ast.walk(loop) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for node in names:
        # The range was made before the first round; what it was made of must still be there.
        if not isinstance(node, _UNCHANGED) or (isinstance(node, ast.Name) and node.id in changed):
            raise GiveUp
    numbers = run.numbers(frame.f_code, ends, start)
    at = start.get(name)
    if isinstance(at, Int) and at.value is not None:
        counted = range(*numbers)
        if at.value in counted and len(counted) - counted.index(at.value) > n_rounds:
            return name, counted.step
    raise GiveUp


def _round(
    run: Steps, loop: ast.While | ast.For, code: types.CodeType, head: State, counter: tuple[str, int] | None
) -> State | None:
    """The state at the end of one round; None where no round ends.

    Raises:
        GiveUp: it might leave the loop.
    """
    flow, test = Flow(), []
    if isinstance(loop, ast.While) and not isinstance(loop.test, ast.Constant):
        test = [ast.If(ast.UnaryOp(ast.Not(), loop.test), [ast.Break()], [])]
    after = run.within(code, [*test, *loop.body], head, flow)
    if flow.breaks or flow.returns:
        raise GiveUp
    after = merged(after, *flow.continues)
    if after is None or counter is None:
        return after
    name, step = counter
    at = head[name]
    assert isinstance(at, Int)
    return after | {name: OPERATORS[ast.Add](at, exact(step))}
