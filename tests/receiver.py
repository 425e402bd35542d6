"""A receiver of traces, as any collector is one: OTLP over HTTP, in protobuf, on a port of its own.

receiver.one("chat gpt-5-mini")     the one span of that name, waited for
receiver.trace(...)                 all spans of one trace, in the order in which they began
receiver.status = 503               from now on it takes nothing
"""

import contextlib
import gzip
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.waiting import eventually


@dataclass(frozen=True)
class Span:
    """One span as it came, with the attributes of the process that made it."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    began: int
    ended: int
    is_failed: bool
    attributes: dict[str, Any]
    events: dict[str, dict[str, Any]]
    process: dict[str, Any]


@dataclass(frozen=True)
class Post:
    """One request to it."""

    path: str
    headers: dict[str, str]
    body: bytes


class TraceReceiver(ThreadingHTTPServer):
    """Keeps every span that it is sent, and the requests as they came."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Call)
        self.posts: list[Post] = []
        self.spans: list[Span] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def named(self, name: str) -> list[Span]:
        """The spans of that name that came so far."""
        return [span for span in self.spans if span.name == name]

    def some(self, name: str, count: int, *, within: float = 10) -> list[Span]:
        """So many spans of that name, once they have come, in the order in which they began."""
        eventually(lambda: len(self.named(name)) >= count, within=within)
        found = sorted(self.named(name), key=lambda span: span.began)
        assert len(found) == count, [span.name for span in self.spans]
        return found

    def one(self, name: str, *, within: float = 10) -> Span:
        """The one span of that name, once it has come."""
        return self.some(name, 1, within=within)[0]

    def known(self, span_id: str) -> list[Span]:
        """The span with that id, if it came."""
        return [span for span in self.spans if span.span_id == span_id]

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of one trace that came so far."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.began)

    def take(self, post: Post) -> None:
        """Keep what was sent."""
        self.posts.append(post)
        if self.status != 200:
            return
        for of_resource in ExportTraceServiceRequest.FromString(post.body).resource_spans:
            process = _values(of_resource.resource.attributes)
            self.spans += [_span(each, process) for scope in of_resource.scope_spans for each in scope.spans]


class _Call(BaseHTTPRequestHandler):
    server: TraceReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        self.server.take(Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@contextlib.contextmanager
def receiving(port: int = 0) -> Iterator[TraceReceiver]:
    """Have a receiver for the block."""
    with TraceReceiver(port) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()


def _span(sent: trace_pb2.Span, process: dict[str, Any]) -> Span:
    return Span(
        name=sent.name,
        kind=trace_pb2.Span.SpanKind.Name(sent.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=sent.trace_id.hex(),
        span_id=sent.span_id.hex(),
        parent_id=sent.parent_span_id.hex(),
        began=sent.start_time_unix_nano,
        ended=sent.end_time_unix_nano,
        is_failed=sent.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        attributes=_values(sent.attributes),
        events={event.name: _values(event.attributes) for event in sent.events},
        process=process,
    )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None
