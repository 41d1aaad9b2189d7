"""Wording: function names, headers and the sentences of a docstring."""

from collections.abc import Callable, Sequence
from random import Random

from training.mini.code import NAMES
from training.mini.compose import Composition
from training.mini.steps import TYPES, fill

_VERBS = ["make", "compute", "build", "process", "convert", "handle", "work", "apply", "find", "prepare"]
_NOUNS = ["result", "answer", "output", "items", "value", "data", "things", "entry", "report", "view"]


def draw_name(rng: Random) -> str:
    """A function name that says nothing about what the function does."""
    return f"{rng.choice(_VERBS)}_{rng.choice(_NOUNS)}"


def draw_header(rng: Random, composition: Composition, name: str) -> tuple[str, str]:
    """The ``def`` line, with or without type hints, and the name of its parameter."""
    parameter = rng.choice(NAMES[composition.takes])
    if rng.random() < 0.5:
        return f"def {name}({parameter}):", parameter
    hints = f"{parameter}: {TYPES[composition.takes]}) -> {TYPES[composition.gives]}"
    return f"def {name}({hints}:", parameter


def _chain(phrases: Sequence[str]) -> str:
    return f"{', then '.join(phrases)}."


def _finally(phrases: Sequence[str]) -> str:
    if len(phrases) == 1:
        return f"{phrases[0]} and return the result."
    return f"{', '.join(phrases[:-1])} and finally {phrases[-1]}."


def _sentences(phrases: Sequence[str]) -> str:
    if len(phrases) == 1:
        return f"{phrases[0]}."
    middle = "".join(f"then {phrase}. " for phrase in phrases[1:-1])
    return f"first {phrases[0]}. {middle}last, {phrases[-1]}."


def _list(phrases: Sequence[str]) -> str:
    lines = "".join(f"\n    {number}. {phrase}" for number, phrase in enumerate(phrases, 1))
    return f"do this in order:{lines}"


def _after(phrases: Sequence[str]) -> str:
    """The last step is named first."""
    if len(phrases) == 1:
        return f"{phrases[0]}."
    return f"{phrases[-1]}, after you {' and then '.join(phrases[:-1])}."


def _before(phrases: Sequence[str]) -> str:
    """The first step is named last."""
    if len(phrases) == 1:
        return f"{phrases[0]}."
    return f"{', then '.join(phrases[1:])}. Before all that, {phrases[0]}."


_TEMPLATES: tuple[Callable[[Sequence[str]], str], ...] = (
    _chain,
    _finally,
    _sentences,
    _list,
    _after,
    _before,
)


def draw_description(rng: Random, composition: Composition) -> str:
    """What the function does, in words: one phrase for each step, in one of the templates."""
    phrases = [fill(rng.choice(step.phrases), k=k) for step, k in composition.parts]
    text = rng.choice(_TEMPLATES)(phrases)
    sentences = [sentence[:1].upper() + sentence[1:] for sentence in text.split(". ")]
    # A numbered list has its own full stops.
    return text[:1].upper() + text[1:] if "\n" in text else ". ".join(sentences)
