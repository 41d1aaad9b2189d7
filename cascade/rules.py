"""Rules: which of a stage's solutions is its answer, and how sure the stage is of it.

Every rule sees the same thing, which solution passes which test line, and gives the answer with a score
between 0 and the most that the rule could give. A stage accepts if score ≥ θ · most.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from cascade.score import best_solution


@dataclass(frozen=True)
class Judgement:
    """What a rule says of one stage on one problem.

    Attributes:
        answer: index of the solution that is the stage's answer.
        score: of that solution, 0..most.
        most: the score that nothing can exceed; 0 where there is no valid test line, and so no evidence.
    """

    answer: int
    score: int
    most: int


# From bool array (solutions, test lines) to a judgement. There is at least one solution; a line that
# was written twice stands there twice.
Rule = Callable[[NDArray[np.bool_]], Judgement]


def paper(passes: NDArray[np.bool_]) -> Judgement:
    """n_s·n_t of k·N_t (paper section 3.1, see `best_solution`)."""
    answer, score = best_solution(passes)
    return Judgement(answer, score, passes.size)


def codet(passes: NDArray[np.bool_]) -> Judgement:
    """CodeT's dual agreement: solutions that pass the same lines stand together.

    Each such set scores its number of solutions times the number of lines they pass (Chen et al.,
    ICLR 2023, section 2.2), of k·N_t. Answer: the first solution of the best set.
    """
    if passes.shape[1] == 0:
        return Judgement(0, 0, 0)
    scores = _agreement(passes) * passes.sum(axis=1)
    answer = int(scores.argmax())
    return Judgement(answer, int(scores[answer]), passes.size)


def pass_rate(passes: NDArray[np.bool_]) -> Judgement:
    """The solution that passes the most lines, of N_t."""
    if passes.shape[1] == 0:
        return Judgement(0, 0, 0)
    n_s = passes.sum(axis=1)
    answer = int(n_s.argmax())
    return Judgement(answer, int(n_s[answer]), passes.shape[1])


def agreement(passes: NDArray[np.bool_]) -> Judgement:
    """Agreement between solutions alone: the largest set that behaves alike on the lines, of k.

    The lines only tell behaviours apart: passing one counts no more than failing it. One solution
    always agrees with itself, so k = 1 always accepts.
    """
    if passes.shape[1] == 0:
        return Judgement(0, 0, 0)
    sizes = _agreement(passes)
    answer = int(sizes.argmax())
    return Judgement(answer, int(sizes[answer]), len(passes))


def _agreement(passes: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Int array (solutions,): how many solutions pass exactly the lines that this one passes."""
    rows = [row.tobytes() for row in np.packbits(passes, axis=1)]
    count = Counter(rows)
    return np.array([count[row] for row in rows])


RULES: Mapping[str, Rule] = MappingProxyType(
    {"paper": paper, "codet": codet, "pass_rate": pass_rate, "agreement": agreement}
)
