"""A process that is told to stop: what it runs goes on elsewhere, and nobody waits for it."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from agents import draining
from agents.models import Event, Outbox, Task
from agents.tasks import run_task
from tests.agents.unsafe_tools import post_office
from tests.api import Persona
from tests.scripted_model import ScriptedModel, tool_call
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _short_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(draining, "STEP_SECONDS", 0.3)
    monkeypatch.setattr(draining, "FOLLOW_SECONDS", 0.6)
    yield
    draining.forget()


def in_thread(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[[], Any]:
    """Begin the call; what is given waits for its answer."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(call(*args, **kwargs)))
    thread.start()

    def answer() -> Any:
        thread.join(10)
        return answers[0]

    return answer


def test_a_task_run_in_the_request_goes_on_in_a_worker(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds("Never read.")
    answer = in_thread(alice.execute, "Wait for it.")
    hold.reached()
    draining.begin()
    told: httpx.Response = answer()
    task = told.json()
    assert (told.status_code, task["status"]) == (202, "queued")
    assert told.headers["location"] == f"/agent/status/{task['task_id']}"
    assert hold.request is not None
    assert hold.request.was_abandoned()
    assert Outbox.objects.filter(task_id=task["task_id"]).exists()
    draining.forget()
    model.answers("Here it is.")
    run_task(task["task_id"])
    assert alice.status(task["task_id"]).json()["result"] == "Here it is."
    assert Task.objects.get().losses == 0, "a deploy is no loss"


def test_a_step_that_ends_in_time_is_kept(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds(tool_call("calculator", expression="2+2"))
    answer = in_thread(alice.execute, "What is 2+2?", agent_type="analyst")
    hold.reached()
    draining.begin()
    eventually(draining.has_begun)
    hold.release()
    task = answer().json()
    assert task["status"] == "queued"
    kinds = list(Event.objects.order_by("seq").values_list("type", flat=True))
    assert "ModelAnswered" in kinds
    assert kinds[-1] == "AttemptHandedOver", "after the step, or after the tool that it calls where that was quicker"
    draining.forget()
    model.answers("Four.")
    run_task(task["task_id"])
    assert alice.status(task["task_id"]).json()["result"] == "Four."
    assert len(model.requests) == 2, "the recorded step is not made again"


def test_what_ends_in_time_is_answered(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds("Just in time.")
    answer = in_thread(alice.execute, "Quick.")
    hold.reached()
    draining.begin()
    eventually(draining.has_begun)
    hold.release()
    assert (answer().status_code, answer().json()["result"]) == (200, "Just in time.")


def test_an_unsafe_call_is_waited_for(alice: Persona, model: ScriptedModel) -> None:
    with post_office() as post:
        post.hangs = True
        model.answers(tool_call("send_letter", to="Ada"))
        answer = in_thread(alice.execute, "Write to Ada.", agent_type="postman")
        assert post.begun.wait(10)
        draining.begin()
        # Its own time-out, a second, is over before the answer; its outcome is known to be unknown.
        assert answer().json()["status"] == "queued"
        assert list(Event.objects.order_by("seq").values_list("type", flat=True))[-2:] == [
            "OutcomeUnknown",
            "AttemptHandedOver",
        ]


def test_a_stream_ends_and_is_resumed_elsewhere(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds("One two three.", after=1)
    with alice.stream("Count.") as stream:
        first = stream.until("text.delta")
        draining.begin()
        cut = stream.events
    assert "task.completed" not in [event.name for event in cut]
    task_id = first.data["task_id"]
    last_event_id = cut[-1].id if cut else first.id
    hold.release()
    draining.forget()
    model.answers("One two three.")
    run_task(task_id)
    with alice.events(task_id, last_event_id=last_event_id) as rest:
        assert rest.names[0] == "step.restarted"
        assert rest.text == "One two three."
        assert rest.names[-1] == "task.completed"


def test_a_long_poll_is_answered(alice: Persona, model: ScriptedModel) -> None:
    task_id = alice.execute("Later.", async_execution=True).json()["task_id"]
    answer = in_thread(alice.status, task_id, wait=20)
    draining.begin()
    assert answer().json()["status"] == "queued"


def test_a_worker_takes_no_more_tasks(alice: Persona, model: ScriptedModel) -> None:
    task_id = alice.execute("Later.", async_execution=True).json()["task_id"]
    draining.begin()
    eventually(draining.has_begun)
    run_task(task_id)
    assert (alice.status(task_id).json()["status"], model.calls) == ("queued", 0)


def test_a_new_task_is_refused_and_may_be_sent_again(alice: Persona, model: ScriptedModel) -> None:
    draining.begin()
    eventually(draining.has_begun)
    refused = alice.execute("Now.")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "send the request again" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    assert not Task.objects.exists()


def test_who_waits_for_its_like_does_not_keep_the_process(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds("The same.")
    leading = in_thread(alice.execute, "The same.")
    hold.reached()
    waiting = in_thread(alice.execute, "The same.")
    eventually(lambda: model.calls == 1)
    draining.begin()
    assert leading().status_code == 202
    assert waiting().status_code in (202, 503)
