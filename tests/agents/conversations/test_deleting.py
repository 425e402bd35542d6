"""DELETE /agent/conversations/{id}: what was said is gone, in the tasks too."""

import pytest

from accounts import audit
from agents import forking
from agents.conversations import forgetting
from agents.conversations.models import Erasure, Turn
from agents.models import Event, Task
from agents.tasks import run_task
from tests.agents.conversations.conftest import said, talk
from tests.api import Persona
from tests.scripted_model import ScriptedModel, tool_call


def ids(of: Persona) -> list[str]:
    """The client's conversations."""
    found = of.get("/agent/conversations").json()["conversations"]
    return [str(each["conversation_id"]) for each in found]


def test_nothing_of_what_was_said_is_left(alice: Persona, model: ScriptedModel) -> None:
    model.answers(tool_call("calculator", expression="6*7"), "Secret answer.")
    conversation_id = talk(alice, "Secret question?", agent_type="analyst", metadata={"order": "A-17"})
    (task,) = alice.get("/agent/tasks", params={"conversation_id": conversation_id}).json()["tasks"]
    answer = alice.delete(f"/agent/conversations/{conversation_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert alice.get(f"/agent/conversations/{conversation_id}").status_code == 404
    assert ids(alice) == []
    left = alice.status(task["task_id"], include="steps").json()
    assert (left["steps"], left["result"]) == ([], None)
    same = ("status", "cost_usd", "usage", "conversation_id", "metadata")
    assert [left[name] for name in same] == [task[name] for name in same]
    assert not Turn.objects.exists()
    assert not Event.objects.exists()
    assert not Erasure.objects.exists()


def test_a_stream_of_its_tasks_tells_their_end_alone(alice: Persona) -> None:
    conversation_id = talk(alice, "One.")
    task_id = str(Task.objects.get().pk)
    alice.delete(f"/agent/conversations/{conversation_id}")
    with alice.events(task_id) as stream:
        assert stream.names == ["task.completed"]


def test_its_id_is_free_again(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = talk(alice, "I am Ann.")
    alice.delete(f"/agent/conversations/{conversation_id}")
    assert alice.delete(f"/agent/conversations/{conversation_id}").status_code == 404
    talk(alice, "Who am I?", conversation_id=conversation_id)
    assert "Ann" not in model.requests[-1].transcript
    assert said(conversation_id) == ["Who am I?", "An answer to: Who am I?"]


def test_not_while_a_task_of_it_has_not_ended(alice: Persona) -> None:
    conversation_id = talk(alice, "One.")
    task_id = alice.execute("Two.", conversation_id=conversation_id, async_execution=True).json()["task_id"]
    answer = alice.delete(f"/agent/conversations/{conversation_id}")
    assert (answer.status_code, answer.json()["code"], answer.json()["task_id"]) == (409, "conflict", task_id)
    assert len(said(conversation_id)) == 2
    alice.post(f"/agent/cancel/{task_id}")
    assert alice.delete(f"/agent/conversations/{conversation_id}").status_code == 204


def test_other_conversations_keep_theirs(alice: Persona, charlie: Persona) -> None:
    conversation_id, other = talk(alice, "One."), talk(alice, "Other.")
    talk(charlie, "Mine.", conversation_id=conversation_id)
    alice.execute("Outside.")
    alice.delete(f"/agent/conversations/{conversation_id}")
    assert ids(alice) == [other]
    assert said(conversation_id) == ["Mine.", "An answer to: Mine."]
    assert Event.objects.values("task_id").distinct().count() == 3
    assert Task.objects.filter(result__isnull=True).count() == 1


def test_a_long_one_is_emptied_by_the_sweeper(alice: Persona, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "TASKS", 2)
    conversation_id = talk(alice, *(f"No. {number}." for number in range(5)))
    alice.delete(f"/agent/conversations/{conversation_id}")
    assert not Turn.objects.exists(), "what was said goes at once"
    talk(alice, "New.", conversation_id=conversation_id)
    assert Task.objects.exclude(result=None).count() == 4
    forgetting.erase()
    assert [task.result for task in Task.objects.exclude(result=None)] == ["An answer to: New."]
    assert not Erasure.objects.exists()


def test_what_operators_tried_out_from_its_tasks_is_emptied_too(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = talk(alice, "I am Ann.", "Who am I?")
    story = forking.story_of(Task.objects.latest("created_at").pk)
    fork = forking.fork(story, 1, instructions=forking.agent_at(story, 1).instructions, actor=audit.START)
    run_task(str(fork.pk))
    assert "I am Ann." in model.requests[-1].transcript, "a fork reads what its task has read"
    assert len(said(conversation_id)) == 4, "and adds nothing"
    alice.delete(f"/agent/conversations/{conversation_id}")
    assert not Event.objects.exists()
    assert not Task.objects.filter(result__isnull=False).exists()
