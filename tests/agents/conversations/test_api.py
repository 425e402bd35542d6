"""GET /agent/conversations, GET and DELETE /agent/conversations/{id}."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from agents.conversations import listing
from agents.conversations.models import Conversation
from agents.models import Task
from tests.agents.conversations.conftest import said, talk
from tests.api import Persona
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

Json = dict[str, Any]


def listed(of: Persona, **query: Any) -> Json:
    answer = of.get("/agent/conversations", params=query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def read(of: Persona, conversation_id: str, **query: Any) -> Json:
    answer = of.get(f"/agent/conversations/{conversation_id}", params=query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_they_are_listed_the_last_used_first(alice: Persona, bob: Persona) -> None:
    first, second, third = (talk(alice, f"No. {number}.") for number in range(3))
    talk(bob, "Again.", conversation_id=first, agent_type="writer")
    found = listed(alice)["conversations"]
    assert [each["conversation_id"] for each in found] == [first, third, second]
    assert (found[0]["turn_count"], found[0]["agent_type"]) == (4, "writer")
    assert found[0]["created_at"] < found[1]["created_at"] < found[0]["last_used_at"]


def test_pages_hold_each_once(alice: Persona) -> None:
    made = [talk(alice, "Hello.") for _ in range(5)]
    seen: list[str] = []
    cursor: Json = {}
    while True:
        page = listed(alice, limit=2, **cursor)
        seen += [each["conversation_id"] for each in page["conversations"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == made[::-1]


def test_turns_are_read_newest_first(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = talk(alice, "One.", "Two.", context={"a": 1})
    found = read(alice, conversation_id)
    assert [(turn["number"], turn["role"], turn["content"]) for turn in found["turns"]] == [
        (4, "assistant", 'An answer to: Context:\n{"a": 1}\n\nTwo.'),
        (3, "user", "Two."),
        (2, "assistant", 'An answer to: Context:\n{"a": 1}\n\nOne.'),
        (1, "user", "One."),
    ]
    assert [turn["context"] for turn in found["turns"]] == [{}, {"a": 1}] * 2
    assert found["turns"][0]["task_id"] == str(Task.objects.latest("created_at").pk)
    assert (found["summary"], found["summarised"], found["next_cursor"]) == (None, 0, None)


def test_turns_come_in_pages_too(alice: Persona) -> None:
    conversation_id = talk(alice, "One.", "Two.", "Three.")
    first = read(alice, conversation_id, limit=4)
    assert [turn["number"] for turn in first["turns"]] == [6, 5, 4, 3]
    last = read(alice, conversation_id, limit=4, cursor=first["next_cursor"])
    assert ([turn["number"] for turn in last["turns"]], last["next_cursor"]) == ([2, 1], None)


def test_a_page_of_long_turns_ends_early(alice: Persona, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation_id = talk(alice, "One.", "Two.")
    monkeypatch.setattr(listing, "PAGE_BYTES", 10)
    assert [turn["number"] for turn in read(alice, conversation_id)["turns"]] == [4]
    assert read(alice, conversation_id)["next_cursor"] == "4"


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("", {"limit": 0}, "limit"),
        ("", {"limit": 101}, "limit"),
        ("", {"cursor": "x"}, "cursor"),
        ("", {"colour": "red"}, "colour"),
        ("/0198f0c2-0000-7000-8000-000000000001", {"cursor": "x"}, "cursor"),
        ("/0198f0c2-0000-7000-8000-000000000001", {"limit": 101}, "limit"),
    ],
)
def test_it_names_what_is_wrong_with_a_query(alice: Persona, path: str, query: Json, field: str) -> None:
    answer = alice.get(f"/agent/conversations{path}", params=query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_clients_does_not_exist(alice: Persona, charlie: Persona, method: str) -> None:
    conversation_id = talk(alice, "I am Ann.")
    mine = charlie.request(method, f"/agent/conversations/{conversation_id}")
    none = charlie.request(method, f"/agent/conversations/{uuid4()}")
    assert mine.status_code == none.status_code == 404
    assert mine.json()["detail"] == none.json()["detail"]
    assert listed(charlie)["conversations"] == []
    assert len(said(conversation_id)) == 2


@pytest.mark.parametrize(
    ("scopes", "may_read", "may_delete"),
    [(["read"], True, False), (["execute"], False, True), (["usage"], False, False)],
)
def test_scopes_open_and_close_it(
    newcomer: Callable[..., Persona], scopes: list[str], may_read: bool, may_delete: bool
) -> None:
    dora = newcomer("dora", scopes=scopes)
    path = f"/agent/conversations/{uuid4()}"
    assert dora.get("/agent/conversations").status_code == (200 if may_read else 403)
    assert dora.get(path).status_code == (404 if may_read else 403)
    assert dora.delete(path).status_code == (404 if may_delete else 403)


def test_tasks_are_found_by_their_conversation(alice: Persona, charlie: Persona) -> None:
    conversation_id = talk(alice, "One.", "Two.")
    talk(alice, "Other.")
    found = alice.get("/agent/tasks", params={"conversation_id": conversation_id}).json()["tasks"]
    assert [task["result"] for task in found] == ["An answer to: Two.", "An answer to: One."]
    assert charlie.get("/agent/tasks", params={"conversation_id": conversation_id}).json()["tasks"] == []


def test_the_last_one_to_use_it_is_told_as_it_begins(alice: Persona, model: ScriptedModel, worker: None) -> None:
    hold = model.holds("Later.")
    conversation_id = str(uuid4())
    alice.execute("One.", conversation_id=conversation_id, async_execution=True)
    hold.reached()
    assert [each["turn_count"] for each in listed(alice)["conversations"]] == [0], "opened by its first task"
    hold.release()
    eventually(lambda: Conversation.objects.get().turns == 2)
