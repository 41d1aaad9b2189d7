"""Statements and expressions of a program, run on bounds (see `bounds`) instead of numbers.

What can happen is followed on every branch. What is not on the list of what is understood, or might
raise an exception, gives up.
"""

import ast
import builtins
import inspect
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from cascade.execute.bounds import (
    OPERATORS,
    Atom,
    Function,
    GiveUp,
    Int,
    Listed,
    Real,
    Value,
    between,
    exact,
    joined,
    lift,
    moved,
    negative,
    order,
    quotient,
    root,
    truncated,
)

# Work in one proof, in nodes; rounds of an inner loop that are run one by one; guesses at the others.
MAX_NODES, MAX_UNROLLED, MAX_GUESSES = 10_000, 50, 12
MAX_CALLS = 5  # in one another

State = dict[str, Value]
# By comparison: the one that says the same with its sides exchanged, and the opposite.
_MIRRORED = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
    ast.Eq: ast.Eq,
    ast.NotEq: ast.NotEq,
}
_OPPOSITE = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
_TRUE_FOR = {
    # Of a left side that is smaller, equal, greater.
    ast.Lt: (True, False, False),
    ast.LtE: (True, True, False),
    ast.Eq: (False, True, False),
    ast.NotEq: (True, False, True),
    ast.Gt: (False, False, True),
    ast.GtE: (False, True, True),
}
_BOOL = between(0, 1)
_GENERATES = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


@dataclass
class Flow:
    """How control left a block other than by its end."""

    breaks: list[State | None] = field(default_factory=list)
    continues: list[State | None] = field(default_factory=list)
    returns: list[Value] = field(default_factory=list)


def merged(*states: State | None) -> State | None:
    """What is known whichever of some states holds; None where none can."""
    possible = [state for state in states if state is not None]
    if not possible:
        return None
    result = dict(possible[0])
    for state in possible[1:]:
        for name in list(result):
            value = joined(result[name], state[name]) if name in state else None
            if value is None:
                del result[name]
            else:
                result[name] = value
    return result


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


class Steps:
    """Runs code of a program.

    Attributes:
        grows: whether a list got longer on some branch.
    """

    def __init__(self, tree: ast.Module, space: Mapping[str, object]) -> None:
        """Prepare; `space` is the program's module."""
        self.grows = False
        self._space = space
        self._functions = {node.lineno: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        self._codes: list[types.CodeType] = []
        self._left = MAX_NODES

    def within(
        self, code: types.CodeType, body: list[ast.stmt], state: State | None, flow: Flow
    ) -> State | None:
        """The state after some statements of a function; None where their end is never reached."""
        self._codes.append(code)
        if len(self._codes) > MAX_CALLS:
            raise GiveUp
        after = self._block(body, state, flow)
        self._codes.pop()
        return after

    def _work(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise GiveUp

    def _block(self, body: list[ast.stmt], state: State | None, flow: Flow) -> State | None:
        for statement in body:
            if state is None:
                return None
            self._work()
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
                return state | {name: self._operation(op, self._named(name, state), self.value(value, state))}
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
            case ast.Call(func=ast.Name(id="range"), keywords=[]) if self._global("range") is range:
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
        if first is not None and last is not None and len(range(first, last, by)) <= MAX_UNROLLED:
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
        for _ in range(MAX_UNROLLED):
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
        for guess in range(MAX_GUESSES):
            inside, outside = turn(head)
            later = merged(head, rounds(inside))
            assert later is not None
            if later == head:
                return merged(outside, *broken)
            head = later if guess < 1 else _widened(head, later)
        raise GiveUp

    def condition(self, node: ast.expr, state: State) -> tuple[State | None, State | None]:
        """What is known where a condition is true, and where it is false; None where it cannot be."""
        self._work()
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yes, no = self.condition(operand, state)
                return no, yes
            case ast.BoolOp(op=op, values=values):
                both = isinstance(op, ast.And)
                left: State | None = state
                done: list[State | None] = []
                for value in values:
                    if left is not None:
                        yes, no = self.condition(value, left)
                        left = yes if both else no
                        done.append(no if both else yes)
                return (left, merged(*done)) if both else (merged(*done), left)
            case ast.Compare(left=one, ops=[op], comparators=[other]):
                return self._compared(one, type(op), other, state)
            case ast.Compare(left=one, ops=[op, *more], comparators=[other, *others]):
                parts = [ast.Compare(one, [op], [other]), ast.Compare(other, more, others)]
                return self.condition(ast.BoolOp(ast.And(), list(parts)), state)
        match self.value(node, state):
            case Int() as number:
                smaller, zero, greater = order(number, exact(0))
                return state if smaller or greater else None, state if zero else None
            case Atom(value=value):
                return (state, None) if value else (None, state)
        raise GiveUp

    def _compared(
        self, one: ast.expr, op: type[ast.cmpop], other: ast.expr, state: State
    ) -> tuple[State | None, State | None]:
        left, right = self.value(one, state), self.value(other, state)
        if op in (ast.Eq, ast.NotEq) and isinstance(left, Atom) and isinstance(right, Atom):
            same = left.value == right.value
            return (state, None) if same == (op is ast.Eq) else (None, state)
        if {type(left), type(right)} in ({Real}, {Real, Int}) and op in _TRUE_FOR:
            return state, state
        if op not in _TRUE_FOR or not isinstance(left, Int) or not isinstance(right, Int):
            raise GiveUp
        possible = order(left, right)
        results: list[State | None] = []
        for kind in (op, _OPPOSITE[op]):
            if not any(may and holds for may, holds in zip(possible, _TRUE_FOR[kind], strict=True)):
                results.append(None)
                continue
            known = dict(state)
            for side, own, how, rest in ((one, left, kind, right), (other, right, _MIRRORED[kind], left)):
                if isinstance(side, ast.Name) and side.id in known:
                    known[side.id] = _narrowed(own, how, rest)
            results.append(known)
        return results[0], results[1]

    def value(self, node: ast.expr, state: State) -> Value:
        """What an expression comes to."""
        self._work()
        match node:
            case ast.Constant(value=constant):
                known = lift(constant)
                return known if known is not None else _give_up()
            case ast.Name(id=name):
                found = self._named(name, state)
                # A list with two names could grow by one and be looked at by the other.
                return _give_up() if isinstance(found, Listed) else found
            case ast.Tuple(elts=elements):
                return tuple(self.value(one, state) for one in elements)
            case ast.BinOp(left=left, op=op, right=right):
                return self._operation(op, self.value(left, state), self.value(right, state))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                number = self.value(operand, state)
                return negative(number) if isinstance(number, Int) else _give_up()
            case ast.UnaryOp(op=ast.Not()) | ast.Compare():
                yes, no = self.condition(node, state)
                return _BOOL if yes is not None and no is not None else exact(int(no is None))
            case ast.BoolOp(values=values):
                return self._either([self.value(one, state) for one in values])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                cases = zip((body, orelse), self.condition(test, state), strict=True)
                return self._either([self.value(one, known) for one, known in cases if known is not None])
            case ast.Subscript(value=ast.Name(id=name), slice=place):
                return self._item(self._named(name, state), self.value(place, state))
            case ast.Call(keywords=[]):
                return self._call(node, state)
        raise GiveUp

    def _either(self, values: list[Value]) -> Value:
        result = values[0]
        for value in values[1:]:
            both = joined(result, value)
            result = both if both is not None else _give_up()
        return result

    def _operation(self, op: ast.operator, left: Value, right: Value) -> Value:
        match left, op, right:
            case Int(), ast.Div(), Int():
                return quotient(left, right)
            case Int(), ast.Pow(), Atom(value=0.5):
                return root(left)
            case Int(), _, Int() if type(op) in OPERATORS:
                return OPERATORS[type(op)](left, right)
        raise GiveUp

    def _item(self, held: Value, place: Value) -> Value:
        if not isinstance(held, Listed) or held.items is None or not isinstance(place, Int):
            raise GiveUp
        inside = not order(place, held.length)[1] and not order(place, held.length)[2]
        if inside and not order(place, negative(held.length))[0]:
            return held.items
        raise GiveUp

    def _named(self, name: str, state: State) -> Value:
        if name in state:
            return state[name]
        found = lift(self._global(name))
        return found if isinstance(found, Int | Atom | Function) else _give_up()

    def _global(self, name: str) -> object:
        code = self._codes[-1]
        if name in code.co_varnames or name in code.co_cellvars or name in code.co_freevars:
            raise GiveUp  # a variable that nothing is known of, or that may be unbound
        if name in self._space:
            return self._space[name]
        return vars(builtins)[name] if name in vars(builtins) else _give_up()

    def _call(self, node: ast.Call, state: State) -> Value:
        match node.func:
            case ast.Attribute(value=ast.Name(id=name), attr="sqrt") if name not in state:
                [number] = [self.value(one, state) for one in node.args]
                return root(number) if self._global(name) is math and isinstance(number, Int) else _give_up()
            case ast.Name(id=name):
                held = state.get(name)
                callee = held.function if isinstance(held, Function) else self._global(name)
                if callee is len:
                    match node.args:
                        case [ast.Name(id=held_name)]:
                            of = self._named(held_name, state) if held_name in state else _give_up()
                            return of.length if isinstance(of, Listed) else _give_up()
                    raise GiveUp
                return self._result(callee, [self.value(one, state) for one in node.args])
        raise GiveUp

    def _result(self, callee: object, arguments: list[Value]) -> Value:
        match arguments:
            case [Int() as number] if callee is int:
                return number
            case [Real() as real] if callee is int:
                return truncated(real)
            case [Int() as number] if callee is abs:
                if number.least >= 0:
                    return number
                return negative(number) if number.most <= 0 else between(0, max(-number.least, number.most))
        if not isinstance(callee, types.FunctionType) or any(isinstance(a, Listed) for a in arguments):
            raise GiveUp
        code = callee.__code__
        node = self._functions.get(code.co_firstlineno)
        match node:
            case ast.FunctionDef(
                args=ast.arguments(posonlyargs=[], vararg=None, kwonlyargs=[], kwarg=None, defaults=[]),
                decorator_list=[],
            ) if node.name == code.co_name and len(node.args.args) == len(arguments):
                state = {one.arg: value for one, value in zip(node.args.args, arguments, strict=True)}
            case _:
                raise GiveUp
        if code.co_filename != "<program>" or code.co_freevars or code.co_flags & _GENERATES:
            raise GiveUp
        flow = Flow()
        if self.within(code, node.body, state, flow) is not None:
            flow.returns.append(Atom(None))
        return self._either(flow.returns) if flow.returns else _give_up()


def _narrowed(own: Value, how: type[ast.cmpop], rest: Value) -> Value:
    if not isinstance(own, Int) or not isinstance(rest, Int):
        return own
    if how in (ast.Lt, ast.LtE, ast.Eq):
        own = own.at_most(moved(rest.high, -1) if how is ast.Lt else rest.high)
    if how in (ast.Gt, ast.GtE, ast.Eq):
        own = own.at_least(moved(rest.low, 1) if how is ast.Gt else rest.low)
    return own


def _give_up() -> NoReturn:
    raise GiveUp
