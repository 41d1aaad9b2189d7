"""APPS's two formats, the hub's and MapCoder's: function calls, or standard input and output."""

import ast
import builtins
import json
import math
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cascade.base import Record
from cascade.problems.apps_tests import Case, call_test, line_readings
from cascade.problems.base import Problem, preamble_of
from cascade.problems.prompt_synthesis import header_of, names_in, parse, pose
from cascade.problems.stdin_programs import stdin_problem


def to_problem(record: Record, *, pairs: bool = True) -> Problem | None:
    """A problem from one record, or None where the record has no test to prove an answer by.

    Sources: https://github.com/hendrycks/apps (on the hub ``codeparrot/apps``: problem_id,
    question, starter_code, input_output) and https://github.com/Md-Ashraful-Pramanik/MapCoder
    (id, description, starter_code, test_list). The id becomes ``APPS/<id>``.

    A call-based problem keeps its function's name; a method of ``class Solution`` is posed as a
    plain function, and an answer may define either. A problem over standard input is posed as a program
    whose self-tests are pairs, or as a function (see `stdin_problem`).

    Raises:
        DataError: a field is missing or broken.
    """
    if "test_list" in record.fields:
        task_id, description = f"APPS/{record.natural('id')}", record.text("description")
        name, cases = _mapcoder(record)
    else:
        task_id, description = f"APPS/{record.natural('problem_id')}", record.text("question")
        name, cases = _hub(record)
    if not cases:
        return None
    if name is None:
        return stdin_problem(task_id, description, cases, pairs=pairs)
    before, header = header_and_imports(function_of(record.text("starter_code"), name), name)
    test = call_test(name, line_readings(cases) if "test_list" in record.fields else [cases])
    prompt = before + pose(header, description)
    return Problem(task_id, prompt, name, preamble_of(prompt, name), test)


def _mapcoder(record: Record) -> tuple[str | None, list[Case]]:
    """The function's name (None: standard input) and the cases of MapCoder's format.

    A call's arguments stand one on a line. Surplus lines belong to the first argument, a text
    over several lines; missing ones leave the function's defaults.
    """
    tests = record.fields["test_list"]
    if not isinstance(tests, list) or not all(
        isinstance(test, dict) and isinstance(test.get("input"), str) and isinstance(test.get("output"), list)
        for test in tests
    ):
        raise record.error("field `test_list` must be a list of {input: string, output: list}")
    function = function_of(record.text("starter_code"), None)
    if function is None:
        return None, [([test["input"]], test["output"]) for test in tests]
    count = len(function.args.args)
    cases: list[Case] = []
    for test in tests:
        lines = test["input"].split("\n")
        surplus = max(0, len(lines) - count)
        arguments = ["\n".join(lines[: surplus + 1]), *lines[surplus + 1 :]] if count else []
        cases.append((arguments, test["output"]))
    return function.name, cases


def _hub(record: Record) -> tuple[str | None, list[Case]]:
    """The function's name (None: standard input) and the cases of the hub's format."""
    text = record.text("input_output")
    if not text.strip():
        return None, []
    try:
        with any_integer():
            tests = json.loads(text)
        inputs, outputs, name = tests["inputs"], tests["outputs"], tests.get("fn_name")
        pairs = list(zip(inputs, outputs, strict=True))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise record.error(f"field `input_output` is not APPS's JSON ({error})") from error
    if name is None:
        return None, [([_joined(inputs)], [_joined(expected)]) for inputs, expected in pairs]
    cases: list[Case] = []
    for inputs, expected in pairs:
        arguments = [_integer_keys(value) for value in (inputs if isinstance(inputs, list) else [inputs])]
        # Some outputs are wrapped in a list of one, some are not: APPS accepts both readings.
        accepted = [expected, *(expected[:1] if isinstance(expected, list) else [])]
        cases.append((arguments, [_integer_keys(value) for value in accepted]))
    return name, cases


def _joined(text: Any) -> str:
    """A case's input or output as one text; some records hold a list of its lines."""
    return "\n".join(map(str, text)) if isinstance(text, list) else str(text)


def _integer_keys(value: Any) -> Any:
    """JSON turned a dictionary's integer keys into strings; APPS turns them back."""
    if isinstance(value, dict) and value and all(key.lstrip("-").isdecimal() for key in value):
        return {int(key): item for key, item in value.items()}
    return value


@contextmanager
def any_integer() -> Iterator[None]:
    """Lift Python's limit on the digits of an integer: some APPS cases go beyond it."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)


def function_of(starter_code: str, name: str | None) -> ast.FunctionDef | None:
    """The starter code's function of that name (None: its first), ``self`` taken out of a method."""
    try:
        tree = parse(starter_code.rstrip() + " pass")
    except SyntaxError:
        return None
    for node in tree.body:
        methods = node.body if isinstance(node, ast.ClassDef) and node.name == "Solution" else []
        for function in (node, *methods):
            if isinstance(function, ast.FunctionDef) and name in (None, function.name):
                if function in methods:
                    function.args.args = function.args.args[1:]
                return function
    return None


def header_and_imports(function: ast.FunctionDef | None, name: str) -> tuple[str, str]:
    """The imports a function's header needs, and the header.

    Annotations and defaults may use names that the starter code took for granted (``List``,
    ``pi``). What neither `typing` nor `math` has is dropped: annotations go, defaults become None.
    """
    if function is None:
        return "", f"def {name}(*args):"
    known = set(dir(builtins))
    modules = (("typing", set(typing.__all__)), ("math", set(dir(math))))
    if names_in(function.args, function.returns) - known - modules[0][1] - modules[1][1]:
        function.returns = None
        for argument in function.args.args:
            argument.annotation = None
        function.args.defaults = [
            ast.Constant(None) if names_in(default) - known - modules[1][1] else default
            for default in function.args.defaults
        ]
    needed = names_in(function.args, function.returns) - known
    imports = [
        f"from {module} import {', '.join(sorted(needed & names))}\n"
        for module, names in modules
        if needed & names
    ]
    return "".join([*imports, "\n\n"] if imports else []), header_of(function)
