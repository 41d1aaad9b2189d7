"""What a study wants of one model, sample by sample, and the samples put together again."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cascade.base import digest
from cascade.generate.family import Family
from cascade.generate.interface import SampleRequest
from cascade.generate.reader import TextKind, read_program
from cascade.generate.reading import FILTERED, LENGTH, StoredSample, self_test
from cascade.generate.sample import Draw, ModelSamples, Solution
from cascade.generate.sample_store import SampleStore
from cascade.generate.thoughts import only_thoughts
from cascade.problems import Problem

log = logging.getLogger(__name__)

SOLUTION, TEST = "solution", "test"
# How long a process waits before it looks again at what another one writes.
LOOK_AGAIN_S = 1.0


@dataclass(frozen=True)
class Sampling:
    """How the sampled draws are made: temperature and top_p (paper section 3.2: T = 0.8), and a seed."""

    temperature: float
    top_p: float
    seed: int


@dataclass(frozen=True)
class SampleSpec:
    """One sample that is wanted.

    Attributes:
        key: what it is known by in the store.
        task_id: the problem's.
        kind: solution or test.
        draw: number of the draw; None for the greedy sample.
        index: its place in the draw.
        prompt: what the model is asked.
        begins: of a test, what it begins with before the model writes.
        entry_point: the function that is asked for.
        stop: a solution ends before the first of these texts.
        pairs: whether a test is pairs of input and output.
    """

    key: str
    task_id: str
    kind: str
    draw: int | None
    index: int
    prompt: str
    begins: str
    entry_point: str
    stop: tuple[str, ...] = ()
    pairs: bool = False

    @property
    def seed(self) -> int | None:
        """Of its own random numbers; None for the greedy sample."""
        return None if self.draw is None else int(self.key, 16)


def sample_specs(identity: str, request: SampleRequest, draws: int, sampling: Sampling) -> list[SampleSpec]:
    """Every sample that the study wants of a model.

    Args:
        identity: what the model's samples are known by, and how they are written.
        request: what the study wants.
        draws: sampled draws of each kind for each problem.
        sampling: how these are made.
    """
    ask = request.family.prompts
    specs = []
    for kind in (SOLUTION, TEST) if request.lines else (SOLUTION,):
        for problem in request.problems:
            stop = ask.stops(problem)
            ends = request.lines if kind == TEST else stop
            prompt = ask.ask_solution(problem) if kind == SOLUTION else ask.ask_test(problem)
            begins = "" if kind == SOLUTION else ask.begin_test(problem)
            # Everything that a sample depends on; what is written beside it is not among it.
            shared = [
                identity,
                prompt,
                begins,
                ask.chat,
                kind,
                ends,
                ask.completion,
                request.family.max_new_tokens,
            ]
            for draw in (None, *range(draws if request.draw_size > 1 else 0)):
                for index in range(1 if draw is None else request.draw_size):
                    how = ["greedy"] if draw is None else [repr(sampling), draw, index]
                    key = digest(repr([*shared, *how]))
                    specs.append(
                        SampleSpec(
                            *(key, problem.task_id, kind, draw, index, prompt, begins, problem.entry_point),
                            stop=stop,
                            pairs=problem.pairs,
                        )
                    )
    return specs


def missing_in_turn(
    specs: Sequence[SampleSpec], request: SampleRequest, store: SampleStore
) -> Iterator[list[SampleSpec]]:
    """The samples to write now, until all samples are in the store.

    What another process with this store is writing is left to it; if that process ends before its samples
    are there, they are among the next samples.
    """
    draws: dict[tuple[str, str, int | None], list[SampleSpec]] = {}
    for spec in specs:
        draws.setdefault((spec.task_id, spec.kind, spec.draw), []).append(spec)
    by_claim = {min(spec.key for spec in draw): draw for draw in draws.values()}
    waits = False
    while by_claim:
        mine = [key for key in by_claim if store.claims.take(key)]
        # Between the last look and the claim another process may have written them.
        store.refresh()
        try:
            missing = [spec for key in mine for spec in by_claim[key] if store.get(spec.key) is None]
            if missing:
                request.before_writing()
                yield missing
        finally:
            store.claims.give_up(mine)
        for key in mine:
            del by_claim[key]
        if by_claim and not missing:
            if not waits:
                log.info("another process is writing samples that this study needs too; waiting for them")
            waits = True
            time.sleep(LOOK_AGAIN_S)


def put_together(
    specs: Sequence[SampleSpec], request: SampleRequest, store: SampleStore
) -> dict[str, ModelSamples]:
    """The samples of one model by task id, programs taken out of what was written."""
    found: dict[tuple[str, str, int | None], list[StoredSample]] = {}
    for spec in specs:
        written = store.get(spec.key)
        assert written is not None
        found.setdefault((spec.task_id, spec.kind, spec.draw), []).append(written)

    def block(problem: Problem, draw: int | None) -> Draw:
        return Draw(
            tuple(solution_of(w, problem, request.family) for w in found[problem.task_id, SOLUTION, draw]),
            tuple(
                self_test(w, request.lines, pairs=problem.pairs)
                for w in found.get((problem.task_id, TEST, draw), [])
            ),
        )

    draws = sorted({spec.draw for spec in specs if spec.draw is not None})
    return {
        problem.task_id: ModelSamples(block(problem, None), tuple(block(problem, d) for d in draws))
        for problem in request.problems
    }


def solution_of(stored: StoredSample, problem: Problem, family: Family) -> Solution:
    """What was written stays in the store; the program is taken out of it each time."""
    kind = TextKind.completion if family.prompts.completion else TextKind.reply
    program = read_program(stored.text, problem, kind, mend=family.prompts.mend)
    return Solution(
        program.text,
        stored.tokens,
        program.completion,
        stored.seconds,
        cut=stored.finish == LENGTH,
        filtered=stored.finish == FILTERED,
        only_thoughts=only_thoughts(stored.text),
        mends=program.mends,
    )
