"""A small OTLP receiver on loopback that keeps the spans that arrive."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from .loopback import served


class OTLPReceiver:
    """What arrived: the requests' bodies, their headers, and the spans in plain types, in the order they began."""

    def __init__(self) -> None:
        self.url, self.content, self.headers = "", b"", ""
        self._spans: list[dict[str, Any]] = []

    @property
    def spans(self) -> list[dict[str, Any]]:
        return sorted(self._spans, key=lambda span: span["start"])

    def take(self, body: bytes, headers: Any) -> None:
        """Read the spans of a request from protobuf."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        body = gzip.decompress(body) if headers["Content-Encoding"] == "gzip" else body
        self.content, self.headers = self.content + body, self.headers + str(headers)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self._spans += [_plain(span, resource.resource) for span in scope.spans]


def _plain(span: Any, resource: Any) -> dict[str, Any]:
    return {
        "name": span.name,
        "id": span.span_id,
        "trace": span.trace_id,
        "parent": span.parent_span_id,
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "service": _attributes(resource.attributes).get("service.name"),
        **_attributes(span.attributes),
    }


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}


@contextmanager
def otlp_receiver() -> Iterator[OTLPReceiver]:
    """Receive traces on a free port of 127.0.0.1."""
    receiver = OTLPReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(self.rfile.read(int(self.headers["Content-Length"])), self.headers)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with served(Handler) as receiver.url:
        yield receiver
