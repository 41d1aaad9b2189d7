"""Whether an answer passes a problem's own test, in this process: for answers that the tests write."""

from cascade.problems import Problem


def right(problem: Problem, text: str) -> bool:
    """Whether it passes."""
    space: dict[str, object] = {"__name__": "answer"}
    try:
        exec(problem.program(text, completion=False), space)
        exec(problem.reference_test, space)
    except Exception:
        return False
    return True
