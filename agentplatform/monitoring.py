"""GET /metrics: what all processes counted, what the tables and the health checks say now."""

import asyncio
import hmac
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpResponse
from django.utils.module_loading import import_string
from drf_spectacular.utils import extend_schema
from prometheus_client import REGISTRY, CollectorRegistry, Metric, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from rest_framework.request import Request

from agentplatform.errors import Unauthenticated, Unavailable
from agentplatform.health import health
from agentplatform.rendering import JSONRenderer
from agentplatform.schema import error_codes, example
from agentplatform.views import ApiView

LOOK_TIMEOUT_SECONDS = 3.0
SAMPLE = """\
# HELP agent_tasks Tasks by status.
# TYPE agent_tasks gauge
agent_tasks{status="running"} 3.0
# HELP agent_requests_total Calls of POST /agent/execute.
# TYPE agent_requests_total counter
agent_requests_total{agent_type="general",status="completed",tier="basic"} 17.0
"""


class MetricsRenderer(JSONRenderer):
    """For content negotiation: Prometheus asks for its formats in ways of its own."""

    media_type = "text/plain"
    format = "prometheus"


class MetricsView(ApiView):
    """What all our processes counted."""

    renderer_classes = (MetricsRenderer,)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    async def admit(self, request: Request) -> None:
        """Ask for METRICS_TOKEN as bearer token, when it is set."""
        if not settings.METRICS_TOKEN:
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("missing_key", "Send the metrics token as “Authorization: Bearer <METRICS_TOKEN>”.")
        if not hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode()):
            raise Unauthenticated("invalid_key", "This is not the metrics token.")

    @extend_schema(
        auth=[{"metrics": []}, {}],  # type: ignore[list-item]  # typed as names, but goes into the document as it is
        responses={(200, "text/plain"): str},
        extensions=error_codes("missing_key", "invalid_key"),
        examples=[example("A few of the metrics", SAMPLE, status=200, media_type="text/plain")],
        tags=["health"],
    )
    async def get(self, request: Request) -> HttpResponse:
        """Metrics of all our processes, for Prometheus; in the OpenMetrics format when it is asked for."""
        of_the_tables, of_the_health = await asyncio.gather(_of_the_tables(), _of_the_health())
        everything = Everything([*of_the_tables, of_the_health])
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        # Reads a file per process, so not on the event loop.
        page = await asyncio.to_thread(encode, everything)
        return HttpResponse(page, content_type=content_type)


class Everything(Collector):
    """This process's metrics, or those of all processes that share PROMETHEUS_MULTIPROC_DIR; and some of now."""

    def __init__(self, of_now: Sequence[Metric] = ()) -> None:
        self.of_now = of_now

    def collect(self) -> Iterable[Metric]:
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            yield from MultiProcessCollector(None).collect()  # type: ignore[no-untyped-call]  # has no types
        else:
            yield from REGISTRY.collect()
        yield from self.of_now


def serve(port: int) -> None:
    """Serve what this process counts on a port of its own, from a thread, until the process ends; OSError when it is taken."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Everything())
    start_http_server(port, registry=registry)


async def _of_the_tables() -> Sequence[Metric]:
    """Nothing when the database is away: the rest is wanted then more than ever."""
    look: Callable[[], Awaitable[Sequence[Metric]]] = import_string(settings.TABLE_METRICS)
    try:
        return await asyncio.wait_for(look(), LOOK_TIMEOUT_SECONDS)
    except (Unavailable, DatabaseError, TimeoutError):
        return ()


async def _of_the_health() -> Metric:
    gauge = GaugeMetricFamily(
        "agent_component_up", "Whether a part we lean on is well, as /health says.", labels=["component"]
    )
    for component, word in (await health()).checks.items():
        gauge.add_metric([component], word == "ok")
    return gauge
