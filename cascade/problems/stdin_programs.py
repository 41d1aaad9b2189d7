"""Problems over standard input: how they are posed and tested."""

from cascade.problems.apps_tests import Case, stdin_test
from cascade.problems.base import Problem
from cascade.problems.prompt_synthesis import docstring, pose

STDIN_NAME = "solution"
STDIN_HEADER = f"def {STDIN_NAME}(stdin: str) -> str:"
STDIN_RULE = "`stdin` is the whole input. Return the whole output as one string; do not print it."
PROGRAM_RULE = "The program reads standard input and prints to standard output."


def stdin_problem(task_id: str, description: str, cases: list[Case], *, pairs: bool) -> Problem:
    """A problem over standard input.

    Args:
        task_id: its id.
        description: what the program is to do.
        cases: the reference tests.
        pairs: whether it is posed as a program (a completion goes on from the description in its docstring),
            and its self-tests are pairs of input and expected output. Else it is posed as
            ``solution(stdin: str) -> str``, and its self-tests are assert lines; a program is right, too.
    """
    text = f"{description.rstrip()}\n\n{PROGRAM_RULE if pairs else STDIN_RULE}"
    prompt = docstring(text) if pairs else pose(STDIN_HEADER, text)
    return Problem(task_id, prompt, STDIN_NAME, "", stdin_test(cases), reads_stdin=True, pairs=pairs)
