"""Running tasks with the Python client, in both its halves, against the real server."""

from decimal import Decimal
from functools import partial
from threading import Thread
from typing import Any

import pytest

from agentplatform_client import (
    Agentplatform,
    DeadlinePassed,
    IdempotencyKeyReused,
    NotFound,
    Retry,
    Task,
    TaskCancelled,
    TaskFailed,
)
from agents.models import Task as Models
from tests.api import Persona
from tests.clients.conftest import Connect
from tests.clients.proxies import Cutter
from tests.fixtures import Logs
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

HEADERS_BYTES = 650


class Aside:
    """A call that goes on in a thread while the test does something to it."""

    def __init__(self, call: Any) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self._thread = Thread(target=self._do, args=(call,))
        self._thread.start()

    def _do(self, call: Any) -> None:
        try:
            self.value = call()
        except BaseException as error:  # noqa: BLE001  # whatever it was, the test wants to see it
            self.error = error

    def result(self) -> Any:
        self._thread.join(30)
        assert not self._thread.is_alive()
        if self.error:
            raise self.error
        return self.value


def test_a_task_is_run_and_given_with_its_types(platform: Agentplatform, model: ScriptedModel) -> None:
    model.answers("Paris.")
    task = platform.run(
        "Capital of France?", agent_type="writer", context={"price": Decimal("1.5")}, metadata={"order": 7}
    )
    assert (task.status, task.result, task.agent_type, task.metadata) == ("completed", "Paris.", "writer", {"order": 7})
    assert isinstance(task.cost_usd, Decimal)
    assert task.created_at is not None
    assert task.created_at.tzinfo is not None
    assert "1.5" in model.requests[0].transcript


def test_a_result_of_a_given_form(platform: Agentplatform, model: ScriptedModel) -> None:
    model.answers({"year": 1989})
    schema = {"type": "object", "properties": {"year": {"type": "integer"}}, "required": ["year"]}
    assert platform.run("When?", output_schema=schema).result == {"year": 1989}


def test_a_task_that_fails_is_raised_with_its_task(platform: Agentplatform, model: ScriptedModel) -> None:
    model.when(".", *[{"no": "year"}])
    schema = {"type": "object", "required": ["year"]}
    with pytest.raises(TaskFailed, match="output_invalid") as raised:
        platform.run("When?", output_schema=schema)
    assert raised.value.task.status == "failed"
    assert raised.value.exit_reason == "output_invalid"
    assert platform.run("When then?", output_schema=schema, check=False).status == "failed"


def test_a_task_that_is_cancelled_meanwhile(platform: Agentplatform, alice: Persona, model: ScriptedModel) -> None:
    held = model.holds()
    running = Aside(lambda: platform.run("Take long."))
    held.reached()
    (task,) = alice.get("/agent/tasks").json()["tasks"]
    assert platform.cancel(task["task_id"]).task_id == task["task_id"]
    with pytest.raises(TaskCancelled, match="was cancelled"):
        running.result()


def test_a_lost_answer_does_not_run_it_twice(
    connect: Connect, proxy: Cutter, model: ScriptedModel, without_pauses: None
) -> None:
    proxy.budgets.extend([0, 40])
    retries: list[Retry] = []
    task = connect(proxy.url, on_retry=retries.append).run("Once only, please.")
    assert (task.status, model.calls) == ("completed", 1)
    assert [retry.attempt for retry in retries] == [1, 2]


def test_a_connection_cut_while_it_runs_is_made_again(
    connect: Connect, proxy: Cutter, model: ScriptedModel, without_pauses: None
) -> None:
    held = model.holds("Late.")
    client = connect(proxy.url)
    running = Aside(lambda: client.run("Take your time."))
    held.reached()
    taken = proxy.taken
    proxy.soon(proxy.cut)
    eventually(lambda: proxy.taken > taken)
    held.release()
    assert running.result().result == "Late."
    assert model.calls == 1


def test_a_background_task_is_waited_for(platform: Agentplatform, model: ScriptedModel, worker: None) -> None:
    model.answers("Done.")
    accepted = platform.start("Whenever you like.")
    assert not accepted.is_ended
    task = platform.wait(accepted.task_id)
    assert (task.task_id, task.result) == (accepted.task_id, "Done.")


def test_a_deadline_of_ones_own_leaves_the_task_alone(platform: Agentplatform, model: ScriptedModel) -> None:
    held = model.holds("At last.")
    running = Aside(lambda: platform.run("Take long.", timeout=0.5, idempotency_key="k1"))
    held.reached()
    with pytest.raises(DeadlinePassed, match=r"timeout of 0\.5 s is over.* idempotency_key='k1'"):
        running.result()
    (task,) = platform.tasks()
    with pytest.raises(DeadlinePassed, match=task.task_id) as raised:
        platform.wait(task.task_id, timeout=0.6)
    assert isinstance(raised.value, TimeoutError)
    held.release()
    assert platform.wait(task.task_id, timeout=10).result == "At last."
    assert platform.run("Take long.", idempotency_key="k1").task_id == task.task_id


def test_a_task_that_waits_for_a_person_is_asked_after_now_and_then(
    platform: Agentplatform, alice: Persona, logs: Logs
) -> None:
    task_id = alice.execute("May I?", async_execution=True).json()["task_id"]
    Models.objects.update(status="awaiting_approval")
    with pytest.raises(DeadlinePassed):
        platform.wait(task_id, timeout=2)
    assert 2 <= len([event for event in logs.events("request") if "status" in event["path"]]) <= 5
    Models.objects.update(status="queued")
    alice.post(f"/agent/cancel/{task_id}")
    assert platform.wait(task_id, check=False).status == "cancelled"


def test_a_key_used_for_another_task_is_refused(platform: Agentplatform) -> None:
    first = platform.run("One.", idempotency_key="k")
    assert platform.run("One.", idempotency_key="k").task_id == first.task_id
    with pytest.raises(IdempotencyKeyReused, match="came with another body before"):
        platform.run("Two.", idempotency_key="k")


def test_a_task_may_end_with_its_connection(
    connect: Connect, proxy: Cutter, alice: Persona, model: ScriptedModel, without_pauses: None
) -> None:
    held = model.holds()
    client = connect(proxy.url)
    running = Aside(lambda: client.run("Only while I listen.", on_disconnect="cancel"))
    held.reached()
    # While the first bytes still go out, granian may miss that the client has gone (docs/decisions.md).
    eventually(lambda: proxy.brought > HEADERS_BYTES and proxy.quiet_seconds > 0.3)
    proxy.soon(proxy.cut)
    with pytest.raises(TaskCancelled):
        running.result()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"agent": "writer"}, TypeError, "There is no option 'agent'; a task takes agent_type, context,"),
        ({"context": {"file": object()}}, TypeError, "cannot be sent as JSON"),
        ({"idempotency_key": "a b"}, ValueError, "1 to 255 visible ASCII"),
        ({"timeout": 0}, ValueError, "more than 0 seconds"),
    ],
)
def test_a_mistake_in_the_program_is_told_before_anything_is_sent(
    platform: Agentplatform, model: ScriptedModel, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        platform.run("Say hello.", **options)
    assert model.calls == 0


def test_what_else_the_platform_does(platform: Agentplatform, alice: Persona, model: ScriptedModel) -> None:
    tasks = [platform.run(f"Task {number}.") for number in range(3)]
    listed = list(platform.tasks(page_size=2, status="completed"))
    assert [task.task_id for task in listed] == [task.task_id for task in reversed(tasks)]
    shown = platform.status(tasks[0].task_id, include_steps=True)
    assert next(step.type for step in shown.steps or ()) == "TaskAccepted"
    assert platform.cancel(tasks[0].task_id).status == "completed"

    said = platform.feedback(tasks[0].task_id, 4, comment="Good.", tags=["short"])
    assert platform.feedback_of(said.task_id) == said

    estimate = platform.estimate("Task 9.", limits={"max_cost_usd": Decimal("0.01")})
    assert Decimal(0) < estimate.cost_usd.min <= estimate.cost_usd.max <= Decimal("0.01")
    assert estimate.refusal is None

    used = platform.usage()
    assert (used.requests, used.by_agent_type[0].agent_type, used.limits[0].name) == (3, "general", "requests")
    assert platform.usage_csv().startswith("date,agent_type")
    assert "general" in [agent.slug for agent in platform.agent_types()]
    assert platform.account().client == "Wonderland"
    assert platform.health().checks["database"] == "ok"


def test_keys_are_made_rotated_and_revoked_without_being_shown(
    connect: Connect, newcomer: Any, model: ScriptedModel
) -> None:
    manager = connect(key=newcomer(scopes=["execute", "read", "keys"]).key)
    made = manager.keys.create("night shift", scopes=["read"], requests=5)
    secret = made.secret.get_secret_value()
    assert secret not in repr(made)
    known, listed = connect(key=secret).account().key, {key.id: key for key in manager.keys.list()}
    assert known is not None
    # When it was used last is written while the call is answered.
    assert known.model_copy(update={"last_used_at": None}) == listed[made.id].model_copy(update={"last_used_at": None})
    rotated = manager.keys.rotate(made.id, overlap_hours=1)
    assert rotated.predecessor_id == made.id
    manager.keys.revoke(rotated.id)
    assert {key.id: key.state for key in manager.keys.list()}[rotated.id] == "revoked"


def test_conversations_are_listed_read_and_deleted(platform: Agentplatform, model: ScriptedModel) -> None:
    conversation_id = "0198f0c2-7d3a-7a10-9c55-1d2f60a7b9e4"
    for number in range(12):
        platform.run(f"Task {number}.", conversation_id=conversation_id)
    (listed,) = platform.conversations.list()
    assert (listed.conversation_id, listed.turn_count) == (conversation_id, 24)
    assert platform.conversations.get(conversation_id).turns[0].content == "An answer to: Task 11."
    turns = list(platform.conversations.turns(conversation_id))
    assert [turn.content for turn in turns if turn.role == "user"] == [
        f"Task {number}." for number in reversed(range(12))
    ]
    platform.conversations.delete(conversation_id)
    assert list(platform.conversations.list()) == []
    with pytest.raises(NotFound):
        platform.conversations.get(conversation_id)


def test_a_webhook_secret_is_shown_once(connect: Connect, newcomer: Any) -> None:
    manager = connect(key=newcomer(scopes=["keys"]).key)
    made = manager.keys.create_webhook_secret()
    assert made.secret.get_secret_value().startswith("whsec_")
    assert "whsec_" not in repr(made)


def test_a_field_of_a_newer_server_is_kept() -> None:
    task = Task.model_validate({"task_id": "t", "status": "paused", "mood": "good", "usage": {"joules": 3}})
    assert (task.status, task.is_ended, task.model_extra) == ("paused", False, {"mood": "good"})
    assert task.model_dump()["usage"]["joules"] == 3
    assert partial(Task, task_id="t", status="queued")().cost_usd == 0
