"""One plan at work on one problem, step by step, so that a person can see why it answered as it did."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from cascade.base import DataError
from cascade.core import (
    EXIT,
    Answer,
    Calibrator,
    DrawOutcome,
    Option,
    Plan,
    ProblemOutcome,
    Rule,
    accepts,
    answer_probability,
    exact_theta,
    pool_sizes,
    split_lines,
    usd_per_token,
)
from cascade.generate import Draw, ModelSamples
from cascade.problems import Problem

EXAMPLES = "examples.json"
N_EXAMPLES = 6


@dataclass(frozen=True)
class Block:
    """A draw with its outcome, as a person reads it.

    Attributes:
        solutions: their texts.
        lines: (test sample, position from 1, text) of the valid test lines.
        passes: by solution, by line, whether it passes.
        correct: by solution, whether it passes the reference tests.
        solution_tokens: by solution, generated tokens.
        test_tokens: by l, by test, generated tokens up to its l-th line.
    """

    solutions: tuple[str, ...]
    lines: tuple[tuple[int, int, str], ...]
    passes: tuple[tuple[bool, ...], ...]
    correct: tuple[bool, ...]
    solution_tokens: tuple[int, ...]
    test_tokens: Mapping[int, tuple[int, ...]]


@dataclass(frozen=True)
class Example:
    """One problem with what every model wrote for it.

    Attributes:
        task_id, prompt: of the problem.
        greedy, drawn: the greedy block and the first draw of each model that has one.
    """

    task_id: str
    prompt: str
    greedy: Mapping[str, Block]
    drawn: Mapping[str, Block]


@dataclass(frozen=True)
class Step:
    """One stage of a plan at work.

    Attributes:
        model, option: who was asked, and how much.
        solutions: the texts it wrote.
        lines: the test lines that count.
        passed, agreed: of each solution, how many lines it passes (n_s), and the most solutions that
            pass one of them (n_t); zeros without tests.
        best: index of the stage's answer.
        score: the answer's, by the rule; the paper's is n_s·n_t.
        probability: that the answer is right, where that decides on acceptance; otherwise None.
        threshold: what it must reach, θ times the most that the rule could give (the paper's k·N_t), or τ;
            None for the last stage, which is not asked.
        accepted: whether the answer was taken; the last stage's always is.
        correct: whether the stage's answer is right.
        usd: what the stage cost.
        rounds: how many rounds of generation a growing stage took.
    """

    model: str
    option: Option
    solutions: tuple[str, ...]
    lines: tuple[str, ...]
    passed: tuple[int, ...]
    agreed: tuple[int, ...]
    best: int
    score: int
    threshold: float | None
    accepted: bool
    correct: bool
    usd: float
    rounds: int = 1
    probability: float | None = None

    def describe(self) -> str:
        """The step in one line, e.g. ``7B 3:4 scores 24 of at least 14.4: accepted``."""
        asked = f"{self.model} {self.option}"
        if self.option.growing:
            asked += f" after {self.rounds} rounds" if self.rounds > 1 else " after one round"
        if self.threshold is None:
            return f"{asked} answers"
        verdict = "accepted" if self.accepted else "escalated"
        if self.probability is not None:
            sure = f"{asked} is right with probability {self.probability:.2f}"
            return f"{sure}, at least {self.threshold:g}: {verdict}"
        return f"{asked} scores {self.score} of at least {self.threshold:g}: {verdict}"


@dataclass(frozen=True)
class _Judge:
    """How a stage's answer is chosen and when it is taken."""

    rule: Rule
    without_tests: bool
    calibrator: Calibrator | None

    def probability(self, answer: Answer) -> float | None:
        """How probable it is that an answer is right; None where the score decides."""
        return None if self.calibrator is None else answer_probability(self.calibrator, answer)

    def accepts(self, score: int, most: int, probability: float | None, theta: Fraction) -> bool:
        if probability is None:
            return accepts(score, most, theta, accept_without_tests=self.without_tests)
        return probability >= float(theta) and (self.without_tests or most > 0)


def explain_plan(
    plan: Plan,
    models: Sequence[str],
    example: Example,
    usd_per_1m_tokens: Mapping[str, float],
    rule: Rule,
    *,
    accept_without_tests: bool,
    calibrators: Sequence[Calibrator] | None = None,
) -> list[Step]:
    """The stages that a plan asked on a problem, in order; the last one answered.

    Options with k > 1 use the first k samples of the first draw, where the stage tables average over
    all draws, or over many subsets of their samples.

    Args:
        plan: the plan.
        models: the family's names, from small to large.
        example: the problem.
        usd_per_1m_tokens: price by model.
        rule: which solution is a stage's answer, see `cascade.core.rules`.
        accept_without_tests: whether a stage without a valid test line accepts.
        calibrators: one a model, where the probability of being right decides on acceptance.
    """
    steps: list[Step] = []
    stages = plan.stages
    for number, (index, option) in enumerate(stages, 1):
        model = models[index]
        price, last = usd_per_1m_tokens[model], number == len(stages)
        theta = None if last and not option.growing else exact_theta(plan.theta_at(index))
        judge = _Judge(rule, accept_without_tests, None if calibrators is None else calibrators[index])
        if option.growing:
            rounds = _rounds(model, option, example, theta, price, judge)
            step = _joined(rounds, option, last=last)
        else:
            block = (example.drawn if option.k > 1 else example.greedy)[model]
            step = _step(model, option, block, theta, price, judge)
        steps.append(step)
        if step.accepted:
            break
    return steps


def _rounds(
    model: str,
    option: Option,
    example: Example,
    theta: Fraction | None,
    price: float,
    judge: _Judge,
) -> list[Step]:
    """The rounds of a growing stage as steps of their own, up to the one that stops it."""
    steps: list[Step] = []
    for size in (1, *pool_sizes(option.k)):
        block = (example.drawn if size > 1 else example.greedy)[model]
        asked = Option(size, option.l)
        steps.append(_step(model, asked, block, theta, price, judge))
        if steps[-1].accepted:
            break
    return steps


def _joined(rounds: Sequence[Step], option: Option, *, last: bool) -> Step:
    """A growing stage: what its last round says, at the price of the greedy pair and of the pool."""
    end = rounds[-1]
    return replace(
        end,
        option=option,
        threshold=None if last else end.threshold,
        accepted=end.accepted or last,
        usd=end.usd + (rounds[0].usd if len(rounds) > 1 else 0.0),
        rounds=len(rounds),
    )


def _step(
    model: str,
    option: Option,
    block: Block,
    theta: Fraction | None,
    price: float,
    judge: _Judge,
) -> Step:
    k = max(option.k, 1)
    columns = [j for j, (sample, at, _) in enumerate(block.lines) if sample < k and at <= option.l]
    passes = np.array([[row[j] for j in columns] for row in block.passes[:k]], dtype=bool)
    passes = passes.reshape(k, len(columns))
    judged = judge.rule(passes[None], np.array([len(columns)]))
    best, score, most = int(judged.answer[0]), int(judged.score[0]), int(judged.most[0])
    n_t = (passes * passes.sum(axis=0)).max(axis=1, initial=0)
    tokens = sum(block.solution_tokens[:k])
    if option != EXIT:
        tokens += sum(block.test_tokens[option.l][:k])
    probability = judge.probability(
        Answer(k, score, most, int(passes[best].sum()), int(n_t[best]), len(columns))
    )
    return Step(
        model=model,
        option=option,
        solutions=block.solutions[:k],
        lines=tuple(block.lines[j][2] for j in columns),
        passed=tuple(passes.sum(axis=1).tolist()),
        agreed=tuple(n_t.tolist()),
        best=best,
        score=score,
        probability=probability,
        threshold=None if theta is None else float(theta if probability is not None else theta * most),
        accepted=theta is None or judge.accepts(score, most, probability, theta),
        correct=block.correct[best],
        usd=tokens * usd_per_token(price),
    )


def choose_examples(
    problems: Sequence[Problem],
    samples: Mapping[str, Mapping[str, ModelSamples]],
    outcomes: Mapping[str, Sequence[ProblemOutcome]],
    candidates: Sequence[int],
    options: Sequence[Option],
    *,
    physical: bool = False,
) -> list[Example]:
    """A handful of problems that differ in which models solve them.

    Args:
        problems: all problems.
        samples: by model name and task id.
        outcomes: by model name, in the problems' order.
        candidates: indices of the problems to choose from.
        options: what a stage may be; of a draw only what the largest of them looks at is kept.
        physical: whether test lines are physical lines, see `split_lines`.
    """
    most = max(1, *(option.k for option in options)), max(option.l for option in options)

    def pattern(index: int) -> tuple[bool, ...]:
        blocks = [
            model_outcomes[index].greedy or model_outcomes[index].draws[0]
            for model_outcomes in outcomes.values()
        ]
        return tuple(bool(block.correct[0]) for block in blocks)

    seen: dict[tuple[bool, ...], int] = {}
    turns = []
    for index in candidates:
        turns.append((seen.setdefault(pattern(index), 0), index))
        seen[pattern(index)] += 1
    chosen = sorted(index for _, index in sorted(turns)[:N_EXAMPLES])
    examples = []
    for index in chosen:
        problem = problems[index]
        greedy, drawn = {}, {}
        for model, model_outcomes in outcomes.items():
            written, judged = samples[model][problem.task_id], model_outcomes[index]
            if written.greedy is not None and judged.greedy is not None:
                greedy[model] = _block(written.greedy, judged.greedy, *most, physical)
            if judged.draws:
                drawn[model] = _block(written.draws[0], judged.draws[0], *most, physical)
        examples.append(Example(problem.task_id, problem.prompt, greedy, drawn))
    return examples


def _block(draw: Draw, outcome: DrawOutcome, k: int, n_lines: int, physical: bool) -> Block:
    texts = [split_lines(test.text, n_lines, physical=physical) for test in draw.tests[:k]]
    columns = np.flatnonzero(outcome.line_sample < k)
    positions = zip(
        outcome.line_sample[columns].tolist(), outcome.line_position[columns].tolist(), strict=True
    )
    return Block(
        solutions=tuple(solution.text for solution in draw.solutions[:k]),
        lines=tuple((sample, at, texts[sample][at - 1].text) for sample, at in positions),
        passes=tuple(map(tuple, outcome.passes[:k, columns].tolist())),
        correct=tuple(outcome.correct[:k].tolist()),
        solution_tokens=tuple(outcome.solution_tokens[:k].tolist()),
        test_tokens={at: tuple(tokens[:k].tolist()) for at, tokens in outcome.test_tokens.items()},
    )


def save_examples(path: Path, examples: Sequence[Example]) -> None:
    """Write examples as JSON."""

    def plain(value: Any) -> Any:
        return vars(value) if isinstance(value, Block | Example) else list(value)

    path.write_text(json.dumps([vars(example) for example in examples], default=plain), encoding="utf-8")


def load_examples(path: Path) -> list[Example]:
    """Read what `save_examples` wrote.

    Raises:
        DataError: the file is damaged.
    """

    def block(content: dict[str, Any]) -> Block:
        return Block(
            solutions=tuple(content["solutions"]),
            lines=tuple((sample, at, text) for sample, at, text in content["lines"]),
            passes=tuple(map(tuple, content["passes"])),
            correct=tuple(content["correct"]),
            solution_tokens=tuple(content["solution_tokens"]),
            test_tokens={int(at): tuple(tokens) for at, tokens in content["test_tokens"].items()},
        )

    try:
        return [
            Example(
                entry["task_id"],
                entry["prompt"],
                {model: block(samples) for model, samples in entry["greedy"].items()},
                {model: block(samples) for model, samples in entry["drawn"].items()},
            )
            for entry in json.loads(path.read_text(encoding="utf-8"))
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a file of examples ({error!r}); run task=run again") from None
