"""From samples to outcomes: which pairs need a verdict, and each verdict put in its place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cascade.base import DataError, collector_paused
from cascade.core import DrawOutcome, Line, LineKind, ProblemOutcome, split_lines
from cascade.execute.batches import PASS, TIMEOUT, Check
from cascade.execute.verdicts import Needs, Progress, Sandbox, Work, check_id
from cascade.generate import Draw, ModelSamples
from cascade.problems import Problem

# How much longer the pairs of a problem may take where its own solution needs it: the first of which it needs
# no more than a share; the last where it does.
SLOW_REFERENCE_FACTORS = (1.0, 2.5, 10.0)
REFERENCE_SHARE = 0.25


class ReferenceChecks(NamedTuple):
    """A problem's reference tests: by which plans are chosen, and proved. They may be the same."""

    choosing: Check
    proving: Check


class ReferenceIds(NamedTuple):
    """What a problem's `ReferenceChecks` are known by in the store."""

    choosing: str
    proving: str


@dataclass(frozen=True)
class JudgeReport:
    """What the execution step did.

    Attributes:
        n_pairs: distinct pairs of program and check that the study needs.
        n_executed: pairs of them that were run now; the others were in the store.
        work: what executing them took, with the reference solutions.
        n_timeouts: pairs of them that ran out of time.
        n_broken_lines: test lines up to the largest l that begin with assert but are not Python, or pairs
            that lack their output; skipped.
        unproven: ids of problems whose own reference solution fails one of their reference tests here.
        late: by model name, its solutions that run out of time in a reference test, and all of them.
    """

    n_pairs: int
    n_executed: int
    work: Work
    n_timeouts: int
    n_broken_lines: int
    unproven: tuple[str, ...]
    late: Mapping[str, tuple[int, int]]


def judge_family(
    problems: Sequence[Problem],
    samples: Mapping[str, Mapping[str, ModelSamples]],
    l_values: Sequence[int],
    sandbox: Sandbox,
    progress: Progress,
    *,
    physical_lines: bool = False,
) -> tuple[dict[str, list[ProblemOutcome]], JudgeReport]:
    """Outcomes of every model on every problem.

    Args:
        problems: in the order that the outcomes get.
        samples: by model name and task id.
        l_values: the values of l > 0 in the search space.
        sandbox: where verdicts come from.
        progress: told how the execution goes.
        physical_lines: test lines are counted as the paper's author does: every physical line that begins
            with assert, also one that is not Python, which nothing passes.

    Returns:
        By model name a list of outcomes, one a problem, and what was done.
    """
    references, factors, unproven = _references(problems, sandbox, progress)
    with collector_paused():
        judges = [
            _Judge(
                f"{model}, {problem.task_id}",
                problem,
                by_task[problem.task_id],
                references[problem.task_id],
                l_values,
                factors[problem.task_id] * sandbox.limits.timeout_s,
                physical_lines,
            )
            for model, by_task in samples.items()
            for problem in problems
        ]
        needs = [judge.needs() for judge in judges]
    n_before = sandbox.work.n_executed
    verdicts = sandbox.verdicts(needs, progress)
    n_executed = sandbox.work.n_executed - n_before
    with collector_paused():
        outcomes = [judge.outcome(by_program) for judge, by_program in zip(judges, verdicts, strict=True)]

    distinct: dict[tuple[str, str], dict[str, str]] = {}
    for need, by_program in zip(needs, verdicts, strict=True):
        for program, by_check in by_program.items():
            distinct.setdefault((need.task_id, program), {}).update(by_check)
    pairs = [verdict for by_check in distinct.values() for verdict in by_check.values()]
    n_broken = sum(judge.n_broken_lines() for judge in judges)
    n = len(problems)
    ends = [judge.reference_verdicts(by_program) for judge, by_program in zip(judges, verdicts, strict=True)]
    late = {}
    for i, model in enumerate(samples):
        every = [verdict for by_problem in ends[i * n : (i + 1) * n] for verdict in by_problem]
        late[model] = every.count(TIMEOUT), len(every)
    report = JudgeReport(len(pairs), n_executed, sandbox.work, pairs.count(TIMEOUT), n_broken, unproven, late)
    return {model: outcomes[i * n : (i + 1) * n] for i, model in enumerate(samples)}, report


def _references(
    problems: Sequence[Problem], sandbox: Sandbox, progress: Progress
) -> tuple[dict[str, ReferenceChecks], dict[str, float], tuple[str, ...]]:
    """Each problem's reference tests, the factor on its limits, and the problems whose own solution fails.

    A problem whose own solution is slow gets more time for everything: nobody should have to be as fast.
    It is run once, for as long as anybody may take; what it took says its verdicts at the shorter limits.
    """
    limit = sandbox.limits.reference_timeout_s
    *some, most = SLOW_REFERENCE_FACTORS
    shares = [REFERENCE_SHARE * factor * limit for factor in some]
    factors = {problem.task_id: 1.0 for problem in problems}
    failed = []
    tried: dict[str, list[ReferenceChecks]] = {}
    needs = []
    for problem in problems:
        if (solution := problem.reference_solution) is not None:
            limits = [*shares, problem.timeout_s or most * limit]
            tests = [_reference_checks(problem, seconds) for seconds in limits]
            tried[problem.task_id] = tests
            needs.append(Needs(problem.task_id, {solution: {check_id(c): c for both in tests for c in both}}))
    for need, by_program in zip(needs, sandbox.verdicts(needs, progress), strict=True):
        [verdicts] = by_program.values()
        *early, found = (_worst(verdicts[check_id(c)] for c in checks) for checks in tried[need.task_id])
        in_time = (factor for factor, verdict in zip(some, early, strict=True) if verdict != TIMEOUT)
        factors[need.task_id] = next(in_time, most)
        if found != PASS:
            failed.append(need.task_id)
    references = {
        p.task_id: _reference_checks(p, p.timeout_s or factors[p.task_id] * limit) for p in problems
    }
    return references, factors, tuple(failed)


def _reference_checks(problem: Problem, timeout_s: float) -> ReferenceChecks:
    tests = (problem.choosing_test, problem.reference_test)
    choosing, proving = (Check(test, timeout_s, problem.entry_point) for test in tests)
    return ReferenceChecks(choosing, proving)


def _worst(verdicts: Iterable[str]) -> str:
    """What became of a reference solution in all its tests; out of time only where none failed."""
    return min(verdicts, key=lambda verdict: (verdict == PASS, verdict == TIMEOUT))


class _Judge:
    """One model on one problem."""

    def __init__(
        self,
        name: str,
        problem: Problem,
        samples: ModelSamples,
        references: ReferenceChecks,
        l_values: Sequence[int],
        timeout_s: float,
        physical_lines: bool,
    ) -> None:
        self._name, self._problem, self._samples = name, problem, samples
        self._references, self._l_values = references, l_values
        greedy = () if samples.greedy is None else (samples.greedy,)
        most = max(l_values, default=0)
        self._lines = {
            test.text: split_lines(test.text, most, physical=physical_lines)
            for draw in greedy + samples.draws
            for test in draw.tests
        }
        counted = (LineKind.ASSERT, LineKind.BROKEN) if physical_lines else (LineKind.ASSERT,)
        self._blocks = greedy + samples.draws
        # What a line's check is called is worked out once: the tests of a problem repeat their lines.
        self._checks: dict[str, Check] = {}
        ids: dict[Line, str] = {}
        for line in {line: None for lines in self._lines.values() for line in lines}:
            if line.kind is LineKind.ASSERT:
                check = Check(line.text, timeout_s)
                ids[line] = check_id(check)
                self._checks[ids[line]] = check
        # By test, (position from 1, id of the check) of its lines that count; without one: not Python.
        self._asserts = {
            text: [(at, ids.get(line, "")) for at, line in enumerate(lines, 1) if line.kind in counted]
            for text, lines in self._lines.items()
        }
        self._reference_ids = ReferenceIds(*map(check_id, references))

    def _programs(self, draw: Draw) -> list[str]:
        return [self._problem.program(s.text, completion=s.completion) for s in draw.solutions]

    def n_broken_lines(self) -> int:
        def broken(lines: Sequence[Line]) -> int:
            return sum(line.kind is LineKind.BROKEN for line in lines)

        return sum(broken(self._lines[test.text]) for draw in self._blocks for test in draw.tests)

    def needs(self) -> Needs:
        """Each solution needs the test lines of its own draw, and the reference tests."""
        checks: dict[str, dict[str, Check]] = {}
        for draw in self._blocks:
            ids = dict.fromkeys(i for test in draw.tests for _, i in self._asserts[test.text] if i)
            lines = {i: self._checks[i] for i in ids}
            for program in self._programs(draw):
                checks.setdefault(program, {}).update(lines)
        for of_program in checks.values():
            of_program.update(zip(self._reference_ids, self._references, strict=True))
        return Needs(self._problem.task_id, checks)

    def outcome(self, verdicts: Mapping[str, Mapping[str, str]]) -> ProblemOutcome:
        """The outcome, from the verdicts that `needs` asked for."""
        greedy = self._samples.greedy
        return ProblemOutcome(
            None if greedy is None else self._draw_outcome(greedy, verdicts),
            tuple(self._draw_outcome(draw, verdicts) for draw in self._samples.draws),
        )

    def reference_verdicts(self, verdicts: Mapping[str, Mapping[str, str]]) -> list[str]:
        """Every solution's verdict in the reference test that proves."""
        reference = self._reference_ids.proving
        return [verdicts[program][reference] for draw in self._blocks for program in self._programs(draw)]

    def _draw_outcome(self, draw: Draw, verdicts: Mapping[str, Mapping[str, str]]) -> DrawOutcome:
        asserts = [(i, *line) for i, test in enumerate(draw.tests) for line in self._asserts[test.text]]
        ids = [name for _, _, name in asserts]
        programs = self._programs(draw)
        rows = [verdicts[program] for program in programs]
        choosing, proving = self._reference_ids
        correct = np.array([row[choosing] == PASS for row in rows], dtype=bool)
        passed = {
            program: [name != "" and verdicts[program][name] == PASS for name in ids]
            for program in dict.fromkeys(programs)
        }
        passes = np.array([passed[program] for program in programs], dtype=bool)
        return DrawOutcome(
            passes=passes.reshape(len(rows), len(ids)),
            line_sample=np.array([i for i, _, _ in asserts], dtype=np.int64),
            line_position=np.array([position for _, position, _ in asserts], dtype=np.int64),
            correct=correct,
            solution_tokens=np.array([s.tokens for s in draw.solutions], dtype=np.int64),
            test_tokens={at: self._tokens_at(draw, at) for at in self._l_values} if draw.tests else {},
            proved=None
            if choosing == proving
            else correct & np.array([row[proving] == PASS for row in rows], dtype=bool),
        )

    def _tokens_at(self, draw: Draw, l: int) -> NDArray[np.int64]:  # noqa: E741 - the paper's own letter
        """Tokens of each test up to its l-th line; the whole test's where it has fewer lines than that."""
        tokens = []
        for test in draw.tests:
            count = test.tokens_up_to(l)
            if count is None:
                recorded = ", ".join(str(at) for at in sorted(test.tokens_at)) or "none"
                raise DataError(
                    f"{self._name}: no token count of a test up to line {l} (recorded up to lines: "
                    f"{recorded}); give it in the recording or leave that value out of search.l"
                )
            tokens.append(count)
        return np.array(tokens, dtype=np.int64)
