"""The problem: what a model is asked, and how an answer is proved right."""

import ast
import re
from dataclasses import dataclass, field

from cascade.problems.apps_tests import SAME_OUTPUT
from cascade.problems.as_function import as_function

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


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
        base_test: the smaller test of a data set that extends another's tests (HumanEval's own, of
            HumanEval+); None where there is none, or where the source does not tell the two apart.
        prove_on_plus: whether plans are chosen by the base test and proved by the reference test.
        setup: Python source that is run before every answer (files to read, names to use).
        reads_stdin: whether the problem is over standard input: the entry point takes the whole input and
            returns the whole output, and an answer may as well be a program that reads and prints.
        pairs: whether the problem is posed as such a program, whose self-tests are pairs of input and
            expected output; else as a function of the input, whose self-tests are assert lines.
        packages: modules that answers may import beyond the standard library.
        timeout_s: CPU seconds that the reference test gets; None for the sandbox's.
    """

    task_id: str
    prompt: str
    entry_point: str
    preamble: str
    reference_test: str
    reference_solution: str | None = None
    base_test: str | None = None
    setup: str = ""
    reads_stdin: bool = field(default=False, repr=False)
    pairs: bool = field(default=False, repr=False)
    packages: tuple[str, ...] = ()
    timeout_s: float | None = None
    prove_on_plus: bool = field(default=False, repr=False)

    @property
    def choosing_test(self) -> str:
        """The test by which plans are chosen; the reference test always proves them."""
        return self.base_test if self.prove_on_plus and self.base_test is not None else self.reference_test

    def program(self, text: str, *, completion: bool) -> str:
        """The program that a solution's text stands for; it defines the entry point.

        A completion continues the prompt; any other text is a program of its own, which gets the
        preamble in front. A program that reads standard input becomes a function of its input, and
        a method of ``class Solution`` becomes a function too. With `pairs` the program also defines
        ``same_output``, by which a pair's line compares.
        """
        if self.pairs:
            whole = self.prompt + text if completion else text
            function = as_function(whole, self.entry_point, program_first=True)
            return put_in_front(self.setup, put_in_front(f"{SAME_OUTPUT}\n\n", function))
        if completion:
            return put_in_front(self.setup, self.prompt + text)
        if self.reads_stdin:
            return put_in_front(self.setup, as_function(text, self.entry_point))
        return put_in_front(self.setup, put_in_front(f"{self.preamble}\n", text) + self._of_solution(text))

    def _of_solution(self, text: str) -> str:
        """A function for the method that an answer defines in ``class Solution`` in the function's place."""
        if "class Solution" not in text:
            return ""
        try:
            body = ast.parse(text).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ""
        name = self.entry_point
        if any(isinstance(node, FUNCTIONS) and node.name == name for node in body):
            return ""
        classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name == "Solution"]
        if not any(isinstance(n, FUNCTIONS) and n.name == name for c in classes for n in c.body):
            return ""
        return f"\n\ndef {name}(*args, **named):\n    return Solution().{name}(*args, **named)\n"


def put_in_front(before: str, text: str) -> str:
    """The text with something in front of it, but behind what has to stand first in a program.

    That are ``from __future__`` statements; a byte order mark is one only at a file's start and goes.
    """
    text = text.removeprefix("\ufeff")
    if not before:
        return text
    if "__future__" not in text:
        return before + text
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return before + text
    last = max((n.end_lineno or 0 for n in body if _is_future(n)), default=0)
    lines = re.split(r"(?<=\n)", text)  # as the parser counts them
    head = "".join(lines[:last])
    return head + ("\n" if head and not head.endswith("\n") else "") + before + "".join(lines[last:])


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


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
