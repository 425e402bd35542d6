"""Short and long tasks wait apart."""

from typing import Any

import pytest
from pytest_django import Settings
from redis import Redis

from tests.api import Persona
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

SHORT, LONG = "ap:celery:agents", "ap:celery:agents.long"
HOUR = {"timeout_seconds": 3600}


def queued(persona: Persona, task: str, **fields: Any) -> str:
    answer = persona.execute(task, async_execution=True, **fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


@pytest.mark.parametrize(("seconds", "queue"), [(300, SHORT), (301, LONG)])
def test_how_long_it_may_run_decides(alice: Persona, redis_server: Redis, seconds: int, queue: str) -> None:
    queued(alice, "Later.", limits={"timeout_seconds": seconds})
    eventually(lambda: redis_server.llen(queue) == 1)


def test_long_ones_keep_no_short_one_waiting(
    alice: Persona, redis_server: Redis, model: ScriptedModel, settings: Settings, request: pytest.FixtureRequest
) -> None:
    settings.WORKER_LONG_CONCURRENCY = 2
    holds = [model.holds("At last.") for _ in range(2)]
    long = [queued(alice, f"Long {number}.", limits=HOUR) for number in range(12)]
    eventually(lambda: redis_server.llen(LONG) == 12)
    request.getfixturevalue("worker")  # with 8 places
    for hold in holds:
        hold.reached()
    assert alice.ended(queued(alice, "Short."))["status"] == "completed"
    assert len(model.requests) == 3, "no third long task was begun"
    assert [alice.status(task_id).json()["status"] for task_id in long].count("queued") == 10
    for hold in holds:
        hold.release()
    assert {alice.ended(task_id)["status"] for task_id in long} == {"completed"}
    assert len(model.requests) == 13
