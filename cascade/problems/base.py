"""The problem: what a model is asked, and how an answer is proved right."""

import ast
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """One programming problem.

    Attributes:
        task_id: unique in its data set, e.g. ``HumanEval/0``.
        prompt: Python source that a completion continues: imports, helpers, header and docstring.
        entry_point: the name of the function that is asked for.
        preamble: the part of the prompt before that function (imports, helpers); put in front of
            every whole-function answer, because models rarely repeat it.
        reference_test: Python source that is run after an answer and raises unless it is right.
        reference_solution: a right program, or None where the data set has none.
        reads_stdin: whether the problem is about standard input: the function is given the whole of it and
            returns the whole output.
    """

    task_id: str
    prompt: str
    entry_point: str
    preamble: str
    reference_test: str
    reference_solution: str | None = None
    reads_stdin: bool = field(default=False, repr=False)

    def program(self, text: str, *, completion: bool) -> str:
        """The program that a solution's text stands for.

        A completion continues the prompt; any other text is a program of its own, which gets the
        preamble in front, behind what has to stand first (``from __future__`` and what may precede it).
        """
        if completion:
            return self.prompt + text
        text = text.removeprefix("\ufeff")
        head, rest = _future_statements(text)
        return f"{head}{self.preamble}\n{rest}"


def _future_statements(text: str) -> tuple[str, str]:
    """The text up to its last future statement, and the rest; ("", text) where it has none."""
    if "__future__" not in text:
        return "", text
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", text
    last = 0
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            last = node.end_lineno or node.lineno
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    head = "\n".join(lines[:last])
    return (f"{head}\n", "\n".join(lines[last:])) if last else ("", text)


def preamble_of(prompt: str, entry_point: str) -> str:
    """The source in `prompt` before the definition of `entry_point` (its decorators included).

    Returns the empty string where the prompt does not define the function at its top level.
    """
    try:
        tree = ast.parse(prompt)
    except SyntaxError:
        # A prompt may end in the middle of the function: close it and look again.
        try:
            tree = ast.parse(prompt.rstrip() + "\n    pass\n")
        except SyntaxError:
            return ""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == entry_point:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return "".join(prompt.splitlines(keepends=True)[: first - 1])
    return ""
