"""Problems over standard input: how they are posed and tested."""

from cascade.problems.apps_tests import Case, stdin_test
from cascade.problems.base import Problem
from cascade.problems.prompt_synthesis import pose

STDIN_NAME = "solution"
STDIN_HEADER = f"def {STDIN_NAME}(stdin: str) -> str:"
STDIN_RULE = "`stdin` is the whole input. Return the whole output as one string; do not print it."


def stdin_problem(task_id: str, description: str, cases: list[Case]) -> Problem:
    """A problem over standard input, posed as ``solution(stdin: str) -> str``.

    Self-written tests can then be assert lines. An answer that is a program instead (it reads its
    input and prints) is right too, see `as_function.py`.
    """
    prompt = pose(STDIN_HEADER, f"{description.rstrip()}\n\n{STDIN_RULE}")
    return Problem(task_id, prompt, STDIN_NAME, "", stdin_test(cases), reads_stdin=True)
