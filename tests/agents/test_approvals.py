"""What a person has to agree to: asked, waited for, answered once, or answered by the rule for silence."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from agents import forking, leases, lifecycle, retention, sweeper
from agents.approvals.models import Approval
from agents.engine import events as e
from agents.engine.types import ToolCall
from agents.models import Event, Outbox, Task
from agents.tasks import run_task
from tests.agents.approving import ARGUMENTS, CALL, approve, pending, treasury
from tests.agents.making import ACTOR, published
from tests.api import Persona
from tests.fixtures import Counted, Logs
from tests.scripted_model import ScriptedModel, text, tool_call, tool_calls
from tests.waiting import eventually


@pytest.fixture
def sent(alice: Persona) -> Iterator[list[str]]:
    with treasury() as sent:
        yield sent


@pytest.fixture
def waiting(alice: Persona, sent: list[str], model: ScriptedModel) -> str:
    """A task of Alice's whose agent wants to send money, and waits for a person."""
    model.answers(CALL)
    answer = alice.execute("Pay Ada.", agent_type="treasurer")
    assert (answer.status_code, answer.json()["status"]) == (202, "awaiting_approval")
    assert answer.headers["location"] == f"/agent/status/{answer.json()['task_id']}"
    return str(answer.json()["task_id"])


def expire() -> None:
    """Let the time of all that is asked run out, as the database sees it."""
    Approval.objects.filter(decision="").update(expires_at=Now() - timedelta(seconds=1))
    assert sweeper.sweep({"expired": sweeper.expire}) == {"expired": 1}


def test_a_task_in_the_request_waits_and_says_what_for(alice: Persona, sent: list[str], waiting: str) -> None:
    task = alice.status(waiting).json()
    [asked] = task["approvals"]
    assert {name: asked[name] for name in ("approval_id", "kind", "agent", "tool", "arguments", "decision")} == {
        "approval_id": "a1",
        "kind": "tool",
        "agent": "treasurer",
        "tool": "send_money",
        "arguments": ARGUMENTS,
        "decision": None,
    }
    assert asked["requested_at"] < asked["expires_at"]
    assert sent == []
    assert leases.count() == 0, "nobody holds it"
    assert alice.get("/agent/tasks", params={"status": "awaiting_approval"}).json()["tasks"] == [task]


def test_approved_it_goes_on(alice: Persona, sent: list[str], waiting: str, model: ScriptedModel, logs: Logs) -> None:
    model.answers("Ada has it.")
    answer = approve(alice, waiting, comment="Go ahead.")
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert Outbox.objects.filter(task_id=waiting).exists()
    run_task(waiting)
    task = alice.status(waiting).json()
    assert (task["status"], task["result"]) == ("completed", "Ada has it.")
    assert sent == ["Ada"]
    [asked] = task["approvals"]
    assert (asked["decision"], asked["comment"], asked["decided_by"]) == ("approve", "Go ahead.", "client")
    assert Approval.objects.get().decider == alice.api_key.prefix
    [told] = logs.events("agent_approval_answered")
    assert (told["decision"], told["by"]) == ("approve", "client")
    assert "Ada" not in logs.text
    assert "Go ahead" not in logs.text


def test_rejected_the_model_hears_why(
    alice: Persona, sent: list[str], waiting: str, model: ScriptedModel, counted: Counted
) -> None:
    model.answers("I could not pay.")
    approve(alice, waiting, decision="reject", comment="Too dear.")
    run_task(waiting)
    assert sent == []
    told = model.requests[-1].messages[-1]
    assert (told["role"], told["content"]) == ("tool", "This call of send_money was rejected: Too dear.")
    task = alice.status(waiting).json()
    assert (task["result"], task["usage"]["tool_calls"]) == ("I could not pay.", 0)
    assert counted("agent_approvals_total", decision="reject") == 1


def test_a_worker_takes_it_from_there(alice: Persona, sent: list[str], model: ScriptedModel, worker: None) -> None:
    model.answers(CALL, "Ada has it.")
    task_id = alice.execute("Pay.", agent_type="treasurer", async_execution=True).json()["task_id"]
    eventually(lambda: alice.status(task_id).json()["status"] == "awaiting_approval")
    approve(alice, task_id)
    assert alice.ended(task_id)["result"] == "Ada has it."
    assert sent == ["Ada"]


def test_an_operator_answers_in_the_console(
    alice: Persona, sent: list[str], waiting: str, model: ScriptedModel, operator: Client
) -> None:
    queue = operator.get(reverse("admin:approvals_approval_changelist"), {"state": "open"}).content.decode()
    assert waiting in queue
    page = reverse("admin:approvals_approval_change", args=[Approval.objects.get().pk])
    assert "&quot;Ada&quot;" in operator.get(page).content.decode()
    assert "This field is required" in operator.post(page, {"decision": ""}).content.decode()
    operator.post(page, {"decision": "approve", "comment": "Checked."})
    model.answers("Done.")
    run_task(waiting)
    task = alice.status(waiting).json()
    assert (task["result"], task["approvals"][0]["decided_by"]) == ("Done.", "operator")
    assert Approval.objects.get().decider == "operator"
    entry = AuditEntry.objects.get(subject_kind="approval")
    assert (entry.action, entry.changes["comment"]) == ("approved", ["", "Checked."])
    assert operator.post(page, {"decision": "reject"}).status_code == 403
    assert "Checked." in operator.get(page).content.decode()


def test_an_operator_who_is_too_late_is_told(
    alice: Persona, waiting: str, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = reverse("admin:approvals_approval_change", args=[Approval.objects.get().pk])
    approve(alice, waiting)
    # As where the client answers between the form's check and its saving.
    monkeypatch.setattr(Approval, "is_open", True)
    told = operator.post(page, {"decision": "reject"}, follow=True).content.decode()
    assert "Nothing was changed. The approval “a1” was approved already." in told
    assert Approval.objects.get().decision == "approve"


@pytest.mark.parametrize(
    ("rule", "decision", "ends"),
    [
        ("reject", "reject", ("completed", "completed")),
        ("approve", "approve", ("completed", "completed")),
        ("fail", "expire", ("failed", "timed_out")),
    ],
)
def test_silence_is_answered_by_the_rule(
    rule: str, decision: str, ends: tuple[str, str], alice: Persona, sent: list[str], model: ScriptedModel
) -> None:
    published("strict", tools=["send_money"], approval_timeout_seconds=7, approval_on_timeout=rule)
    model.answers(CALL, "That is that.")
    task_id = alice.execute("Pay.", agent_type="strict").json()["task_id"]
    assert sweeper.sweep({"expired": sweeper.expire}) == {"expired": 0}, "not yet"
    [asked] = alice.status(task_id).json()["approvals"]
    assert asked["expires_at"] > asked["requested_at"]
    expire()
    run_task(task_id)
    task = alice.status(task_id).json()
    assert (task["status"], task["exit_reason"]) == ends
    assert (task["approvals"][0]["decision"], task["approvals"][0]["decided_by"]) == (decision, "timeout")
    assert sent == (["Ada"] if rule == "approve" else [])
    if rule == "fail":
        assert task["error"]["message"].startswith("Nobody answered an approval within its")
    if rule == "reject":
        assert "rejected: Nobody answered within" in model.requests[-1].messages[-1]["content"]


def test_of_two_answers_at_once_one_wins(alice: Persona, bob: Persona, waiting: str) -> None:
    begin = threading.Barrier(8)

    def answer(number: int) -> int:
        begin.wait()
        decision = "approve" if number % 2 else "reject"
        return int(approve((alice, bob)[number % 2], waiting, decision=decision, comment=str(number)).status_code)

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(answer, range(8)))
    assert codes == [200, *[409] * 7]
    assert Event.objects.filter(task_id=waiting, type="ApprovalAnswered").count() == 1


def test_the_same_answer_again_changes_nothing(alice: Persona, waiting: str) -> None:
    assert approve(alice, waiting, comment="Yes.").status_code == 200
    assert approve(alice, waiting, comment="Yes.").status_code == 200
    assert Event.objects.filter(task_id=waiting, type="ApprovalAnswered").count() == 1
    again = approve(alice, waiting, decision="reject")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert again.json()["detail"] == "The approval “a1” was approved already."


def test_an_answer_after_its_time_is_refused(alice: Persona, waiting: str) -> None:
    Approval.objects.update(expires_at=Now() - timedelta(seconds=1))
    late = approve(alice, waiting)
    assert late.status_code == 409
    assert "expired at" in late.json()["detail"]


def test_an_answer_after_the_end_is_refused(alice: Persona, sent: list[str], waiting: str) -> None:
    assert alice.post(f"/agent/cancel/{waiting}").json()["status"] == "cancelled"
    assert alice.status(waiting).json()["approvals"][0]["decision"] == "moot"
    late = approve(alice, waiting)
    assert late.status_code == 409
    assert late.json()["detail"] == "The task is cancelled; its approval “a1” is not needed any more."
    assert sent == []


def test_only_its_client_can_answer(
    alice: Persona, bob: Persona, charlie: Persona, newcomer: Callable[..., Persona], waiting: str
) -> None:
    assert approve(charlie, waiting).status_code == 404
    assert approve(alice, waiting, "a2").status_code == 404
    assert approve(alice, "0198f0c2-7d3a-7a10-9c55-1d2f60a7b9e4").status_code == 404
    assert approve(newcomer(scopes=["read"]), waiting).status_code == 403
    assert approve(bob, waiting).status_code == 200, "another key of the client"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"decision": "approve"}, "approval_id"),
        ({"approval_id": "a1", "decision": "maybe"}, "decision"),
        ({"approval_id": "a1", "decision": "approve", "comment": "x" * 2001}, "comment"),
        ({"approval_id": "a1", "decision": "approve", "comment": "\x00"}, "comment"),
        ({"approval_id": "", "decision": "approve"}, "approval_id"),
        ({"approval_id": "a1", "decision": "approve", "for": "ever"}, "for"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(
    alice: Persona, waiting: str, body: dict[str, Any], field: str
) -> None:
    answer = alice.post(f"/agent/approve/{waiting}", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert pending(waiting) == ["a1"]


def test_a_restart_in_between_loses_nothing(alice: Persona, sent: list[str], model: ScriptedModel) -> None:
    """The process that goes on after the answer dies: the next one has the journal, and asks nobody again."""
    model.answers(CALL)
    task_id = alice.execute("Pay.", agent_type="treasurer", async_execution=True).json()["task_id"]
    run_task(task_id)
    approve(alice, task_id)
    # A worker takes it and is killed before it could do anything.
    assert lifecycle.claim(UUID(task_id)) is not None
    Task.objects.filter(pk=task_id).update(lease_expires_at=Now() - timedelta(seconds=1))
    assert sweeper.sweep()["taken_over"] == 1
    model.answers("Ada has it.")
    run_task(task_id)
    task = alice.status(task_id).json()
    assert (task["result"], sent, len(task["approvals"])) == ("Ada has it.", ["Ada"], 1)


def test_the_wait_is_no_running_time_and_takes_no_place(
    newcomer: Callable[..., Persona], sent: list[str], model: ScriptedModel
) -> None:
    dora = newcomer(concurrency=1)
    model.answers(CALL, "Meanwhile.", "Late, but paid.")
    limits = {"timeout_seconds": 5}
    task_id = dora.execute("Pay.", agent_type="treasurer", limits=limits).json()["task_id"]
    assert dora.execute("Something else.").json()["result"] == "Meanwhile."
    # As if it had waited for two days: longer than it may run, or wait in the queue.
    Task.objects.filter(pk=task_id).update(created_at=Now() - timedelta(days=2))
    assert sweeper.sweep(sweeper.MENDING) == {"taken_over": 0, "timed_out": 0, "given_up": 0, "expired": 0}
    approve(dora, task_id)
    assert sweeper.sweep(sweeper.MENDING)["timed_out"] == 0
    run_task(task_id)
    assert dora.status(task_id).json()["result"] == "Late, but paid."


def test_several_calls_are_asked_and_answered_one_by_one(alice: Persona, sent: list[str], model: ScriptedModel) -> None:
    add = tool_call("calculator", expression="6*7")
    model.answers(tool_calls(tool_call("send_money", to="Ada"), add, tool_call("send_money", to="Bo")))
    task_id = alice.execute("Pay both.", agent_type="treasurer").json()["task_id"]
    task = alice.status(task_id, include="steps").json()
    assert [each["approval_id"] for each in task["approvals"]] == ["a1", "a2"]
    assert any(step["type"] == "ToolReturned" and step["data"]["output"] == "42" for step in task["steps"])
    approve(alice, task_id, "a2", decision="reject")
    run_task(task_id)
    assert alice.status(task_id).json()["status"] == "awaiting_approval"
    model.answers("One of two.")
    approve(alice, task_id, "a1")
    run_task(task_id)
    assert (alice.status(task_id).json()["result"], sent) == ("One of two.", ["Ada"])
    results = [message["content"] for message in model.requests[-1].messages if message["role"] == "tool"]
    assert results == ["Sent to Ada.", "42", "This call of send_money was rejected."]


def test_siblings_go_on_while_a_delegate_waits_and_its_answer_is_heard_meanwhile(
    alice: Persona, sent: list[str], model: ScriptedModel
) -> None:
    published("boss", delegates=["treasurer", "writer"])
    asks = tool_calls(tool_call("ask_treasurer", task="Pay Ada."), tool_call("ask_writer", task="Write it up."))
    model.when("Pay Ada", CALL, "Paid.")
    model.answers(asks)
    hold = model.holds("Written.")
    model.answers("All done.")
    with alice.stream("Go.", agent_type="boss") as stream:
        asked = stream.until("approval.requested").data
        assert (asked["run"], asked["agent"], asked["tool"]) == ("0.1", "treasurer", "send_money")
        task_id = asked["task_id"]
        hold.reached()
        assert alice.status(task_id).json()["status"] == "running", "the writer is still at it"
        approve(alice, task_id)
        returned = stream.until("tool.returned").data
        assert (returned["output"], sent) == ("Sent to Ada.", ["Ada"])
        hold.release()
        assert stream.events[-1].data["task"]["result"] == "All done."


def test_an_answer_that_comes_as_the_runner_lays_down_is_not_lost(
    alice: Persona, sent: list[str], model: ScriptedModel
) -> None:
    """The runner suspends a task without having heard of an answer: it is queued instead."""
    task_id = alice.execute("Pay.", agent_type="treasurer", async_execution=True).json()["task_id"]
    held = lifecycle.claim(UUID(task_id))
    assert held is not None
    asked = e.ApprovalRequested(
        run="0", step=1, approval_id="a1", kind="tool", agent="treasurer", text=ARGUMENTS, timeout_seconds=60,
        on_timeout="reject", call=ToolCall("c1", "send_money", ARGUMENTS),
    )  # fmt: skip
    last = lifecycle.append(held.holder, [e.AttemptStarted(attempt=1), asked])
    assert approve(alice, task_id).json()["status"] == "running"
    lifecycle.suspend(lifecycle.Holder(held.task.pk, held.task.lease_token, last, answers=0), [])
    assert alice.status(task_id).json()["status"] == "queued"
    assert Outbox.objects.filter(task_id=task_id).exists()


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_an_agent_asks_before_it_begins(decision: str, alice: Persona, model: ScriptedModel) -> None:
    published("careful", approval="start")
    answer = alice.execute("Begin.", agent_type="careful", context={"for": "Ada"})
    assert (answer.status_code, answer.json()["status"]) == (202, "awaiting_approval")
    assert model.calls == 0
    [asked] = answer.json()["approvals"]
    assert (asked["kind"], asked["text"], asked["tool"]) == ("start", 'Context:\n{"for": "Ada"}\n\nBegin.', None)
    approve(alice, answer.json()["task_id"], decision=decision, comment="So be it.")
    run_task(answer.json()["task_id"])
    task = alice.status(answer.json()["task_id"]).json()
    if decision == "approve":
        assert task["result"].startswith("An answer to:")
        return
    assert (task["status"], task["exit_reason"], model.calls) == ("failed", "guardrail_blocked", 0)
    assert task["error"]["message"] == "The start of careful was rejected: So be it."


def test_a_result_is_given_once_somebody_agrees(alice: Persona, model: ScriptedModel) -> None:
    published("careful", approval="result")
    model.answers(text("Dear Ada, no.", chunks=["Dear ", "Ada, no."]))
    with alice.stream("Write to Ada.", agent_type="careful") as stream:
        asked = stream.until("approval.requested")
        assert asked.data["text"] == "Dear Ada, no."
        task_id = asked.data["task_id"]
        assert alice.status(task_id).json()["result"] is None
        approve(alice, task_id)
        run_task(task_id)
        assert stream.names == ["text.delta", "task.completed"]
    with alice.events(task_id) as stream:
        rest = stream.events
    assert [event.name for event in rest[:3]] == ["task.started", "step.started", "approval.requested"]
    assert [event.name for event in rest[3:]] == ["text.delta", "task.completed"]
    assert rest[3].data["text"] == rest[4].data["task"]["result"] == "Dear Ada, no."
    for place, seen in enumerate(rest[:-1]):
        with alice.events(task_id, last_event_id=seen.id) as resumed:
            assert [event.id for event in resumed.events] == [event.id for event in rest[place + 1 :]]


def test_a_rejected_result_is_not_given(alice: Persona, model: ScriptedModel) -> None:
    published("careful", approval="result")
    key = {"Idempotency-Key": "k1"}
    task_id = alice.execute("Write.", agent_type="careful", headers=key).json()["task_id"]
    approve(alice, task_id, decision="reject", comment="Unkind.")
    run_task(task_id)
    task = alice.status(task_id).json()
    assert (task["result"], task["exit_reason"]) == (None, "guardrail_blocked")
    assert task["error"]["message"] == "The result of careful was rejected: Unkind."
    again = alice.execute("Write.", agent_type="careful", headers=key)
    assert (again.status_code, again.json()["code"], again.json()["rule"]) == (403, "forbidden", "approval")
    assert again.json()["task"]["task_id"] == task_id


def test_a_delegate_that_may_not_begin_says_so(alice: Persona, model: ScriptedModel) -> None:
    published("careful", approval="start")
    published("boss", delegates=["careful"])
    model.answers(tool_call("ask_careful", task="Do it."), "It was not allowed.")
    task_id = alice.execute("Go.", agent_type="boss").json()["task_id"]
    approve(alice, task_id, decision="reject", comment="Not today.")
    run_task(task_id)
    assert alice.status(task_id).json()["result"] == "It was not allowed."
    assert model.requests[-1].messages[-1]["content"] == "The start of careful was rejected: Not today."


def test_tools_are_named_by_patterns(alice: Persona, model: ScriptedModel) -> None:
    published("counter", tools=["calculator", "current_time"], approval_tools=["calc*"])
    model.answers(tool_calls(tool_call("current_time", timezone="UTC"), tool_call("calculator", expression="1+1")))
    task = alice.execute("Count.", agent_type="counter").json()
    assert [each["tool"] for each in task["approvals"]] == ["calculator"]


def test_what_people_agree_to_is_not_cached(alice: Persona, model: ScriptedModel) -> None:
    published("careful", approval="result")
    assert alice.execute("Write.", agent_type="careful").headers["x-cache"] == "bypass"


def test_an_estimate_counts_on_approval(alice: Persona) -> None:
    published("careful", approval="start")
    body = {"task": "Write.", "agent_type": "careful"}
    assert float(alice.post("/agent/estimate", json=body).json()["cost_usd"]["max"]) > 0


def test_a_stream_can_be_taken_up_again_anywhere(alice: Persona, sent: list[str], model: ScriptedModel) -> None:
    model.answers(CALL, "Ada has it.")
    with alice.stream("Pay.", agent_type="treasurer") as stream:
        asked = stream.until("approval.requested")
    task_id = asked.data["task_id"]
    eventually(lambda: alice.status(task_id).json()["status"] == "awaiting_approval")
    with alice.events(task_id, last_event_id=asked.id) as resumed:
        approve(alice, task_id)
        run_task(task_id)
        assert resumed.names[:3] == ["tool.called", "tool.returned", "step.started"]
        assert resumed.names[-1] == "task.completed"
        assert resumed.text == "Ada has it."
    with alice.events(task_id) as whole:
        assert whole.names.count("approval.requested") == 1


def test_the_long_poll_tells_of_the_wait(alice: Persona, sent: list[str], model: ScriptedModel) -> None:
    hold = model.holds(CALL)
    task_id = alice.execute("Pay.", agent_type="treasurer", async_execution=True).json()["task_id"]
    running = threading.Thread(target=run_task, args=(task_id,))
    running.start()
    hold.reached()
    hold.release()
    assert alice.status(task_id, wait=20).json()["status"] == "awaiting_approval"
    running.join()


def test_a_fork_takes_the_answers_over(
    alice: Persona, sent: list[str], waiting: str, model: ScriptedModel, operator: Client
) -> None:
    model.answers("Ada has it.", "Told otherwise.")
    approve(alice, waiting, comment="Go ahead.")
    run_task(waiting)
    story = forking.story_of(UUID(waiting))
    assert forking.replay(story).differences == ()
    forked = forking.fork(story, 2, instructions="Answer otherwise.", actor=ACTOR)
    run_task(str(forked.pk))
    [taken_over] = Approval.objects.filter(task=forked)
    assert (taken_over.decision, taken_over.comment) == ("approve", "Go ahead.")
    forked.refresh_from_db()
    assert (forked.status, forked.result, sent) == ("completed", "Told otherwise.", ["Ada"])


def test_a_pruned_journal_takes_what_was_asked_with_it(alice: Persona, waiting: str) -> None:
    alice.post(f"/agent/cancel/{waiting}")
    old = timedelta(days=settings.JOURNAL_KEPT_DAYS + 1)
    Task.objects.filter(pk=waiting).update(completed_at=Now() - old)
    assert retention.prune_journals() == 1
    [asked] = alice.status(waiting).json()["approvals"]
    assert (asked["arguments"], asked["tool"], asked["decision"]) == ("", "send_money", "moot")
