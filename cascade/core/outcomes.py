"""What is known of one model's samples on one problem: which solution passes what, and what was written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cascade.core.plans import Option


@dataclass(frozen=True)
class DrawOutcome:
    """One draw of one model for one problem after execution: K solutions, M valid test lines.

    Attributes:
        passes: bool array (K, M): solution i passes test line j.
        line_sample: int array (M,): index of the test sample that a line comes from.
        line_position: int array (M,): the line's place among its sample's logical lines, from 1.
        correct: bool array (K,): the solution passes the reference tests.
        solution_tokens: int array (K,): generated tokens, EOS not counted.
        test_tokens: by l, int array (K,): generated tokens of each test up to its l-th line.
            Empty where the model has no tests.
        proved: bool array (K,): the solution is correct and passes the extended tests too, by which plans
            are proved; None where they are proved by the tests that choose them.
    """

    passes: NDArray[np.bool_]
    line_sample: NDArray[np.int64]
    line_position: NDArray[np.int64]
    correct: NDArray[np.bool_]
    solution_tokens: NDArray[np.int64]
    test_tokens: Mapping[int, NDArray[np.int64]]
    proved: NDArray[np.bool_] | None = None

    def by_proof(self) -> "DrawOutcome":
        """The same with the tests that prove plans saying what is correct."""
        return self if self.proved is None else replace(self, correct=self.proved)


@dataclass(frozen=True)
class ProblemOutcome:
    """One model on one problem: the greedy block, if there is one, and the sampled draws."""

    greedy: DrawOutcome | None
    draws: tuple[DrawOutcome, ...]

    def by_proof(self) -> "ProblemOutcome":
        """The same with the tests that prove plans saying what is correct."""
        greedy = None if self.greedy is None else self.greedy.by_proof()
        return ProblemOutcome(greedy, tuple(draw.by_proof() for draw in self.draws))

    def blocks(self, option: Option) -> tuple[DrawOutcome, ...]:
        """The blocks that realise an option; empty where the samples do not allow it.

        Of a growing option those that follow the greedy pair.
        """
        if option.k > 1:
            blocks = tuple(draw for draw in self.draws if len(draw.correct) >= option.k)
        else:
            blocks = tuple(draw for draw in (self.greedy,) if draw is not None)
        if option.growing and (self.greedy is None or option.l not in self.greedy.test_tokens):
            return ()
        return tuple(b for b in blocks if not option.tests or option.l in b.test_tokens)


def available_options(outcomes: Sequence[ProblemOutcome], options: Sequence[Option]) -> tuple[Option, ...]:
    """The options that a model's samples allow on every problem, in the given order."""
    return tuple(option for option in options if all(o.blocks(option) for o in outcomes))
