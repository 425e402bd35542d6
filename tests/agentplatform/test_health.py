import asyncio
import time
from collections.abc import Callable

import pytest
from django.db import connection
from pytest_django import Settings

from agentplatform import __version__, health
from tests.api import Api
from tests.outages import postgres_away, redis_away
from tests.waiting import eventually

calls = 0


async def well() -> str:
    global calls
    calls += 1
    return "ok"


async def hanging() -> str:
    await asyncio.sleep(30)
    return "ok"


async def broken() -> str:
    raise ZeroDivisionError


WELL, HANGING, BROKEN = (f"{__name__}.{check.__name__}" for check in (well, hanging, broken))


@pytest.fixture
def checks(settings: Settings) -> Callable[..., None]:
    """Have these checks and no others."""

    def set_checks(**paths: str) -> None:
        settings.HEALTH_CHECKS = paths
        health._kept.clear()

    return set_checks


def test_it_names_each_part(api: Api) -> None:
    answer = api.get("/health")
    body = answer.json()
    assert answer.status_code == 200
    assert body["version"] == __version__
    assert body["timestamp"].endswith("Z")
    assert body["checks"].keys() == {"database", "redis", "orchestrator", "worker"}
    assert body["checks"].items() >= {"database": "ok", "redis": "ok"}.items()


def test_it_is_healthy_when_all_is_well(api: Api, checks: Callable[..., None]) -> None:
    checks(database=WELL, redis=WELL)
    assert api.get("/health").json()["status"] == "healthy"


@pytest.mark.parametrize("trouble", [HANGING, BROKEN])
def test_it_is_degraded_when_another_part_fails(api: Api, checks: Callable[..., None], trouble: str) -> None:
    checks(database=WELL, worker=trouble)
    answer = api.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["checks"]["worker"] == "unreachable"


@pytest.mark.parametrize("trouble", [HANGING, BROKEN])
def test_it_is_unhealthy_when_the_database_fails(api: Api, checks: Callable[..., None], trouble: str) -> None:
    checks(database=trouble, redis=WELL)
    answer = api.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unhealthy"


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_it_answers_within_a_second_whatever_hangs(api: Api, checks: Callable[..., None], path: str) -> None:
    checks(database=HANGING, redis=HANGING, worker=HANGING)
    began = time.monotonic()
    assert api.get(path).status_code == 503
    assert time.monotonic() - began < 1.2


def test_a_flood_of_probes_asks_once_a_second(api: Api, checks: Callable[..., None]) -> None:
    global calls
    checks(database=WELL)
    calls = 0
    began = time.monotonic()
    for _ in range(20):
        api.get("/health/ready")
    assert calls <= 1 + (time.monotonic() - began) / health.KEPT_SECONDS


def test_it_notices_that_postgresql_is_away_and_back(api: Api) -> None:
    assert api.get("/health/ready").json() == {"status": "ready"}
    with postgres_away():
        health._kept.clear()
        assert api.get("/health/ready").status_code == 503
        assert api.get("/health").json()["status"] == "unhealthy"
    health._kept.clear()
    assert api.get("/health/ready").status_code == 200


def test_it_notices_that_redis_is_away_and_back(api: Api) -> None:
    with redis_away():
        health._kept.clear()
        answer = api.get("/health")
        assert answer.status_code == 200
        assert answer.json()["status"] == "degraded"
        assert answer.json()["checks"]["redis"] == "unreachable"
        assert api.get("/health/ready").status_code == 200
    eventually(lambda: api.get("/health").json()["checks"]["redis"] == "ok")


def test_a_schema_older_than_the_code_is_unhealthy(api: Api) -> None:
    health._kept.clear()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET name = 'gone' WHERE app = 'sessions'")
        try:
            answer = api.get("/health")
        finally:
            cursor.execute("UPDATE django_migrations SET name = '0001_initial' WHERE app = 'sessions'")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "migrations_pending"


def test_liveness_touches_nothing(api: Api) -> None:
    with postgres_away(), redis_away():
        answer = api.get("/health/live")
        assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
