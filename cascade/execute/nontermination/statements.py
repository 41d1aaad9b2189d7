"""Statements of a program, run on bounds (see `bounds`) instead of numbers, on every branch that is possible.

What is not on the list of what is understood, or might raise an exception, gives up.
"""

import ast
import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cascade.execute.nontermination.expressions import State, Terms, either, merged
from cascade.execute.nontermination.interval_domain import (
    OPERATORS,
    Atom,
    GiveUp,
    Int,
    Listed,
    Value,
    exact,
    joined,
    moved,
    order,
)

# Guesses at what holds in all rounds of an inner loop.
MAX_GUESSES = 12
_GENERATES = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


@dataclass
class Flow:
    """How control left a block other than by its end."""

    breaks: list[State | None] = field(default_factory=list)
    continues: list[State | None] = field(default_factory=list)
    returns: list[Value] = field(default_factory=list)


def _widened(head: State, later: State) -> State:
    """A state that a loop soon settles in."""
    wide: State = {}
    for name, value in later.items():
        old = head.get(name)
        match old, value:
            case Int(), Int():
                wide[name] = old.widened(value)
            case Listed(), Listed():
                wide[name] = Listed(old.length.widened(value.length), value.items if value == old else None)
            case _ if old == value:
                wide[name] = value
    return wide


class Steps(Terms):
    """Runs code of a program.

    Attributes:
        grows: whether a list got longer on some branch.
        max_unrolled: rounds of an inner loop that are run one by one.
        max_calls: calls in one another.
    """

    max_unrolled, max_calls = 50, 5

    def __init__(self, tree: ast.Module, space: Mapping[str, object]) -> None:
        """Prepare; `space` is the program's module."""
        super().__init__(space)
        self.grows = False
        self._functions = {node.lineno: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    def within(
        self, code: types.CodeType, body: list[ast.stmt], state: State | None, flow: Flow
    ) -> State | None:
        """The state after some statements of a function; None where their end is never reached."""
        self._codes.append(code)
        if len(self._codes) > self.max_calls:
            raise GiveUp
        after = self._block(body, state, flow)
        self._codes.pop()
        return after

    def numbers(self, code: types.CodeType, nodes: list[ast.expr], state: State) -> list[int]:
        """The ends of a range in a function; gives up unless they are known."""
        self._codes.append(code)
        values = [self.value(node, state) for node in nodes]
        known = [value.value for value in values if isinstance(value, Int) and value.value is not None]
        if len(known) < len(nodes) or self.outer("range") is not range:
            raise GiveUp
        self._codes.pop()
        return known

    def _block(self, body: list[ast.stmt], state: State | None, flow: Flow) -> State | None:
        for statement in body:
            if state is None:
                return None
            self.work()
            state = self._statement(statement, state, flow)
        return state

    def _statement(self, node: ast.stmt, state: State, flow: Flow) -> State | None:
        match node:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                return state
            case (
                ast.Assign(targets=[target], value=value)
                | ast.AnnAssign(target=target, value=ast.expr() as value)
            ):
                return self._bound(target, self.value(value, state), state)
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                return state | {name: self.operation(op, self.named(name, state), self.value(value, state))}
            case ast.If(test=test, body=body, orelse=orelse):
                yes, no = self.condition(test, state)
                return merged(self._block(body, yes, flow), self._block(orelse, no, flow))
            case ast.While(test=test, orelse=[]):
                return self._loop(node.body, state, flow, lambda head: self.condition(test, head))
            case ast.For(target=ast.Name(id=name), iter=source, orelse=[]):
                return self._for(name, source, node.body, state, flow)
            case ast.Break():
                flow.breaks.append(state)
                return None
            case ast.Continue():
                flow.continues.append(state)
                return None
            case ast.Return(value=value):
                flow.returns.append(Atom(None) if value is None else self.value(value, state))
                return None
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[item], keywords=[]
                )
            ):
                return self._appended(name, self.value(item, state), state)
        raise GiveUp

    def _bound(self, target: ast.expr, value: Value, state: State) -> State:
        match target, value:
            case ast.Name(id=name), _:
                return state | {name: value}
            case ast.Tuple(elts=targets), tuple() if len(targets) == len(value):
                for one, part in zip(targets, value, strict=True):
                    state = self._bound(one, part, state)
                return state
        raise GiveUp

    def _appended(self, name: str, item: Value, state: State) -> State:
        grown = state.get(name)
        if not isinstance(grown, Listed):
            raise GiveUp
        self.grows = True
        known = isinstance(item, Int) and grown.items is not None
        items = joined(item, grown.items) if known and grown.items is not None else None
        length = OPERATORS[ast.Add](grown.length, exact(1))
        return state | {name: Listed(length, items if isinstance(items, Int) else None)}

    def _for(
        self, name: str, source: ast.expr, body: list[ast.stmt], state: State, flow: Flow
    ) -> State | None:
        match source:
            case ast.Call(func=ast.Name(id="range"), keywords=[]) if self.outer("range") is range:
                ends = [self.value(one, state) for one in source.args]
            case _:
                raise GiveUp
        match ends:
            case [Int() as stop]:
                start, step = exact(0), exact(1)
            case [Int() as start, Int() as stop]:
                step = exact(1)
            case [Int() as start, Int() as stop, Int() as step] if step.value:
                pass
            case _:
                raise GiveUp
        by, first, last = step.value or 0, start.value, stop.value
        if first is not None and last is not None and len(range(first, last, by)) <= self.max_unrolled:
            broken: list[State | None] = []
            head: State | None = state
            for number in range(first, last, by):
                inner = Flow(broken, [], flow.returns)
                after = self._block(body, None if head is None else head | {name: exact(number)}, inner)
                head = merged(after, *inner.continues)
            return merged(head, *broken)
        up = by > 0
        low, high = (start.low, moved(stop.high, -1)) if up else (moved(stop.low, 1), start.high)
        enters = order(start, stop)[0 if up else 2]

        def turn(head: State) -> tuple[State | None, State | None]:
            return head | {name: Int(low, high)} if enters else None, head

        return self._loop(body, state, flow, turn)

    def _loop(
        self,
        body: list[ast.stmt],
        state: State,
        flow: Flow,
        turn: Callable[[State], tuple[State | None, State | None]],
    ) -> State | None:
        """The state after a loop; `turn` says in which a round begins, and in which the loop is over."""
        broken: list[State | None] = []

        def rounds(inside: State | None) -> State | None:
            inner = Flow(broken, [], flow.returns)
            return merged(self._block(body, inside, inner), *inner.continues)

        head: State | None = state
        for _ in range(self.max_unrolled):
            if head is None:
                return merged(*broken)
            inside, outside = turn(head)
            if inside is None:
                return merged(outside, *broken)
            if outside is not None:
                break
            head = rounds(inside)
        if head is None:
            return merged(*broken)
        self.settle()
        for guess in range(MAX_GUESSES):
            inside, outside = turn(head)
            later = merged(head, rounds(inside))
            assert later is not None
            if later == head:
                return merged(outside, *broken)
            head = later if guess < 1 else _widened(head, later)
        raise GiveUp

    def settle(self) -> None:
        """A loop is no longer followed round by round."""

    def definition(self, code: types.CodeType) -> ast.FunctionDef:
        """Where a function of the program is defined; gives up unless it is a simple one."""
        match self._functions.get(code.co_firstlineno):
            case (
                ast.FunctionDef(
                    args=ast.arguments(posonlyargs=[], vararg=None, kwonlyargs=[], kwarg=None, defaults=[]),
                    decorator_list=[],
                ) as node
            ) if node.name == code.co_name and code.co_filename == "<program>":
                if not code.co_freevars and not code.co_flags & _GENERATES:
                    return node
        raise GiveUp

    def called(self, function: types.FunctionType, arguments: list[Value]) -> Value:
        """What a function of the program returns."""
        code = function.__code__
        node = self.definition(code)
        if len(node.args.args) != len(arguments):
            raise GiveUp
        state = {one.arg: value for one, value in zip(node.args.args, arguments, strict=True)}
        flow = Flow()
        if self.within(code, node.body, state, flow) is not None:
            flow.returns.append(Atom(None))
        return either(flow.returns)
