"""Prompts without references: what somebody wants to have written, as problems that cannot be proved."""

from collections.abc import Iterable
from pathlib import Path

from cascade.base import DataError, Record, read_records
from cascade.problems.base import Problem, preamble_of
from cascade.problems.user_problems import entry_point_of, filled, posed, to_problem

# What task=serve keeps beside a problem (`serve.shadow_output`).
OF_A_SERVICE = "shadow"


def read_prompts(path: Path) -> list[Problem]:
    """The problems of a JSON Lines file with ``prompt`` and ``entry_point``, in order.

    Optional: ``task_id`` (its line, else), and the other fields of the format ``own``, whose ``tests`` make
    a reference. Fields that are unknown there are an error only where there are tests.

    Raises:
        DataError: one line that names the record: a field is missing or of another type, an id twice, no
            problems at all.
    """
    problems = list(_problems(read_records(path)))
    if not problems:
        raise DataError(f"{path}: holds no problems; give each line a `prompt` and an `entry_point`")
    return problems


def _problems(records: Iterable[Record]) -> Iterable[Problem]:
    seen: set[str] = set()
    for record in records:
        fields = {"task_id": f"line/{record.place.number}", **record.fields}
        fields.pop(OF_A_SERVICE, None)
        filled_record = Record(record.place, fields)
        if "tests" in fields:
            problem = to_problem(filled_record)
        else:
            name, text = entry_point_of(filled_record), filled(filled_record, "prompt")
            prompt = posed(text, name, None)
            problem = Problem(filled(filled_record, "task_id"), prompt, name, preamble_of(prompt, name), "")
        if problem.task_id in seen:
            raise record.error(f"task {problem.task_id} was already given; choose another `task_id`")
        seen.add(problem.task_id)
        yield problem
