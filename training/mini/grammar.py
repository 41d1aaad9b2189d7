"""The generator: a composition as an exercise with its prompt, reference body and test lines."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from training.mini.code import write_body
from training.mini.compose import Case, Composition, draw_cases
from training.mini.wording import draw_description, draw_header, draw_name

_EXAMPLE_SHARE = 0.4
_COPY_SHARE = 0.75


@dataclass(frozen=True)
class Exercise:
    """One worded problem.

    Attributes:
        composition: what is to be computed.
        name: the function's name.
        prompt: header and docstring, ending in a newline; the body continues it.
        body: the reference body, indented, ending in a newline.
        example: the case that the docstring shows, if it shows one.
    """

    composition: Composition
    name: str
    prompt: str
    body: str
    example: Case | None


def assert_lines(name: str, cases: Iterable[Case]) -> list[str]:
    """One line ``assert name(input) == value`` for each case."""
    return [f"assert {name}({value!r}) == {result!r}" for value, result in cases]


def draw_exercise(rng: Random, composition: Composition) -> Exercise:
    """Word a composition: a name, a header, a docstring with or without an example, a body."""
    name = draw_name(rng)
    header, parameter = draw_header(rng, composition, name)
    description = draw_description(rng, composition)
    example: Case | None = None
    docstring = description
    if rng.random() < _EXAMPLE_SHARE:
        ((value, result),) = draw_cases(rng, composition, 1)
        example = (value, result)
        docstring += f"\n\n    >>> {name}({value!r})\n    {result!r}"
    closing = '\n    """' if "\n" in docstring else '"""'
    prompt = f'{header}\n    """{docstring}{closing}\n'
    return Exercise(composition, name, prompt, write_body(rng, composition, parameter), example)


def draw_test(rng: Random, exercise: Exercise) -> str:
    """A test sample: four or five assert lines whose inputs differ from their first character on.

    The docstring's example, if there is one, is the first of them more often than not.
    """
    shown = [exercise.example] if exercise.example else []
    first = shown if rng.random() < _COPY_SHARE else []
    count = rng.choice((4, 5)) - len(first)
    cases = first + draw_cases(rng, exercise.composition, count, before=shown, apart=True)
    return "".join(f"{line}\n" for line in assert_lines(exercise.name, cases))
