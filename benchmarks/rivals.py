"""Rivals on the same samples: single models, best-of-n, gates and routers of the literature, and ours.

    python -m benchmarks.rivals SPLITS STUDY [NAME=STUDY…]

STUDY is the output folder of one study with growing stages, which the default makes; its runs do not depend
on the split. Studies of the same samples by another rule (rule=codet) stand beside it with their name. Every
rival chooses on the same validation sides and is judged on the same test sides, against the same chosen plans
of one model; what is fitted is fitted on validation sides alone, cross-fitted where its own problems choose.
Rivals are re-made from what their papers say, with our options and prices: "like" means no more. Paired
differences are to the paper's choice, with Student's intervals over the splits; all share one recording.
"""

import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf
from scipy.optimize import isotonic_regression
from scipy.special import expit

from benchmarks.choices import PAPER, WAYS, Bench, fixed_options, load, promises
from cascade.config import compose_study
from cascade.core.bootstrap import mean_of_studies
from cascade.core.calibration import N_FOLDS
from cascade.core.model_runs import ModelRuns
from cascade.core.pareto import front
from cascade.core.plans import EXIT, ThetaChoice
from cascade.core.split import Split
from cascade.core.stage_acceptance import calibrate
from cascade.core.stage_runs import StageRuns
from cascade.core.stage_tables import StageTable, table_of_runs
from cascade.problems import load_problems
from cascade.search.artifacts import Executed
from cascade.search.choose import one_stage, select
from cascade.search.grid import grid_search
from cascade.search.measures import Sides, measures, paired_difference
from cascade.search.plan_results import combination_outcomes

CONFIDENCE = 0.95
WORDS = 64  # of the router's features: words hashed to so many numbers
SLOPES = np.geomspace(1e-5, 1, 60)  # of accuracy for dollars per 1,000 queries


@dataclass(frozen=True)
class ByShare:
    """Accept where a number of a run reaches θ."""

    number: Callable[[StageRuns], np.ndarray]

    def __call__(self, runs: StageRuns, thetas: Sequence[float]) -> np.ndarray:
        return self.number(runs)[None, :] >= np.array(thetas)[:, None] - 1e-9


def agreement(runs: StageRuns) -> np.ndarray:
    """MoT-like: the share of the stage's solutions that pass a test line with the answer."""
    return runs.agreed / runs.k


def score_share(runs: StageRuns) -> np.ndarray:
    """The paper's score as a share of the most."""
    return runs.score / np.maximum(runs.most, 1)


def isotonic(runs: ModelRuns, split: Split, seed: int) -> ByShare:
    """UCCI-like: the probability of being right as a rising function of the score, cross-fitted."""
    every = zip(runs.options, runs.rounds, strict=True)
    tested = [one for option, rounds in every if option.tests for one in rounds]
    x = np.concatenate([score_share(one) for one in tested])
    y, w, problem = (
        np.concatenate([getattr(one, name) for one in tested]) for name in ("right", "weight", "problem")
    )
    number = np.zeros(len(runs.rounds[0][0].n_draws), dtype=np.int64)
    folds = np.array_split(np.random.default_rng(seed).permutation(split.validation), N_FOLDS)
    curves = []
    for fold in [np.zeros(0, dtype=np.int64), *folds]:
        if len(fold):
            number[fold] = len(curves)
        seen = np.isin(problem, np.setdiff1d(split.validation, fold))
        levels, at = np.unique(x[seen], return_inverse=True)
        weight = np.bincount(at, w[seen])
        mean = np.bincount(at, w[seen] * y[seen]) / weight
        curves.append((levels, isotonic_regression(mean, weights=weight).x))

    def probability(one: StageRuns) -> np.ndarray:
        found = np.stack([np.interp(score_share(one), *curve) for curve in curves])
        return found[number[one.problem], np.arange(len(one.problem))]

    return ByShare(probability)


class Rivals:
    """Every rival on one study, as the sides that the measures read."""

    def __init__(self, bench: Bench, prompts: Sequence[str], others: dict[str, Bench]) -> None:
        """Take the bench of the study, the prompts of its problems, and benches of other rules."""
        self.bench, self.others = bench, others
        self.words = np.array([word_counts(prompt) for prompt in prompts])
        self.fixed = [fixed_options(table) for table in bench.by_score]
        self.ways: dict[str, Callable[[int], Sides]] = {
            "the paper's choice": partial(bench_sides, bench, PAPER),
            "agreement gate (MoT-like)": partial(self.gate, lambda runs, n: ByShare(agreement)),
            "isotonic gate (UCCI-like)": partial(
                self.gate, lambda runs, n: isotonic(runs, bench.splits[n], bench.seeds[n])
            ),
            "learned scorer, one greedy pair a model (FrugalGPT-like)": self.frugal,
            "router before generation, greedy": self.router,
        }
        for name, other in others.items():
            self.ways[f"{name}, the paper's choice"] = partial(bench_sides, other, PAPER)
        self.ways["select=growing"] = partial(bench_sides, bench, "select=growing")
        self.ways["select=calibrated (ours)"] = partial(bench_sides, bench, "select=calibrated")

    def gate(self, fit: Callable[[ModelRuns, int], ByShare], number: int) -> Sides:
        """The paper's plans and best θ with another acceptance."""
        made = [
            fixed_options(table_of_runs(runs, self.bench.thetas, usd, fit(runs, number)))
            for runs, usd in zip(self.bench.executed.runs, self.bench.usd_per_token, strict=True)
        ]
        return self.chosen(made, number, ThetaChoice.best)

    def frugal(self, number: int) -> Sides:
        """Stages of one greedy solution and test, accepted by a fitted scorer, one threshold a stage."""
        made = []
        for runs, usd in zip(self.bench.executed.runs, self.bench.usd_per_token, strict=True):
            short = runs.part([option for option in runs.options if option.k <= 1])
            scorer = calibrate(short, self.bench.splits[number].validation, number, without_tests=True)
            made.append(table_of_runs(short, self.bench.thetas, usd, scorer))
        return self.chosen(made, number, ThetaChoice.stage)

    def chosen(self, tables: Sequence[StageTable], number: int, theta: ThetaChoice) -> Sides:
        """Chosen and judged as the paper does it, on other tables."""
        split = self.bench.splits[number]
        validation, test = ([table.at(side) for table in tables] for side in (split.validation, split.test))
        grid = grid_search(validation, per_stage_theta=theta.per_stage)
        picked = select(grid, theta).front
        return self.against_singles(
            promises(grid, picked),
            combination_outcomes(test, grid, picked),
            ~grid.space.one_stage[picked.plan],
            number,
        )

    def router(self, number: int) -> Sides:
        """A model for every prompt by its words: the best predicted accuracy less a price of its dollars."""
        split = self.bench.splits[number]
        greedy = [table.options.index(EXIT) for table in self.fixed]
        right = np.stack([table.correct[o] for table, o in zip(self.fixed, greedy, strict=True)])
        usd = 1000 * np.stack([table.usd[o] for table, o in zip(self.fixed, greedy, strict=True)])
        predicted = np.stack([self.predicted(row, split, self.bench.seeds[number]) for row in right])
        merit = predicted[None] - SLOPES[:, None, None] * usd[:, split.validation].mean(axis=1)[None, :, None]
        model, each = merit.argmax(axis=1), np.arange(right.shape[1])
        outcomes = np.stack([right[model, each], usd[model, each]])
        accuracy, cost = outcomes[:, :, split.validation].mean(axis=2)
        kept = front(cost, accuracy)
        return self.against_singles(
            np.stack([accuracy[kept], cost[kept]]),
            outcomes[:, kept][:, :, split.test],
            np.ones(len(kept), dtype=bool),
            number,
        )

    def predicted(self, right: np.ndarray, split: Split, seed: int) -> np.ndarray:
        """How probable a model's greedy answer is right, by the prompt's words, cross-fitted."""
        found = np.zeros(len(right))
        folds = np.array_split(np.random.default_rng(seed).permutation(split.validation), N_FOLDS)
        for fold in [np.zeros(0, dtype=np.int64), *folds]:
            others = np.setdiff1d(split.validation, fold)
            fitted = ridge_logistic(self.words[others], right[others])
            at = fold if len(fold) else split.test
            found[at] = expit(fitted[0] + self.words[at] @ fitted[1:])
        return found

    def against_singles(
        self, promised: np.ndarray, test: np.ndarray, cascades: np.ndarray, number: int
    ) -> Sides:
        """A rival's front beside the plans of one model that a careful user chooses."""
        split = self.bench.splits[number]
        sides = [[table.at(side) for table in self.fixed] for side in (split.validation, split.test)]
        grid = grid_search(sides[0])
        singular, singles = select(grid, ThetaChoice.best).singular, one_stage(grid)
        return Sides(
            promised,
            promises(grid, singular),
            test,
            combination_outcomes(sides[1], grid, singular),
            cascades,
            combination_outcomes(sides[1], grid, singles),
            grid.space.k[singles.plan].max(axis=1),
            test.mean(axis=2),
            self.bench.reference[number],
        )


def bench_sides(bench: Bench, name: str, number: int) -> Sides:
    """One of the ways of `benchmarks.choices`."""
    return bench.sides(WAYS[name], number)


def word_counts(prompt: str) -> np.ndarray:
    """Float array (WORDS + 1,): which words a prompt has, hashed, and the logarithm of its length."""
    counts = np.zeros(WORDS + 1)
    for word in set(prompt.lower().split()):
        counts[zlib.crc32(word.encode()) % WORDS] = 1.0
    counts[-1] = np.log(1 + len(prompt))
    return counts


def ridge_logistic(x: np.ndarray, y: np.ndarray, ridge: float = 5.0) -> np.ndarray:
    """Intercept and slopes of a penalised logistic regression, by Newton's method."""
    design = np.column_stack([np.ones(len(x)), x - x.mean(axis=0)])
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 1e-3
    beta = np.zeros(design.shape[1])
    for _ in range(25):
        p = expit(design @ beta)
        curvature = (design.T * (p * (1 - p))) @ design + np.diag(penalty)
        beta += np.linalg.solve(curvature, design.T @ (y - p) - penalty * beta)
    return np.concatenate([[beta[0] - beta[1:] @ x.mean(axis=0)], beta[1:]])


def aiq(sides: Sides) -> float:
    """RouterBench's average improvement in quality: the mean height of the rising concave hull over costs.

    Costs run from the cheapest plan of one model to the dearest plan of fixed k; a rival that has nothing as
    cheap has height 0 up to its cheapest plan, and none falls after its dearest.
    """
    accuracy, cost = sides.front_test.mean(axis=2)
    low, high = float(sides.one_stage_test[1].mean(axis=1).min()), sides.reference_cost
    kept = front(cost, accuracy)
    hull: list[tuple[float, float]] = []
    for point in zip(cost[kept].tolist(), accuracy[kept].tolist(), strict=True):
        while len(hull) > 1 and (hull[-1][1] - hull[-2][1]) * (point[0] - hull[-2][0]) <= (
            point[1] - hull[-2][1]
        ) * (hull[-1][0] - hull[-2][0]):
            hull.pop()
        hull.append(point)
    at = np.linspace(low, high, 2000)
    return float(np.interp(at, *np.array(hull).T, left=0.0).mean())


def singles_table(bench: Bench) -> None:
    """Print cost and accuracy of what needs no choice: single models, the oracle, best-of-n by tests."""
    tables = [fixed_options(table) for table in bench.by_score]
    greedy = [table.options.index(EXIT) for table in tables]
    right = np.stack([t.correct[o] for t, o in zip(tables, greedy, strict=True)])
    usd = 1000 * np.stack([t.usd[o] for t, o in zip(tables, greedy, strict=True)])
    # The oracle asks the smallest model that is right, the largest where none is, and pays for it alone.
    first = np.where(right.max(axis=0) > 0, (right > 0).argmax(axis=0), len(right) - 1)
    at = np.arange(right.shape[1])
    models = bench.executed.models
    rows = {f"{m} greedy": (r, c) for m, r, c in zip(models, right, usd, strict=True)}
    rows["random model, greedy"] = right.mean(axis=0), usd.mean(axis=0)
    rows["oracle router (bound)"] = right[first, at], usd[first, at]
    for model, table in zip(models, tables, strict=True):
        o = table.options.index(max(table.options))
        rows[f"{model} {max(table.options)}, its best by tests"] = table.correct[o], 1000 * table.usd[o]
    print("| no choice | $ per 1,000 queries | right (%) |\n| --- | ---: | ---: |")
    for name, (answers, cost) in rows.items():
        found = mean_of_studies(np.array([answers[split.test].mean() for split in bench.splits]), CONFIDENCE)
        dollars = np.mean([cost[split.test].mean() for split in bench.splits])
        print(f"| {name} | {dollars:.4g} | {100 * found.value:.1f} |")


def rivals_table(rivals: Rivals) -> None:
    """Print a row for every rival."""
    print(
        "\n| rival | by target: cheaper (%) | points | hypervolume | − the paper's | above it in "
        "| AIQ (%) | gap (points) |\n| --- |" + " ---: |" * 7
    )
    first: np.ndarray | None = None
    n_splits = len(rivals.bench.splits)
    for name, way in rivals.ways.items():
        sides = [way(number) for number in range(n_splits)]
        found = [measures(one).as_dict() for one in sides]
        column = {key: np.array([one[key] for one in found]) for key in found[0]}
        first = column["hypervolume"] if first is None else first
        more, larger = paired_difference(column["hypervolume"], first, CONFIDENCE)
        cells = []
        for key in ("saving_by_target", "accuracy_by_target"):
            known = column[key][~np.isnan(column[key])]
            mean = mean_of_studies(100 * known, CONFIDENCE)
            cells.append(f"{mean.value:.2f} ± {mean.interval.high - mean.value:.2f}")
        print(
            f"| {name} | {' | '.join(cells)} | {column['hypervolume'].mean():.3f} "
            f"| {more.value:+.3f} ± {(more.interval.high - more.interval.low) / 2:.3f} "
            f"| {larger} of {n_splits} "
            f"| {100 * np.mean([aiq(one) for one in sides]):.1f} "
            f"| {100 * column['generalization_gap'].mean():.1f} |",
            flush=True,
        )


def prompts_of(folder: str, executed: Executed) -> list[str]:
    """The prompts of a study's problems, in its order."""
    overrides = OmegaConf.to_container(OmegaConf.load(Path(folder) / ".hydra" / "overrides.yaml"))
    study = compose_study([str(one) for one in overrides])
    problems = {problem.task_id: problem.prompt for problem in load_problems(study.dataset)}
    return [problems[task_id] for task_id in executed.task_ids]


def main() -> None:
    """Print both tables for a study."""
    if len(sys.argv) < 3:
        sys.exit("python -m benchmarks.rivals SPLITS STUDY [NAME=STUDY…]")
    n_splits, folder = int(sys.argv[1]), sys.argv[2]
    executed = load(folder)
    bench = Bench(executed, n_splits)
    others = {}
    for argument in sys.argv[3:]:
        name, _, path = argument.partition("=")
        # Greedy accuracies, which balance the splits, are the same under every rule: so are the splits.
        others[name] = Bench(load(path), n_splits)
    print(f"\n{folder}: {', '.join(executed.models)}, {n_splits} splits\n")
    singles_table(bench)
    rivals_table(Rivals(bench, prompts_of(folder, executed), others))


if __name__ == "__main__":
    main()
