"""A call that may not be made twice, and of which nobody knows whether it was made: the task waits for an operator."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from agents import outcomes, sweeper
from agents.models import Outbox, Task, UnknownOutcome
from agents.tasks import run_task
from tests.agents.unsafe_tools import ARGUMENTS, Post, crash_after_calling, post_office
from tests.api import Persona
from tests.scripted_model import ScriptedModel, tool_call, tool_calls


@pytest.fixture
def post(alice: Persona) -> Iterator[Post]:
    with post_office() as post:
        yield post


@pytest.fixture
def waiting(alice: Persona, post: Post) -> str:
    """A task whose worker was killed while it sent a letter, taken over since."""
    answer = alice.execute("Write to Ada.", agent_type="postman", async_execution=True)
    task_id = str(answer.json()["task_id"])
    crash_after_calling(task_id, "send_letter", "unsafe")
    take_over(task_id)
    return task_id


def take_over(task_id: str) -> None:
    Task.objects.filter(pk=task_id).update(lease_expires_at=Now() - timedelta(seconds=1))
    assert sweeper.sweep()["taken_over"] == 1
    run_task(task_id)


def decide(operator: Client, **form: str) -> Any:
    outcome = UnknownOutcome.objects.get()
    return operator.post(reverse("admin:agents_unknownoutcome_change", args=[outcome.pk]), form, follow=True)


def test_the_task_waits_and_the_tool_is_not_called(alice: Persona, post: Post, waiting: str) -> None:
    task = alice.status(waiting).json()
    assert (task["status"], task["completed_at"]) == ("awaiting_approval", None)
    assert post.sent == []
    outcome = UnknownOutcome.objects.get()
    assert (outcome.tool, outcome.arguments, outcome.decision) == ("send_letter", ARGUMENTS, "")
    assert sweeper.sweep()["taken_over"] == 0, "who waits for a person is not abandoned"


def test_an_operator_has_it_called_again(
    alice: Persona, post: Post, waiting: str, operator: Client, model: ScriptedModel
) -> None:
    model.answers("It is on its way.")
    assert decide(operator, decision="retry").status_code == 200
    assert alice.status(waiting).json()["status"] == "queued"
    assert Outbox.objects.get().task_id == Task.objects.get().pk
    run_task(waiting)
    assert post.sent == ["Ada"]
    assert alice.status(waiting).json()["result"] == "It is on its way."


def test_an_operator_tells_what_it_gave(
    alice: Persona, post: Post, waiting: str, operator: Client, model: ScriptedModel
) -> None:
    model.answers("It is on its way.")
    decide(operator, decision="done", result="Sent at noon.")
    run_task(waiting)
    assert post.sent == []
    assert model.requests[-1].messages[-1]["content"] == "Sent at noon."
    assert alice.status(waiting).json()["status"] == "completed"
    steps = alice.status(waiting, include="steps").json()["steps"]
    resolved = next(step["data"] for step in steps if step["type"] == "OutcomeResolved")
    assert (resolved["decision"], resolved["by"]) == ("done", "operator")


def test_an_operator_gives_up(alice: Persona, post: Post, waiting: str, operator: Client) -> None:
    decide(operator, decision="fail")
    task = alice.status(waiting).json()
    assert (task["status"], task["exit_reason"]) == ("failed", "tool_failed")
    assert "operator" in task["error"]["message"]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"decision": "done", "result": ""}, "Say what the call gave"),
        ({"decision": "retry", "result": "x"}, "leave it empty"),
        ({"decision": "moot", "result": ""}, "Select a valid choice"),
        ({"decision": "", "result": ""}, "This field is required"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(
    alice: Persona, waiting: str, operator: Client, form: dict[str, str], told: str
) -> None:
    assert told in decide(operator, **form).content.decode()
    assert alice.status(waiting).json()["status"] == "awaiting_approval"


def test_it_is_decided_once(alice: Persona, waiting: str, operator: Client) -> None:
    decide(operator, decision="retry")
    assert decide(operator, decision="fail").status_code == 403
    with pytest.raises(outcomes.CannotResolve, match="decided already"):
        outcomes.resolve(UnknownOutcome.objects.get().pk, "fail", by="somebody")
    assert alice.status(waiting).json()["status"] == "queued"


def test_the_queue_shows_what_is_to_be_decided(waiting: str, operator: Client) -> None:
    page = operator.get(reverse("admin:agents_unknownoutcome_changelist"), {"state": "open"}).content.decode()
    assert waiting in page
    assert "to be decided" in page


def test_a_task_cancelled_meanwhile_asks_nobody(alice: Persona, waiting: str) -> None:
    assert alice.post(f"/agent/cancel/{waiting}").json()["status"] == "cancelled"
    assert UnknownOutcome.objects.get().decision == "moot"


def test_after_a_week_it_gives_up(alice: Persona, waiting: str) -> None:
    UnknownOutcome.objects.update(created_at=Now() - timedelta(days=8))
    assert sweeper.sweep()["given_up"] == 1
    assert alice.status(waiting).json()["exit_reason"] == "tool_failed"


def test_a_call_that_breaks_off_is_unknown_too(alice: Persona, post: Post, model: ScriptedModel) -> None:
    post.breaks = True
    model.answers(tool_call("send_letter", to="Ada"))
    answer = alice.execute("Write to Ada.", agent_type="postman")
    assert (answer.status_code, answer.json()["status"]) == (202, "awaiting_approval")
    assert answer.headers["location"] == f"/agent/status/{answer.json()['task_id']}"


def test_a_call_that_hangs_is_unknown_too(alice: Persona, post: Post, model: ScriptedModel) -> None:
    post.hangs = True
    model.answers(tool_call("send_letter", to="Ada"))
    assert alice.execute("Write to Ada.", agent_type="postman").json()["status"] == "awaiting_approval"


def test_a_call_that_the_tool_refuses_is_known(alice: Persona, post: Post, model: ScriptedModel) -> None:
    post.refuses = True
    model.answers(tool_call("send_letter", to="Ada"), "No such address.")
    assert alice.execute("Write to Ada.", agent_type="postman").json()["result"] == "No such address."


def test_of_two_open_outcomes_both_are_decided(
    alice: Persona, post: Post, model: ScriptedModel, operator: Client
) -> None:
    post.breaks = True
    model.answers(tool_calls(tool_call("send_letter", to="Ada"), tool_call("send_letter", to="Bo")), "Both.")
    task_id = alice.execute("Write to both.", agent_type="postman").json()["task_id"]
    first, second = UnknownOutcome.objects.order_by("pk")
    outcomes.resolve(first.pk, "done", by="operator", result="Sent.")
    assert alice.status(task_id).json()["status"] == "awaiting_approval"
    outcomes.resolve(second.pk, "done", by="operator", result="Sent.")
    run_task(task_id)
    assert alice.status(task_id).json()["result"] == "Both."


def test_who_is_past_its_lease_calls_no_unsafe_tool(alice: Persona, post: Post, model: ScriptedModel) -> None:
    hold = model.holds(tool_call("send_letter", to="Ada"))
    task_id = alice.execute("Write to Ada.", agent_type="postman", async_execution=True).json()["task_id"]
    running = threading.Thread(target=run_task, args=(task_id,))
    running.start()
    hold.reached()
    # As for a process that was frozen meanwhile: its lease is over, and nobody has taken over yet.
    Task.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    hold.release()
    running.join()
    assert post.sent == []
    assert Task.objects.get().status == "running"


def test_an_idempotent_tool_gets_the_same_key_again(alice: Persona, post: Post, model: ScriptedModel) -> None:
    task_id = alice.execute("File it.", agent_type="postman", async_execution=True).json()["task_id"]
    crash_after_calling(task_id, "file_copy", "idempotent")
    model.answers(tool_call("file_copy", to="Bo"), "Filed.")
    take_over(task_id)
    task_id = alice.execute("File it.", agent_type="postman", async_execution=True).json()["task_id"]
    crash_after_calling(task_id, "file_copy", "idempotent")
    take_over(task_id)
    first, other, of_another_task = post.keys
    assert first.endswith(":0:1:c1")
    assert len({first, other, of_another_task}) == 3
    assert "idempotency_key" not in str(model.requests[0].body["tools"])
