"""APPS's cases as reference tests: self-contained Python source that raises on a wrong answer."""

import ast
import itertools
import math
from typing import Any

# What the answer defines is named, since nothing else of it can be seen from where the test runs.
APART = """
def _defined():
    program = {{}}
    try:
        program[{name!r}] = {name}
    except NameError:
        pass
    try:
        program["Solution"] = Solution
    except NameError:
        pass
    return program

_reference_test(_defined(), {cases})
"""

# What is given (the arguments of a call, or the input's text alone) and what is accepted: any of
# these outputs is right.
Case = tuple[list[Any], list[Any]]

CALL_TEST = """
def _reference_test(program, readings):
    def call(arguments):
        function = program.get({name!r})
        if function is None:
            function = getattr(program["Solution"](), {name!r})
        return function(*arguments)

    def plain(value):
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        if isinstance(value, dict):
            return {{key: plain(item) for key, item in value.items()}}
        return value

    def right(cases):
        for arguments, accepted in cases:
            result = plain(call(arguments))
            if result not in [plain(output) for output in accepted]:
                raise AssertionError("{name} gave a wrong answer")

    for cases in readings[:-1]:
        try:
            return right(cases)
        except Exception:
            pass
    right(readings[-1])
"""

# What a program's output is compared by: word by word on each line; where the expected word has a decimal
# point a relative error of 1e-5 is allowed (APPS's own evaluation allows both).
SAME_OUTPUT_NAME = "same_output"
SAME_OUTPUT = """
def same_output(found, expected):
    import math

    def lines(text):
        return [line.split() for line in text.rstrip().split("\\n")]

    def same(found, expected):
        if found == expected:
            return True
        if "." not in expected:
            return False
        try:
            return math.isclose(float(found), float(expected), rel_tol=1e-5, abs_tol=1e-8)
        except ValueError:
            return False

    found, expected = lines(found), lines(expected)
    return len(found) == len(expected) and all(
        len(a) == len(b) and all(map(same, a, b)) for a, b in zip(found, expected)
    )
"""

STDIN_TEST = """
def _reference_test(program, cases):
    for (stdin,), accepted in cases:
        result = program["solution"](stdin)
        if not isinstance(result, str):
            raise AssertionError("solution must return a string")
        if not any(same_output(result, output) for output in accepted):
            raise AssertionError("solution gave a wrong answer")
"""


def call_test(name: str, readings: list[list[Case]]) -> str:
    """The reference test of a call-based problem.

    A result counts as APPS counts it: equal to an accepted output, tuples and lists alike. The
    answer may define the function or a method of ``class Solution``.

    Args:
        name: the function's name.
        readings: the cases, in each way their arguments may be read; an answer is right if it
            passes every case of one reading.
    """
    return CALL_TEST.format(name=name) + APART.format(name=name, cases=literal(readings))


def stdin_test(cases: list[Case]) -> str:
    """The reference test of a problem over standard input, whose ``solution`` gives an input's output.

    White space within a line and blank lines at the end do not count (see `SAME_OUTPUT`).
    """
    return SAME_OUTPUT + STDIN_TEST + APART.format(name="solution", cases=literal(cases))


def line_readings(cases: list[Case]) -> list[list[Case]]:
    """The ways to read arguments that stand as bare lines, the likeliest first.

    A line that is a Python literal is its value, any other the text itself. But MapCoder's lines
    lost the quotes of texts, so ``1234`` may be a number or a text: where a position holds
    numbers, a second reading takes all of its lines as texts.
    """
    positions = range(max(len(arguments) for arguments, _ in cases))
    unsure = {
        at
        for at in positions
        if any(_is_scalar(_value(arguments[at])) for arguments, _ in cases if at < len(arguments))
    }
    texts = [
        frozenset(chosen)
        for count in range(len(unsure) + 1)
        for chosen in itertools.combinations(sorted(unsure), count)
    ]
    return [
        [
            ([line if at in as_text else _value(line) for at, line in enumerate(arguments)], accepted)
            for arguments, accepted in cases
        ]
        for as_text in texts
    ]


def _value(line: str) -> Any:
    try:
        return ast.literal_eval(line)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return line


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, int | float | complex)


def literal(value: Any) -> str:
    """Python source of a value: like `repr`, but also for infinities and integers of any length."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, tuple):
        return "(" + "".join(f"{literal(item)}, " for item in value) + ")"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, int) and abs(value) >= 10**4000:  # `repr` refuses from 4,300 digits on
        return hex(value)
    return repr(value)
