"""A small server on loopback that speaks the LangSmith SDK's protocol and keeps the runs that arrive."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Any

from .loopback import served

_PART = re.compile(rb'name="(?P<operation>post|patch)\.(?P<id>[0-9a-f-]{36})(?:\.(?P<field>\w+))?"')
_INFO = {
    "version": "0.0.0",
    "instance_flags": {"zstd_compression_enabled": False},
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "size_limit": 100,
        "size_limit_bytes": 20_000_000,
        "scale_up_nthreads_limit": 4,
        "scale_up_qsize_trigger": 1000,
        "scale_down_nempty_trigger": 4,
    },
}


class Receiver:
    """What arrived: the requests' paths, their headers, their bodies, and the runs by id.

    `delay` in seconds comes before every answer, as from a server far away.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self.url = ""
        self.paths: list[str] = []
        self.headers = ""
        self.content = b""
        self.runs: dict[str, dict[str, Any]] = {}
        self.delay = delay
        self._lock = threading.Lock()

    def take(self, path: str, headers: Message, body: bytes) -> None:
        """Merge the parts of one request into the runs."""
        with self._lock:
            self.paths.append(path)
            self.headers += str(headers)
            self.content += body
            if path.endswith("/runs/multipart"):
                self._merge(body, headers["Content-Type"].partition("boundary=")[2].encode())

    def _merge(self, body: bytes, boundary: bytes) -> None:
        for part in body.split(b"--" + boundary)[1:-1]:
            header, _, content = part.partition(b"\r\n\r\n")
            found = _PART.search(header)
            assert found, f"a part of another kind: {header!r}"
            run = self.runs.setdefault(found["id"].decode(), {})
            value = json.loads(content)
            if found["field"]:
                run[found["field"].decode()] = value
            else:
                run.update({name: field for name, field in value.items() if field is not None})


@contextmanager
def langsmith_receiver(delay: float = 0.0) -> Iterator[Receiver]:
    """Receive traces on a free port of 127.0.0.1."""
    receiver = Receiver(delay)
    with served(_handler(receiver)) as receiver.url:
        yield receiver


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            receiver.take(self.path, self.headers, b"")
            self._answer(200, _INFO)

        def do_POST(self) -> None:
            receiver.take(self.path, self.headers, self._body())
            self._answer(202, {})

        def _body(self) -> bytes:
            """Read the request's body, sent whole or in chunks."""
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers["Content-Length"]))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _answer(self, status: int, value: object) -> None:
            time.sleep(receiver.delay)
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None: ...

    return Handler
