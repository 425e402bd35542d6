"""Streams of the Python client, in both its halves: each event once and in order, whatever becomes of the connection."""

import json
from itertools import pairwise
from typing import Any

import httpx2
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import callers
from agentplatform_client import (
    Agentplatform,
    ConnectionFailed,
    DeadlinePassed,
    DelegateDelta,
    DelegateFinished,
    DelegateStarted,
    Event,
    NotFound,
    Retry,
    StepRestarted,
    StepStarted,
    StreamInterrupted,
    TaskEnded,
    TaskFailed,
    TaskStarted,
    TaskStream,
    TextDelta,
    ToolCalled,
    ToolReturned,
    Unauthorized,
    UnexpectedAnswer,
    _requests,
)
from agentplatform_client._reading import Reading
from agents import draining
from agents.tasks import run_task
from tests.api import Persona
from tests.clients.conftest import Connect
from tests.clients.proxies import Cutter
from tests.scripted_model import ScriptedModel, cut, text, tool_call
from tests.waiting import eventually

POEM = ["Rain taps ", "on the roof, ", "a slow drum ", "for drowsy thoughts. ", "Ünd ", "🌧 so on."]


def place(event: Event) -> tuple[int, ...]:
    return place_of(event.id)


def place_of(event_id: str) -> tuple[int, ...]:
    return tuple(map(int, event_id.split("-")))


def until(stream: TaskStream, kind: type[Event]) -> Event:
    return next(event for event in stream if isinstance(event, kind))


def test_it_gives_typed_events_and_the_text(platform: Agentplatform, model: ScriptedModel) -> None:
    model.answers(text("".join(POEM), chunks=POEM))
    with platform.stream("Write about rain.", agent_type="writer") as stream:
        assert stream.task_id is None
        events = list(stream)
    assert [type(event) for event in events[:2]] == [TaskStarted, StepStarted]
    assert {type(event) for event in events[2:-1]} == {TextDelta}
    assert isinstance(events[-1], TaskEnded)
    assert {event.agent for event in events} == {"writer"}
    assert all(place(earlier) < place(later) for earlier, later in pairwise(events))
    assert stream.task is not None
    assert stream.text == stream.task.result == "".join(POEM)
    assert stream.task_id == stream.task.task_id


def test_tools_and_other_agents_are_told_of(platform: Agentplatform, model: ScriptedModel) -> None:
    model.answers(tool_call("calculator", expression="6*7"), "It is 42.")
    events = list(platform.stream("What is six times seven?", agent_type="analyst"))
    called = next(event for event in events if isinstance(event, ToolCalled))
    returned = next(event for event in events if isinstance(event, ToolReturned))
    assert (called.tool, called.arguments) == ("calculator", '{"expression": "6*7"}')
    assert (returned.call_id, returned.is_error) == (called.call_id, False)

    model.when("Plan how to answer", '["When?", "Where?"]')
    model.when("Notes:", "In Geneva, in 1989.")
    with platform.stream("Look into the Web.", agent_type="research") as stream:
        events = list(stream)
    told = [(type(event), event.delegate) for event in events if isinstance(event, DelegateStarted | DelegateFinished)]
    assert sorted(told, key=str) == [(DelegateFinished, "general")] * 2 + [(DelegateStarted, "general")] * 2
    assert stream.text == "In Geneva, in 1989."


def test_what_delegates_write_is_told_to_who_asks(platform: Agentplatform, model: ScriptedModel) -> None:
    model.when("Plan how to answer", '["What is it?", "Who made it?"]')
    written: dict[str, str] = {}
    outputs: dict[str, str] = {}
    with platform.stream("Tell me.", agent_type="research", include_delegates=True, cache="bypass") as stream:
        for event in stream:
            if isinstance(event, DelegateDelta):
                written[event.run] = written.get(event.run, "") + event.text
            if isinstance(event, DelegateFinished):
                outputs[event.child] = event.output
    assert len(outputs) == 2
    assert written == outputs
    with platform.stream("Tell me.", agent_type="research", cache="bypass") as stream:
        assert not any(isinstance(event, DelegateDelta) for event in stream)


def test_a_step_made_again_makes_its_text_void(platform: Agentplatform, model: ScriptedModel) -> None:
    held = model.holds(cut("Never mind this text", after=2), after=1)
    model.answers("The real one.")
    with platform.stream("Tell me.") as stream:
        until(stream, TextDelta)
        assert stream.text.startswith("Never")
        held.release()
        seen = [(type(event), stream.text) for event in stream]
    assert (StepRestarted, "") in seen
    assert stream.text == "The real one."


def test_it_is_read_to_its_end_at_once(platform: Agentplatform, model: ScriptedModel) -> None:
    model.answers("Yes.")
    assert platform.stream("Is it?").until_done().result == "Yes."
    model.when(".", {"no": "year"})
    with pytest.raises(TaskFailed):
        platform.stream("When?", output_schema={"type": "object", "required": ["year"]}).until_done()


def test_a_task_is_followed_from_any_place_and_long_after_its_end(
    platform: Agentplatform, model: ScriptedModel
) -> None:
    model.answers(text("".join(POEM), chunks=POEM))
    task = platform.run("Write about rain.")
    events = list(platform.events(task.task_id))
    assert isinstance(events[-1], TaskEnded)
    after = next(event.id for event in events if isinstance(event, StepStarted))
    rest = list(platform.events(task.task_id, after=after))
    assert [event.id for event in rest] == [event.id for event in events if place(event) > place_of(after)]


def test_a_cut_connection_is_resumed_where_it_broke(
    connect: Connect, proxy: Cutter, model: ScriptedModel, without_pauses: None
) -> None:
    held = model.holds(text("".join(POEM), chunks=POEM), after=2)
    retries: list[Retry] = []
    with connect(proxy.url, on_retry=retries.append).stream("Write about rain.") as stream:
        events = [until(stream, TextDelta)]
        proxy.soon(proxy.cut)
        eventually(lambda: not proxy.is_busy)
        held.release()
        events += list(stream)
    assert stream.text == "".join(POEM)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == stream.text
    assert len({event.id for event in events}) == len(events)
    assert isinstance(retries[0].reason, ConnectionFailed)
    assert model.calls == 1


@pytest.mark.timeout(120)
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(budgets=st.lists(st.integers(0, 3500), max_size=5))
def test_wherever_it_is_cut_nothing_is_lost_or_said_twice(
    connect: Connect, proxy: Cutter, model: ScriptedModel, without_pauses: None, budgets: list[int]
) -> None:
    model.reset()
    model.answers(text("".join(POEM), chunks=POEM))
    proxy.budgets.extend(budgets)
    with connect(proxy.url).stream("Write about rain.", cache="bypass") as stream:
        events = list(stream)
    proxy.budgets.clear()
    assert stream.text == "".join(event.text for event in events if isinstance(event, TextDelta)) == "".join(POEM)
    assert all(place(earlier) < place(later) for earlier, later in pairwise(events))
    assert [type(event) for event in (events[0], events[1], events[-1])] == [TaskStarted, StepStarted, TaskEnded]
    assert model.calls == 1


def test_a_connection_that_went_dead_without_a_word_is_given_up(
    connect: Connect, proxy: Cutter, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, without_pauses: None
) -> None:
    monkeypatch.setattr(_requests, "SILENCE_SECONDS", 1.0)  # instead of three of the server's comments
    held = model.holds(text("".join(POEM), chunks=POEM), after=2)
    with connect(proxy.url).stream("Write about rain.") as stream:
        until(stream, TextDelta)
        proxy.soon(lambda: proxy.freeze(is_new_spared=True))
        held.release()
        list(stream)
    assert stream.text == "".join(POEM)


def test_it_outlives_the_loss_of_all_that_redis_knows(
    connect: Connect, proxy: Cutter, redis_server: redis.Redis, model: ScriptedModel, without_pauses: None
) -> None:
    held = model.holds(text("".join(POEM), chunks=POEM), after=3)
    with connect(proxy.url).stream("Write about rain.") as stream:
        until(stream, TextDelta)
        redis_server.flushdb()
        proxy.soon(proxy.cut)
        eventually(lambda: not proxy.is_busy)
        held.release()
        list(stream)
    assert stream.text == "".join(POEM)


def test_a_task_handed_over_by_a_server_that_stops_is_followed_to_its_end(
    platform: Agentplatform, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch, without_pauses: None
) -> None:
    monkeypatch.setattr(draining, "STEP_SECONDS", 0.1)
    monkeypatch.setattr(draining, "FOLLOW_SECONDS", 0.3)
    model.holds(text("Never read.", chunks=["Never ", "read."]), after=1)
    with platform.stream("Write about rain.") as stream:
        until(stream, TextDelta)
        draining.begin()
        task_id = stream.task_id
        try:
            eventually(lambda: platform.status(str(task_id)).status == "queued")
        finally:
            draining.forget()
        model.answers(text("".join(POEM), chunks=POEM))
        run_task(task_id)  # as a worker does
        assert StepRestarted in {type(event) for event in stream}
    assert stream.text == "".join(POEM)


def test_a_key_revoked_meanwhile_ends_it_at_once_and_the_task_goes_on(
    connect: Connect, proxy: Cutter, alice: Persona, bob: Persona, model: ScriptedModel
) -> None:
    held = model.holds(text("".join(POEM), chunks=POEM), after=2)
    retries: list[Retry] = []
    with connect(proxy.url, on_retry=retries.append).stream("Write about rain.") as stream:
        until(stream, TextDelta)
        key = alice.api_key
        key.revoked_at = key.created_at
        key.save()
        callers.forget()  # as after 4 s
        proxy.soon(proxy.cut)
        with pytest.raises(Unauthorized, match="does not exist or was revoked") as raised:
            list(stream)
    held.release()
    assert raised.value.code == "invalid_key"
    assert len(retries) == 1
    assert alice.key not in f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r} {stream!r}"
    assert stream.task_id is not None
    assert bob.ended(stream.task_id)["result"] == "".join(POEM)


def test_a_server_that_does_not_come_back_is_told_with_the_place(
    connect: Connect, proxy: Cutter, model: ScriptedModel
) -> None:
    held = model.holds(text("".join(POEM), chunks=POEM), after=2)
    client = connect(proxy.url, retry_for=0.5)
    with client.stream("Write about rain.") as stream:
        until(stream, TextDelta)
        proxy.budgets.extend([0] * 100)
        proxy.soon(proxy.cut)
        with pytest.raises(StreamInterrupted, match="could not be resumed") as raised:
            list(stream)
    held.release()
    proxy.budgets.clear()
    assert raised.value.task_id == stream.task_id
    rest = client.events(str(raised.value.task_id), after=raised.value.last_event_id)
    assert stream.text + "".join(event.text for event in rest if isinstance(event, TextDelta)) == "".join(POEM)


def test_to_stop_listening_leaves_the_task_alone(platform: Agentplatform, alice: Persona, model: ScriptedModel) -> None:
    held = model.holds(text("".join(POEM), chunks=POEM), after=2)
    with platform.stream("Write about rain.") as stream:
        until(stream, TextDelta)
    held.release()
    assert stream.task_id is not None
    assert alice.ended(stream.task_id)["status"] == "completed"


def test_a_deadline_of_ones_own_ends_it(platform: Agentplatform, model: ScriptedModel) -> None:
    held = model.holds(text("".join(POEM), chunks=POEM), after=2)
    with platform.stream("Take long.", timeout=1) as stream, pytest.raises(DeadlinePassed, match="goes on"):
        list(stream)
    held.release()


def test_another_clients_task_is_not_to_be_followed(connect: Connect, charlie: Persona) -> None:
    theirs = charlie.execute().json()["task_id"]
    with pytest.raises(NotFound):
        list(connect().events(theirs))


def sent(name: str, event_id: str = "1-0", **data: Any) -> httpx2.ServerSentEvent:
    return httpx2.ServerSentEvent(event=name, id=event_id, data=json.dumps(data))


def test_an_event_of_a_newer_server_is_given_as_it_is() -> None:
    event = Reading().event(sent("mood.changed", task_id="t", mood="good"))
    assert (type(event), event.name, event.model_extra) == (Event, "mood.changed", {"mood": "good"})


@pytest.mark.parametrize(
    ("name", "data"),
    [("text.delta", "{"), ("text.delta", "[]"), ("step.started", '{"step": "x"}'), ("task.failed", '{"task": {}}')],
)
def test_nonsense_in_a_stream_is_told(name: str, data: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=r"stream"):
        Reading().event(httpx2.ServerSentEvent(event=name, id="1-0", data=data))
