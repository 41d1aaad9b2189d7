"""The space of plans."""

import itertools

import pytest

from cascade.core.plans import EXIT, SKIP, Growing, Option, Plan, option_space, plan_space

PAPER = option_space([-1, 0, 1, 3, 5, 10], [0, 2, 4])


def test_nine_options_a_model() -> None:
    testing = [Option(k, l) for k in (1, 3, 5, 10) for l in (2, 4)]  # noqa: E741
    assert (EXIT, *testing) == PAPER


@pytest.mark.parametrize(("n", "size"), [(1, 9), (2, 90), (3, 819), (4, 7380)])
def test_sizes(n: int, size: int) -> None:
    assert len(plan_space([PAPER] * n)) == size


def test_holds_every_valid_plan_once() -> None:
    """Against the definition: any choice or skip for each model, and nothing after an exit."""

    def valid(row: tuple[Option, ...]) -> bool:
        stages = [option for option in row if option != SKIP]
        return bool(stages) and EXIT not in stages[:-1]

    options = [PAPER[:4], PAPER[:3], (EXIT,)]
    expected = {
        row for row in itertools.product(*[(SKIP, *model_options) for model_options in options]) if valid(row)
    }
    space = plan_space(options)
    found = [space.plan(i, 0.5).options for i in range(len(space))]
    assert len(found) == len(set(found))
    assert set(found) == expected
    for i, row in enumerate(found):
        assert tuple(space.k[i]) == tuple(option.k for option in row)
        assert tuple(space.l[i]) == tuple(option.l for option in row)
        assert bool(space.one_stage[i]) == (sum(option != SKIP for option in row) == 1)


def test_a_model_without_options_is_left_out() -> None:
    assert len(plan_space([(), (EXIT,)])) == 1


def test_describe() -> None:
    plan = Plan((Option(5, 4), SKIP, EXIT), 0.8)
    assert plan.describe(["7B", "13B", "34B"]) == "7B 5:4 → 34B greedy, θ=0.8"
    assert Plan((SKIP, EXIT), 0.8).describe(["7B", "13B"]) == "13B greedy"


def test_every_option_with_more_than_one_sample_may_grow() -> None:
    grown = option_space([1, 2, 3], [2], Growing.only)
    assert grown == (Option(1, 2), Option(2, 2, growing=True), Option(3, 2, growing=True))
