"""The last screen of a study: the chosen plans beside the best plans of one model."""

from collections.abc import Sequence

from cascade.plan_file import ChosenPlan, Estimate, PlanFile


def plans_table(plans: PlanFile) -> str:
    """The fronts as text: cost, accuracy and saving of each plan, on both sides of the split."""
    head = ("plan", "validation $/1k", "accuracy", "test $/1k", "accuracy", "saving")
    parts = []
    for title, chosen in (("cascade front", plans.front), ("one-model front", plans.singular)):
        parts.append(table((title, *head[1:]), [_row(c, plans.models) for c in chosen]))
    return "\n\n".join(parts)


def _row(chosen: ChosenPlan, models: Sequence[str]) -> tuple[str, ...]:
    saving = "" if chosen.saving is None else f"{100 * chosen.saving:.1f} %"
    return (chosen.plan.describe(models), *_cells(chosen.validation), *_cells(chosen.test), saving)


def _cells(estimate: Estimate | None) -> tuple[str, str]:
    if estimate is None:
        return "", ""
    # Four digits of any amount: a small model on a processor costs thousandths of a cent.
    return f"{estimate.usd_per_1k_queries:#.4g}", f"{100 * estimate.accuracy:.1f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text in columns, the first to the left and the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, *rows)
    ]
    rule = "  ".join("-" * w for w in widths)
    return "\n".join([lines[0], rule, *lines[1:]])
