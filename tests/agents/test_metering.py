"""What tasks take from their client's limits: tokens, tasks at once, the day."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db.models.functions import Now

from accounts import callers
from accounts.models import Tier
from agents import sweeper
from agents.models import Task
from tests.api import Persona
from tests.scripted_model import ScriptedModel, tool_call
from tests.waiting import eventually

Newcomer = Callable[..., Persona]


@pytest.fixture
def tier(database: object) -> Callable[..., str]:
    """A tier of its own with these limits; its slug."""

    def make(**fields: Any) -> str:
        return Tier.objects.create(slug="custom", name="Custom", **fields).slug

    return make


def left(persona: Persona, name: str) -> Any:
    """What the client has left of a limit."""
    return next(limit["remaining"] for limit in persona.get("/account").json()["limits"] if limit["name"] == name)


def test_so_many_tasks_at_once_and_no_more(newcomer: Newcomer, tier: Callable[..., str], model: ScriptedModel) -> None:
    dora = newcomer(tier=tier(concurrency=3))
    holds = [model.holds("Done.") for _ in range(3)]
    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(dora.execute, f"Task {number}.", cache="bypass") for number in range(10)]
        eventually(lambda: sum(future.done() for future in asked) == 7)
        refused = [future.result() for future in asked if future.done()]
        for hold in holds:
            hold.release()
        answers = [future.result() for future in asked]
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 7
    limit = refused[0].json()["limit"]
    assert limit == {"name": "concurrency", "limit": 3, "remaining": 0, "window_seconds": None, "reset_seconds": 1.0}
    assert refused[0].headers["RateLimit-Policy"] == '"concurrency";q=3;qu="concurrent-requests"'
    assert refused[0].headers["Retry-After"] == "1"
    assert "the next is allowed when one of them ends" in refused[0].json()["detail"]
    eventually(lambda: left(dora, "concurrency") == 3)


@pytest.mark.parametrize("how", ["completed", "failed", "cached", "cancelled"])
def test_a_slot_comes_back_however_the_task_ends(
    newcomer: Newcomer, tier: Callable[..., str], model: ScriptedModel, how: str
) -> None:
    dora = newcomer(tier=tier(concurrency=1, tokens_per_minute=20_000))
    match how:
        case "completed":
            assert dora.execute("Do it.").status_code == 200
        case "failed":
            model.fails(400)
            assert dora.execute("Do it.").status_code == 502
        case "cached":
            assert [dora.execute("Do it.").status_code for _ in range(2)] == [200, 200]
        case "cancelled":
            hold = model.holds("Late.")
            with dora.stream("Do it.", on_disconnect="cancel"):
                eventually(lambda: model.requests)
            hold.release()
    eventually(lambda: left(dora, "concurrency") == 1)
    assert dora.execute("Another.", cache="bypass").status_code == 200


def test_a_queued_task_has_a_slot_until_a_worker_ended_it(
    newcomer: Newcomer, tier: Callable[..., str], model: ScriptedModel, request: pytest.FixtureRequest
) -> None:
    dora = newcomer(tier=tier(concurrency=2))
    tasks = [dora.execute(f"Task {number}.", async_execution=True) for number in range(3)]
    assert [answer.status_code for answer in tasks] == [202, 202, 429]
    request.getfixturevalue("worker")
    for answer in tasks[:2]:
        assert dora.ended(answer.json()["task_id"])["status"] == "completed"
    eventually(lambda: left(dora, "concurrency") == 2)


def test_slots_of_waiting_tasks_are_renewed_and_others_lapse(
    newcomer: Newcomer, tier: Callable[..., str], redis_server: redis.Redis
) -> None:
    dora = newcomer(tier=tier(concurrency=2))
    waiting, gone = (dora.execute(f"Task {n}.", async_execution=True).json()["task_id"] for n in range(2))
    (slots,) = redis_server.keys("ap:limit:*:concurrency")
    for task_id in (waiting, gone):
        redis_server.zadd(slots, {task_id: time.time() * 1e6 + 2e6})  # about to lapse
    Task.objects.filter(pk=gone).update(status="cancelled", completed_at=Now())
    assert sweeper.sweep(sweeper.FORGETTING)["slots_held"] == 1
    eventually(lambda: left(dora, "concurrency") == 1)
    assert (redis_server.zscore(slots, waiting) or 0) > time.time() * 1e6 + 30e6


def test_cancelling_a_queued_task_gives_its_slot_back(newcomer: Newcomer, tier: Callable[..., str]) -> None:
    dora = newcomer(tier=tier(concurrency=1, tokens_per_minute=20_000))
    task_id = dora.execute("Wait.", async_execution=True).json()["task_id"]
    assert left(dora, "concurrency") == 0
    assert dora.post(f"/agent/cancel/{task_id}").json()["status"] == "cancelled"
    assert (left(dora, "concurrency"), left(dora, "tokens")) == (1, 20_000)


def test_tokens_are_reserved_at_their_worst_and_settled(
    newcomer: Newcomer, tier: Callable[..., str], model: ScriptedModel
) -> None:
    dora = newcomer(tier=tier(tokens_per_minute=20_000))
    hold = model.holds("One two three.")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(dora.execute, "Say it.", limits={"max_output_tokens": 1000})
        eventually(lambda: model.requests)
        reserved = 20_000 - left(dora, "tokens")
        hold.release()
        usage = asked.result().json()["usage"]
    assert reserved > 1000
    eventually(lambda: left(dora, "tokens") == 20_000 - usage["input_tokens"] - usage["output_tokens"])


def test_a_call_that_does_not_fit_now_is_refused_with_the_wait(
    newcomer: Newcomer, tier: Callable[..., str], model: ScriptedModel
) -> None:
    dora = newcomer(tier=tier(tokens_per_minute=4000, requests=100))
    hold = model.holds("Late.")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(dora.execute, "First.")
        eventually(lambda: model.requests)
        answer = dora.execute("Second.")
        hold.release()
        assert asked.result().status_code == 200
    limit = answer.json()["limit"]
    assert (answer.status_code, limit["name"], limit["limit"]) == (429, "tokens", 4000)
    assert 50 < limit["reset_seconds"] <= 60
    assert "this call may use up to" in answer.json()["detail"]
    assert left(dora, "requests") == 99, "the refused call consumed nothing"


def test_a_call_that_never_fits_says_what_would(newcomer: Newcomer, tier: Callable[..., str]) -> None:
    dora = newcomer(tier=tier(tokens_per_minute=1000))
    answer = dora.execute("Say it.")
    assert answer.status_code == 429
    assert "a shorter task, or a lower limits.max_output_tokens, would pass" in answer.json()["detail"]
    assert dora.execute("Say it.", limits={"max_output_tokens": 100}).status_code == 200


def test_later_calls_of_a_task_wait_for_their_tokens(
    newcomer: Newcomer, tier: Callable[..., str], model: ScriptedModel, redis_server: redis.Redis
) -> None:
    """The second call needs more than the first, which does not fit beside what another task has reserved meanwhile."""
    dora, most = newcomer(tier=tier(tokens_per_minute=100_000)), {"max_output_tokens": 100}

    def run(pool: ThreadPoolExecutor) -> tuple[list[Any], list[Any]]:
        holds, asked = [model.holds(tool_call("calculator", expression="2+2")), model.holds("Done.")], []
        for number, agent in enumerate(("analyst", "writer")):
            asked.append(pool.submit(dora.execute, "Do it.", agent_type=agent, cache="bypass", limits=most))
            eventually(lambda: len(model.requests) == number + 1)  # noqa: B023  # asked at once
        return holds, asked

    with ThreadPoolExecutor(2) as pool:
        holds, asked = run(pool)
        both = 100_000 - left(dora, "tokens")
        for hold in holds:
            hold.release()
        assert [future.result().status_code for future in asked] == [200, 200]
        Tier.objects.filter(slug="custom").update(tokens_per_minute=both + 5)
        redis_server.flushdb()
        callers.forget()
        model.reset()
        (mine, others), asked = run(pool)
        assert left(dora, "tokens") == 5
        mine.release()
        eventually(lambda: left(dora, "tokens") > 5)  # the first call is settled
        assert len(model.requests) == 2
        others.release()
        answers = [future.result().json() for future in asked]
    assert [answer["usage"]["model_calls"] for answer in answers] == [2, 1]
    assert len(model.requests) == 3


def test_a_later_call_that_never_fits_ends_the_task_with_the_reason(
    newcomer: Newcomer, tier: Callable[..., str], model: ScriptedModel
) -> None:
    dora = newcomer(tier=tier(tokens_per_minute=8000))
    model.answers(tool_call("calculator", expression="1" + "+1" * 4000), "Never asked.")
    answer = dora.execute("Do it.", agent_type="analyst", limits={"max_output_tokens": 100})
    assert (answer.status_code, answer.json()["code"]) == (502, "model_failed")
    assert "8000 per 60 s are allowed for tier custom" in answer.json()["detail"]
    assert len(model.requests) == 1


def test_requests_of_the_day(newcomer: Newcomer, tier: Callable[..., str]) -> None:
    dora = newcomer(tier=tier(daily_requests=2))
    assert [dora.execute("Say hello.").status_code for _ in range(3)] == [200, 200, 429]
    answer = dora.execute("Say hello.")
    limit = answer.json()["limit"]
    assert (limit["name"], limit["window_seconds"]) == ("daily_requests", 86_400)
    assert "2 requests a day (UTC) allowed for tier custom" in answer.json()["detail"]
    assert timedelta(seconds=limit["reset_seconds"]) <= timedelta(days=1)


def test_every_limit_has_its_place_in_the_headers(newcomer: Newcomer, tier: Callable[..., str]) -> None:
    slug = tier(requests=10, tokens_per_minute=20_000, concurrency=3, daily_requests=50)
    headers = newcomer(tier=slug).execute("Say hello.").headers
    assert headers["RateLimit-Policy"] == (
        '"requests";q=10;w=60, "tokens";q=20000;qu="tokens";w=60, "concurrency";q=3;qu="concurrent-requests", '
        '"daily_requests";q=50;w=86400'
    )
    assert headers["RateLimit"].startswith('"requests";r=9;t=60, "tokens";r=')
    assert headers["X-RateLimit-Limit"] == "10"
