"""The last screens: chosen plans beside the best plans of one model, and all jobs of a sweep."""

from collections.abc import Mapping, Sequence

from cascade.report.wording import (
    by_target,
    few_problems,
    monthly,
    percent,
    points,
    theta_of,
    usd,
    wrong_after_all,
)
from cascade.search import ChosenPlan, Estimate, PlanFile, candidate

MAX_REASON_CHARS = 70  # of a failure in a table; the whole line was told when it happened
HEAD = ("plan", "validation $/1k", "accuracy", "test $/1k", "accuracy", "one model $/1k", "saving")
INSTEAD = ("cascade plan", "instead of", "cost saved", "accuracy difference (points)")
WORDS = ("plan", "plan to use", "instead of")  # columns of words, which stand to the left

Table = tuple[Sequence[str], Sequence[Sequence[str]]]  # head and rows


def last_screen(title: str, plans: PlanFile, links: Mapping[str, str]) -> str:
    """What a person should see when a task is done.

    Args:
        title: the study in a few words.
        plans: its chosen plans.
        links: by name, where to go on.
    """
    return "\n".join([*_chosen(title, plans), *_links(links), "", answer_sentence(plans)])


def answer_screen(title: str, plans: PlanFile) -> str:
    """The same without what comes later, as soon as it is known."""
    return "\n".join([*_chosen(title, plans), answer_sentence(plans), ""])


def links_screen(plans: PlanFile, links: Mapping[str, str]) -> str:
    """What is said after the answer: where to go on; and the answer once more, which the screen ends with."""
    return "\n".join(["", *_links(links), "", answer_sentence(plans)])


def _links(links: Mapping[str, str]) -> list[str]:
    width = max(len(name) for name in links)
    return [f"{name.ljust(width)}  {link}" for name, link in links.items()]


def _chosen(title: str, plans: PlanFile) -> list[str]:
    """The chosen plans, what the test side says of them, and what the plan to use costs."""
    sides = f"chosen on {len(plans.validation_ids)} problems"
    if plans.test_ids:
        sides += f", {len(plans.test_ids)} others {'prove them' if plans.proof else 'are kept aside'}"
    return [
        "",
        f"{title}: {theta_of(plans)}, {sides}",
        "",
        "\n\n".join(table(head, rows) for head, rows in _tables(plans)),
        "",
        *verdict(plans),
        "",
        f"The plan to use costs {monthly(_to_use(plans))}.",
        "",
    ]


def _to_use(plans: PlanFile) -> ChosenPlan:
    return candidate(plans) if plans.recommended is None else plans.recommended.chosen


def plans_markdown(plans: PlanFile) -> str:
    """The same for a page that renders Markdown."""
    parts = [f"**{answer_sentence(plans)}**", "\n".join(f"- {line}" for line in verdict(plans))]
    for head, rows in _tables(plans):
        lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(parts)


def answer_sentence(plans: PlanFile) -> str:
    """Which plan to use and what it saves, in one sentence: the page begins with it, other screens end so."""
    if plans.recommended is not None:
        return plans.recommended.sentence
    return f"Use {candidate(plans).plan.describe(plans.models)}, if the test side confirms it."


def verdict(plans: PlanFile) -> list[str]:
    """What the test side says of the chosen plans, in sentences; what is expected where it was not asked."""
    banner = few_problems(plans)
    said = [] if banner is None else [f"Warning: {banner}"]
    if (proof := plans.proof) is None:
        return [
            *said,
            "Nothing is proved yet." if plans.test_ids else "There is no test side: nothing is proved.",
            "As chosen among many, its cascades look too accurate on the validation side by about "
            f"{100 * plans.optimism:.1f} points.",
        ]
    headline = by_target(proof)
    if headline is not None:
        said.append(f"All chosen plans against the chosen plans of one model, by target: {headline}.")
    said += [
        _mean_saving(plans),
        "Generalization gap, validation less test accuracy in the mean over the front: "
        f"{points(proof.generalization_gap)}.",
        f"Regret: {100 * proof.regret:.1f} % of the hypervolume of the front that the test side itself "
        "would have chosen.",
    ]
    said += wrong_after_all(_to_use(plans))
    return said if plans.certificate is None else [*said, plans.certificate.sentence]


def _mean_saving(plans: PlanFile) -> str:
    proof = plans.proof
    if proof is None or proof.n_cascades == 0:
        return "No cascade plan is on the front: one model alone is best at every cost."
    if proof.mean_saving is None:
        return (
            f"None of the {proof.n_cascades} cascade plans has a plan of one model of equal accuracy to be "
            "compared with."
        )
    n = proof.n_cascades - proof.n_empty_windows
    compared = f"{n} of {proof.n_cascades}" if proof.n_empty_windows else f"{n}"
    return (
        "The paper's mean saving, against plans of one model of equal accuracy: "
        f"{percent(proof.mean_saving)} ({compared} cascade plans)."
    )


def sweep_table(jobs: Mapping[str, PlanFile | str]) -> str:
    """All jobs of a sweep, a row each.

    Args:
        jobs: by the settings that make a job, its chosen plans, or the words that it ended with.
    """
    head = (
        "job",
        "θ",
        "cascade plans",
        "by target: cheaper",
        "points",
        "test $/1k",
        "accuracy",
        "plan to use",
    )
    return table(head, [(name, *_job_cells(plans)) for name, plans in jobs.items()])


def _job_cells(plans: PlanFile | str) -> tuple[str, ...]:
    if isinstance(plans, str):
        return ("", "", "", "", "", "", f"failed: {plans.splitlines()[0][:MAX_REASON_CHARS]}")
    best = _to_use(plans)
    saving = plans.proof.saving_by_target if plans.proof else None
    gained = plans.proof.accuracy_by_target if plans.proof else None
    return (
        theta_of(plans).removeprefix("θ="),
        str(sum(len(chosen.plan.stages) > 1 for chosen in plans.front)),
        "" if saving is None else f"{100 * saving.value:.1f} %",
        "" if gained is None else f"{100 * gained.value:+.1f}",
        *_cells(best.test),
        best.plan.describe(plans.models),
    )


def _tables(plans: PlanFile) -> list[Table]:
    """The fronts, the plan that was asked for, and what each cascade plan stands in for."""
    constrained = () if plans.constrained is None else (plans.constrained,)
    titled = (
        ("cascade front", plans.front),
        ("one-model front", plans.singular),
        ("the plan that you asked for", constrained),
    )
    tables: list[Table] = [
        ((title, *HEAD[1:]), [_row(chosen, plans.models) for chosen in some])
        for title, some in titled
        if some
    ]
    instead = [
        (
            chosen.plan.describe(plans.models),
            other.plan.describe(plans.models),
            percent(other.saving),
            points(other.accuracy),
        )
        for chosen in plans.front
        if (other := chosen.replaces) is not None
    ]
    return [*tables, (INSTEAD, instead)] if instead else tables


def _row(chosen: ChosenPlan, models: Sequence[str]) -> tuple[str, ...]:
    saving, instead = "", ""
    if chosen.saving is not None:
        saving = f"{100 * chosen.saving:.1f} %"
    if chosen.saving is not None and chosen.test is not None and chosen.saving < 1:
        instead = usd(chosen.test.usd_per_1k_queries / (1 - chosen.saving))
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
    return usd(estimate.usd_per_1k_queries), f"{100 * estimate.accuracy:.1f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text in columns, to the right; the first and those of words to the left."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    left = [i == 0 or name in WORDS for i, name in enumerate(head)]
    lines = [
        "  ".join(
            cell.ljust(w) if to_left else cell.rjust(w)
            for cell, w, to_left in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in (head, *rows)
    ]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])
