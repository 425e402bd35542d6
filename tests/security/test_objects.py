"""Another client's things do not exist, whatever the route (OWASP API1:2023).

The routes come from the URL configuration and the fields from the published schema: one that takes an id and has no entry
here fails.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from accounts.models import SCOPES
from agentplatform import docs
from tests.api import Persona
from tests.security.routes import ANYTHING, Route, key_routes

Newcomer = Callable[..., Persona]


def a_task(owner: Persona) -> str:
    task_id: str = owner.execute(async_execution=True, cache="bypass").json()["task_id"]
    return task_id


def a_task_with_feedback(owner: Persona) -> str:
    task_id: str = owner.execute().json()["task_id"]
    assert owner.post("/agent/feedback", json={"task_id": task_id, "rating": 1}).status_code == 201
    return task_id


def a_conversation(owner: Persona) -> str:
    conversation_id = str(uuid4())
    assert owner.execute(conversation_id=conversation_id).status_code == 200
    return conversation_id


def a_key(owner: Persona) -> str:
    key_id: str = owner.post("/account/keys", json={"name": "second"}).json()["id"]
    return key_id


# What stands for the id in a path, and the body that would do something.
IN_PATHS: dict[str, tuple[Callable[[Persona], str], Any]] = {
    "GET /agent/status/{task_id}": (a_task, None),
    "GET /agent/events/{task_id}": (a_task, None),
    "POST /agent/cancel/{task_id}": (a_task, None),
    "POST /agent/approve/{task_id}": (a_task, {"approval_id": "a", "decision": "approve"}),
    "GET /agent/feedback/{task_id}": (a_task_with_feedback, None),
    "GET /agent/conversations/{conversation_id}": (a_conversation, None),
    "DELETE /agent/conversations/{conversation_id}": (a_conversation, None),
    "DELETE /account/keys/{key_id}": (a_key, None),
    "POST /account/keys/{key_id}/rotate": (a_key, {"overlap_hours": 1}),
}
WITH_ID = [route for route in key_routes() if route.parameters]


@pytest.fixture
def owner(newcomer: Newcomer) -> Persona:
    return newcomer("dora", scopes=list(SCOPES))


@pytest.fixture
def stranger(newcomer: Newcomer) -> Persona:
    return newcomer("eve", scopes=list(SCOPES))


def seen(owner: Persona) -> list[Any]:
    """All that the owner can see of what it has."""
    paths = ("/agent/tasks", "/agent/conversations", "/account/keys")
    shown = [owner.get(path).json() for path in paths]
    for key in shown[2]["keys"]:
        key.pop("last_used_at")
    return shown


@pytest.mark.parametrize("route", WITH_ID, ids=str)
def test_another_clients_object_is_not_found_and_not_touched(route: Route, owner: Persona, stranger: Persona) -> None:
    assert str(route) in IN_PATHS, "a new route: say in IN_PATHS what its id names"
    make, body = IN_PATHS[str(route)]
    object_id = make(owner)
    before = seen(owner)
    answer, never = (stranger.request(route.method, route.of(each), json=body) for each in (object_id, ANYTHING))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert seen(owner) == before
    # Nor can it be told from one that never was.
    assert told(answer, object_id) == told(never, ANYTHING)


def told(answer: httpx.Response, object_id: str) -> dict[str, Any]:
    """A problem without what differs between any two."""
    problem = json.loads(answer.text.replace(object_id, "…"))
    return {name: value for name, value in problem.items() if name != "request_id"}


def named_ids() -> Iterator[str]:
    """Fields of bodies and queries that hold an id, by the published schema, as "post /agent/feedback task_id"."""
    document = orjson.loads(docs._document())
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            bodies = [content["schema"] for content in operation.get("requestBody", {}).get("content", {}).values()]
            fields = [field for schema in bodies for field in _fields(schema, document)]
            fields += [each for each in operation.get("parameters", []) if each["in"] == "query"]
            yield from (
                f"{method.upper()} {path} {each['name']}"
                for each in fields
                if b'"uuid"' in orjson.dumps(each["schema"])
            )


def _fields(schema: Any, document: Any) -> Iterator[dict[str, Any]]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for name, field in schema.get("properties", {}).items():
        yield {"name": name, "schema": field}
        yield from _fields(field, document)


def feedback_is_refused(owner: Persona, stranger: Persona) -> None:
    answer = stranger.post("/agent/feedback", json={"task_id": a_task_with_feedback(owner), "rating": 5})
    assert answer.status_code == 404


def a_conversation_of_the_same_id_is_another(owner: Persona, stranger: Persona) -> None:
    conversation_id = str(uuid4())
    owner.execute("The password is swordfish.", conversation_id=conversation_id)
    assert stranger.execute("What is it?", conversation_id=conversation_id).status_code == 200
    turns = stranger.get(f"/agent/conversations/{conversation_id}").json()["turns"]
    assert len(turns) == 2
    assert "swordfish" not in str(turns)


def an_estimate_knows_nothing_of_it(owner: Persona, stranger: Persona) -> None:
    body = {"task": "Hello.", "conversation_id": str(uuid4())}
    nobodys = stranger.post("/agent/estimate", json=body).json()
    owner.execute("A long story. " * 500, conversation_id=body["conversation_id"])
    assert stranger.post("/agent/estimate", json=body).json()["cost_usd"] == nobodys["cost_usd"]


def its_tasks_are_not_listed(owner: Persona, stranger: Persona) -> None:
    found = stranger.get("/agent/tasks", params={"conversation_id": a_conversation(owner)})
    assert found.json() == {"tasks": [], "next_cursor": None}


IN_FIELDS = {
    "POST /agent/feedback task_id": feedback_is_refused,
    "POST /agent/execute conversation_id": a_conversation_of_the_same_id_is_another,
    "POST /agent/estimate conversation_id": an_estimate_knows_nothing_of_it,
    "GET /agent/tasks conversation_id": its_tasks_are_not_listed,
}


def test_every_field_with_an_id_is_tried_below() -> None:
    assert set(named_ids()) == set(IN_FIELDS)


@pytest.mark.parametrize("field", IN_FIELDS)
def test_an_id_in_a_field_opens_nothing_either(field: str, owner: Persona, stranger: Persona) -> None:
    IN_FIELDS[field](owner, stranger)


def test_a_cursor_of_another_client_shows_nothing_of_its(owner: Persona, stranger: Persona) -> None:
    for number in range(3):
        owner.execute(f"Number {number}.", conversation_id=str(uuid4()))
    for path in ("/agent/tasks", "/agent/conversations"):
        cursor = owner.get(path, params={"limit": 1}).json()["next_cursor"]
        assert cursor
        (listed,) = (rows for rows in stranger.get(path, params={"cursor": cursor}).json().values() if rows is not None)
        assert listed == []
