"""Numbers and plans as people read them, the same in the terminal, in MLflow and on pages."""

from collections.abc import Sequence

import numpy as np

from cascade.core import Interval, Measured, Option, Plan, ThetaChoice
from cascade.search import ChosenPlan, PlanFile, Proof

QUERIES_A_MONTH = 100_000  # of the example
FEW_PROBLEMS = 30  # a side: below it there is a banner
SMALL_USD = 1e-4  # below it Python would write an exponent


def usd(amount: float) -> str:
    """US dollars with four digits of any amount: a small model on a processor costs thousandths of a cent."""
    if 0 < abs(amount) < SMALL_USD:
        return np.format_float_positional(float(f"{amount:.4g}"), trim="-")
    return f"{amount:#.4g}"


def percent(measured: Measured) -> str:
    """A share with its interval."""
    return f"{100 * measured.value:.1f} %{ends(measured.interval)}"


def points(measured: Measured) -> str:
    """A difference of shares with its interval."""
    return f"{100 * measured.value:.1f} points{ends(measured.interval)}"


def monthly(chosen: ChosenPlan) -> str:
    """What a plan costs whoever answers some number of queries a month with it; in proportion for others."""
    dollars = (chosen.test or chosen.validation).usd_per_1k_queries
    return (
        f"${usd(dollars)} per 1,000 queries: ${usd(dollars * QUERIES_A_MONTH / 1000)} a month at "
        f"{QUERIES_A_MONTH:,} queries"
    )


def by_target(proof: Proof) -> str | None:
    """The headline over all chosen plans, its two numbers together; None where nothing can be compared."""
    saving, accuracy = proof.saving_by_target, proof.accuracy_by_target
    if saving is None or accuracy is None:
        return None
    low, high = sorted((saving.interval.low, saving.interval.high))
    word = "cheaper" if saving.value >= 0 else "dearer"
    if word == "dearer":
        low, high = -high, -low
    return (
        f"{100 * abs(saving.value):.1f} % {word} ({100 * low:.1f} to {100 * high:.1f}) at "
        f"{100 * accuracy.value:+.1f} points of accuracy "
        f"({100 * accuracy.interval.low:+.1f} to {100 * accuracy.interval.high:+.1f})"
    )


def few_problems(plans: PlanFile) -> str | None:
    """A warning where a side of the split is too small to tell plans apart; None where none is needed."""
    sides = (len(plans.validation_ids), len(plans.test_ids))
    if min(sides) >= FEW_PROBLEMS:
        return None
    points = 100 / max(1, min(size for size in sides if size)) ** 0.5
    return (
        f"Only {sides[0]} validation and {sides[1]} test problems: accuracy is known only to about "
        f"±{points:.0f} points; take this as a trial run, not as a result."
    )


def ends(interval: Interval | None) -> str:
    """An interval of shares, in percent; nothing where there is none."""
    return "" if interval is None else f" ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def usd_ends(interval: Interval | None) -> str:
    """An interval of US dollars; nothing where there is none."""
    return "" if interval is None else f" ({usd(interval.low)} to {usd(interval.high)})"


def theta_of(plans: PlanFile) -> str:
    """The front's θ."""
    if plans.theta is not None:
        return f"θ={plans.theta:g}"
    return "one θ a stage" if ThetaChoice(plans.selection["theta"]).per_stage else "all θ"


def stage_sentences(plan: Plan, models: Sequence[str]) -> list[tuple[str, str]]:
    """What every stage of a plan does: the model, and a sentence about it."""
    *before, (last, end) = plan.stages
    said = [
        (
            models[i],
            f"{_writes(option)}. Its best solution is the answer if it scores at least "
            f"{100 * plan.theta_at(i):g} % of the most that is possible; otherwise the next model is asked.",
        )
        for i, option in before
    ]
    best = "Its best solution" if end.k > 1 else "Its solution"
    until = f" It stops at {100 * plan.theta_at(last):g} % of the possible score." if end.growing else ""
    return [*said, (models[last], f"{_writes(end)}.{until} {best} is the answer.")]


def _writes(option: Option) -> str:
    if option.growing:
        return (
            f"Writes one greedy solution and one greedy test, and more only until they convince: up to "
            f"{option.k} solutions and {option.k} tests, of each of which up to {option.l} lines count"
        )
    if not option.tests:
        return "Writes one greedy solution and no test"
    if option.k == 1:
        return f"Writes one greedy solution and one greedy test, of which up to {option.l} lines count"
    return f"Writes {option.k} solutions and {option.k} tests, of each of which up to {option.l} lines count"


def wrong_after_all(chosen: ChosenPlan) -> list[str]:
    """What extended tests say of the plan's answers, in one sentence; none where they did not prove it."""
    if not (stages := chosen.wrong_after_all):
        return []
    by_stage = ", ".join(f"{s.model} {s.wrong:.1f} of {s.right_on_base:.1f}" for s in stages)
    wrong, right = sum(s.wrong for s in stages), sum(s.right_on_base for s in stages)
    return [
        f"Extended tests: of {right:.1f} accepted answers of the plan to use that pass the base tests, "
        f"{wrong:.1f} are wrong after all ({by_stage})."
    ]
