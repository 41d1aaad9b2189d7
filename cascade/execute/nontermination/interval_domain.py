"""Values that are known within bounds, which move evenly from the first round of a loop to a last one.

A bound is a straight line over the rounds, kept as its values in the first and in the last round. What
holds of two straight lines at both ends holds in between, so sums, orders and joins are taken end by end.
"""

import ast
import types
from collections.abc import Callable
from dataclasses import dataclass
from math import floor, gcd, inf

# A whole number, or an infinity: math.inf compares exactly with ints of any size.
Number = int | float
Line = tuple[Number, Number]
Grid = tuple[int, int]
NO_GRID: Grid = (1, 0)

# Beyond this, floats are not looked at: they might overflow.
FLOAT_SAFE = 2**500
# More than the rounding of any float operation.
ROUNDING = 1e-9
MAX_ITEMS = 200


class GiveUp(Exception):  # noqa: N818 - not an error
    """Nothing can be said, or an exception cannot be ruled out."""


@dataclass(frozen=True)
class Int:
    """An int or a bool between two lines, both included.

    Attributes:
        low: the lower line.
        high: the upper one.
        grid: (every, rest): in all rounds, what remains after division by `every` is `rest`; (1, 0) says
            nothing. Use `gridded` to make one.
    """

    low: Line
    high: Line
    grid: Grid = NO_GRID

    @property
    def value(self) -> int | None:
        """The number, if it is the same in all rounds and known."""
        ends = {*self.low, *self.high}
        return int(self.low[0]) if len(ends) == 1 and abs(self.low[0]) != inf else None

    @property
    def steps(self) -> Grid:
        """The grid; for a known number (0, the number)."""
        return self.grid if self.value is None else (0, self.value)

    @property
    def least(self) -> Number:
        """No round has less."""
        return min(self.low)

    @property
    def most(self) -> Number:
        """No round has more."""
        return max(self.high)

    def join(self, other: "Int") -> "Int":
        """Either of two."""
        low = min(self.low[0], other.low[0]), min(self.low[1], other.low[1])
        high = max(self.high[0], other.high[0]), max(self.high[1], other.high[1])
        (every, rest), (other_every, other_rest) = self.steps, other.steps
        return gridded(low, high, (gcd(every, other_every, rest - other_rest), rest))

    def widened(self, later: "Int") -> "Int":
        """No bound where the later one is wider."""
        wider = self.join(later)
        return gridded(
            self.low if wider.low == self.low else (-inf, -inf),
            self.high if wider.high == self.high else (inf, inf),
            wider.steps,
        )

    def at_most(self, line: Line) -> "Int":
        """Where it is known not to lie above a line."""
        return (
            gridded(self.low, line, self.steps)
            if line[0] <= self.high[0] and line[1] <= self.high[1]
            else self
        )

    def at_least(self, line: Line) -> "Int":
        """Where it is known not to lie below a line."""
        return (
            gridded(line, self.high, self.steps)
            if line[0] >= self.low[0] and line[1] >= self.low[1]
            else self
        )


@dataclass(frozen=True)
class Real:
    """A float, neither infinite nor not-a-number, between two."""

    low: float
    high: float


@dataclass(frozen=True)
class Atom:
    """A known text, float or None."""

    value: object


@dataclass(frozen=True)
class Listed:
    """A list; its items' bounds where all are ints, else None."""

    length: Int
    items: Int | None


@dataclass(frozen=True)
class Function:
    """A known function of the program."""

    function: types.FunctionType


Value = Int | Real | Atom | Listed | Function | tuple["Value", ...]


def gridded(low: Line, high: Line, grid: Grid) -> Int:
    """Bounds with a grid, in the one way that it is written."""
    every, rest = abs(grid[0]), grid[1]
    known = Int(low, high)
    return known if every < 2 or known.value is not None else Int(low, high, (every, rest % every))


def exact(value: int) -> Int:
    """A known number."""
    return Int((value, value), (value, value))


def between(least: Number, most: Number) -> Int:
    """The same bounds in all rounds."""
    return Int((least, least), (most, most))


def lift(value: object) -> Value | None:
    """What is known of an object; None for nothing."""
    match value:
        case int() if type(value) in (int, bool):
            return exact(int(value))
        case str() | float() | None if type(value) in (str, float, type(None)):
            return Atom(value)
        case types.FunctionType():
            return Function(value)
        case list() if type(value) is list:
            items = None
            if 0 < len(value) <= MAX_ITEMS and all(type(item) is int for item in value):
                items = between(min(value), max(value))
            return Listed(exact(len(value)), items)
    return None


def joined(one: Value, other: Value) -> Value | None:
    """Either of two; None where nothing is known of that."""
    match one, other:
        case Int(), Int():
            return one.join(other)
        case Listed(), Listed():
            known = one.items is not None and other.items is not None
            items = one.items.join(other.items) if known and one.items and other.items else None
            return Listed(one.length.join(other.length), items)
    return one if one == other else None


def order(left: Int, right: Int) -> tuple[bool, bool, bool]:
    """Whether the left may be smaller, equal, greater in some round."""
    (every, rest), (other_every, other_rest) = left.steps, right.steps
    common, apart = gcd(every, other_every), rest - other_rest
    never_meet = apart % common != 0 if common else apart != 0
    below = left.high[0] < right.low[0] and left.high[1] < right.low[1]
    above = left.low[0] > right.high[0] and left.low[1] > right.high[1]
    not_above = left.high[0] <= right.low[0] and left.high[1] <= right.low[1]
    not_below = left.low[0] >= right.high[0] and left.low[1] >= right.high[1]
    return not not_below, not (below or above or never_meet), not not_above


def moved(line: Line, by: int) -> Line:
    """A line with a number added."""
    return line[0] + by, line[1] + by


def negative(one: Int) -> Int:
    """With the other sign."""
    every, rest = one.steps
    return gridded((-one.high[0], -one.high[1]), (-one.low[0], -one.low[1]), (every, -rest))


def _sum(left: Int, right: Int) -> Int:
    low = left.low[0] + right.low[0], left.low[1] + right.low[1]
    high = left.high[0] + right.high[0], left.high[1] + right.high[1]
    (every, rest), (other_every, other_rest) = left.steps, right.steps
    return gridded(low, high, (gcd(every, other_every), rest + other_rest))


def _product(left: Int, right: Int) -> Int:
    (every, rest), (other_every, other_rest) = left.steps, right.steps
    common = gcd(every * other_every, every * other_rest, other_every * rest)
    bounds = _product_bounds(left, right)
    return gridded(bounds.low, bounds.high, (common, rest * other_rest))


def _product_bounds(left: Int, right: Int) -> Int:
    for one, other in ((left, right), (right, left)):
        if (factor := other.value) is not None and factor >= 0:
            low = _times(one.low[0], factor), _times(one.low[1], factor)
            return Int(low, (_times(one.high[0], factor), _times(one.high[1], factor)))
    return _corners(_times, left, right)


def _times(a: Number, b: Number) -> Number:
    return a * b if a and b else 0  # infinity times nought


def _corners(function: Callable[[Number, Number], Number], left: Int, right: Int) -> Int:
    """The bounds of a function that is monotone in each argument."""
    ends = [function(a, b) for a in (left.least, left.most) for b in (right.least, right.most)]
    return between(min(ends), max(ends))


def _whole_quotient(left: Int, right: Int) -> Int:
    if right.least <= 0:
        raise GiveUp
    return _corners(_floor_divided, left, right)


def _floor_divided(a: Number, b: Number) -> Number:
    if abs(a) == inf:
        return a
    return (-1 if a < 0 else 0) if b == inf else a // b


def _rest(left: Int, right: Int) -> Int:
    if right.least <= 0:
        raise GiveUp
    if left.least >= 0 and order(left, right) == (True, False, False):
        return left
    if (a := left.value) is not None and (b := right.value) is not None:
        return exact(a % b)
    (every, rest), by = left.steps, right.value
    if by is None:
        return between(0, right.most - 1)
    if every % by == 0:
        return exact(rest % by)
    return gridded((0, 0), (by - 1, by - 1), (gcd(every, by), rest))


def _shifted(left: Int, right: Int) -> Int:
    if (by := right.value) is None or not 0 <= by < 1000:
        raise GiveUp
    return _whole_quotient(left, exact(1 << by))


def _common_bits(left: Int, right: Int) -> Int:
    if (a := left.value) is not None and (b := right.value) is not None:
        return exact(a & b)
    for one, other in ((left, right), (right, left)):
        if (bits := other.value) is not None and bits >= 0 and not bits & (bits + 1):
            return _rest(one, exact(bits + 1))  # the last bits
    tops = [one.most for one in (left, right) if one.least >= 0]
    if not tops:
        raise GiveUp
    return between(0, min(tops))


def _power(left: Int, right: Int) -> Int:
    if (by := right.value) is None or not 0 <= by <= 64 or left.least < 0 or left.most > FLOAT_SAFE:
        raise GiveUp
    return between(left.least**by, left.most**by)


OPERATORS: dict[type[ast.operator], Callable[[Int, Int], Int]] = {
    ast.Add: _sum,
    ast.Sub: lambda left, right: _sum(left, negative(right)),
    ast.Mult: _product,
    ast.FloorDiv: _whole_quotient,
    ast.Mod: _rest,
    ast.RShift: _shifted,
    ast.BitAnd: _common_bits,
    ast.Pow: _power,
}


def root(one: Int) -> Real:
    """`one ** 0.5` or `math.sqrt(one)`."""
    if one.least < 0 or one.most > FLOAT_SAFE:
        raise GiveUp
    return Real(one.least**0.5 * (1 - ROUNDING), one.most**0.5 * (1 + ROUNDING))


def quotient(left: Int, right: Int) -> Real:
    """`left / right`, by a known positive number."""
    by = right.value
    if by is None or by <= 0 or max(by, -left.least, left.most) > FLOAT_SAFE:
        raise GiveUp
    low, high = left.least / by, left.most / by
    slack = ROUNDING * max(abs(low), abs(high))
    return Real(low - slack, high + slack)


def truncated(one: Real) -> Int:
    """`int(one)`."""
    return between(floor(one.low) if one.low >= 0 else floor(one.low) - 1, floor(one.high) + 1)
