"""Explained cascades as MLflow traces: who was asked, what came back, and why it was taken or not."""

import logging
from collections.abc import Iterable, Sequence

import mlflow
from mlflow.entities import SpanType

from cascade.report import Example, Step
from cascade.tracking.client import Tracker

log = logging.getLogger(__name__)


def log_traces(
    tracker: Tracker, run_id: str, plan: str, explained: Iterable[tuple[Example, Sequence[Step]]]
) -> None:
    """One plan at work on some problems, a trace each; they are in the store when this returns.

    Args:
        tracker: the store.
        run_id: the run that the traces belong to.
        plan: the plan in one line.
        explained: each problem with what the plan did on it, see `cascade.report.explain`.
    """
    # Spans go to the process's tracking store; only here is it set.
    mlflow.set_tracking_uri(tracker.uri)
    for example, steps in explained:
        _start(tracker, run_id, plan, example, steps)
    # The spans of all traces go together (see the package): one at a time, a database that is 50 ms away
    # would be asked some twenty times for each. The threads end too, which the exit would wait a second for;
    # the next study of this process begins anew.
    mlflow.flush_trace_async_logging(terminate=True)
    mlflow.tracing.reset()  # type: ignore[no-untyped-call]


def _start(tracker: Tracker, run_id: str, plan: str, example: Example, steps: Sequence[Step]) -> None:
    client = tracker.client
    answer = steps[-1]
    root = client.start_trace(
        f"{example.task_id}: {plan}",
        span_type=SpanType.CHAIN,
        inputs={"problem": _code(example.prompt)},
        attributes={"plan": plan},
        tags={
            "task_id": example.task_id,
            "answered_by": answer.model,
            "right": "yes" if answer.correct else "no",
            "usd": f"{sum(step.usd for step in steps):.3g}",
        },
        experiment_id=tracker.experiment_id,
        run_id=run_id,
    )
    for step in steps:
        stage = client.start_span(
            step.describe(),
            trace_id=root.trace_id,
            parent_id=root.span_id,
            span_type=SpanType.AGENT,
            inputs={"model": step.model, "k": step.option.k, "l": step.option.l},
        )
        parts = {"solutions": step.solutions}
        if step.lines:
            parts["tests"] = ("\n".join(step.lines),)
        for name, texts in parts.items():
            span = client.start_span(
                name, trace_id=root.trace_id, parent_id=stage.span_id, span_type=SpanType.LLM
            )
            client.end_span(root.trace_id, span.span_id, outputs="\n\n".join(map(_code, texts)))
        client.end_span(root.trace_id, stage.span_id, outputs=_outcome(step))
    outputs = {"answer": _code(answer.solutions[answer.best]), "model": answer.model, "right": answer.correct}
    client.end_trace(root.trace_id, outputs=outputs)


def _code(text: str) -> str:
    """Code as the UI renders it: Markdown."""
    return f"```python\n{text}\n```"


def _outcome(step: Step) -> dict[str, object]:
    outcome: dict[str, object] = {
        "answer": _code(step.solutions[step.best]),
        "right": step.correct,
        "usd": step.usd,
    }
    if step.lines:
        outcome["scores"] = [
            {
                "solution": i,
                "tests passed (n_s)": n_s,
                "solutions that agree (n_t)": n_t,
                "n_s * n_t": n_s * n_t,
            }
            for i, (n_s, n_t) in enumerate(zip(step.passed, step.agreed, strict=True))
        ]
    if step.threshold is not None:
        outcome |= {
            "score of the answer": step.score,
            "threshold (theta * the most it could be)": step.threshold,
            "decision": "accept" if step.accepted else "escalate",
        }
    return outcome
