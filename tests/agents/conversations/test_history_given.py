"""What a task knows of the earlier ones of its conversation."""

from uuid import uuid4

from agents.conversations.models import Conversation, Turn
from tests.agents.conversations.conftest import said
from tests.api import Persona
from tests.scripted_model import ScriptedModel


def test_a_second_task_sees_the_first_ones_turns(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = str(uuid4())
    model.answers("Hello Ann.", "Ann.")
    first = alice.execute("I am Ann.", conversation_id=conversation_id).json()
    second = alice.execute("Who am I?", conversation_id=conversation_id).json()
    assert [(each["role"], each["content"]) for each in model.requests[1].messages[1:]] == [
        ("user", "I am Ann."),
        ("assistant", "Hello Ann."),
        ("user", "Who am I?"),
    ]
    assert (second["result"], second["conversation_id"]) == ("Ann.", conversation_id)
    assert said(conversation_id) == ["I am Ann.", "Hello Ann.", "Who am I?", "Ann."]
    assert [str(turn.task_id) for turn in Turn.objects.order_by("number")] == [first["task_id"]] * 2 + [
        second["task_id"]
    ] * 2


def test_a_failed_or_cancelled_task_is_no_part_of_it(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = str(uuid4())
    model.fails(400)
    assert alice.execute("Lost.", conversation_id=conversation_id).status_code == 502
    assert said(conversation_id) == []
    alice.execute("Kept.", conversation_id=conversation_id)
    assert [each["role"] for each in model.requests[-1].messages] == ["system", "user"]
    assert said(conversation_id) == ["Kept.", "An answer to: Kept."]


def test_background_and_streamed_tasks_take_part(alice: Persona, model: ScriptedModel, worker: None) -> None:
    conversation_id = str(uuid4())
    task_id = alice.execute("One.", conversation_id=conversation_id, async_execution=True).json()["task_id"]
    alice.ended(task_id)
    with alice.stream("Two.", conversation_id=conversation_id) as stream:
        assert stream.names[-1] == "task.completed"
    assert said(conversation_id) == ["One.", "An answer to: One.", "Two.", "An answer to: Two."]
    assert len(model.requests[1].messages) == 4


def test_context_is_part_of_what_was_said(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = str(uuid4())
    alice.execute("Who am I?", conversation_id=conversation_id, context={"name": "Ann"})
    alice.execute("And now?", conversation_id=conversation_id)
    assert model.requests[1].messages[1]["content"] == 'Context:\n{"name": "Ann"}\n\nWho am I?'


def test_a_result_in_json_is_said_as_text(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = str(uuid4())
    model.answers({"city": "Köln"})
    alice.execute("As JSON.", conversation_id=conversation_id, output_schema={"type": "object"})
    alice.execute("And now?", conversation_id=conversation_id)
    assert model.requests[1].messages[2]["content"] == '{"city": "Köln"}'


def test_what_was_read_stands_in_the_journal(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = str(uuid4())
    alice.execute("One.", conversation_id=conversation_id)
    task_id = alice.execute("Two.", conversation_id=conversation_id).json()["task_id"]
    steps = alice.status(task_id, include="steps").json()["steps"]
    assert [step["type"] for step in steps][:4] == [
        "TaskAccepted", "AttemptStarted", "ConversationRead", "ModelCalled",
    ]  # fmt: skip
    assert [turn["content"] for turn in steps[2]["data"]["turns"]] == ["One.", "An answer to: One."]


def test_another_client_has_another_conversation_of_the_same_id(
    alice: Persona, bob: Persona, charlie: Persona, model: ScriptedModel
) -> None:
    conversation_id = str(uuid4())
    alice.execute("I am Ann.", conversation_id=conversation_id)
    charlie.execute("Who am I?", conversation_id=conversation_id)
    assert "Ann" not in model.requests[1].transcript
    bob.execute("Who am I?", conversation_id=conversation_id)
    assert "I am Ann." in model.requests[2].transcript, "another key of the same client goes on with it"
    assert Conversation.objects.count() == 2


def test_without_an_id_nothing_is_kept(alice: Persona) -> None:
    alice.execute("Hello.")
    assert not Conversation.objects.exists()
