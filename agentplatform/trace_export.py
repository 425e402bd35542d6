"""Sends spans by OTLP over HTTP, to each receiver from a queue and a thread of its own. Imported only where one is set.

A receiver that is slow or away costs spans, never a task: the queues are bounded, and it is told of in one line.
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

from django.conf import settings
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Tracer
from opentelemetry.util.types import AttributeValue

from agentplatform import __version__
from agentplatform.logs import log
from agentplatform.tracing import Receiver

STOP_SECONDS = 3.0
# What the exporter reads of the environment, headers with keys among it, is meant for one receiver alone.
OTLP = "OTEL_EXPORTER_OTLP_"


class Told(SpanExporter):
    """An exporter that says once that its receiver does not take spans, and once that it does again."""

    def __init__(self, exporter: SpanExporter, receiver: str) -> None:
        self.exporter = exporter
        self.receiver = receiver
        self._lost = 0
        self._has_complained = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self.exporter.export(spans)
        except Exception:  # noqa: BLE001  # whatever it is, the spans are lost and nothing else
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self._complain()
            self._lost += len(spans)
        elif self._has_complained:
            log(__name__).info("traces_sent_again", receiver=self.receiver, lost=self._lost)
            self._lost, self._has_complained = 0, False
        return result

    def give_up(self) -> None:
        """The process ends, whatever is still on its way."""
        self._complain()

    def _complain(self) -> None:
        if not self._has_complained:
            self._has_complained = True
            log(__name__).warning("traces_not_sent", receiver=self.receiver)

    def shutdown(self) -> None:
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.exporter.force_flush(timeout_millis)


class Queue(BatchSpanProcessor):
    """The spans that wait for one receiver, and the thread that sends them; OTEL_BSP_* sets how many and how often."""

    def __init__(self, exporter: Told) -> None:
        super().__init__(exporter)
        self.exporter = exporter


@dataclass(frozen=True, slots=True)
class Sending:
    """The spans of this process on their way out."""

    tracer: Tracer
    processors: Sequence[Queue]

    def end(self) -> None:
        """Send what waits, to all receivers at once. Who has not taken it after STOP_SECONDS is not waited for."""
        ending = {each: threading.Thread(target=each.shutdown, daemon=True) for each in self.processors}
        for thread in ending.values():
            thread.start()
        until = time.monotonic() + STOP_SECONDS
        for processor, thread in ending.items():
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                processor.exporter.give_up()


def begin(receivers: Sequence[Receiver], *, process: str) -> Sending:
    """Make what this process needs to send spans to all of them. The provider is ours alone: packages make no spans by it."""
    about: dict[str, AttributeValue] = {
        "service.name": settings.OTEL_SERVICE_NAME,
        "service.version": __version__,
        "service.instance.id": str(uuid4()),
        "process.pid": os.getpid(),
        "agentplatform.process": process,
    }
    provider = TracerProvider(sampler=_sampler(), resource=Resource.create(about), shutdown_on_exit=False)
    processors = [Queue(Told(_exporter(each), each.name)) for each in receivers]
    for processor in processors:
        provider.add_span_processor(processor)
    return Sending(provider.get_tracer("agentplatform", __version__), processors)


def _exporter(receiver: Receiver) -> OTLPSpanExporter:
    with _without(f"{OTLP}HEADERS", f"{OTLP}TRACES_HEADERS") if receiver.is_standard else _without(*_others()):
        return OTLPSpanExporter(endpoint=receiver.url, headers=dict(receiver.headers))


def _others() -> list[str]:
    return [name for name in os.environ if name.startswith(OTLP)]


@contextlib.contextmanager
def _without(*names: str) -> Iterator[None]:
    """The environment without these for the block: the exporter would read them, whatever it is given."""
    taken = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(taken)


def _sampler() -> Sampler:
    name = settings.OTEL_TRACES_SAMPLER
    roots = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}
    root = roots.get(name.removeprefix("parentbased_")) or TraceIdRatioBased(settings.OTEL_TRACES_SAMPLER_ARG)
    return ParentBased(root) if name.startswith("parentbased_") else root
