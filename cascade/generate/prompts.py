"""How a family is asked for a solution and for a test."""

from dataclasses import dataclass

from cascade.problems import Problem


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
    """

    solution: str = "{prompt}"
    test: str = "{prompt}"
    completion: bool = True
    test_begins: str = ""
    stop: tuple[str, ...] = ()
    chat: bool = False
    mend: bool = True

    def ask_solution(self, problem: Problem) -> str:
        """The prompt whose continuation is a solution."""
        return _fill(self.solution, problem)

    def ask_test(self, problem: Problem) -> str:
        """The prompt whose continuation is a test."""
        return _fill(self.test, problem)

    def begin_test(self, problem: Problem) -> str:
        """What a test for the problem begins with, before the model writes."""
        return _fill(self.test_begins, problem)


def _fill(template: str, problem: Problem) -> str:
    return template.replace("{entry_point}", problem.entry_point).replace("{prompt}", problem.prompt)
