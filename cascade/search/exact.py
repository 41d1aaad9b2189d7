"""The exact front of spaces too large to try: branch and bound over prefixes (beyond the paper).

Prefixes of plans grow model by model. For each of a few dozen trade-offs λ (accuracy per US dollar), what
follows a prefix gains at most accuracy − λ · cost of what is best *problem by problem*, weighted by how
likely the problem reaches it; what no completion can bring above the front known so far is dropped, with all
that would follow. The bound chooses anew for every problem, which no plan can: so nothing is dropped that
belongs to the front, and what stays is tried. A first pass that keeps only the most promising prefixes finds
a front to compare with.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cascade.base import CascadeError
from cascade.core import StageTable, front

N_SLOPES = 40
NEAR = 2  # slopes on either side of a step's own that are asked first
BEAM = 64  # prefixes that the first pass keeps for each slope
MAX_BYTES = 2**30  # of the prefixes that are open at a time
PART_NUMBERS = 2**22  # of one array of bounds
SLACK = 1e-12  # sums in another order differ in the last bits: that is no reason to drop

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class ExactFront:
    """What the search found.

    Attributes:
        options, thetas: int arrays (plans, models): the front's plans as `listed_plans` takes them.
        n_prefixes: how many prefixes were opened.
    """

    options: Indices
    thetas: Indices
    n_prefixes: int


def exact_front(
    tables: Sequence[StageTable],
    *,
    per_stage_theta: bool,
    falling: bool = False,
    max_bytes: int = MAX_BYTES,
) -> ExactFront:
    """The front of every plan, without trying every plan.

    Args:
        tables: one a model in family order, over the same problems and θ grid.
        per_stage_theta: every stage that looks at a θ has one of its own; otherwise one for all of them, and
            the front is taken over all θ.
        falling: only plans whose k falls from stage to stage.
        max_bytes: of memory for prefixes.

    Raises:
        CascadeError: more prefixes stay open than the memory holds.
    """
    rows = [range(len(tables[0].thetas))] if per_stage_theta else [[t] for t in range(len(tables[0].thetas))]
    known = _Found.nothing(len(tables))
    spaces = [[_Choices.of(table, theta_indices) for table in tables] for theta_indices in rows]
    slopes = _slopes(tables)
    for beam in (BEAM, None):
        for space in spaces:
            known = _Search(space, slopes, known, falling, max_bytes, beam).run()
    members = front(known.usd, known.accuracy)
    return ExactFront(known.options[members], known.thetas[members], known.n_prefixes)


@dataclass(frozen=True)
class _Choices:
    """One model's choices: E as a last stage and G on the way, on P problems."""

    end_options: Indices  # (E,)
    end_thetas: Indices  # (E,), 0 where none is looked at
    ends: Floats  # (2, E, P): correct, usd
    way_options: Indices  # (G,)
    way_thetas: Indices  # (G,)
    way: Floats  # (2, G, P): accepted and correct, usd
    hands_on: Floats  # (G, P): 1 - accepted
    end_k: Indices  # (E,)
    way_k: Indices  # (G,)

    @classmethod
    def of(cls, table: StageTable, thetas: Sequence[int]) -> "_Choices":
        correct, usd, _ = table.by_theta
        ends = [
            (o, t)
            for o, option in enumerate(table.options)
            for t in (thetas if option.growing else thetas[:1])
        ]
        way = [(o, t) for o, option in enumerate(table.options) if option.tests for t in thetas]
        k = np.array([option.k for option in table.options])
        end_o, end_t = np.array(ends).reshape(-1, 2).T
        way_o, way_t = np.array(way, dtype=np.int64).reshape(-1, 2).T
        return cls(
            end_o,
            end_t,
            np.stack([correct[end_o, end_t], usd[end_o, end_t]]),
            way_o,
            way_t,
            np.stack([table.accept_correct[way_o, way_t], usd[way_o, way_t]]),
            1.0 - table.accept[way_o, way_t],
            k[end_o],
            k[way_o],
        )


@dataclass
class _Found:
    """The plans found so far that no other of them beats."""

    accuracy: Floats
    usd: Floats
    options: Indices
    thetas: Indices
    n_prefixes: int

    @classmethod
    def nothing(cls, n_models: int) -> "_Found":
        none = np.zeros((0, n_models), dtype=np.int64)
        return cls(np.zeros(0), np.zeros(0), none, none, 0)

    def add(self, accuracy: Floats, usd: Floats, options: Indices, thetas: Indices) -> None:
        accuracy, usd = np.append(self.accuracy, accuracy), np.append(self.usd, usd)
        keep = front(usd, accuracy)
        self.accuracy, self.usd = accuracy[keep], usd[keep]
        self.options = np.concatenate([self.options, options])[keep]
        self.thetas = np.concatenate([self.thetas, thetas])[keep]


@dataclass
class _Prefixes:
    """Open prefixes: how likely each problem goes on (N, P), means so far (2, N), choices, last k (N,)."""

    reach: Floats
    so_far: Floats
    options: Indices
    thetas: Indices
    last_k: Indices

    def __getitem__(self, which: NDArray[np.bool_] | Indices) -> "_Prefixes":
        return _Prefixes(
            self.reach[which],
            self.so_far[:, which],
            self.options[which],
            self.thetas[which],
            self.last_k[which],
        )


class _Search:
    """One pass over one space."""

    def __init__(
        self,
        space: Sequence[_Choices],
        slopes: Floats,
        found: _Found,
        falling: bool,
        max_bytes: int,
        beam: int | None,
    ) -> None:
        self._space, self._slopes, self._found, self._falling = space, slopes, found, falling
        self._beam = beam
        self._n_problems = space[0].ends.shape[2]
        self._max_open = max(100, max_bytes // (8 * (self._n_problems + 2 * len(space) + 3)))
        # By model: float array (S, P), what all that follows can gain at most.
        self._gain = [self._best_gain(i) for i in range(len(space) + 1)]

    def run(self) -> _Found:
        n = len(self._space)
        none = np.full((1, n), -1)
        big = np.array([np.iinfo(np.int64).max])
        opened = _Prefixes(np.ones((1, self._n_problems)), np.zeros((2, 1)), none, np.zeros_like(none), big)
        for i, model in enumerate(self._space):
            self._finish(opened, model, i)
            if i == n - 1:
                break
            kept = [opened[self._promising(opened.reach, opened.so_far, i + 1)]]
            kept += list(self._longer(opened, model, i))
            opened = _joined(kept)
            if self._beam is not None:
                opened = opened[self._most_promising(opened, i + 1)]
            if len(opened.reach) > self._max_open:
                raise CascadeError(
                    f"search=exact: more than {self._max_open:,} prefixes of plans stay open, which is all "
                    "that its memory holds; take fewer values of search.k, search.l and search.theta, or "
                    "search=optuna"
                )
            self._found.n_prefixes += len(opened.reach)
        return self._found

    def _best_gain(self, model: int) -> Floats:
        """Float array (S, P): accuracy − λ · cost of the best that models from this one on can do."""
        gain = np.full((len(self._slopes), self._n_problems), -np.inf)
        for choices in reversed(self._space[model:]):
            weights = np.stack([np.ones_like(self._slopes), -self._slopes], axis=1)
            best_end = _largest(weights, choices.ends)
            if choices.way.shape[1] and np.isfinite(gain).any():
                longer = np.einsum("sv,vgp->sgp", weights, choices.way) + choices.hands_on * gain[:, None, :]
                gain = np.maximum(gain, longer.max(axis=1))
            gain = np.maximum(gain, best_end)
        return gain

    def _finish(self, opened: _Prefixes, model: _Choices, i: int) -> None:
        """Try every prefix with every last stage of a model."""
        step = max(1, PART_NUMBERS // max(1, model.ends.shape[1]))
        for start in range(0, len(opened.reach), step):
            part = slice(start, start + step)
            accuracy, usd = (
                opened.so_far[value, part, None] + opened.reach[part] @ model.ends[value].T / self._n_problems
                for value in (0, 1)
            )
            if self._falling:
                allowed = model.end_k[None] < opened.last_k[part, None]
                accuracy = np.where(allowed, accuracy, -np.inf)
            prefix, end = np.divmod(front(usd.ravel(), accuracy.ravel()), usd.shape[1])
            prefix, end = prefix[accuracy[prefix, end] >= 0], end[accuracy[prefix, end] >= 0]
            options, thetas = opened.options[part][prefix], opened.thetas[part][prefix]
            options[:, i], thetas[:, i] = model.end_options[end], model.end_thetas[end]
            self._found.add(accuracy[prefix, end], usd[prefix, end], options, thetas)

    def _longer(self, opened: _Prefixes, model: _Choices, i: int) -> Iterator[_Prefixes]:
        """The prefixes that go on through a model and may still enter the front."""
        n_choices, n_slopes, n = len(model.hands_on), len(self._slopes), self._n_problems
        if n_choices == 0:
            return
        after = (model.hands_on[:, None, :] * self._gain[i + 1][None]).reshape(n_choices * n_slopes, n).T
        step = max(1, PART_NUMBERS // (n_choices * n_slopes))
        for start in range(0, len(opened.reach), step):
            part = slice(start, start + step)
            reach = opened.reach[part]
            so_far = opened.so_far[:, part, None] + np.stack([reach @ measure.T for measure in model.way]) / n
            bound = (reach @ after).reshape(len(reach), n_choices, n_slopes) / n
            bound += so_far[0][..., None] - so_far[1][..., None] * self._slopes
            allowed = np.ones(so_far.shape[1:], dtype=bool)
            if self._falling:
                allowed = model.way_k[None] < opened.last_k[part, None]
            allowed[allowed] = self._beats(bound[allowed])
            prefix, choice = np.nonzero(allowed)
            options, thetas = opened.options[part][prefix], opened.thetas[part][prefix]
            options[:, i], thetas[:, i] = model.way_options[choice], model.way_thetas[choice]
            yield _Prefixes(
                reach[prefix] * model.hands_on[choice],
                so_far[:, prefix, choice],
                options,
                thetas,
                model.way_k[choice],
            )

    def _promising(self, reach: Floats, so_far: Floats, model: int) -> NDArray[np.bool_]:
        return self._beats(self._bounds(reach, so_far, model))

    def _bounds(self, reach: Floats, so_far: Floats, model: int) -> Floats:
        gained = reach @ self._gain[model].T / self._n_problems
        return np.asarray(gained + so_far[0][:, None] - so_far[1][:, None] * self._slopes)

    def _most_promising(self, opened: _Prefixes, model: int) -> Indices:
        """For every slope the prefixes with the highest bounds."""
        assert self._beam is not None
        bounds = self._bounds(opened.reach, opened.so_far, model)
        if len(bounds) <= self._beam:
            return np.arange(len(bounds))
        best = np.argpartition(-bounds, self._beam - 1, axis=0)[: self._beam]
        return np.unique(best)

    def _beats(self, bounds: Floats) -> NDArray[np.bool_]:
        """Bool array (N,): whether a point above the front keeps to all bounds (N, S) of a prefix.

        Of the points above a step of the front the dearest and least accurate one is the easiest to reach:
        it costs as much as the next member and is as accurate as this one.
        """
        known = self._found
        if len(known.usd) == 0:
            return np.ones(len(bounds), dtype=bool)
        # Below the first member nothing is known; above the last there is no cost that is too high.
        accuracy = np.concatenate([[0.0], known.accuracy])
        usd = np.append(known.usd, np.inf)
        with np.errstate(invalid="ignore"):
            least = accuracy[:, None] - self._slopes * usd[:, None]
        # λ = 0: the accuracy alone.
        least[:, self._slopes == 0] = accuracy[:, None]
        least -= SLACK
        # A few slopes around each step's own settle most prefixes; all of them are asked of the others.
        found = np.flatnonzero(self._some_step(bounds, least, self._near(accuracy, usd)))
        every = np.tile(np.arange(len(self._slopes)), (len(least), 1))
        found = found[self._some_step(bounds[found], least, every)]
        result = np.zeros(len(bounds), dtype=bool)
        result[found] = True
        return result

    def _near(self, accuracy: Floats, usd: Floats) -> Indices:
        """Int array (steps, few): for each step of the front the slopes next to its own, and λ = 0."""
        rise = np.diff(accuracy, append=accuracy[-1] + 1e-3)
        slopes = rise / np.maximum(np.diff(np.append(0.0, usd), prepend=0.0)[1:], 1e-12)
        at = np.searchsorted(self._slopes, slopes)
        near = at[:, None] + np.arange(-NEAR, NEAR + 1)
        near = np.clip(near, 0, len(self._slopes) - 1)
        return np.column_stack([near[:, NEAR], np.zeros(len(at), dtype=np.int64), near])

    def _some_step(self, bounds: Floats, least: Floats, slopes: Indices) -> NDArray[np.bool_]:
        """Bool array (N,): whether bounds at some step's slopes (steps, few) leave room above it."""
        found = np.zeros(len(bounds), dtype=bool)
        steps = np.arange(len(least))
        size = max(1, PART_NUMBERS // len(least))
        for start in range(0, len(bounds), size):
            part = bounds[start : start + size]
            # (prefix, step) pairs that still have room, fewer with every slope.
            row, step = np.nonzero(part[:, slopes[:, 0]] >= least[steps, slopes[:, 0]])
            for column in slopes.T[1:]:
                keep = part[row, column[step]] >= least[step, column[step]]
                row, step = row[keep], step[keep]
            found[start + row] = True
        return found


def _largest(weights: Floats, values: Floats) -> Floats:
    """Float array (S, P): the largest weighted sum of values (2, E, P) over E; −∞ where E is 0."""
    return np.asarray(np.einsum("sv,vep->sep", weights, values).max(axis=1, initial=-np.inf))


def _slopes(tables: Sequence[StageTable]) -> Floats:
    """Float array (S,): λ in accuracy per US dollar a query, 0 first, over all that the costs allow."""
    usd = np.concatenate([np.ravel(table.by_theta[1].mean(axis=2)) for table in tables])
    usd = usd[usd > 0]
    if usd.size == 0:
        return np.zeros(1)
    # From a point for the dearest stage's cost to all accuracy for a hundredth of the cheapest's.
    return np.concatenate([[0.0], np.geomspace(0.01 / usd.max(), 100 / usd.min(), N_SLOPES - 1)])


def _joined(parts: Sequence[_Prefixes]) -> _Prefixes:
    return _Prefixes(
        np.concatenate([part.reach for part in parts]),
        np.concatenate([part.so_far for part in parts], axis=1),
        np.concatenate([part.options for part in parts]),
        np.concatenate([part.thetas for part in parts]),
        np.concatenate([part.last_k for part in parts]),
    )
