"""MBPP's two formats, full and sanitized: a text, a reference program and assert lines."""

import ast

from cascade.base import Record
from cascade.problems.base import Problem, preamble_of
from cascade.problems.prompt_synthesis import header_of, names_in, parse, pose

Function = ast.FunctionDef | ast.AsyncFunctionDef


def to_problem(record: Record) -> Problem:
    """A problem from one record; its id becomes ``Mbpp/<task_id>``.

    Source: https://github.com/google-research/google-research/tree/master/mbpp. The full set has
    `text` and `test_setup_code`, the sanitized one `prompt` and `test_imports`.

    The prompt is the reference's header over a docstring of the text. It shows none of the
    asserts (the paper relies on it). Classes of the reference that its tests use by name stand
    before the header, because no answer could guess them.

    Raises:
        DataError: a field is missing, or the reference program does not define what its tests call.
    """
    code = record.text("code").replace("\r\n", "\n")
    asserts = record.texts("test_list")
    setup = _setup(record)
    try:
        program = parse(code)
        tested = names_in(*map(parse, asserts))
        used = tested | names_in(*map(parse, setup))
    except SyntaxError as error:
        raise record.error(f"`code` or a test is not Python ({error.msg})") from error
    function = _called(record, program, tested)
    before = _before(program, used, function)
    description = record.text("prompt" if "prompt" in record.fields else "text")
    prompt = before + pose(header_of(function), description)
    return Problem(
        task_id=f"Mbpp/{record.natural('task_id')}",
        prompt=prompt,
        entry_point=function.name,
        preamble=preamble_of(prompt, function.name),
        reference_test="\n".join([*setup, *asserts]) + "\n",
        reference_solution=code,
    )


def _setup(record: Record) -> list[str]:
    """What runs before the asserts: the sanitized set's imports, or the full set's setup code."""
    if "test_imports" in record.fields:
        return record.texts("test_imports")
    setup = record.text("test_setup_code") if "test_setup_code" in record.fields else ""
    return [setup.replace("\r\n", "\n")] if setup.strip() else []


def _called(record: Record, program: ast.Module, tested: set[str]) -> Function:
    """The function that the asserts call: the last one defined, where they name several."""
    functions = [node for node in program.body if isinstance(node, Function) and node.name in tested]
    if not functions:
        raise record.error("its tests call no function that `code` defines")
    return functions[-1]


def _before(program: ast.Module, used: set[str], function: Function) -> str:
    """The source that stands before the header: classes the tests use, and imports these need."""
    classes = [node for node in program.body if isinstance(node, ast.ClassDef) and node.name in used]
    needed = names_in(*classes, function.args, function.returns)
    imports = [
        node
        for node in program.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and needed & {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    ]
    return "".join(f"{ast.unparse(node)}\n\n\n" for node in (*imports, *classes))
