"""EvalPlus's HumanEval+ and MBPP+: base and extended inputs whose outputs the reference solution gives."""

import ast
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cascade.base import Record
from cascade.problems import humaneval, mbpp
from cascade.problems.apps_tests import literal
from cascade.problems.base import Problem, preamble_of
from cascade.problems.evalplus_inputs import mbpp_inputs
from cascade.problems.evalplus_tests import oracle_of, outputs_test
from cascade.problems.prompt_synthesis import header_of, parse, pose


def humaneval_plus(record: Record) -> Problem:
    """A problem of HumanEval+, in the release's own format or in HumanEval's.

    Source: https://github.com/evalplus/humanevalplus_release. The release's format has
    ``base_input``, ``plus_input`` (lists of argument lists), ``atol`` and ``contract``; the outputs
    that are right are the reference solution's. HumanEval's format (the hub's too) has inputs and
    outputs inside ``test``, the base ones not told apart, so `base_test` is None there.

    A contract says which inputs were to be generated. EvalPlus's evaluation does not apply it
    (63 inputs of HumanEval+ and 107 of MBPP+ do not meet their own), and neither does this.

    Raises:
        DataError: a field is missing or broken.
    """
    if "plus_input" not in record.fields:
        plain = humaneval.to_problem(record)
        return _with_tests(plain, _written_test(record, plain.entry_point, "humaneval"), None)
    prompt, name = record.text("prompt"), record.text("entry_point").strip()
    problem = Problem(
        task_id=record.text("task_id"),
        prompt=prompt,
        entry_point=name,
        preamble=preamble_of(prompt, name),
        reference_test="",
        reference_solution=_reference(record, prompt + record.text("canonical_solution"), name),
    )
    return _released(record, problem, "humaneval", lambda values: values)


def mbpp_plus(record: Record) -> Problem:
    """A problem of MBPP+, in the release's own format or in MBPP's.

    Source: https://github.com/evalplus/mbppplus_release. The prompt is posed as MBPP's (the
    reference's header over a docstring of the text, without its assert), so that samples recorded
    for MBPP belong to it; ids are ``Mbpp/<number>``.

    Raises:
        DataError: a field is missing or broken.
    """
    if "plus_input" not in record.fields:
        plain = mbpp.to_problem(record)
        return _with_tests(plain, _written_test(record, plain.entry_point, "mbpp"), plain.reference_test)
    name = record.text("entry_point").strip()
    code = _reference(record, record.text("canonical_solution"), name)
    function = next(
        node for node in parse(code).body if isinstance(node, mbpp.Function) and node.name == name
    )
    prompt = pose(header_of(function), _description(record))
    task_id = record.text("task_id")
    problem = Problem(task_id, prompt, name, preamble_of(prompt, name), "", code)
    return _released(record, problem, "mbpp", lambda values: mbpp_inputs(task_id, values))


def _released(
    record: Record, problem: Problem, data_set: str, read: Callable[[list[Any]], list[Any]]
) -> Problem:
    """The problem with its tests, from the release's inputs."""
    base, plus = _inputs(record, "base_input"), _inputs(record, "plus_input")
    tolerance = record.fields.get("atol", 0)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or tolerance < 0:
        raise record.error(f"field `atol` must be a non-negative number, not {tolerance!r}")
    oracle = oracle_of(data_set, problem.entry_point)
    try:
        base, plus = read(base), read(plus)
    except (TypeError, ValueError, IndexError) as error:
        raise record.error(f"its inputs are not those of {problem.task_id} ({error})") from error

    def test(inputs: Sequence[Any]) -> str:
        return outputs_test(
            problem.entry_point, _source(inputs), None, problem.reference_solution or "", tolerance, oracle
        )

    return _with_tests(problem, test([*base, *plus]), test(base))


def _source(values: Sequence[Any]) -> str:
    """Python source of the values, for a test that knows the module json, ``inf`` and ``nan``."""
    try:
        written = repr(values)
    except ValueError:  # an integer with more digits than `repr` writes
        return literal(values)
    # A literal of 200,000 characters takes Python twenty times as long to read as JSON does.
    try:
        packed = json.dumps(values)
    except TypeError:  # complex numbers, sets
        return written
    return f"json.loads({packed!r})" if repr(json.loads(packed)) == written else written


def _source_of(node: ast.expr) -> str:
    """The same of values that stand in a test as an expression."""
    try:
        return _source(ast.literal_eval(node))
    except ValueError:  # a name or a call: ``inf``, say
        return ast.unparse(node)


def _with_tests(problem: Problem, extended: str, base: str | None) -> Problem:
    return Problem(
        problem.task_id,
        problem.prompt,
        problem.entry_point,
        problem.preamble,
        extended,
        problem.reference_solution,
        base_test=base,
    )


def _inputs(record: Record, field: str) -> list[Any]:
    """A field's argument lists; an empty object stands for none (one record of MBPP+ has that)."""
    value = record.fields.get(field)
    if value == {}:
        return []
    if not isinstance(value, list) or not all(isinstance(arguments, list) for arguments in value):
        raise record.error(f"field `{field}` must be a list of argument lists")
    return value


def _reference(record: Record, code: str, name: str) -> str:
    """The reference program, which must define the entry point."""
    try:
        defined = {node.name for node in parse(code).body if isinstance(node, mbpp.Function)}
    except SyntaxError as error:
        raise record.error(f"`canonical_solution` is not Python ({error.msg})") from error
    if name not in defined:
        raise record.error(f"`canonical_solution` does not define {name}, its `entry_point`")
    return code


def _description(record: Record) -> str:
    """MBPP+'s prompt is a docstring of the text and one assert; the text alone."""
    try:
        text = ast.literal_eval(record.text("prompt").strip())
    except (ValueError, SyntaxError) as error:
        raise record.error("field `prompt` must be a docstring") from error
    lines = str(text).strip().split("\n")
    kept = [line for line in lines if not line.startswith("assert ")]
    return "\n".join(kept)


def _written_test(record: Record, name: str, data_set: str) -> str:
    """The extended test of HumanEval's and MBPP's formats: their inputs, outputs and tolerance.

    The files' own test programs compare with numpy. What they compare is taken out of them and
    compared without it, as the release's format is.
    """
    try:
        tree = parse(record.text("test"))
    except SyntaxError as error:
        raise record.error(f"`test` is not Python ({error.msg})") from error
    checks = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "check"]
    # MBPP/56's own function is called `check` too, but its file has no function of that name.
    body = checks[0].body if checks and data_set == "humaneval" else tree.body
    values = {
        node.targets[0].id: node.value
        for node in body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    loops = [node for node in body if isinstance(node, ast.For)]
    if "inputs" not in values or len(loops) != 1:
        raise record.error("`test` is not EvalPlus's: it assigns no `inputs`, or loops over none")
    reference = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "ref_func"]
    if "results" not in values and not reference:
        raise record.error("`test` is not EvalPlus's: it has neither `results` nor `ref_func`")
    oracle = oracle_of(data_set, name)
    inputs = _source_of(values["inputs"])
    results = _source_of(values["results"]) if "results" in values else None
    # HumanEval/32's own file swaps its input and its candidate's output; the oracle does not.
    return outputs_test(
        name,
        inputs,
        results,
        "" if results is not None else _renamed(tree, name),
        _tolerance(record, loops[0]),
        oracle,
    )


def _renamed(tree: ast.Module, name: str) -> str:
    """The test's ``ref_func`` as a program that defines `name`, with the imports before it."""
    kept = [
        node
        for node in tree.body
        if (isinstance(node, ast.Import | ast.ImportFrom) and "numpy" not in ast.unparse(node))
        or (isinstance(node, ast.FunctionDef) and node.name not in ("is_floats", "assertion", "check"))
    ]
    return "\n".join(map(ast.unparse, kept)) + f"\n{name} = ref_func\n"


def _tolerance(record: Record, loop: ast.For) -> float:
    """The loop's last number: assertion's third argument, or what an oracle's result is compared to."""
    numbers = [
        node.value
        for node in ast.walk(loop)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    ]
    if not numbers:
        raise record.error("`test` is not EvalPlus's: its loop names no tolerance")
    return float(numbers[-1])


#: Both data sets, by `dataset.format`.
FORMATS: Mapping[str, Callable[[Record], Problem]] = {
    "humaneval_plus": humaneval_plus,
    "mbpp_plus": mbpp_plus,
}
