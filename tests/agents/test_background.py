"""Tasks in the background: a 202, then a worker; and what the sweeper mends."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F
from django.db.models.functions import Now
from redis import Redis

from agents import lifecycle, sweeper
from agents.engine import events as e
from agents.engine.types import ToolCall, Usage
from agents.models import Event, Outbox, Task
from agents.tasks import run_task
from tests import outages
from tests.api import Persona
from tests.fixtures import Logs
from tests.scripted_model import ScriptedModel, tool_call
from tests.waiting import eventually

QUEUE = "ap:celery:agents"


def queued(persona: Persona, task: str = "Later, please.", **fields: Any) -> str:
    answer = persona.execute(task, async_execution=True, **fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


def test_it_promises_and_keeps(alice: Persona, model: ScriptedModel, worker: None) -> None:
    answer = alice.execute("Later, please.", async_execution=True)
    task = answer.json()
    assert answer.status_code == 202
    assert (task["status"], task["result"], task["started_at"]) == ("queued", None, None)
    assert answer.headers["location"] == f"/agent/status/{task['task_id']}"
    assert int(answer.headers["retry-after"]) >= 1
    ended = alice.ended(task["task_id"])
    assert (ended["status"], ended["result"]) == ("completed", "An answer to: Later, please.")
    assert not Outbox.objects.exists()


def test_a_long_poll_answers_when_the_task_ends(alice: Persona, model: ScriptedModel, worker: None) -> None:
    hold = model.holds("Done.")
    task_id = queued(alice)
    eventually(lambda: model.requests)
    assert alice.status(task_id, wait=0.2).json()["status"] == "running"
    hold.release()
    assert alice.status(task_id, wait=10).json()["status"] == "completed"


@pytest.mark.parametrize("wait", ["-1", "61", "soon"])
def test_a_long_poll_has_bounds(alice: Persona, wait: str) -> None:
    task_id = alice.execute().json()["task_id"]
    answer = alice.status(task_id, wait=wait)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "wait")


def test_its_events_can_be_followed(alice: Persona, model: ScriptedModel, worker: None) -> None:
    hold = model.holds("One two three.")
    with alice.events(queued(alice)) as stream:
        stream.until("step.started")
        hold.release()
        assert stream.text == "One two three."
        assert stream.names[-1] == "task.completed"


def test_the_journal_is_shown_on_request(alice: Persona, model: ScriptedModel, worker: None) -> None:
    model.answers(tool_call("calculator", expression="1+1"), "2")
    task_id = queued(alice, agent_type="analyst")
    alice.ended(task_id)
    steps = alice.status(task_id, include="steps").json()["steps"]
    assert [step["type"] for step in steps] == [
        "TaskAccepted", "AttemptStarted", "ModelCalled", "ModelAnswered", "ToolCalled", "ToolReturned",
        "ModelCalled", "ModelAnswered", "TaskEnded",
    ]  # fmt: skip
    assert [step["seq"] for step in steps] == list(range(1, 10))
    assert "steps" not in alice.status(task_id).json()


def test_a_cache_hit_is_completed_when_it_is_read(alice: Persona, model: ScriptedModel) -> None:
    alice.execute("The same.")
    answer = alice.execute("The same.", async_execution=True)
    assert (answer.status_code, answer.headers["x-cache"]) == (202, "hit")
    task = alice.status(answer.json()["task_id"]).json()
    assert (task["status"], task["cached"], task["cost_usd"]) == ("completed", True, "0")


def test_a_message_that_comes_twice_runs_once(alice: Persona, model: ScriptedModel) -> None:
    task_id = queued(alice)
    run_task(task_id)
    run_task(task_id)
    assert len(model.requests) == 1
    assert alice.status(task_id).json()["status"] == "completed"


def test_a_lost_message_is_published_again(alice: Persona, redis_server: Redis, request: pytest.FixtureRequest) -> None:
    task_id = queued(alice)
    announced(redis_server, 1)
    redis_server.flushall()
    Outbox.objects.update(publish_at=Now())
    assert sweeper.sweep()["republished"] == 1
    request.getfixturevalue("worker")
    assert alice.ended(task_id)["status"] == "completed"


def announced(redis_server: Redis, number: int) -> None:
    """Wait until so many messages are in the queue."""
    eventually(lambda: redis_server.llen(QUEUE) == number)


def test_a_long_queue_is_not_made_longer_by_reminders(alice: Persona, redis_server: Redis) -> None:
    for number in range(5):
        queued(alice, f"Number {number}.")
    announced(redis_server, 5)
    Outbox.objects.update(publish_at=Now())
    assert sweeper.sweep()["republished"] == 0
    assert redis_server.llen(QUEUE) == 5


def test_as_many_are_published_again_as_got_lost(alice: Persona, redis_server: Redis) -> None:
    for number in range(5):
        queued(alice, f"Number {number}.")
    announced(redis_server, 5)
    redis_server.ltrim(QUEUE, 0, 2)
    Outbox.objects.update(publish_at=Now())
    assert sweeper.sweep()["republished"] == 2
    assert redis_server.llen(QUEUE) == 5


def test_what_is_queued_again_is_published_however_long_the_queue(alice: Persona, redis_server: Redis) -> None:
    for number in range(3):
        queued(alice, f"Number {number}.")
    lost = queued(alice)
    announced(redis_server, 4)
    assert lifecycle.claim(UUID(lost))
    abandon(lost)
    swept = sweeper.sweep()
    assert (swept["taken_over"], swept["republished"]) == (1, 1)
    assert redis_server.llen(QUEUE) == 5


def test_it_is_accepted_while_redis_is_away(alice: Persona) -> None:
    with outages.redis_away():
        task_id = queued(alice)
        assert alice.status(task_id).json()["status"] == "queued"


def abandon(task_id: str) -> None:
    """As after a kill -9 of the process that ran it, half a minute ago."""
    Task.objects.filter(pk=task_id).update(lease_expires_at=Now() - timedelta(seconds=1))


def test_an_abandoned_task_goes_on_where_it_was(alice: Persona, model: ScriptedModel) -> None:
    task_id = queued(alice, "What is 2+2?", agent_type="analyst")
    claim = lifecycle.claim(UUID(task_id))
    assert claim is not None
    called = e.ModelCalled(run="0", step=1, purpose="answer", model="gpt-5-mini")
    calls = (ToolCall(id="c1", name="calculator", arguments='{"expression": "2+2"}'),)
    answered = e.ModelAnswered(
        run="0", step=1, purpose="answer", model="gpt-5-mini", text="", tool_calls=calls, usage=Usage(5, 5),
        cost_usd=Decimal("0.0005"),
    )  # fmt: skip
    lifecycle.append(claim.holder, [e.AttemptStarted(attempt=1), called, answered])
    abandon(task_id)
    assert sweeper.sweep()["taken_over"] == 1
    assert alice.status(task_id).json()["status"] == "queued"
    model.answers("Four.")
    run_task(task_id)
    ended = alice.status(task_id).json()
    assert ended["result"] == "Four."
    assert len(model.requests) == 1, "the recorded call is not made again"
    assert model.requests[0].messages[-1] == {"role": "tool", "content": "4", "tool_call_id": "c1"}
    assert ended["usage"]["model_calls"] == 2


def test_the_old_runner_can_write_nothing(alice: Persona) -> None:
    task_id = queued(alice)
    old = lifecycle.claim(UUID(task_id))
    assert old is not None
    abandon(task_id)
    sweeper.sweep()
    new = lifecycle.claim(UUID(task_id))
    assert new is not None
    with pytest.raises(lifecycle.LeaseLost):
        lifecycle.append(old.holder, [e.AttemptStarted(attempt=1)])
    lifecycle.append(new.holder, [e.AttemptStarted(attempt=2)])
    seqs = list(Event.objects.filter(task_id=task_id).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_third_lost_attempt_is_the_last(alice: Persona) -> None:
    task_id = queued(alice)
    for _ in range(lifecycle.MAX_LOSSES):
        assert lifecycle.claim(UUID(task_id))
        abandon(task_id)
        sweeper.sweep()
    task = alice.status(task_id).json()
    assert (task["status"], task["exit_reason"]) == ("failed", "attempts_exhausted")


def test_a_deadline_holds_with_no_worker_alive(alice: Persona) -> None:
    task_id = queued(alice, limits={"timeout_seconds": 1})
    assert lifecycle.claim(UUID(task_id))
    Task.objects.filter(pk=task_id).update(attempt_started_at=F("attempt_started_at") - timedelta(seconds=10))
    assert sweeper.sweep()["timed_out"] == 1
    assert alice.status(task_id).json()["exit_reason"] == "timed_out"


def test_waiting_in_the_queue_ends_after_a_day(alice: Persona) -> None:
    task_id = queued(alice)
    Task.objects.filter(pk=task_id).update(created_at=Now() - timedelta(hours=25))
    sweeper.sweep()
    assert alice.status(task_id).json()["exit_reason"] == "timed_out"
    assert not Outbox.objects.exists()


def test_what_a_lost_attempt_spent_is_told_when_the_task_is_cancelled(alice: Persona) -> None:
    task_id = queued(alice)
    claim = lifecycle.claim(UUID(task_id))
    assert claim is not None
    called = e.ModelCalled(run="0", step=1, purpose="answer", model="gpt-5-mini")
    calls = (ToolCall(id="c1", name="calculator", arguments="{}"),)
    answered = e.ModelAnswered(
        run="0", step=1, purpose="answer", model="gpt-5-mini", text="", tool_calls=calls, usage=Usage(5, 7),
        cost_usd=Decimal("0.0005"),
    )  # fmt: skip
    lifecycle.append(claim.holder, [e.AttemptStarted(attempt=1), called, answered])
    Task.objects.filter(pk=task_id).update(attempt_started_at=Now() - timedelta(seconds=3))
    abandon(task_id)
    sweeper.sweep()
    Task.objects.filter(pk=task_id).update(created_at=Now() - timedelta(hours=1))
    task = alice.post(f"/agent/cancel/{task_id}").json()
    assert task["status"] == "cancelled"
    assert (task["cost_usd"], task["usage"]["output_tokens"]) == ("0.0005", 7)
    assert 3 <= task["execution_time_seconds"] < 10, "waiting in the queue is not running"


def test_a_task_nobody_can_read_does_not_stop_the_mending_of_others(alice: Persona) -> None:
    unreadable, other = queued(alice, "One."), queued(alice, "Two.")
    for task_id in (unreadable, other):
        Task.objects.filter(pk=task_id).update(created_at=Now() - timedelta(hours=25))
    Event.objects.filter(task_id=unreadable).update(type="FromTheFuture")
    assert sweeper.sweep()["timed_out"] == 1
    assert alice.status(other).json()["exit_reason"] == "timed_out"
    assert Task.objects.get(pk=unreadable).status == "queued"


def test_a_reminder_that_cannot_be_sent_is_not_counted(alice: Persona, redis_server: Redis) -> None:
    queued(alice)
    announced(redis_server, 1)
    redis_server.delete(QUEUE)
    Outbox.objects.update(publish_at=Now())
    with outages.redis_away():
        assert sweeper.sweep()["republished"] == 0
    assert sweeper.sweep()["republished"] == 1


def test_an_answer_is_not_lost_while_the_database_restarts(
    alice: Persona, model: ScriptedModel, worker: None, logs: Logs
) -> None:
    hold = model.holds("Kept.")
    task_id = queued(alice)
    hold.reached()
    with outages.postgres_away():
        hold.release()
        eventually(lambda: logs.events("agent_task_write_postponed"))
    assert alice.ended(task_id)["result"] == "Kept."
    assert model.calls == 1


def test_a_write_that_may_have_been_committed_is_not_made_twice(alice: Persona) -> None:
    task_id = UUID(queued(alice))
    claim = lifecycle.claim(task_id)
    assert claim is not None
    started = [e.AttemptStarted(attempt=1), e.ModelCalled(run="0", step=1, purpose="answer", model="m")]
    again = replace(claim.holder, is_repeated=True)
    assert lifecycle.append(again, started) == 3, "nothing was committed yet"
    lifecycle.request_cancel(task_id, alice.client.pk, "client")
    assert lifecycle.append(again, started) == 3
    assert Event.objects.filter(task_id=task_id).count() == 4
    lifecycle.hand_over(replace(claim.holder, last_seq=3), [e.AttemptHandedOver(attempt=1)])
    assert lifecycle.claim(task_id)
    lifecycle.hand_over(replace(again, last_seq=3), [e.AttemptHandedOver(attempt=1)])
    assert not Outbox.objects.exists(), "another process has it already"
