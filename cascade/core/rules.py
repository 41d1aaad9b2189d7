"""Rules: which of a stage's solutions is its answer, and how sure the stage is of it.

Every rule sees the same thing, which solution passes which test line, and gives the answer with a score
between 0 and the most that the rule could give. A stage accepts if score ≥ θ · most.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from cascade.core.score import best_solutions

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Judgements:
    """What a rule says of R stages, each on one problem.

    Attributes:
        answer: int array (R,): index of the solution that is the stage's answer.
        score: int array (R,): of that solution, 0..most.
        most: int array (R,): the score that nothing can exceed; 0 where there is no valid test line, and
            so no evidence.
    """

    answer: Ints
    score: Ints
    most: Ints


# From a bool array (R, solutions, test lines) and the int array (R,) of how many of the lines count in each
# stage; the others are false for all its solutions. There is at least one solution; a line that was written
# twice stands there twice.
Rule = Callable[[NDArray[np.bool_], Ints], Judgements]


def paper(passes: NDArray[np.bool_], n_lines: Ints) -> Judgements:
    """n_s·n_t of k·N_t (paper section 3.1, see `best_solutions`)."""
    return Judgements(*best_solutions(passes), passes.shape[1] * n_lines)


def codet(passes: NDArray[np.bool_], n_lines: Ints) -> Judgements:
    """CodeT's dual agreement: solutions that pass the same lines stand together.

    Each such set scores its number of solutions times the number of lines they pass (Chen et al.,
    ICLR 2023, section 2.2), of k·N_t. Answer: the first solution of the best set.
    """
    return _highest(_agreement(passes) * passes.sum(axis=2), passes.shape[1] * n_lines)


def pass_rate(passes: NDArray[np.bool_], n_lines: Ints) -> Judgements:
    """The solution that passes the most lines, of N_t."""
    return _highest(passes.sum(axis=2), n_lines)


def agreement(passes: NDArray[np.bool_], n_lines: Ints) -> Judgements:
    """Agreement between solutions alone: the largest set that behaves alike on the lines, of k.

    The lines only tell behaviours apart: passing one counts no more than failing it. One solution
    always agrees with itself, so k = 1 always accepts.
    """
    evidence = n_lines > 0
    return _highest(_agreement(passes) * evidence[:, None], passes.shape[1] * evidence)


def _highest(scores: Ints, most: Ints) -> Judgements:
    """The earliest solution with the highest score; `scores` is of shape (R, solutions)."""
    return Judgements(scores.argmax(axis=1), scores.max(axis=1), most)


def _agreement(passes: NDArray[np.bool_]) -> Ints:
    """Int array (R, solutions): how many solutions pass exactly the lines that this one passes."""
    rows = np.packbits(passes, axis=2)
    alike = (rows[:, :, None, :] == rows[:, None, :, :]).all(axis=3)
    return np.asarray(alike.sum(axis=2))


RULES: Mapping[str, Rule] = MappingProxyType(
    {"paper": paper, "codet": codet, "pass_rate": pass_rate, "agreement": agreement}
)
# The paper's answer, accepted by the probability that it is right (`cascade.core.stage_acceptance`).
CALIBRATED = "calibrated"


def answered_by(name: str) -> str:
    """The rule in `RULES` that chooses the answer under the setting rule.name."""
    return "paper" if name == CALIBRATED else name
