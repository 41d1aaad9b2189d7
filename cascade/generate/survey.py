"""What a model's solutions are before anything is executed: nothing may be silently zero."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cascade.base import DataError
from cascade.generate import source
from cascade.generate.family import Family
from cascade.generate.names import names_bound, names_imported, names_needed
from cascade.generate.pairs import HALF
from cascade.generate.sample import ModelSamples, SelfTest, Solution
from cascade.problems import Problem

_ASSERT = re.compile(r"^assert\b", re.MULTILINE)
# From this share on a count is a warning with its likely cause.
WARN_SHARE = 1 / 3


@dataclass
class Survey:
    """Counts of one model's solutions; each unusable one counts as the first that fits.

    Attributes:
        model: its name.
        solutions: how many there are.
        empty: without any text for an answer.
        only_thoughts: of those, with thoughts.
        not_python: whose program does not parse.
        undefined: whose program does not define the function.
        cut: that ended at the limit of tokens.
        filtered: that a provider's content filter ended.
        free: that have a text and a token count of 0.
        mended: that are programs only after repairs; of a usable one each repair counts in `mends`.
        imported: that use names which only the sandbox's prelude imports.
        mends: how often each repair was needed.
        tests: how many tests there are.
        idle_tests: of those, without a line that begins with ``assert``, or without a pair of input and
            output where these are asked for.
        unpaired_tests: of those, where pairs are asked for.
        half_pairs: pairs that lack their output or input.
    """

    model: str
    solutions: int = 0
    empty: int = 0
    only_thoughts: int = 0
    not_python: int = 0
    undefined: int = 0
    cut: int = 0
    filtered: int = 0
    free: int = 0
    mended: int = 0
    imported: int = 0
    mends: Counter[str] = field(default_factory=Counter)
    tests: int = 0
    idle_tests: int = 0
    unpaired_tests: int = 0
    half_pairs: int = 0

    @property
    def unusable(self) -> int:
        """Solutions that no test can pass."""
        return self.empty + self.not_python + self.undefined

    def counts(self, limit: int) -> list[tuple[int, str, str]]:
        """(count, what they are, likely cause and setting) of everything that stands out."""
        thoughts = f" ({self.only_thoughts} of them thoughts without an answer)" if self.only_thoughts else ""
        cut = f"cut at family.max_new_tokens={limit}"
        budget = f"the limit of tokens may end in the thoughts: raise family.max_new_tokens={limit}, or see "
        budget += "that the server's reasoning parser leaves the answer in `content`"
        repairs = ", ".join(f"{way}: {n:,}" for way, n in self.mends.items())
        found = [
            (self.empty, f"empty{thoughts}", budget),
            (self.cut, cut, "raise it, or ask for shorter answers"),
            (
                self.filtered,
                "ended by the provider's content filter",
                "it refuses these prompts or answers: reword family.prompts, or ask another model",
            ),
            (
                self.not_python,
                "not Python",
                "see how they are read with task=check; generator.text or family.prompts.completion say what "
                "the texts are",
            ),
            (
                self.undefined,
                "do not define the function that is asked for",
                "check that dataset is the one that was asked; see task=check, family.prompts.completion and "
                "generator.text",
            ),
            (
                self.free,
                "cost 0 tokens although they have a text",
                "set generator.count=tokenizer for a server that counts nothing; leave `tokens` out of a "
                "recording to have them counted",
            ),
            (
                self.mended,
                f"read only after repairs ({repairs})",
                "most evaluations count them wrong: mend what writes them, or set family.prompts.mend=false "
                "to take them as they are",
            ),
            (
                self.imported,
                "in need of an import that only sandbox.prelude gives them",
                "ask for programs with their imports, or set sandbox.prelude='' to take them as they are",
            ),
        ]
        return [one for one in found if one[0]]

    def line(self, limit: int) -> str:
        """Everything in one line."""
        told = ", ".join(f"{n:,} {what}" for n, what, _ in self.counts(limit))
        without = [
            f"{n:,} {what}"
            for n, what in (
                (self.idle_tests - self.unpaired_tests, "without an assert line"),
                (self.unpaired_tests, "without a pair of input and output"),
                (self.half_pairs, "pairs that lack their output or input"),
            )
            if n
        ]
        tests = f"; {self.tests:,} tests: {', '.join(without)}" if without else ""
        return f"{self.model}: {self.solutions:,} solutions: {told or 'all define their function'}{tests}"

    def warnings(self, limit: int) -> list[str]:
        """One line for each count that is over a third."""
        told = [
            f"{self.model}: {n:,} of {self.solutions:,} solutions {_are(what)}; {cause}"
            for n, what, cause in self.counts(limit)
            if n > WARN_SHARE * self.solutions
        ]
        if self.idle_tests > WARN_SHARE * self.tests:
            told.append(f"{self.model}: {self._idle()}")
        return told

    def _idle(self) -> str:
        pairs = 2 * self.unpaired_tests > self.idle_tests
        what = "pair of input and output that can be read" if pairs else "line that begins with assert"
        key = "family.prompts.stdin.test" if pairs else "family.prompts.test"
        return (
            f"{self.idle_tests:,} of {self.tests:,} tests have no {what}, and without any a stage accepts "
            f"every answer (rule.no_tests); see {key}, which asks for them, and task=check"
        )

    def check(self, limit: int) -> None:
        """Raise `DataError` where nothing could come out right, or all of it for nothing."""
        if self.idle_tests == self.tests > 0:
            raise DataError(f"{self.model}: no usable test: {self._idle()}")
        if not self.solutions:
            return
        if self.unusable == self.solutions or self.free == self.solutions:
            kinds = self.counts(limit)
            worst = kinds if self.free < self.solutions else [k for k in kinds if k[1].startswith("cost 0")]
            worst = [k for k in worst if not k[1].startswith(("cut", "ended"))] if len(worst) > 1 else worst
            n, what, cause = max(worst, key=lambda one: one[0])
            raise DataError(
                f"{self.model}: no usable solution: {n:,} of {self.solutions:,} {_are(what)}; {cause} "
                f"({self.line(limit)})"
            )


def late_line(model: str, late: int, solutions: int) -> str:
    """One line about the solutions of a model that run out of time in the reference tests."""
    return f"{model}: {late:,} of {solutions:,} solutions run out of time in the reference tests"


LATE_REMEDY = (
    "a slow machine, programs that wait for input or loops without an end: raise "
    "sandbox.reference_timeout_s, and see the programs with task=check"
)


def _are(what: str) -> str:
    return what if what.startswith(("do ", "cost ")) else f"are {what}"


def survey(
    family: Family,
    problems: Sequence[Problem],
    samples: Mapping[str, Mapping[str, ModelSamples]],
    prelude: str = "",
) -> list[Survey]:
    """The counts of every model, in the family's order; `prelude` is run before every program."""
    before = source.tree(prelude)
    from_prelude = frozenset(names_imported(before) if before is not None else ())
    found = []
    for model in family.models:
        counts = Survey(model.name)
        for problem in problems:
            of_problem = samples[model.name][problem.task_id]
            for draw in (*((of_problem.greedy,) if of_problem.greedy is not None else ()), *of_problem.draws):
                for solution in draw.solutions:
                    _count(counts, problem, solution, from_prelude)
                counts.tests += len(draw.tests)
                for test in draw.tests:
                    _count_test(counts, problem, test)
        found.append(counts)
    return found


def _count_test(counts: Survey, problem: Problem, test: SelfTest) -> None:
    if not problem.pairs:
        counts.idle_tests += _ASSERT.search(test.text) is None
        return
    lines = test.text.splitlines()
    halves = sum(line.startswith(HALF) for line in lines)
    counts.half_pairs += halves
    counts.idle_tests += halves == len(lines)
    counts.unpaired_tests += halves == len(lines)


def _count(counts: Survey, problem: Problem, solution: Solution, from_prelude: frozenset[str]) -> None:
    counts.solutions += 1
    counts.cut += solution.cut
    counts.filtered += solution.filtered
    counts.only_thoughts += solution.only_thoughts
    if not solution.text.strip():
        counts.empty += 1
        return
    counts.free += solution.tokens == 0
    program = problem.program(solution.text, completion=solution.completion)
    counts.mended += bool(solution.mends)
    counts.mends.update(solution.mends)
    if (facts := _facts(program, problem.entry_point, from_prelude)) is None:
        counts.not_python += 1
        return
    defined, needs_prelude = facts
    counts.undefined += not defined
    counts.imported += needs_prelude


@lru_cache(maxsize=source.MOST_REPEATED)
def _facts(program: str, entry_point: str, from_prelude: frozenset[str]) -> tuple[bool, bool] | None:
    """Whether a program defines its function and needs the prelude's names; None for what is not Python."""
    code = source.compiled(program)
    if code is None:
        return None
    # The code says most in passing, in a fraction of the time that a syntax tree takes.
    defined = source.defined_in_code(code, entry_point) or source.defines(program, entry_point)
    perhaps = from_prelude & source.names_in_code(code)
    if not perhaps or (parsed := source.tree(program)) is None:
        return defined, False
    perhaps -= names_bound(parsed.body)
    return defined, bool(perhaps) and not perhaps.isdisjoint(names_needed(parsed))
