"""Growing stages: more samples are written only while the tests do not convince (beyond the paper).

A growing stage K:l first asks the greedy pair (one greedy solution, one greedy test up to l lines). If that
does not reach the threshold it writes sampled solutions and tests in rounds until it has 2, 3, 5, 7, 10, up
to K of each, scores them after every round and stops at the first round that reaches the threshold. Where
none does it escalates, or, as the last stage, answers with the last round's best. So what it costs and what
it answers depend on θ. Every round waits for the one before: rounds are latency.
"""

import numpy as np

from cascade.core.draw_arrays import OutcomeArrays
from cascade.core.estimators import Estimator
from cascade.core.plans import Option
from cascade.core.rules import Rule
from cascade.core.stage_runs import StageRuns, StageSamples, judge_samples

POOL_SIZES = (2, 3, 5, 7, 10)  # how many sampled solutions and tests there are after each round


def pool_sizes(k: int) -> tuple[int, ...]:
    """How many sampled solutions, and as many tests, there are after each round but the first."""
    return (*(size for size in POOL_SIZES if size < k), k)


def growing_rounds(
    outcomes: OutcomeArrays, option: Option, estimator: Estimator, rng_key: tuple[int, ...], rule: Rule
) -> tuple[StageRuns, ...]:
    """The runs of a growing option after every round, in the same order; their tokens are all so far.

    The arguments are those of `take_samples`, and the rule that chooses the answers.
    """
    runs = outcomes.runs(option, estimator, rng_key)
    only = np.zeros((len(runs.problem), 1), dtype=np.int64)
    # Every problem has a greedy block, or it would not allow the option.
    [begin] = outcomes.greedy.gather(runs.problem, only, only, option.l, (1,))
    drawn = outcomes.sampled.gather(runs.draw, runs.solutions, runs.tests, option.l, pool_sizes(option.k))
    later = [(passes, n_lines, correct, begin[3] + tokens) for passes, n_lines, correct, tokens in drawn]
    return tuple(
        judge_samples(StageSamples(runs.n_draws, runs.problem, *taken), rule) for taken in (begin, *later)
    )
