"""What /health says of the model provider, the workers, and tasks by state."""

from collections.abc import Callable

from django.core.management import call_command

from agents import presence
from tests import outages
from tests.api import Api, Persona
from tests.waiting import eventually


def test_it_misses_a_worker(api: Api) -> None:
    health = api.get("/health").json()
    assert health["checks"]["worker"] == "no_worker"
    assert health["status"] == "degraded"


def test_it_sees_a_worker(api: Api) -> None:
    presence.say("worker")
    health = api.get("/health").json()
    assert health["checks"] == {"database": "ok", "redis": "ok", "orchestrator": "ok", "worker": "ok"}
    assert health["status"] == "healthy"


def test_a_sweeper_is_no_worker(api: Api) -> None:
    call_command("runsweeper", once=True)
    assert presence.is_any("sweeper")
    assert api.get("/health").json()["checks"]["worker"] == "no_worker"


def test_without_redis_it_is_degraded_and_serves(alice: Persona) -> None:
    with outages.redis_away():
        assert alice.execute().status_code == 200
        health = alice.get("/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert health.json()["checks"]["redis"] == "unreachable"
    assert health.json()["checks"]["limits"] == "fallback"
    eventually(lambda: "limits" not in alice.get("/health").json()["checks"])


def test_tasks_are_counted_by_state(alice: Persona, counted: Callable[..., float]) -> None:
    alice.execute()
    alice.execute("Later.", async_execution=True)
    assert alice.get("/metrics").text.count("agent_tasks{") >= 2
