"""Growing stages: more samples are written only while the tests do not convince (beyond the paper).

A growing stage K:l first asks the greedy pair (one greedy solution, one greedy test up to l lines). If that
does not reach the threshold it writes sampled solutions and tests in rounds until it has 2, 3, 5, 7, 10, up
to K of each, scores them after every round and stops at the first round that reaches the threshold. Where
none does it escalates, or, as the last stage, answers with the last round's best. So what it costs and what
it answers depend on θ. Every round waits for the one before: rounds are latency.
"""

from collections.abc import Sequence

import numpy as np

from cascade.core.estimators import Estimator
from cascade.core.outcomes import ProblemOutcome
from cascade.core.plans import Option
from cascade.core.rules import Rule
from cascade.core.stage_runs import StageRuns, StageSamples, Taken, gather, judge_samples

POOL_SIZES = (2, 3, 5, 7, 10)  # how many sampled solutions and tests there are after each round


def pool_sizes(k: int) -> tuple[int, ...]:
    """How many sampled solutions, and as many tests, there are after each round but the first."""
    return (*(size for size in POOL_SIZES if size < k), k)


def growing_rounds(
    outcomes: Sequence[ProblemOutcome],
    option: Option,
    estimator: Estimator,
    rng_key: tuple[int, ...],
    rule: Rule,
    first: int = 0,
) -> tuple[StageRuns, ...]:
    """The runs of a growing option after every round, in the same order; their tokens are all so far.

    The arguments are those of `take_samples`, and the rule that chooses the answers.
    """
    parts: list[list[Taken]] = [[] for _ in range(1 + len(pool_sizes(option.k)))]
    n_draws = []
    n_runs = []
    for p, outcome in enumerate(outcomes, first):
        greedy, draws = outcome.greedy, outcome.blocks(option)
        assert greedy is not None, "an available growing option has a greedy block"
        n_draws.append(len(draws))
        for number, draw in enumerate(draws):
            n_tests = len(draw.test_tokens[option.l])
            key = (*rng_key, p, number)
            solutions, tests = estimator.subsets(len(draw.correct), n_tests, option.k, len(draws), key)
            only = np.zeros((len(solutions), 1), dtype=np.int64)
            [begin] = gather(greedy, only, only, option.l, (1,))
            parts[0].append(begin)
            drawn = gather(draw, solutions, tests, option.l, pool_sizes(option.k))
            for round_parts, (passes, n_lines, correct, tokens) in zip(parts[1:], drawn, strict=True):
                round_parts.append((passes, n_lines, correct, begin[3] + tokens))
            n_runs.append(len(solutions))
    problem = np.repeat(np.repeat(np.arange(len(outcomes)), n_draws), n_runs)
    rounds = []
    for round_parts in parts:
        passes, n_lines, correct, tokens = (
            np.concatenate(arrays) for arrays in zip(*round_parts, strict=True)
        )
        samples = StageSamples(np.array(n_draws), problem, passes, n_lines, correct, tokens)
        rounds.append(judge_samples(samples, rule))
    return tuple(rounds)
