"""Traces by OpenTelemetry, in OpenInference's words: each run with its kind, inputs, outputs, tokens and session.

Where they go is said by OpenTelemetry's own variables, such as `OTEL_EXPORTER_OTLP_ENDPOINT`.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import GeniusError
from ..record.secrets import redactor

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_KIND = "openinference.span.kind"
_AGENTS = ("starter", "proposer", "reflector", "concluder")
"""The nodes that act: to OpenInference they are agents, and the others links of a chain."""
_SERVICE = "genius"


def send_traces() -> "TracerProvider":
    """Send the traces of all searches of this process by OTLP, without any key, until it ends.

    Returns the provider, whose `force_flush` sends what is pending. Raises: GeniusError where a package is missing.
    """
    try:
        from openinference.instrumentation.langchain import LangChainInstrumentor
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise GeniusError("OpenTelemetry is not installed: pip install 'genius-nas[trace]'") from None
    os.environ.setdefault("OTEL_SERVICE_NAME", _SERVICE)
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(cleared_exporter(OTLPSpanExporter())))
    LangChainInstrumentor().instrument(tracer_provider=provider)
    return provider


def cleared_exporter(exporter: "SpanExporter") -> "SpanExporter":
    """Make an exporter that removes keys from spans, and names agents, before another one exports them."""
    from opentelemetry.sdk.trace.export import SpanExporter

    class Cleared(SpanExporter):
        def export(self, spans: Any) -> "SpanExportResult":
            return exporter.export([_cleared(span) for span in spans])

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return exporter.force_flush(timeout_millis)

    return Cleared()


def _cleared(span: "ReadableSpan") -> "ReadableSpan":
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Status

    redact = redactor()
    description = span.status.description
    kind = {_KIND: "AGENT"} if span.name in _AGENTS else {}
    return ReadableSpan(
        name=redact(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_texts_cleared(span.attributes or {}) | kind,
        events=[Event(each.name, _texts_cleared(each.attributes or {}), each.timestamp) for each in span.events],
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code, description and redact(description)),
        start_time=span.start_time,
        end_time=span.end_time,
    )


def _texts_cleared(attributes: Mapping[str, Any]) -> dict[str, Any]:
    redact = redactor()

    def clear(value: Any) -> Any:
        if isinstance(value, str):
            return redact(value)
        return [clear(inner) for inner in value] if isinstance(value, list | tuple) else value

    return {name: clear(value) for name, value in attributes.items()}
