"""Traces: where this process is in one, and spans for it. Off unless settings name a receiver (see docs/tracing.md).

While it is off, no span is made and nothing of OpenTelemetry is imported here. `start` and `stop` belong to the processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from agentplatform.trace_export import Sending

Value = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, Value]
Kind = Literal["internal", "server", "client"]

PLACE = (b"traceparent", b"tracestate")
# Asked every few seconds by machines: their spans would bury the others.
UNTRACED = ("/health", "/metrics", "/static")


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where spans go: a URL with its path, and headers. `is_standard`: the one that OpenTelemetry's own variables are about."""

    url: str
    headers: Mapping[str, str]
    is_standard: bool = True

    @property
    def name(self) -> str:
        """It in log lines, without what may be secret."""
        return urlsplit(self.url).hostname or ""


_tracer: Tracer | None = None
_sending: Sending | None = None


def start(process: str) -> None:
    """Begin to make and send spans, where settings name a receiver. `process` is what they call this one: web or worker."""
    global _tracer, _sending
    from django.conf import settings

    if _sending is not None or not settings.TRACES_TO:
        return
    from agentplatform import trace_export
    from agentplatform.logs import log

    try:
        _sending = trace_export.begin(settings.TRACES_TO, process=process)
    except Exception as error:  # noqa: BLE001  # of what the SDK reads by itself, and no reason not to serve
        log(__name__).warning("traces_not_started", error=str(error))
    else:
        _tracer = _sending.tracer


def stop() -> None:
    """Make no more spans, and send those that wait, for a few seconds at most. Harmless while nothing is traced."""
    global _tracer, _sending
    sending, _tracer, _sending = _sending, None, None
    if sending is not None:
        sending.end()


async def stopped() -> None:
    """The same from an event loop, which it does not hold up."""
    if _sending is not None:
        await asyncio.to_thread(stop)


def is_on() -> bool:
    """Whether this process makes spans."""
    return _tracer is not None


@contextmanager
def span(
    name: str, attributes: Attributes, *, kind: Kind = "internal", parent: Context | None = None
) -> Iterator[Span]:
    """A span for the block, current within it; below `parent`, or else below the current one. Only while tracing is on.

    What the block raises is noted by its type alone: messages and stacks may hold what was said.
    """
    from opentelemetry import trace

    made = begun(name, attributes, kind=kind, parent=parent)
    with trace.use_span(made, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield made
        except BaseException as error:
            fail(made, type(error).__name__)
            raise


def begun(name: str, attributes: Attributes, *, kind: Kind = "internal", parent: Context | None = None) -> Span:
    """A span that its caller ends. Once tracing was stopped it is one that records nothing."""
    from opentelemetry import trace

    if _tracer is None:
        return trace.INVALID_SPAN
    return _tracer.start_span(name, context=parent, kind=trace.SpanKind[kind.upper()], attributes=attributes)


def fail(failed: Span, kind: str) -> None:
    """Mark a span as failed, by a word for the kind of failure."""
    from opentelemetry.trace import Status, StatusCode

    failed.set_attribute("error.type", kind)
    failed.set_status(Status(StatusCode.ERROR))


def note(attributes: Attributes) -> None:
    """Add to the current span."""
    if _tracer is not None:
        from opentelemetry import trace

        trace.get_current_span().set_attributes(attributes)


def below(parent: Span) -> Context:
    """The place below a span, for others to begin at."""
    from opentelemetry import trace

    return trace.set_span_in_context(parent)


def traceparent() -> str:
    """The current place in W3C's form, for whoever goes on from here, maybe elsewhere and later; empty outside of any trace."""
    if _tracer is None:
        return ""
    from opentelemetry import trace

    here = trace.get_current_span().get_span_context()
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}" if here.is_valid else ""


def place_of(headers: Mapping[str, str]) -> Context:
    """The place that `traceparent` and `tracestate` name; outside of any trace where they name none."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract(headers, context=Context())


def identify(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For structlog: the trace that a log line belongs to."""
    if _tracer is not None:
        from opentelemetry import trace

        here = trace.get_current_span().get_span_context()
        if here.is_valid:
            event["trace_id"], event["span_id"] = f"{here.trace_id:032x}", f"{here.span_id:016x}"
    return event


async def served(
    application: Callable[..., Awaitable[None]],
    scope: Mapping[str, Any],
    receive: Any,
    send: Callable[[Any], Awaitable[None]],
) -> None:
    """Serve one HTTP request, up to the last byte of its answer, within a span of its own. Only while tracing is on."""
    if scope["path"].startswith(UNTRACED):
        await application(scope, receive, send)
        return
    told = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"] if name in PLACE}
    attributes = {
        "http.request.method": scope["method"],
        "url.path": scope["path"],
        "url.scheme": scope.get("scheme", "http"),
        "network.protocol.version": scope.get("http_version", "1.1"),
    }
    with span(scope["method"], attributes, kind="server", parent=place_of(told)) as serving:

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                serving.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= 500:
                    fail(serving, str(message["status"]))
            await send(message)

        await application(scope, receive, sent)


def describe_request(*, method: str, route: str, request_id: str) -> None:
    """Name the span of the request by its route, and note its id."""
    if _tracer is None:
        return
    from opentelemetry import trace

    serving = trace.get_current_span()
    serving.set_attribute("agentplatform.request.id", request_id)
    if route:
        serving.update_name(f"{method} {route}")
        serving.set_attribute("http.route", route)
