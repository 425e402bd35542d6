"""Tasks that meet in one conversation: they run one after the other, in the order of their acceptance."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db.models.functions import Now

from agents import draining, lifecycle, sweeper
from agents.conversations.models import Place
from agents.models import Event, Outbox, Task
from agents.tasks import run_task
from tests.agents.conversations.conftest import TALK, begun, queued, said
from tests.api import FINAL, Persona
from tests.scripted_model import ScriptedModel, failure
from tests.waiting import eventually


def test_a_second_request_waits_and_then_knows_the_first(
    alice: Persona, model: ScriptedModel, pool: ThreadPoolExecutor
) -> None:
    hold = model.holds("One.")
    first = begun(pool, alice, "First.")
    hold.reached()
    second = begun(pool, alice, "Second.")
    assert sorted(Task.objects.values_list("status", flat=True)) == ["queued", "running"]
    hold.release()
    assert first.result().json()["result"] == "One."
    assert (second.result().status_code, second.result().json()["result"]) == (200, "An answer to: Second.")
    assert said(TALK) == ["First.", "One.", "Second.", "An answer to: Second."]
    assert [message["content"] for message in model.requests[1].messages[1:]] == ["First.", "One.", "Second."]
    assert not Place.objects.exists()
    assert not Outbox.objects.exists()


def test_a_stream_waits_as_well(alice: Persona, model: ScriptedModel, pool: ThreadPoolExecutor) -> None:
    hold = model.holds("One.")
    begun(pool, alice, "First.")
    hold.reached()
    with alice.stream("Second.", conversation_id=TALK) as stream:
        hold.release()
        assert stream.text == "An answer to: Second."
        assert stream.names[-1] == "task.completed"
    assert said(TALK)[2:] == ["Second.", "An answer to: Second."]


@pytest.mark.timeout(120)
def test_of_many_at_once_exactly_one_runs(
    alice: Persona, bob: Persona, model: ScriptedModel, pool: ThreadPoolExecutor, worker: None
) -> None:
    """In the request, streamed and by a worker: each must know all turns of those before it, and no others."""
    forms: list[dict[str, Any]] = [{}, {"stream": True}, {"async_execution": True}]
    asked = [
        pool.submit((alice, bob)[number % 2].execute, f"No. {number}.", conversation_id=TALK, **forms[number % 3])
        for number in range(12)
    ]
    assert {request.result().status_code for request in asked} == {200, 202}
    eventually(lambda: Task.objects.filter(status="completed").count() == 12, within=60)
    turns = said(TALK)
    assert turns[1::2] == [f"An answer to: {each}" for each in turns[::2]], "turns alternate"
    assert sorted(turns[::2]) == sorted(f"No. {number}." for number in range(12)), "each is there once"
    known = sorted(len(request.messages) for request in model.requests)
    assert known == [2 + 2 * before for before in range(12)]
    assert not Place.objects.exists()


def test_what_waits_is_nowhere_a_worker_or_the_sweeper_looks(alice: Persona, model: ScriptedModel) -> None:
    first, second, third = (queued(alice, f"No. {number}.") for number in range(3))
    assert [str(row.task_id) for row in Outbox.objects.all()] == [first]
    Outbox.objects.update(publish_at=Now())
    sweeper.sweep()
    run_task(second)
    assert model.calls == 0, "a message that comes too early does nothing"
    run_task(first)
    assert [str(row.task_id) for row in Outbox.objects.all()] == [second], "its turn came as the first one ended"
    run_task(third)
    run_task(second)
    run_task(third)
    assert said(TALK)[::2] == ["No. 0.", "No. 1.", "No. 2."]


def test_a_worker_takes_them_in_the_order_of_their_acceptance(
    alice: Persona, model: ScriptedModel, worker: None
) -> None:
    for task_id in [queued(alice, f"No. {number}.") for number in range(6)]:
        assert alice.ended(task_id)["status"] == "completed"
    assert said(TALK)[::2] == [f"No. {number}." for number in range(6)]


def test_other_conversations_do_not_wait(alice: Persona, model: ScriptedModel, pool: ThreadPoolExecutor) -> None:
    hold = model.holds("One.")
    begun(pool, alice, "First.")
    hold.reached()
    assert alice.execute("Elsewhere.", conversation_id=str(uuid4())).status_code == 200
    assert alice.execute("Nowhere.").status_code == 200
    hold.release()


@pytest.mark.parametrize("end", ["cancel", "fail", "time out"])
def test_whatever_ends_the_first_the_next_one_runs(
    alice: Persona, model: ScriptedModel, pool: ThreadPoolExecutor, end: str
) -> None:
    hold = model.holds(failure(400))
    first = begun(pool, alice, "First.", limits={"timeout_seconds": 2})
    hold.reached()
    second = begun(pool, alice, "Second.")
    if end == "cancel":
        running = Task.objects.get(status="running")
        alice.post(f"/agent/cancel/{running.pk}")
    elif end == "fail":
        hold.release()
    assert first.result().json()
    assert second.result().json()["status"] == "completed"


def test_one_that_waits_can_be_cancelled(alice: Persona, model: ScriptedModel) -> None:
    first, second, third = (queued(alice, f"No. {number}.") for number in range(3))
    assert alice.post(f"/agent/cancel/{second}").json()["status"] == "cancelled"
    run_task(first)
    run_task(third)
    assert said(TALK)[::2] == ["No. 0.", "No. 2."]


def test_the_first_can_be_cancelled_before_it_runs(alice: Persona, model: ScriptedModel) -> None:
    first, second = (queued(alice, f"No. {number}.") for number in range(2))
    alice.post(f"/agent/cancel/{first}")
    assert [str(row.task_id) for row in Outbox.objects.all()] == [second]
    run_task(second)
    assert said(TALK)[::2] == ["No. 1."]


def test_the_first_may_lose_its_process(alice: Persona, model: ScriptedModel) -> None:
    """Killed after it claimed, then again after the model's answer was written: what was said is there once."""
    first, second = (queued(alice, f"No. {number}.") for number in range(2))
    for _ in range(2):
        assert lifecycle.claim(UUID(first)) is not None
        assert lifecycle.claim(UUID(second)) is None
        Task.objects.filter(pk=first).update(lease_expires_at=Now() - timedelta(seconds=1))
        assert sweeper.take_over() == 1
        run_task(second)
    run_task(first)
    run_task(second)
    assert said(TALK) == ["No. 0.", "An answer to: No. 0.", "No. 1.", "An answer to: No. 1."]


def test_a_task_taken_over_knows_what_it_knew(alice: Persona, model: ScriptedModel) -> None:
    alice.execute("Before.", conversation_id=TALK)
    task_id = queued(alice, "Go on.")
    hold = model.holds("Never read.")
    runner = threading.Thread(target=run_task, args=(task_id,))
    runner.start()
    hold.reached()
    draining.begin()
    runner.join(20)
    draining.forget()
    run_task(task_id)
    read = Event.objects.filter(task_id=task_id, type="ConversationRead")
    assert read.count() == 1, "it was read once"
    assert [len(request.messages) for request in model.requests] == [2, 4, 4]
    assert said(TALK)[2:] == ["Go on.", "An answer to: Go on."]


def test_a_deadline_in_the_queue_lets_the_next_one_run(alice: Persona, model: ScriptedModel) -> None:
    first, second = (queued(alice, f"No. {number}.") for number in range(2))
    Task.objects.filter(pk=first).update(created_at=Now() - timedelta(hours=25))
    assert sweeper.time_out() == 1
    run_task(second)
    assert said(TALK)[::2] == ["No. 1."]


def test_a_request_waits_no_longer_than_its_task_may_run(
    alice: Persona, model: ScriptedModel, pool: ThreadPoolExecutor
) -> None:
    hold = model.holds("One.")
    first = begun(pool, alice, "First.")
    hold.reached()
    answer = alice.execute("Second.", conversation_id=TALK, limits={"timeout_seconds": 1})
    task = answer.json()
    assert (answer.status_code, task["status"]) == (202, "queued")
    assert answer.headers["location"] == f"/agent/status/{task['task_id']}"
    hold.release()
    first.result()
    assert Outbox.objects.filter(task_id=task["task_id"]).exists(), "a worker runs it instead"
    run_task(task["task_id"])
    assert alice.status(task["task_id"]).json()["status"] == "completed"


def test_a_process_that_stops_leaves_the_wait_to_a_worker(
    alice: Persona, model: ScriptedModel, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "STEP_SECONDS", 0.3)
    monkeypatch.setattr(draining, "FOLLOW_SECONDS", 0.6)
    hold = model.holds("One.")
    first = begun(pool, alice, "First.")
    hold.reached()
    second = begun(pool, alice, "Second.")
    draining.begin()
    tasks = [request.result().json() for request in (first, second)]
    draining.forget()
    assert [task["status"] for task in tasks] == ["queued", "queued"]
    for task in tasks:
        run_task(task["task_id"])
    assert said(TALK)[::2] == ["First.", "Second."]


def test_a_repeated_request_is_one_task_in_line(alice: Persona, model: ScriptedModel, pool: ThreadPoolExecutor) -> None:
    hold = model.holds("One.")
    first = begun(pool, alice, "First.")
    hold.reached()
    second = begun(pool, alice, "Second.", headers={"Idempotency-Key": "second"})
    again = pool.submit(alice.execute, "Second.", conversation_id=TALK, headers={"Idempotency-Key": "second"})
    assert Place.objects.count() == 2
    hold.release()
    assert first.result().json()["result"] == "One."
    assert second.result().json()["task_id"] == again.result().json()["task_id"]
    assert len(said(TALK)) == 4


def test_while_it_waits_no_connection_to_the_database_is_held(
    alice: Persona, model: ScriptedModel, pool: ThreadPoolExecutor
) -> None:
    """More requests wait than there are database threads, and others are served all the same."""
    hold = model.holds("One.")
    waiting = [begun(pool, alice, "First.")]
    hold.reached()
    waiting += [begun(pool, alice, f"No. {number}.") for number in range(12)]
    assert alice.execute("Elsewhere.").status_code == 200
    hold.release()
    assert [request.result().json()["status"] for request in waiting] == ["completed"] * 13
    assert said(TALK)[::2] == ["First.", *(f"No. {number}." for number in range(12))]


def test_all_tasks_end_in_the_end(alice: Persona, model: ScriptedModel, worker: None) -> None:
    ids = [queued(alice, f"No. {number}.", limits={"timeout_seconds": 5}) for number in range(4)]
    alice.post(f"/agent/cancel/{ids[1]}")
    assert all(alice.ended(task_id)["status"] in FINAL for task_id in ids)
