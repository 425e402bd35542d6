"""Is the platform well? `/health` says it in full, `/health/ready` in a second, `/health/live` touches nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils.module_loading import import_string
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request

from agentplatform import __version__
from agentplatform import redis as platform_redis
from agentplatform.database import in_database
from agentplatform.rendering import json_response
from agentplatform.schema import example
from agentplatform.views import ApiView

CHECK_TIMEOUT_SECONDS = 0.9
KEPT_SECONDS = 1.0
Check = Callable[[], Awaitable[str]]

_kept: dict[str, tuple[float, str]] = {}


class Health(BaseModel):
    """What /health answers."""

    status: str
    timestamp: datetime
    version: str
    checks: dict[str, str]


async def database() -> str:
    """`ok`, `unreachable`, or `migrations_pending` when the schema is older than the code."""
    return "ok" if await in_database(_is_migrated) else "migrations_pending"


@cache
def expected_migrations() -> frozenset[tuple[str, str]]:
    """The migrations this code comes with. Read once, at the start of the server: it takes a while."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _is_migrated() -> bool:
    return expected_migrations() <= MigrationRecorder(connection).applied_migrations().keys()


async def redis() -> str:
    """`ok` or `unreachable`."""
    await platform_redis.attempt(lambda client: client.ping())
    return "ok"


async def checked(name: str) -> str:
    """One check's word, kept for a second so that a flood of probes costs the stores little."""
    at, word = _kept.get(name, (0.0, ""))
    if time.monotonic() - at < KEPT_SECONDS:
        return word
    check: Check = import_string(settings.HEALTH_CHECKS[name])
    try:
        word = await asyncio.wait_for(check(), CHECK_TIMEOUT_SECONDS)
    except Exception:  # noqa: BLE001  # whatever a check dies of, the thing it looks at does not answer
        word = "unreachable"
    _kept[name] = (time.monotonic(), word)
    return word


async def health() -> Health:
    """All checks at once. Only the database makes us unhealthy; without the rest we serve what we can.

    A check that has nothing to say is left out.
    """
    names = list(settings.HEALTH_CHECKS)
    words = await asyncio.gather(*map(checked, names))
    checks = {name: word for name, word in zip(names, words, strict=True) if word}
    if checks["database"] != "ok":
        status = "unhealthy"
    else:
        status = "healthy" if set(checks.values()) == {"ok"} else "degraded"
    return Health(status=status, timestamp=datetime.now(UTC), version=__version__, checks=checks)


EXAMPLE: dict[str, Any] = {
    "status": "healthy",
    "timestamp": "2026-11-23T10:30:00Z",
    "version": __version__,
    "checks": {"database": "ok", "redis": "ok", "orchestrator": "ok", "worker": "ok"},
}
DATABASE_AWAY = {**EXAMPLE, "status": "unhealthy", "checks": {**EXAMPLE["checks"], "database": "unreachable"}}


@extend_schema(
    auth=[],
    responses={200: Health, 503: Health},
    examples=[example("All is well", EXAMPLE, status=200), example("The database is away", DATABASE_AWAY, status=503)],
    tags=["health"],
)
class HealthView(ApiView):
    """The state of every part we lean on."""

    async def get(self, request: Request) -> Any:
        answer = await health()
        return json_response(answer, status=503 if answer.status == "unhealthy" else 200)


@extend_schema(
    auth=[],
    responses={200: dict[str, str]},
    examples=[example("Alive", {"status": "alive"}, status=200)],
    tags=["health"],
)
class LiveView(ApiView):
    """Whether this process runs; an orchestrator restarts it when this does not answer."""

    async def get(self, request: Request) -> Any:
        return json_response({"status": "alive"})


@extend_schema(
    auth=[],
    responses={200: dict[str, str], 503: dict[str, str]},
    examples=[
        example("Ready", {"status": "ready"}, status=200),
        example("Not yet", {"status": "migrations_pending"}, status=503),
    ],
    tags=["health"],
)
class ReadyView(ApiView):
    """Whether to send traffic here: the database answers and its schema is current."""

    async def get(self, request: Request) -> Any:
        word = await checked("database")
        return json_response({"status": "ready" if word == "ok" else word}, status=200 if word == "ok" else 503)
