"""Prompts: how the models of the family are asked for a solution and for a test.

Both are plain strings. They differ from their first token on, because a model that saw two kinds of
continuation after one prompt would greedily take the likelier kind. Both end with the newline after
the docstring, which is always a token of its own, so that a completion never changes the prompt's
tokens. A solution's completion is the function's body; a test's is a run of assert lines.
"""

from cascade.problems.base import Problem

SOLUTION_MARK = "Solution:\n"
TEST_MARK = "Tests:\n"


def solution_prompt(problem: Problem) -> str:
    """The prompt whose completion is the rest of ``problem.prompt``, the indented body."""
    return SOLUTION_MARK + problem.prompt


def test_prompt(problem: Problem) -> str:
    """The prompt whose completion is four or five lines ``assert name(input) == value``."""
    return TEST_MARK + problem.prompt


# pytest collects functions by this prefix wherever a test module imports one.
test_prompt.__test__ = False  # type: ignore[attr-defined]
