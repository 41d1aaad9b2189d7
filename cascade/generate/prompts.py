"""How a family is asked for a solution and for a test."""

from dataclasses import dataclass, field

from cascade.problems import Problem

_PROGRAM = (
    "Write a Python program for this problem. It reads standard input and prints to standard output. Answer "
    "with the whole program in one code block.\n\n```python\n{prompt}```"
)
_PAIRS = (
    "Write five tests for a program that solves this problem. Do not write the program. Write each test as "
    "its whole standard input and the exact output that is expected, in this form:\n\n"
    "Input:\n```\n…\n```\nOutput:\n```\n…\n```\n\nThe problem:\n\n```python\n{prompt}```"
)
_MORE_PAIRS = '{prompt}\n"""\nFive more pairs of input and expected output:\n\nInput:'


@dataclass(frozen=True)
class StdinPrompts:
    """The templates for programs that read standard input, whose tests are pairs; see `PromptStyle`.

    Where `solution` or `test` is empty it is a general one, for a model that completes or one that answers.
    """

    solution: str = ""
    test: str = ""
    test_begins: str = ""
    stop: tuple[str, ...] = ()

    def whole(self, *, completion: bool) -> "StdinPrompts":
        """With the general templates where there are none."""
        begins = "Input:" if completion else ""
        # A program that goes on behind its docstring ends where another one begins.
        stop = ('\n"""', "\n'''") if completion else ()
        return StdinPrompts(
            self.solution or ("{prompt}" if completion else _PROGRAM),
            self.test or (_MORE_PAIRS if completion else _PAIRS),
            self.test_begins if self.test else begins,
            self.stop or stop,
        )


@dataclass(frozen=True)
class PromptStyle:
    """A family's prompts, and how what it writes is read.

    In the templates ``{prompt}`` stands for the problem's prompt and ``{entry_point}`` for its
    function's name; other braces stand for themselves. A template should end at a token boundary
    (not in a blank), and the two should differ early: a model that saw two kinds of continuation
    after one prompt greedily takes the likelier kind.

    Attributes:
        solution: template that asks for a solution.
        test: template that asks for a test.
        completion: whether a solution continues the problem's prompt (else it is a whole program, taken
            out of the answer's fenced block where there is one).
        test_begins: template of what stands at the end of the test template and belongs to the test.
        stop: a solution ends before the first of these texts.
        chat: whether the templates are a user's message, to be asked through the chat template that comes
            with the model's tokenizer; `test_begins` then begins the model's answer.
        mend: whether a text that is no program as it stands is repaired where it can be (indentation that
            stripping cost it, tabs, HTML, an interpreter's prompts, …; see `reader.py`). Always counted.
        stdin: the templates for programs that read standard input.
    """

    solution: str = "{prompt}"
    test: str = "{prompt}"
    completion: bool = True
    test_begins: str = ""
    stop: tuple[str, ...] = ()
    chat: bool = False
    mend: bool = True
    stdin: StdinPrompts = field(default_factory=StdinPrompts)

    def ask_solution(self, problem: Problem) -> str:
        """The prompt whose continuation is a solution."""
        return _fill(self._of(problem).solution, problem)

    def ask_test(self, problem: Problem) -> str:
        """The prompt whose continuation is a test."""
        return _fill(self._of(problem).test, problem)

    def begin_test(self, problem: Problem) -> str:
        """What a test for the problem begins with, before the model writes."""
        return _fill(self._of(problem).test_begins, problem)

    def stops(self, problem: Problem) -> tuple[str, ...]:
        """The texts before which a solution of the problem ends."""
        return self._of(problem).stop

    def _of(self, problem: Problem) -> "PromptStyle | StdinPrompts":
        return self.stdin.whole(completion=self.completion) if problem.pairs else self


def _fill(template: str, problem: Problem) -> str:
    return template.replace("{entry_point}", problem.entry_point).replace("{prompt}", problem.prompt)
