"""The exhaustive search: cost and accuracy of every plan of a space, as array products."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cascade.core import Plan, PlanSpace, StageTable, plan_space, usd_per_1k_queries

# Most numbers of a (prefixes, problems) array: problems are taken in parts that keep to it.
MAX_NUMBERS = 2**23


@dataclass(frozen=True)
class Combinations:
    """Some combinations of a `GridResult` by their indices.

    Attributes:
        theta, plan: int arrays (combinations,): row and column in the grid.
    """

    theta: NDArray[np.int64]
    plan: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, which: "slice | NDArray[Any]") -> "Combinations":
        """Some of them, by index or mask."""
        return Combinations(self.theta[which], self.plan[which])


@dataclass(frozen=True)
class GridResult:
    """Every combination of a plan space and a θ grid on one set of problems.

    Attributes:
        space: the N plans.
        thetas: the T thresholds; NaN alone where the space has one θ a stage.
        accuracy: float array (T, N), 0..1.
        usd_per_1k_queries: float array (T, N), US dollars per 1,000 queries.
    """

    space: PlanSpace
    thetas: tuple[float, ...]
    accuracy: NDArray[np.float64]
    usd_per_1k_queries: NDArray[np.float64]

    def plan(self, theta_index: int, plan_index: int) -> Plan:
        """The combination at the two indices."""
        return self.space.plan(plan_index, self.thetas[theta_index])

    def plans(self, combinations: Combinations) -> tuple[Plan, ...]:
        """Some combinations as plans."""
        return tuple(
            self.plan(int(t), int(p)) for t, p in zip(combinations.theta, combinations.plan, strict=True)
        )


def grid_search(tables: Sequence[StageTable], *, per_stage_theta: bool = False) -> GridResult:
    """Cost and accuracy of every plan from the stage tables of a family.

    accuracy(p) = Σ_i (Π_{j<i} (1 − a_j)) · q_i (g_i for the last stage) and cost likewise
    (METHOD, From samples to tables), averaged over problems.

    Args:
        tables: one table a model in family order, over the same problems and θ grid.
        per_stage_theta: every stage but the last has a θ of its own (beyond the paper);
            otherwise one θ for all stages.
    """
    n_problems = tables[0].correct.shape[1]
    thetas = tables[0].thetas
    options = [table.options for table in tables]
    space = plan_space(options, thetas if per_stage_theta else None)
    rows = [range(len(thetas))] if per_stage_theta else [[t] for t in range(len(thetas))]
    result = np.zeros((2, len(rows), len(space)))
    for row, theta_indices in enumerate(rows):
        stages = [_Stage.of(table, theta_indices) for table in tables]
        for part in _parts(stages, n_problems):
            _add_sums([stage.at(part) for stage in stages], result[:, row])
    accuracy, usd = result / n_problems
    return GridResult(space, (np.nan,) if per_stage_theta else thetas, accuracy, usd_per_1k_queries(usd))


@dataclass(frozen=True)
class _Stage:
    """One model's choices as the products need them: E options as a last stage, G choices on the way."""

    ends: NDArray[np.float64]  # (2, E, P): correct, usd
    on_the_way: NDArray[np.float64]  # (2, G, P): accepted and correct, usd
    hands_on: NDArray[np.float64]  # (G, P): 1 - accepted

    @classmethod
    def of(cls, table: StageTable, thetas: Sequence[int]) -> "_Stage":
        """The choices at some of the θ: the testing options, each at every one of them."""
        testing = [o for o, option in enumerate(table.options) if option.tests]
        each = np.repeat(testing, len(thetas)).astype(int), np.tile(thetas, len(testing)).astype(int)
        correct, usd, _ = table.by_theta
        on_the_way = np.stack([table.accept_correct[each], usd[each]])
        # A last stage looks at θ only where it grows; in `plan_space`'s order.
        grows = np.array([option.growing for option in table.options])
        first = grows[each[0]] if len(thetas) > 1 else np.zeros(len(each[0]), dtype=bool)
        alone = np.flatnonzero(~grows) if len(thetas) > 1 else np.arange(len(grows))
        end_option = np.concatenate([alone, each[0][first]])
        end_theta = np.concatenate([np.full(len(alone), thetas[0]), each[1][first]])
        ends = np.stack([correct[end_option, end_theta], usd[end_option, end_theta]])
        return cls(ends, on_the_way, 1.0 - table.accept[each])

    def at(self, problems: slice) -> "_Stage":
        return _Stage(self.ends[..., problems], self.on_the_way[..., problems], self.hands_on[:, problems])


def _parts(stages: Sequence[_Stage], n_problems: int) -> Iterator[slice]:
    """The problems in parts, so that no array of the products has more than `MAX_NUMBERS` numbers."""
    sizes = [len(stage.hands_on) for stage in stages]
    prefixes = int(np.prod([1 + size for size in sizes[:-2]]))
    columns = max(
        (size * 2 * (stage.ends.shape[1] + (0 if stage is stages[-1] else len(stage.hands_on))))
        for size, stage in zip([1, *sizes[:-1]], stages, strict=True)
    )
    step = max(1, MAX_NUMBERS // max(prefixes, columns))
    for start in range(0, n_problems, step):
        yield slice(start, start + step)


def _add_sums(stages: Sequence[_Stage], result: NDArray[np.float64]) -> None:
    """Add the sums over problems of accuracy and US dollars to `result` (2, N), in `plan_space`'s order.

    All prefixes of handed-on stages are carried along together. A prefix that asked the model
    before or not, times what a model does, is a matrix product over the problems; the prefixes
    that asked it need no array of their own, as its factor joins the other side of the product.
    """
    n_problems = stages[0].hands_on.shape[1]
    # Prefixes of the models before `previous`: the probability that each hands the problem on.
    reach = np.ones((1, n_problems))
    previous: _Stage | None = None
    so_far = np.zeros((2, 1))  # accuracy and cost that a prefix of all models before has by now
    start = 0
    for stage in stages:
        gained = _product(reach, previous, stage.ends) + so_far[..., None]
        stop = start + gained[0].size
        result[:, start:stop] += gained.reshape(2, -1)
        start = stop
        if stage is stages[-1]:
            return
        longer = _product(reach, previous, stage.on_the_way) + so_far[..., None]
        so_far = np.concatenate([so_far, longer.reshape(2, -1)], axis=1)
        if previous is not None:
            reach = np.concatenate([reach, _cross(reach, previous.hands_on)])
        previous = stage


def _product(
    reach: NDArray[np.float64], previous: _Stage | None, values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Σ over problems of reach · values, for all prefixes without `previous`, then with each of its choices.

    Args:
        reach: float array (R, P).
        previous: the model before, with G choices; None before the first.
        values: float array (2, E, P).

    Returns:
        Float array (2, R + R·G, E).
    """
    n_values = values.shape[1]  # none on the way through a model without tests
    without = np.stack([reach @ measure.T for measure in values])
    if previous is None:
        return without
    joined = [reach @ _cross(previous.hands_on, measure).T for measure in values]
    n_longer = len(reach) * len(previous.hands_on)
    return np.concatenate(
        [without, np.stack([measure.reshape(n_longer, n_values) for measure in joined])], axis=1
    )


def _cross(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every row of `left` times every row of `right`, problem by problem."""
    return (left[:, None, :] * right[None, :, :]).reshape(-1, left.shape[1])
