"""Expressions and conditions of a program, worked out on bounds (see `bounds`) instead of numbers.

What is not on the list of what is understood, or might raise an exception, gives up.
"""

import ast
import builtins
import math
import types
from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import inf
from typing import NoReturn

from cascade.execute.nontermination.interval_domain import (
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

# Numbers beyond this would make a proof slow.
HUGE = 2**1000

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


class Terms(ABC):
    """Works out expressions of a program.

    Attributes:
        max_nodes: work in one proof.
    """

    max_nodes = 10_000

    def __init__(self, space: Mapping[str, object]) -> None:
        """Prepare; `space` is the program's module."""
        self._space = space
        self._codes: list[types.CodeType] = []  # of the functions that are in progress
        self._left = self.max_nodes

    def work(self) -> None:
        """Count a node.

        Raises:
            GiveUp: there were too many.
        """
        self._left -= 1
        if self._left < 0:
            raise GiveUp

    @abstractmethod
    def called(self, function: types.FunctionType, arguments: list[Value]) -> Value:
        """What a function of the program returns."""

    def condition(self, node: ast.expr, state: State) -> tuple[State | None, State | None]:
        """What is known where a condition is true, and where it is false; None where it cannot be."""
        self.work()
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yes, no = self.condition(operand, state)
                return no, yes
            case ast.BoolOp(op=op, values=values):
                both = isinstance(op, ast.And)
                left: State | None = state
                done: list[State | None] = []
                for part in values:
                    if left is not None:
                        yes, no = self.condition(part, left)
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
            for side, value, how, rest in ((one, left, kind, right), (other, right, _MIRRORED[kind], left)):
                if isinstance(side, ast.Name) and side.id in known:
                    known[side.id] = _narrowed(value, how, rest)
            results.append(known)
        return results[0], results[1]

    def value(self, node: ast.expr, state: State) -> Value:
        """What an expression comes to."""
        self.work()
        match node:
            case ast.Constant(value=constant):
                known = lift(constant)
                return known if known is not None else _give_up()
            case ast.Name(id=name):
                found = self.named(name, state)
                # A list with two names could grow by one and be looked at by the other.
                return _give_up() if isinstance(found, Listed) else found
            case ast.Tuple(elts=elements):
                return tuple(self.value(one, state) for one in elements)
            case ast.BinOp(left=left, op=op, right=right):
                return self.operation(op, self.value(left, state), self.value(right, state))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                number = self.value(operand, state)
                return negative(number) if isinstance(number, Int) else _give_up()
            case ast.UnaryOp(op=ast.Not()) | ast.Compare():
                yes, no = self.condition(node, state)
                return _BOOL if yes is not None and no is not None else exact(int(no is None))
            case ast.BoolOp(values=values):
                return either([self.value(one, state) for one in values])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                cases = zip((body, orelse), self.condition(test, state), strict=True)
                return either([self.value(one, known) for one, known in cases if known is not None])
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                return self._item(self.named(name, state), self.value(index, state))
            case ast.Call(keywords=[]):
                return self._call(node, state)
        raise GiveUp

    def operation(self, op: ast.operator, left: Value, right: Value) -> Value:
        """The result of an operator."""
        match left, op, right:
            case Int(), ast.Div(), Int():
                return quotient(left, right)
            case Int(), ast.Pow(), Atom(value=0.5):
                return root(left)
            case Int(), _, Int() if type(op) in OPERATORS:
                result = OPERATORS[type(op)](left, right)
                if any(HUGE < abs(end) < inf for end in (*result.low, *result.high)):
                    raise GiveUp
                return result
        raise GiveUp

    def _item(self, held: Value, index: Value) -> Value:
        if not isinstance(held, Listed) or held.items is None or not isinstance(index, Int):
            raise GiveUp
        inside = not order(index, held.length)[1] and not order(index, held.length)[2]
        if inside and not order(index, negative(held.length))[0]:
            return held.items
        raise GiveUp

    def named(self, name: str, state: State) -> Value:
        """What a variable holds."""
        if name in state:
            return state[name]
        found = lift(self.outer(name))
        return found if isinstance(found, Int | Atom | Function) else _give_up()

    def outer(self, name: str) -> object:
        """What a name stands for outside of the function."""
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
                return root(number) if self.outer(name) is math and isinstance(number, Int) else _give_up()
            case ast.Name(id=name):
                held = state.get(name)
                callee = held.function if isinstance(held, Function) else self.outer(name)
                if callee is len:
                    match node.args:
                        case [ast.Name(id=held_name)]:
                            of = self.named(held_name, state) if held_name in state else _give_up()
                            return of.length if isinstance(of, Listed) else _give_up()
                    raise GiveUp
                return self._returned(callee, [self.value(one, state) for one in node.args])
        raise GiveUp

    def _returned(self, callee: object, arguments: list[Value]) -> Value:
        match arguments:
            case [Int() as number] if callee is int:
                return number
            case [Real() as real] if callee is int:
                return truncated(real)
            case [Int() as number] if callee is abs:
                if number.least >= 0:
                    return number
                return negative(number) if number.most <= 0 else between(0, max(-number.least, number.most))
            case [Int() as one, Int() as other] if callee in (max, min):
                both = one.join(other)
                if callee is max:
                    return both.at_least(max(one.low, other.low, key=sum))
                return both.at_most(min(one.high, other.high, key=sum))
        if isinstance(callee, types.FunctionType):
            return self.called(callee, arguments)
        raise GiveUp


def either(values: list[Value]) -> Value:
    """One of some values.

    Raises:
        GiveUp: there is none, or nothing is known of it.
    """
    result = values[0] if values else _give_up()
    for value in values[1:]:
        both = joined(result, value)
        result = both if both is not None else _give_up()
    return result


def _narrowed(value: Value, how: type[ast.cmpop], rest: Value) -> Value:
    if not isinstance(value, Int) or not isinstance(rest, Int):
        return value
    if how in (ast.Lt, ast.LtE, ast.Eq):
        value = value.at_most(moved(rest.high, -1) if how is ast.Lt else rest.high)
    if how in (ast.Gt, ast.GtE, ast.Eq):
        value = value.at_least(moved(rest.low, 1) if how is ast.Gt else rest.low)
    return value


def _give_up() -> NoReturn:
    raise GiveUp
