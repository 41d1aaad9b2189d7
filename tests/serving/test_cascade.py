"""A plan at work on one problem, against the samples and scores of a study, and at its limits."""

import asyncio
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from cascade.base import CascadeError
from cascade.config import compose_study
from cascade.core import RULES, Plan, accepts, pool_sizes, split_lines
from cascade.core.lines import LineKind
from cascade.generate import Member, SampleSpec, Server, StoredSample, Ticket
from cascade.problems import Problem
from cascade.serving import Answer, Limits, NoAnswerError
from cascade.serving.verdicts import QueryVerdicts
from tests.serving.conftest import LiveFamily
from tests.serving.made_up import GROWING, LAST_GROWING, PRICES, SMALL, THREE, TWO
from tests.serving.process import PROMPT
from tests.serving.upstream import SOLUTION, Upstream


def by_hand(family: LiveFamily, plan: Plan, problem: Problem) -> tuple[str, int, int]:
    """(program, stage, tokens) of a plan on a problem, written down as METHOD has it."""

    async def written(member: Member, kind: str, size: int, lines: int) -> list[StoredSample]:
        jobs = member.asked.specs(problem, max(2, size), None)
        asked = [j for j in jobs if j.kind == kind and (j.draw is None) == (size == 1) and j.index < size]
        return [await member.write(job, lines, Ticket()) for job in asked]

    async def round_of(member: Member, size: int, lines: int, theta: float) -> tuple[bool, str, int]:
        solutions = await written(member, "solution", size, lines)
        tests = await written(member, "test", size, lines)
        programs = [problem.program(one.text, completion=True) for one in solutions]
        kept = [
            line.text for t in tests for line in split_lines(t.text, lines) if line.kind is LineKind.ASSERT
        ]
        passes = await QueryVerdicts(family.sandbox).passes(programs, kept)
        judged = RULES["paper"](passes[None], np.array([len(kept)]))
        score, most = int(judged.score[0]), int(judged.most[0])
        tokens = sum(one.tokens for one in (*solutions, *tests))
        taken = accepts(score, most, Fraction(str(theta)), accept_without_tests=True)
        return taken, programs[int(judged.answer[0])], tokens

    async def run() -> tuple[str, int, int]:
        total = 0
        for number, (index, option) in enumerate(plan.stages, 1):
            member = family.members[("small", "medium", "large")[index]]
            last = number == len(plan.stages)
            if option.k == 0:
                [one] = await written(member, "solution", 1, 0)
                return problem.program(one.text, completion=True), number, total + one.tokens
            sizes = (1, *pool_sizes(option.k)) if option.growing else (option.k,)
            spent, program, taken = {}, "", False
            for size in sizes:
                taken, program, tokens = await round_of(member, size, option.l, plan.theta_at(index))
                spent["greedy" if size == 1 else "drawn"] = tokens
                if taken:
                    break
            total += sum(spent.values())
            if taken or last:
                return program, number, total
        raise AssertionError("a plan answers")

    return family.run(run())


@pytest.mark.parametrize("plan", [SMALL, TWO, THREE, GROWING, LAST_GROWING])
def test_a_plan_does_what_the_method_says(family: LiveFamily, plan: Plan) -> None:
    problems = family.problems[:3]

    async def together() -> list[Answer]:
        return await asyncio.gather(*(family.cascade(plan).answer(problem) for problem in problems))

    for problem, answer in zip(problems, family.run(together()), strict=True):
        assert (answer.program, answer.stage, answer.tokens) == by_hand(family, plan, problem)
        assert answer.stopped_by is None
        assert answer.of.accepted
        assert not any(stage.accepted for stage in answer.stages[:-1])
        usd = sum(stage.tokens * PRICES[stage.model] for stage in answer.stages) / 1e6
        assert answer.usd == pytest.approx(usd)


def test_a_seed_gives_other_samples_and_the_same_ones_again(family: LiveFamily) -> None:
    cascade, problem = family.cascade(LAST_GROWING), family.problems[1]
    strict = replace(cascade, plan=replace(LAST_GROWING, theta=1.0))
    texts = [family.run(strict.answer(problem, seed=seed)).tokens for seed in (1, 2, 1, None)]
    assert texts[0] == texts[2]
    assert len(set(texts)) > 1


def test_the_deadline_gives_the_best_so_far(family: LiveFamily) -> None:
    slow = Slow(family.members["medium"])
    cascade = replace(family.cascade(replace(TWO, theta=1.0)), members={**family.members, "medium": slow})
    began, given = time.monotonic(), []
    for problem in family.problems[:4]:
        given.append(family.run(cascade.answer(problem, limits=Limits(deadline_s=5.0))))
        if given[-1].stopped_by:
            break
    stopped = [answer for answer in given if answer.stopped_by]
    assert stopped, "one of these is escalated"
    for answer in stopped:
        assert answer.stopped_by == "deadline"
        assert answer.stage == 1
        assert answer.text
        assert not answer.of.accepted
    assert slow.cancelled == len(stopped)
    assert time.monotonic() - began < 40


def test_no_answer_before_the_deadline_is_an_error(family: LiveFamily) -> None:
    cascade = replace(family.cascade(SMALL), members={"small": Slow(family.members["small"])})
    with pytest.raises(NoAnswerError, match=r"deadline_s=0\.2 was reached") as error:
        family.run(cascade.answer(family.problems[0], limits=Limits(deadline_s=0.2)))
    assert error.value.reason == "deadline"


def test_the_spending_limit_stops_unfinished_samples(family: LiveFamily) -> None:
    problem = family.problems[0]
    whole = family.run(family.cascade(THREE).answer(problem))
    # Room for the first stage and a little more: samples that are under way count too.
    limit = whole.stages[0].usd * 0.5
    try:
        some = family.run(family.cascade(THREE).answer(problem, limits=Limits(usd=limit)))
        spent = some.usd
        assert some.stopped_by == "spending_limit"
    except NoAnswerError as error:
        assert error.reason == "spending_limit"
        spent = sum(stage.usd for stage in error.stages)
    assert 0 < spent <= whole.stages[0].usd


def test_a_failing_member_is_passed_over_and_the_last_one_is_an_error(family: LiveFamily) -> None:
    problem = family.problems[0]
    broken = Broken(family.members["small"])
    cascade = replace(family.cascade(TWO), members={**family.members, "small": broken})
    answer = family.run(cascade.answer(problem))
    assert answer.stage == 2
    assert answer.stages[0].failed == "http://nowhere: no connection after 2 retries"
    alone = replace(family.cascade(SMALL), members={"small": broken})
    with pytest.raises(NoAnswerError, match="small failed, and no stage comes after it: http://nowhere"):
        family.run(alone.answer(problem))


def test_a_cancelled_query_leaves_nothing_in_the_batch(family: LiveFamily) -> None:
    async def leave() -> int:
        task = asyncio.create_task(family.cascade(replace(THREE, theta=1.0)).answer(family.problems[2]))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        answer = await family.cascade(SMALL).answer(family.problems[2])
        return len(answer.text)

    assert family.run(leave()) > 0
    live = [member._live for member in family.members.values()]  # type: ignore[attr-defined]
    deadline = time.monotonic() + 5
    while any(one.busy for one in live):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_models_here_and_behind_a_server_work_together(family: LiveFamily) -> None:
    study, upstream = compose_study(()), Upstream().start()
    [small, medium, _] = study.family.models
    away = replace(medium, served_as="medium", server=Server(base_url=upstream.url))
    members = study.generator.members(replace(study.family, models=(away,)), 4)  # type: ignore[attr-defined]
    both = {"small": family.members["small"], "medium": members[0]}
    problem = replace(family.problems[0], entry_point="add", prompt=PROMPT, preamble="")
    cascade = replace(family.cascade(replace(TWO, theta=1.0)), members=both)

    async def ask() -> Answer:
        answer = await cascade.answer(problem)
        await members[0].close()
        return answer

    answer = family.run(ask())
    upstream.stop()
    assert answer.stages[0].model == small.name
    if answer.stage == 2:
        assert answer.program == PROMPT + SOLUTION
        assert answer.stages[1].tokens == 10
    assert upstream.asked == (answer.stage == 2)


class Slow:
    """A member that never writes."""

    def __init__(self, member: Member) -> None:
        self.model, self.asked, self.cancelled = member.model, member.asked, 0

    async def write(self, job: SampleSpec, lines: int, ticket: Ticket) -> StoredSample:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        raise AssertionError("nobody waits so long")

    async def check(self) -> str:
        return ""

    async def close(self) -> None:
        pass


class Broken(Slow):
    """A member whose server is gone."""

    async def write(self, job: SampleSpec, lines: int, ticket: Ticket) -> StoredSample:
        raise CascadeError("http://nowhere: no connection after 2 retries; the samples so far are kept")
