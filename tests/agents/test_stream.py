"""Streamed tasks, and following a task's events."""

import asyncio
import json
import time
from typing import Any

import pytest
from django.db.models.functions import Now
from redis import Redis

from accounts import callers
from accounts.models import ApiKey
from agentplatform.asgi import application
from agents import running, sse
from agents.engine.events import TaskEnded
from agents.models import Event
from tests import outages
from tests.accounts.loops import run
from tests.api import Persona, ServerEvent, Stream
from tests.fixtures import Logs
from tests.scripted_model import ScriptedModel, cut, text, tool_call
from tests.waiting import eventually


def numbers(events: list[ServerEvent]) -> list[tuple[int, ...]]:
    return [tuple(map(int, event.id.split("-"))) for event in events]


def test_it_streams_the_text_as_it_comes(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds(text("Bonjour le monde", chunks=["Bon", "jour ", "le monde"]))
    with alice.stream("Greet me.") as stream:
        stream.until("step.started")
        hold.release()
        assert stream.names == ["text.delta", "text.delta", "text.delta", "task.completed"]
        assert stream.text == stream.events[-1].data["task"]["result"] == "Bonjour le monde"
        assert stream.events[-1].data["task"]["status"] == "completed"
        assert stream.response.headers["content-type"] == "text/event-stream"
    assert model.requests[0].is_streamed


def test_the_accept_header_asks_for_a_stream_too(alice: Persona) -> None:
    answer = alice.execute("Greet me.", headers={"Accept": "text/event-stream"})
    assert answer.headers["content-type"] == "text/event-stream"
    assert "event: task.completed" in answer.text


def test_the_first_piece_comes_before_the_model_is_done(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds(text("one two"))
    with alice.stream("Count.") as stream:
        assert stream.until("step.started").data["step"] == 1
        hold.release()
        assert stream.names[-1] == "task.completed"


def test_every_event_says_whose_it_is(alice: Persona, model: ScriptedModel) -> None:
    model.answers(tool_call("calculator", expression="2+2"), "Four.")
    with alice.stream("What is 2+2?", agent_type="analyst") as stream:
        events = stream.events
    assert {event.data["agent"] for event in events} == {"analyst"}
    assert len({event.data["task_id"] for event in events}) == 1
    assert [event.name for event in events] == [
        "task.started", "step.started", "tool.called", "tool.returned", "step.started", "text.delta", "task.completed",
    ]  # fmt: skip
    called, returned = events[2].data, events[3].data
    assert (called["tool"], json.loads(called["arguments"])) == ("calculator", {"expression": "2+2"})
    assert (returned["output"], returned["is_error"]) == ("4", False)
    assert numbers(events) == sorted(numbers(events))


def test_delegates_are_announced(alice: Persona, model: ScriptedModel) -> None:
    model.when("Plan how to answer", '["What is it?", "Who made it?"]')
    with alice.stream("Tell me.", agent_type="research") as stream:
        names = stream.names
    assert names.count("delegate.started") == names.count("delegate.finished") == 2
    assert names.index("delegate.finished") < names.index("task.completed")


def last_step(stream: Stream) -> str:
    """What a client has after voiding the deltas of earlier steps and of steps made again."""
    kept = ""
    for event in stream.events:
        if event.name in ("step.started", "step.restarted") and event.data["run"] == "0":
            kept = ""
        elif event.name == "text.delta":
            kept += event.data["text"]
    return kept


def test_a_step_made_again_voids_its_deltas(alice: Persona, model: ScriptedModel) -> None:
    model.answers(cut("This breaks off", after=2), "This is whole.")
    with alice.stream("Tell me.") as stream:
        assert "step.restarted" in stream.names
        assert last_step(stream) == stream.events[-1].data["task"]["result"] == "This is whole."


def test_a_repair_voids_the_deltas_as_well(alice: Persona, model: ScriptedModel) -> None:
    model.answers("nonsense", {"n": 1})
    with alice.stream("Count.", output_schema={"type": "object", "required": ["n"]}) as stream:
        assert stream.names.count("step.restarted") == 1
        assert json.loads(last_step(stream)) == stream.events[-1].data["task"]["result"] == {"n": 1}


def test_a_failure_is_the_last_event(alice: Persona, model: ScriptedModel) -> None:
    model.fails(400)
    with alice.stream("Tell me.") as stream:
        last = stream.events[-1]
    assert last.name == "task.failed"
    assert last.data["task"]["error"] == {"code": "model_failed", "message": "The model provider answered 400."}


def test_a_cache_hit_is_one_delta(alice: Persona, model: ScriptedModel) -> None:
    alice.execute("Say hello.")
    with alice.stream("Say hello.") as stream:
        assert stream.names == ["task.started", "text.delta", "task.completed"]
        assert stream.text == stream.events[-1].data["task"]["result"]
        assert stream.response.headers["x-cache"] == "hit"


def test_events_can_be_read_after_the_run(alice: Persona, model: ScriptedModel) -> None:
    model.answers(tool_call("calculator", expression="2+2"), "It is four.")
    with alice.stream("What is 2+2?", agent_type="analyst") as stream:
        live = stream.events
    with alice.events(live[0].data["task_id"]) as later:
        told = later.events
    assert [event.name for event in told if event.name != "text.delta"] == [
        event.name for event in live if event.name != "text.delta"
    ]
    assert "".join(event.data["text"] for event in told if event.name == "text.delta") == "It is four."


@pytest.mark.parametrize("is_redis_lost", [False, True])
def test_a_stream_resumes_after_any_event(
    alice: Persona, model: ScriptedModel, redis_server: Redis, is_redis_lost: bool
) -> None:
    model.answers(tool_call("calculator", expression="2+2"), text("It is four.", chunks=list("It is four.")))
    with alice.stream("What is 2+2?", agent_type="analyst") as stream:
        live = stream.events
    if is_redis_lost:
        redis_server.flushall()
    for index, seen in enumerate(live[:-1]):
        with alice.events(live[0].data["task_id"], last_event_id=seen.id) as resumed:
            rest = resumed.events
        whole = [*live[: index + 1], *rest]
        assert [event.name for event in whole if event.name != "text.delta"] == [
            event.name for event in live if event.name != "text.delta"
        ]
        assert "".join(event.data["text"] for event in whole if event.name == "text.delta") == "It is four."


def test_a_late_follower_gets_the_text_so_far(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds(text("All of it.", chunks=["All ", "of ", "it."]))
    with alice.stream("Tell me.") as first:
        task_id = first.until("task.started").data["task_id"]
        with alice.events(task_id) as second:
            second.until("step.started")
            hold.release()
            assert second.text == "All of it."
        assert first.text == "All of it."


def test_a_hole_in_the_text_that_redis_keeps_is_never_told(
    alice: Persona, model: ScriptedModel, redis_server: Redis, worker: None
) -> None:
    hold = model.holds(text("AAABBBCCC", chunks=["AAA", "BBB", "CCC"]))
    task_id = alice.execute("Tell me.", async_execution=True).json()["task_id"]
    eventually(lambda: model.requests)
    call_seq = 3
    kept = f"ap:text:{task_id}:{call_seq}"
    redis_server.hset(kept, mapping={"0": "AAA", "6": "CCC"})
    with alice.events(task_id) as stream:
        stream.until("step.started")
        assert stream.until("text.delta").data["text"] == "AAA"
        hold.release()
        assert "AAA" + stream.text == "AAABBBCCC"


def test_it_streams_without_redis(alice: Persona, model: ScriptedModel) -> None:
    with outages.redis_away(), alice.stream("Tell me.") as stream:
        assert stream.names[-1] == "task.completed"
        assert stream.text == "An answer to: Tell me."


@pytest.mark.parametrize("event_id", ["nonsense", "1", "1-", "-1-2", "1-2-3", "9" * 30 + "-1", "1.5-2"])
def test_nonsense_for_an_event_id_is_refused(alice: Persona, event_id: str) -> None:
    task_id = alice.execute().json()["task_id"]
    answer = alice.get(f"/agent/events/{task_id}", headers={"Last-Event-ID": event_id})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Last-Event-ID"


def test_the_event_id_of_another_task_is_refused(alice: Persona) -> None:
    task_id = alice.execute().json()["task_id"]
    answers = [
        alice.get(f"/agent/events/{task_id}", headers={"Last-Event-ID": event_id})
        for event_id in ("5-1", "6-0", "999999999-0")
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 400]
    answer = answers[-1]
    assert "no event of this task, which has 5 so far" in answer.json()["errors"][0]["message"]


def test_a_client_that_leaves_does_not_stop_the_task(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds("Still done.")
    with alice.stream("Tell me.") as stream:
        task_id = stream.until("step.started").data["task_id"]
    hold.release()
    assert alice.ended(task_id)["result"] == "Still done."


def test_unless_it_said_so(alice: Persona, model: ScriptedModel) -> None:
    model.holds("Never read.")
    with alice.stream("Tell me.", on_disconnect="cancel") as stream:
        task_id = stream.until("step.started").data["task_id"]
    assert alice.ended(task_id)["status"] == "cancelled"
    assert model.requests[0].was_abandoned()


@pytest.mark.parametrize("at", ["http.response.start", "http.response.body"])
def test_a_connection_lost_while_something_is_sent_counts_too(alice: Persona, model: ScriptedModel, at: str) -> None:
    model.holds("Never read.")
    run(_lost(at, alice.key, {"task": "Tell me.", "stream": True, "on_disconnect": "cancel"}))
    (task,) = alice.get("/agent/tasks").json()["tasks"]
    assert task["status"] == "cancelled"


async def _lost(at: str, key: str, body: dict[str, Any]) -> None:
    """A request whose client is gone when the first such message is to be sent, as the server tells the application."""
    gone, messages = asyncio.Event(), [{"type": "http.request", "body": json.dumps(body).encode()}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == at:
            gone.set()
            await asyncio.Event().wait()

    headers = [
        (b"authorization", f"Bearer {key}".encode()),
        (b"content-type", b"application/json"),
        (b"host", b"localhost"),
    ]
    path = "/agent/execute"
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await application(scope, receive, send)
    await running.all_left()


def test_a_revoked_key_hears_no_more_and_the_task_goes_on(
    alice: Persona, bob: Persona, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "RECHECK_SECONDS", 0.0)
    held = model.holds(text("One two three", chunks=["One ", "two ", "three"]), after=1)
    with alice.stream("Count.") as stream:
        task_id = stream.until("text.delta").data["task_id"]
        ApiKey.objects.filter(pk=alice.api_key.pk).update(revoked_at=Now())
        callers.forget()  # as after 4 s
        held.release()
        assert stream.names == []
    assert alice.get(f"/agent/events/{task_id}").status_code == 401
    assert bob.ended(task_id)["result"] == "One two three"


def test_a_revoked_key_is_cut_off_while_the_stream_is_silent(alice: Persona, model: ScriptedModel) -> None:
    held = model.holds()
    with alice.stream("Count.") as stream:
        stream.until("step.started")
        ApiKey.objects.filter(pk=alice.api_key.pk).update(revoked_at=Now())
        callers.forget()
        revoked = time.monotonic()
        assert stream.names == []
        assert time.monotonic() - revoked < 8, "a comment against idle timeouts would have ended it after 15 s"
    held.release()


def test_the_journal_ends_once(alice: Persona) -> None:
    with alice.stream() as stream:
        task_id = stream.events[-1].data["task_id"]
    events = Event.objects.filter(task_id=task_id).order_by("seq")
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events].count(TaskEnded.__name__) == 1
    assert eventually(lambda: alice.status(task_id).json()["status"]) == "completed"


def test_no_text_is_lost_while_the_database_is_away(alice: Persona, model: ScriptedModel, logs: Logs) -> None:
    hold = model.holds("One two.", after=1)
    with alice.stream("Count.") as stream:
        first = stream.until("text.delta")
        with outages.postgres_away():
            hold.release()
            eventually(lambda: logs.events("agent_task_write_postponed"))
    with alice.events(first.data["task_id"], last_event_id=first.id) as rest:
        assert first.data["text"] + rest.text == "One two."
        assert rest.names[-1] == "task.completed"
    assert not logs.events("internal_error")
