"""A request as spans: names, attributes and the score of the self-tests, as the conventions have them."""

from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from cascade.core import EXIT, Option
from cascade.serving import Answer, NoAnswerError, StageTrace
from cascade.serving.spans import Spans, trace_id
from tests.tracking.server import serving as mlflow_server

TESTED = StageTrace(
    "small", Option(3, 2), 1, 3, 4, score=6, most=12, threshold=0.8, tokens=90, usd=1e-6, began=1000.0,
    generate_s=0.5, execute_s=0.25,
)  # fmt: skip
LAST = StageTrace("large", EXIT, 1, 1, accepted=True, tokens=40, usd=2e-6, began=1001.0, generate_s=2.0)


def test_an_answer_is_a_tree_of_spans() -> None:
    spans, kept = Spans(None, {}), InMemorySpanExporter()
    spans._provider.add_span_processor(SimpleSpanProcessor(kept))
    root = spans.begin("chat", "my-plan")
    spans.end(root, Answer("", True, "", 2, (TESTED, LAST), None, 3.0))
    by_name = {span.name: span for span in kept.get_finished_spans()}
    assert set(by_name) == {"chat my-plan", "chat small", "execute self-tests", "chat large"}
    whole, first, tests, last = (
        by_name[n] for n in ("chat my-plan", "chat small", "execute self-tests", "chat large")
    )
    assert {f"{span.context.trace_id:032x}" for span in by_name.values()} == {trace_id(root)}
    assert first.parent is not None
    assert (first.parent.span_id, tests.parent.span_id) == (whole.context.span_id, first.context.span_id)  # type: ignore[union-attr]
    assert whole.attributes is not None
    assert whole.attributes["gen_ai.request.model"] == "my-plan"
    assert whole.attributes["gen_ai.response.model"] == "large"
    assert whole.attributes["gen_ai.usage.output_tokens"] == 130
    [event] = first.events
    assert event.name == "gen_ai.evaluation.result"
    assert event.attributes is not None
    assert event.attributes["gen_ai.evaluation.score.value"] == 0.5
    assert event.attributes["gen_ai.evaluation.score.label"] == "escalated"
    assert first.end_time is not None
    assert first.end_time - (first.start_time or 0) == 750_000_000
    assert not last.events


def test_a_failed_request_says_why() -> None:
    spans, kept = Spans(None, {}), InMemorySpanExporter()
    spans._provider.add_span_processor(SimpleSpanProcessor(kept))
    failed = StageTrace("small", EXIT, failed="no connection")
    spans.end(spans.begin("chat", "p"), NoAnswerError("small failed", "upstream", (failed,)), "small failed")
    stage, whole = kept.get_finished_spans()
    assert whole.status.status_code is StatusCode.ERROR
    assert whole.status.description == "small failed"
    assert stage.status.description == "no connection"


@pytest.mark.slow
def test_mlflow_shows_the_spans_of_a_request(tmp_path: Path) -> None:
    """Sent as `serve.otlp_endpoint` says, to a real server, and read back by MLflow's own client."""
    mlflow = pytest.importorskip("mlflow")
    with mlflow_server(tmp_path / "mlflow") as address:
        spans = Spans(f"{address}/v1/traces", {"x-mlflow-experiment-id": "0"})
        root = spans.begin("chat", "my-plan")
        spans.end(root, Answer("", True, "", 2, (TESTED, LAST), None, 3.0))
        spans.close()
        [trace] = mlflow.MlflowClient(tracking_uri=address).search_traces(locations=["0"])
        by_name = {span.name: span for span in trace.data.spans}
        assert set(by_name) == {"chat my-plan", "chat small", "execute self-tests", "chat large"}
        assert trace.info.trace_id.endswith(trace_id(root))
        whole, stage = by_name["chat my-plan"], by_name["chat small"]
        assert stage.parent_id == whole.span_id
        assert whole.attributes["gen_ai.response.model"] == "large"
        [event] = stage.events
        assert event.name == "gen_ai.evaluation.result"
        assert event.attributes["gen_ai.evaluation.score.value"] == 0.5
