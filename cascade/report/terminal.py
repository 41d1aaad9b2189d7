"""The last screens: chosen plans beside the best plans of one model, and all jobs of a sweep."""

from collections.abc import Mapping, Sequence

import numpy as np

from cascade.artifacts import ChosenPlan, Estimate, PlanFile

MAX_REASON_CHARS = 70  # of a failure in a table; the whole line was told when it happened
HEAD = ("plan", "validation $/1k", "accuracy", "test $/1k", "accuracy", "one model $/1k", "saving")


def last_screen(title: str, plans: PlanFile, places: Mapping[str, str]) -> str:
    """What a person should see when a study is done.

    Args:
        title: the study in a few words.
        plans: its chosen plans.
        places: by name, where to go on.
    """
    theta = "all θ" if plans.theta is None else f"θ={plans.theta:g}"
    sides = f"chosen on {len(plans.validation_ids)} problems"
    if plans.test_ids:
        sides += f", proved on {len(plans.test_ids)} others"
    width = max(len(name) for name in places)
    return "\n".join(
        [
            "",
            f"{title}: {theta}, {sides}",
            "",
            plans_table(plans),
            "",
            verdict(plans),
            "",
            *(f"{name.ljust(width)}  {place}" for name, place in places.items()),
        ]
    )


def verdict(plans: PlanFile) -> str:
    """What the chosen plans save against one model, in a sentence."""
    cascades = [chosen for chosen in plans.front if len(chosen.plan.stages) > 1]
    savings = [chosen.saving for chosen in cascades if chosen.saving is not None]
    if not cascades:
        return "No cascade plan is on the front: one model alone is best at every cost."
    if not plans.test_ids:
        return "There is no test side: nothing is proved yet."
    if not savings:
        return (
            f"None of the {len(cascades)} cascade plans has a plan of one model within ±1 point of its "
            "accuracy to be compared with."
        )
    compared = f"{len(savings)} of {len(cascades)}" if len(savings) < len(cascades) else f"{len(savings)}"
    mean = 100 * float(np.mean(savings))
    more = "less" if mean >= 0 else "more"
    return (
        f"On the test side the cascade plans cost {abs(mean):.1f} % {more} than plans of one model that are "
        f"right as often (mean of {compared} plans; accuracy within ±1 point)."
    )


def plans_table(plans: PlanFile) -> str:
    """The fronts as text: cost, accuracy and saving of each plan, on both sides of the split."""
    parts = []
    for title, chosen in (("cascade front", plans.front), ("one-model front", plans.singular)):
        parts.append(table((title, *HEAD[1:]), [_row(c, plans.models) for c in chosen]))
    return "\n\n".join(parts)


def plans_markdown(plans: PlanFile) -> str:
    """The same for a page that renders Markdown."""
    parts = [verdict(plans)]
    for title, chosen in (("cascade front", plans.front), ("one-model front", plans.singular)):
        rows = [(title, *HEAD[1:]), ("---", *["---:"] * (len(HEAD) - 1))]
        rows += [_row(c, plans.models) for c in chosen]
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    return "\n\n".join(parts)


def sweep_table(jobs: Mapping[str, PlanFile | str]) -> str:
    """All jobs of a sweep, a row each.

    Args:
        jobs: by the settings that make a job, its chosen plans, or the words that it ended with.
    """
    head = ("job", "θ", "cascade plans", "mean saving", "best: test $/1k", "accuracy", "plan")
    return table(head, [(name, *_job_cells(plans)) for name, plans in jobs.items()])


def _job_cells(plans: PlanFile | str) -> tuple[str, ...]:
    if isinstance(plans, str):
        return ("", "", "", "", "", f"failed: {plans.splitlines()[0][:MAX_REASON_CHARS]}")
    cascades = [chosen for chosen in plans.front if len(chosen.plan.stages) > 1]
    savings = [chosen.saving for chosen in cascades if chosen.saving is not None]
    best = plans.front[-1]
    return (
        "all" if plans.theta is None else f"{plans.theta:g}",
        str(len(cascades)),
        f"{100 * float(np.mean(savings)):.1f} %" if savings else "",
        *_cells(best.test),
        best.plan.describe(plans.models),
    )


def _row(chosen: ChosenPlan, models: Sequence[str]) -> tuple[str, ...]:
    saving, instead = "", ""
    if chosen.saving is not None:
        saving = f"{100 * chosen.saving:.1f} %"
    if chosen.saving is not None and chosen.test is not None and chosen.saving < 1:
        instead = _usd(chosen.test.usd_per_1k_queries / (1 - chosen.saving))
    return (
        chosen.plan.describe(models),
        *_cells(chosen.validation),
        *_cells(chosen.test),
        instead,
        saving,
    )


def _cells(estimate: Estimate | None) -> tuple[str, str]:
    if estimate is None:
        return "", ""
    return _usd(estimate.usd_per_1k_queries), f"{100 * estimate.accuracy:.1f} %"


def _usd(amount: float) -> str:
    # Four digits of any amount: a small model on a processor costs thousandths of a cent.
    return f"{amount:#.4g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, the first to the left and the others to the right (a last one of words left too)."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    left = {0, len(head) - 1} if head[-1] == "plan" else {0}
    lines = [
        "  ".join(
            cell.ljust(w) if i in left else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])
