"""The grammar: every step means one thing in all its styles, and every exercise keeps its promises."""

from random import Random

import pytest

from training.mini import steps
from training.mini.check import passes
from training.mini.compose import Composition, HeldOut, draw_cases, draw_composition, is_sound
from training.mini.grammar import draw_exercise, draw_test
from training.mini.inputs import MANY_REPEATS, draw_value, is_edge, is_small, opening, probes
from training.mini.steps import CATALOGUE, Step, fill, is_block, meaning

MODULES = (steps.numbers, steps.texts, steps.words, steps.scalars, steps.tables)


def test_step_names_are_unique() -> None:
    assert len(CATALOGUE) == sum(len(module.STEPS) for module in MODULES)


@pytest.mark.parametrize("step", CATALOGUE.values(), ids=list(CATALOGUE))
def test_all_styles_of_a_step_agree(step: Step) -> None:
    rng = Random(step.name)
    assert not is_block(step.styles[0])
    for k in step.params or (None,):
        for style in step.styles[1:]:
            source = (
                fill(style, k=k, v="v", o="out") if is_block(style) else f"out = {fill(style, k=k, v='v')}"
            )
            for _ in range(25):
                value = draw_value(rng, step.takes, MANY_REPEATS)
                scope = {"v": value}
                exec(source, scope)
                # repr, because the order of a dictionary matters to the step after it.
                assert repr(scope["out"]) == repr(meaning(step, k)(value)), (style, k, value)


@pytest.mark.parametrize("step", CATALOGUE.values(), ids=list(CATALOGUE))
def test_wordings_of_a_step(step: Step) -> None:
    assert len(set(step.phrases)) == len(step.phrases) >= 3
    for phrase in step.phrases:
        assert ("{k}" in phrase or "{kw}" in phrase) == bool(step.params)
        assert phrase.count("'") % 2 == 0, "the tokenizer reads quotes in pairs"


def test_reference_code_passes_generated_tests() -> None:
    rng = Random(3)
    exercises = [draw_exercise(rng, draw_composition(rng, HeldOut())) for _ in range(150)]
    programs = [exercise.prompt + exercise.body + draw_test(rng, exercise) for exercise in exercises]
    assert passes(programs) == [True] * len(programs)


def test_a_test_sample_is_diverse() -> None:
    rng = Random(4)
    for _ in range(60):
        composition = draw_composition(rng, HeldOut())
        cases = draw_cases(rng, composition, 5, apart=True)
        assert len({opening(value) for value, _ in cases}) == 5
        assert sum(is_edge(value) for value, _ in cases) <= 1
        assert all(is_small(result) for _, result in cases)


def test_equal_seeds_draw_equal_exercises() -> None:
    def draw(seed: int) -> list[str]:
        rng = Random(seed)
        exercises = [draw_exercise(rng, draw_composition(rng, HeldOut())) for _ in range(20)]
        return [exercise.prompt + exercise.body + draw_test(rng, exercise) for exercise in exercises]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


@pytest.mark.parametrize(
    "names",
    [
        ("reverse", "reverse"),  # the identity
        ("reverse", "sort"),  # the first step changes nothing
        ("sort", "total"),  # likewise
        ("keep_even", "keep_odd"),  # always empty
        ("keep_even", "count_even", "stars", "upper"),  # the last step changes nothing
    ],
)
def test_idle_compositions_are_refused(names: tuple[str, ...]) -> None:
    assert not is_sound(Composition(tuple((CATALOGUE[name], None) for name in names)))


def test_a_sound_composition_is_accepted() -> None:
    assert is_sound(Composition(((CATALOGUE["keep_above"], 3), (CATALOGUE["square_each"], None))))


def test_behaviour_ignores_the_steps_behind_it() -> None:
    def behaviour(*names: str) -> tuple[str | None, ...]:
        return Composition(tuple((CATALOGUE[name], None) for name in names)).behaviour

    assert behaviour("sort", "reverse") == behaviour("sort_down")
    assert behaviour("sort") != behaviour("sort_down")


def test_probes_are_distinct_and_fixed() -> None:
    values = [repr(value) for value in probes("numbers")]
    assert len(set(values)) == len(values)
    assert values == [repr(value) for value in probes("numbers")]
