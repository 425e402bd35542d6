"""The platform's own parts: settings, PostgreSQL, Redis, the broker, and clocks."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core import checks
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agentplatform import broker_health, health
from agentplatform.doctor.findings import Finding, ok, problem, warning
from agentplatform.doctor.room import row, size

MOST_SKEW_SECONDS = 2.0
MOST_CONNECTIONS_SHARE = 0.8
MOST_MEMORY_SHARE = 0.9
WAIT_SECONDS = 3.0


def of_settings() -> Iterator[Finding]:
    """What Django's own checks say; in production those for a deployment too."""
    messages = checks.run_checks(include_deployment_checks=settings.IN_PRODUCTION)
    for message in messages:
        tell = problem if message.level >= checks.ERROR else warning
        yield tell(message.msg, message.hint or f"See {message.id} in Django's documentation.")
    if not messages:
        kind = "production" if settings.IN_PRODUCTION else "development"
        yield ok(f"The settings, for {kind}, are sound.")


def migrations() -> Iterator[Finding]:
    """Whether the tables are as new as the code."""
    word = async_to_sync(health.database)()
    if word == "ok":
        yield ok("All migrations are applied.")
    else:
        yield problem("Migrations are pending: the tables are older than the code.", "Run manage.py bootstrap.")


def database() -> Iterator[Finding]:
    """PostgreSQL's version and how many connections are left."""
    version, used, most = row(
        "SELECT current_setting('server_version'), "
        "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), "
        "current_setting('max_connections')::int"
    )
    if used > MOST_CONNECTIONS_SHARE * most:
        yield warning(
            f"{used} of PostgreSQL's {most} connections are taken.",
            "Raise max_connections, run fewer processes, or put PgBouncer in session mode before it.",
        )
    else:
        yield ok(f"PostgreSQL {version}; {used} of {most} connections are taken.")


def redis() -> Iterator[Finding]:
    """The store of limits, cache and, mostly, messages: whether it answers, and what it does when it is full."""
    yield from async_to_sync(_redis)(
        settings.REDIS_URL, keeps_messages=settings.CELERY_BROKER_URL == settings.REDIS_URL
    )


def broker() -> Iterator[Finding]:
    """What carries messages to workers, where that is not the same Redis."""
    if settings.CELERY_BROKER_URL == settings.REDIS_URL:
        yield ok("Redis carries the messages to the workers.")
    elif settings.CELERY_BROKER_URL.startswith("redis"):
        yield from async_to_sync(_redis)(settings.CELERY_BROKER_URL, keeps_messages=True)
    else:
        yield from async_to_sync(_greeted)()


def clocks() -> Iterator[Finding]:
    """Whether this machine, PostgreSQL and Redis agree on the time."""
    (theirs,) = row("SELECT clock_timestamp()")
    yield _compared("PostgreSQL", theirs)
    if (at := async_to_sync(_time_of_redis)()) is not None:
        yield _compared("Redis", at)


async def _redis(url: str, *, keeps_messages: bool) -> list[Finding]:
    try:
        async with asyncio.timeout(WAIT_SECONDS), Redis.from_url(url) as client:
            info = await client.info()
    except (RedisError, OSError, TimeoutError) as error:
        return [
            problem(
                f"Redis does not answer ({type(error).__name__}).",
                "Start it, or check REDIS_URL and CELERY_BROKER_URL.",
            )
        ]
    return list(_told(info, keeps_messages=keeps_messages))


def _told(info: dict[str, Any], *, keeps_messages: bool) -> Iterator[Finding]:
    server, used, most = info.get("redis_version", "?"), info["used_memory"], info.get("maxmemory", 0)
    if most and used > MOST_MEMORY_SHARE * most:
        yield warning(f"Redis uses {size(used)} of the {size(most)} it may.", "Raise maxmemory.")
    if keeps_messages and most and info.get("maxmemory_policy") != "noeviction":
        yield warning(
            f"Redis may drop messages when it is full (maxmemory-policy {info.get('maxmemory_policy')}).",
            "Set it to noeviction for the broker, or give the broker a Redis of its own. Dropped messages are sent again, late.",
        )
    yield ok(f"Redis {server} answers and uses {size(used)}.")


async def _greeted() -> list[Finding]:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await broker_health.broker()
    except (OSError, EOFError, TimeoutError) as error:
        advice = "Start it, or check CELERY_BROKER_URL. Background tasks wait meanwhile; none is lost."
        return [problem(f"The broker does not answer ({type(error).__name__}).", advice)]
    return [ok("The broker answers.")]


async def _time_of_redis() -> datetime | None:
    try:
        async with asyncio.timeout(WAIT_SECONDS), Redis.from_url(settings.REDIS_URL) as client:
            seconds, microseconds = await client.time()
    except (RedisError, OSError, TimeoutError):
        return None  # told by the check of Redis
    return datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)


def _compared(whose: str, theirs: datetime) -> Finding:
    skew = theirs.timestamp() - time.time()
    if abs(skew) <= MOST_SKEW_SECONDS:
        return ok(f"{whose}'s clock and this machine's agree.")
    return warning(
        f"{whose}'s clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's.",
        "Run an NTP client on both. Leases, deadlines and limits go by the stores' clocks, keys' expiry in processes by ours.",
    )
