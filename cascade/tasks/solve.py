"""task=solve: problems through a plan of a finished study, and what came of it against what was promised."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cascade.base import ConfigError, Progress, VerdictStore, digest
from cascade.config import Side, Study
from cascade.core import Floats, Interval, interval, problem_weights, usd_per_1k_queries
from cascade.execute import Sandbox as StoredSandbox, judge_family
from cascade.generate import Draw, Member, ModelSamples, SampleStore, Solution
from cascade.problems import Problem, load_problems, read_prompts
from cascade.search import Estimate
from cascade.serving import Limits, PlanBook, SolutionFile, Solved, StoredMember, close_members, solve
from cascade.tasks.plans_at_hand import live_members, live_sandbox, with_plans

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """A plan in live running against what its study promised.

    Attributes:
        plan: its name.
        n_problems, n_proved: that were answered, and of them with references.
        usd_per_1k_queries, accuracy: of the live run; no accuracy without references.
        usd_interval, accuracy_interval: of the bootstrap over the problems that were answered.
        promised: the study's estimate.
        side: the side of the split that it is of.
        cross_fitted: whether the estimate is of calibrators that did not know the problem; live there is one
            a model, which knows all of the validation side.
        same_problems: whether exactly that side's problems were answered.
        usd_inside, accuracy_inside: whether the live run lies in the promise's interval.
    """

    plan: str
    n_problems: int
    n_proved: int
    usd_per_1k_queries: float
    usd_interval: Interval
    accuracy: float | None
    accuracy_interval: Interval | None
    promised: Estimate
    side: str
    cross_fitted: bool
    same_problems: bool
    usd_inside: bool | None
    accuracy_inside: bool | None


def main(study: Study, output: Path) -> None:
    """Answer, append, prove, compare."""
    settings = study.solve
    study, book = with_plans(study, settings.plans)
    name = chosen_plan(book, study)
    plan = book.by_name[name].plan
    problems = wanted_problems(study, book)
    models = [book.file.models[i] for i, _ in plan.stages]
    log.info("plan %s (%s): %d problems", name, plan.describe(book.file.models), len(problems))
    members = live_members(study, models, book.test_lines)
    file = SolutionFile(Path(settings.output), _run(book, name, study, members))
    if file.done:
        log.info("%d problems are in %s already", len(file.done.keys()), file.path)
    store = SampleStore(study.store)
    try:
        kept: dict[str, Member] = {key: StoredMember(one, store) for key, one in members.items()}
        asyncio.run(_answer(study, book, name, kept, problems, file))
    finally:
        file.close()
        store.close()
    found = [file.done[problem.task_id] for problem in problems]
    compared = compare(study, book, name, problems, found)
    (output / "solve.json").write_text(json.dumps(asdict(compared), indent=1) + "\n", encoding="utf-8")
    log.info("%s\nsolutions         %s", in_words(compared), file.path)


def chosen_plan(book: PlanBook, study: Study) -> str:
    """The plan that the settings name or choose.

    Raises:
        ConfigError: there is none of that name.
        CascadeError: none meets the wishes.
    """
    wanted = study.solve.plan
    if wanted is None:
        return book.choose(study.solve.budget_usd_per_1k, study.solve.min_accuracy)
    if (name := book.find(wanted)) is None:
        known = ", ".join([*book.by_name, *(a for a in book.aliases if " " not in a)])
        raise ConfigError(f"solve.plan={wanted}: no such plan; there are {known}")
    return name


def wanted_problems(study: Study, book: PlanBook) -> list[Problem]:
    """The problems to answer."""
    settings = study.solve
    if settings.problems is not None:
        if settings.side is not Side.all:
            raise ConfigError(
                f"solve.side={settings.side.value}: is for the data set's problems; leave out solve.problems"
            )
        return read_prompts(Path(settings.problems))
    problems = load_problems(study.dataset)
    if settings.side is Side.all:
        return problems
    ids = set(book.file.test_ids if settings.side is Side.test else book.file.validation_ids)
    found = [problem for problem in problems if problem.task_id in ids]
    if not found:
        raise ConfigError(
            f"solve.side={settings.side.value}: the data set {study.dataset.name} has none of the plan "
            f"file's problems; choose dataset={book.file.provenance.dataset}"
        )
    return found


async def _answer(
    study: Study,
    book: PlanBook,
    name: str,
    members: dict[str, Member],
    problems: Sequence[Problem],
    file: SolutionFile,
) -> None:
    settings = study.solve
    sandbox = live_sandbox(study, settings.concurrency)
    cascade = book.cascade(name, members, sandbox)
    left = sum(problem.task_id not in file.done for problem in problems)
    try:
        with Progress("solving", "problems", left) as progress:
            await solve(
                cascade,
                name,
                problems,
                file,
                limits=Limits(settings.deadline_s, settings.limit_usd),
                concurrency=settings.concurrency,
                progress=lambda: progress.add(1),
            )
    finally:
        await close_members(members)
        sandbox.close()


def _run(book: PlanBook, name: str, study: Study, members: dict[str, Member]) -> str:
    """Hash of all that an answer and its cost depend on."""
    asked = [(key, one.asked.identity, repr(one.asked.sampling)) for key, one in sorted(members.items())]
    limits = study.limits.signature, study.limits.timeout_s, study.solve.deadline_s, study.solve.limit_usd
    prices = book.file.provenance.usd_per_1m_tokens
    return digest(repr([name, study.plan_settings, asked, limits, sorted(prices.items())]))


def compare(
    study: Study, book: PlanBook, name: str, problems: Sequence[Problem], found: Sequence[Solved]
) -> Comparison:
    """What came of it against the study's estimate, with both intervals."""
    promised, side = book.promise(name)
    ids = {problem.task_id for problem in problems}
    if ids == set(book.file.validation_ids):
        promised, side = book.by_name[name].validation, "validation"
    of_side = book.file.test_ids if side == "test" else book.file.validation_ids
    usd = usd_per_1k_queries(np.array([solved.usd for solved in found]))
    right = _proved(study, problems, found, frozenset(book.file.validation_ids))
    cost = float(usd.mean())
    accuracy = None if not len(right) else float(right.mean())
    return Comparison(
        plan=name,
        n_problems=len(found),
        n_proved=len(right),
        usd_per_1k_queries=cost,
        usd_interval=_interval(usd, study),
        accuracy=accuracy,
        accuracy_interval=None if accuracy is None else _interval(right, study),
        promised=promised,
        side=side,
        cross_fitted=side == "validation" and bool(book.file.calibration),
        same_problems=ids == set(of_side),
        usd_inside=_inside(cost, promised.usd_interval),
        accuracy_inside=None if accuracy is None else _inside(accuracy, promised.accuracy_interval),
    )


def _proved(
    study: Study, problems: Sequence[Problem], found: Sequence[Solved], validation_ids: frozenset[str]
) -> Floats:
    """Float array: whether answers are right, by the tests of their side, where there are references."""
    pairs = [(p, solved) for p, solved in zip(problems, found, strict=True) if p.reference_test]
    if not pairs:
        return np.zeros(0)
    samples = {p.task_id: ModelSamples(Draw((_as_solution(p, solved),), ()), ()) for p, solved in pairs}
    store = VerdictStore(study.store)
    try:
        sandbox = StoredSandbox(study.limits, study.workers, store, study.isolation)
        outcomes, _ = judge_family([p for p, _ in pairs], {"plan": samples}, [], sandbox, lambda *_: None)
    finally:
        store.close()
    greedy = [
        (outcome if problem.task_id in validation_ids else outcome.by_proof()).greedy
        for (problem, _), outcome in zip(pairs, outcomes["plan"], strict=True)
    ]
    return np.array([float(solved is not None and solved.correct[0]) for solved in greedy])


def _as_solution(problem: Problem, solved: Solved) -> Solution:
    """The program as it was answered, which the problem puts nothing before."""
    text = solved.solution
    begins = problem.setup + problem.prompt
    if text.startswith(begins):
        return Solution(text[len(begins) :], solved.tokens, completion=True)
    return Solution(text, solved.tokens)


def _interval(values: Floats, study: Study) -> Interval:
    weights = problem_weights(len(values), study.replicates, study.seed)
    return interval(weights @ values, study.confidence, len(values))


def _inside(value: float, promised: Interval | None) -> bool | None:
    return None if promised is None else promised.low <= value <= promised.high


def in_words(found: Comparison) -> str:
    """The comparison for the terminal."""
    promised, said = found.promised, {True: "inside", False: "OUTSIDE", None: "no interval is known for"}
    rows = [f"{found.n_problems} problems answered by {found.plan}; promised by the {found.side} side:"]
    if found.accuracy is None:
        rows.append("accuracy          unknown: the problems have no references")
    else:
        ends = _ends(promised.accuracy_interval, 100, ".1f")
        rows.append(
            f"accuracy          {100 * found.accuracy:.1f} % of {found.n_proved}, "
            f"{said[found.accuracy_inside]} the promise {100 * promised.accuracy:.1f} % {ends}"
        )
    rows.append(
        f"$ per 1k queries  {found.usd_per_1k_queries:.4g}, {said[found.usd_inside]} the promise "
        f"{promised.usd_per_1k_queries:.4g} {_ends(promised.usd_interval, 1, '.4g')}"
    )
    if not found.same_problems:
        rows.append(f"(other problems than the {found.side} side's: a difference may be theirs)")
    if found.cross_fitted:
        rows.append(
            "(estimates of the validation side are of calibrators that did not know the problem; answers are "
            "accepted by those that know all of it: a difference may be theirs)"
        )
    return "\n".join(rows)


def _ends(promised: Interval | None, scale: float, form: str) -> str:
    return "" if promised is None else f"({scale * promised.low:{form}} to {scale * promised.high:{form}})"
