"""A request as OpenTelemetry spans, in the conventions for generative AI."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from cascade import __version__
from cascade.serving.answer import Answer, NoAnswerError, StageTrace

NANOSECONDS = 1_000_000_000


class Spans:
    """Where a service's spans go; without an endpoint they only give requests their trace ids."""

    def __init__(self, endpoint: str | None, headers: Mapping[str, str]) -> None:
        """Open the exporter.

        Args:
            endpoint: takes spans by OTLP over HTTP; None for nowhere.
            headers: of the requests to it.
        """
        resource = Resource.create({"service.name": "cascade", "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        if endpoint is not None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter(endpoint=endpoint, headers=dict(headers))
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("cascade.serving")

    def begin(self, operation: str, plan: str) -> Span:
        """The span of a request."""
        return self._tracer.start_span(
            f"{operation} {plan}",
            kind=SpanKind.SERVER,
            attributes={
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": "cascade",
                "gen_ai.request.model": plan,
            },
        )

    def end(self, span: Span, came: Answer | NoAnswerError | None, error: str | None = None) -> None:
        """End a request's span, with one for each stage and its executions below it."""
        for number, stage in enumerate(came.stages if came is not None else (), 1):
            self._stage(span, number, stage)
        if isinstance(came, Answer):
            span.set_attributes(
                {
                    "gen_ai.response.model": came.of.model,
                    "gen_ai.usage.output_tokens": came.tokens,
                    "cascade.stage": came.stage,
                    "cascade.usd": came.usd,
                    "cascade.stopped_by": came.stopped_by or "",
                }
            )
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end()

    def _stage(self, parent: Span, number: int, stage: StageTrace) -> None:
        began = int(stage.began * NANOSECONDS)
        written = began + int(stage.generate_s * NANOSECONDS)
        ended = written + int(stage.execute_s * NANOSECONDS)
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": stage.model,
            "gen_ai.request.choice.count": max(1, stage.option.k),
            "gen_ai.usage.output_tokens": stage.tokens,
            "cascade.stage": number,
            "cascade.option": str(stage.option),
            "cascade.rounds": stage.rounds,
            "cascade.accepted": stage.accepted,
            "cascade.usd": stage.usd,
        }
        context = set_span_in_context(parent)
        span = self._tracer.start_span(
            f"chat {stage.model}", context, SpanKind.CLIENT, attributes, start_time=began
        )
        if stage.share is not None:
            label = "accepted" if stage.accepted else "escalated"
            result: dict[str, Any] = {
                "gen_ai.evaluation.name": "self_test",
                "gen_ai.evaluation.score.value": stage.share,
                "gen_ai.evaluation.score.label": label,
            }
            if stage.threshold is not None:
                result["gen_ai.evaluation.explanation"] = f"{label}: θ is {stage.threshold:g}"
            span.add_event("gen_ai.evaluation.result", result, timestamp=ended)
            tests = self._tracer.start_span(
                "execute self-tests",
                set_span_in_context(span),
                attributes={"cascade.solutions": stage.solutions, "cascade.lines": stage.lines},
                start_time=written,
            )
            tests.end(ended)
        if stage.failed is not None:
            span.set_status(Status(StatusCode.ERROR, stage.failed))
        span.end(ended)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def trace_id(span: Span) -> str:
    """A span's trace id, as other tools write it."""
    return f"{span.get_span_context().trace_id:032x}"
