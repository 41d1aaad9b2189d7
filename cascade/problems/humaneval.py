"""HumanEval's format: prompt, entry_point, canonical_solution and a test that defines check(candidate)."""

from cascade.base import Record
from cascade.problems.base import Problem, preamble_of
from cascade.problems.prompt_synthesis import parse


def to_problem(record: Record) -> Problem:
    """A problem from one record; also reads data sets reformatted like HumanEval (CodeT's MBPP).

    Source: https://github.com/openai/human-eval. `test` only defines ``check``; the reference
    test calls it. A canonical solution that does not continue its prompt (CodeT's file indents the
    two differently) is left out.

    Raises:
        DataError: a field is missing or no string.
    """
    prompt = record.text("prompt")
    entry_point = record.text("entry_point").strip()
    reference = prompt + record.text("canonical_solution")
    return Problem(
        task_id=record.text("task_id"),
        prompt=prompt,
        entry_point=entry_point,
        preamble=preamble_of(prompt, entry_point),
        reference_test=f"{record.text('test')}\n\ncheck({entry_point})\n",
        reference_solution=reference if _is_python(reference) else None,
    )


def _is_python(source: str) -> bool:
    try:
        parse(source)
    except SyntaxError:
        return False
    return True
