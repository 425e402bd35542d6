"""POST /agent/feedback and GET /agent/feedback/{task_id}."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.api import Api, Persona


@pytest.fixture
def task_id(alice: Persona) -> str:
    task_id: str = alice.execute().json()["task_id"]
    return task_id


def test_it_keeps_what_was_said(alice: Persona, task_id: str) -> None:
    opinion = {
        "task_id": task_id,
        "rating": 4,
        "comment": "Right, but long.\nSee “§ 2”. 🙂",
        "tags": ["accurate", "verbose"],
        "correction": "42",
    }

    given = alice.post("/agent/feedback", json=opinion)

    assert given.status_code == 201
    assert given.headers["Location"] == f"/agent/feedback/{task_id}"
    said = given.json()
    assert {name: said[name] for name in opinion} == opinion
    assert said["created_at"] <= said["updated_at"]
    assert alice.get(given.headers["Location"]).json() == said


def test_it_needs_only_a_rating(alice: Persona, task_id: str) -> None:
    said = alice.post("/agent/feedback", json={"task_id": task_id, "rating": 1}).json()

    assert (said["comment"], said["tags"], said["correction"]) == (None, [], None)


def test_it_replaces_what_the_client_said_before(alice: Persona, bob: Persona, task_id: str) -> None:
    bad = {"task_id": task_id, "rating": 1, "comment": "Bad.", "tags": ["x"]}
    first = alice.post("/agent/feedback", json=bad).json()

    again = bob.post("/agent/feedback", json={"task_id": task_id, "rating": 5})

    assert again.status_code == 200
    assert "Location" not in again.headers
    said = again.json()
    assert (said["rating"], said["comment"], said["tags"]) == (5, None, [])
    assert said["created_at"] == first["created_at"]
    assert said["updated_at"] > first["updated_at"]
    assert alice.get(f"/agent/feedback/{task_id}").json() == said


def test_it_keeps_a_repeated_tag_once(alice: Persona, task_id: str) -> None:
    said = alice.post("/agent/feedback", json={"task_id": task_id, "rating": 3, "tags": ["b", "a", "b"]}).json()

    assert said["tags"] == ["b", "a"]


def test_another_clients_task_does_not_exist(alice: Persona, charlie: Persona, task_id: str) -> None:
    for unreachable in (task_id, str(uuid4())):
        answer = charlie.post("/agent/feedback", json={"task_id": unreachable, "rating": 1})

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert alice.get(f"/agent/feedback/{task_id}").status_code == 404


def test_another_clients_feedback_does_not_exist(alice: Persona, charlie: Persona, task_id: str) -> None:
    alice.post("/agent/feedback", json={"task_id": task_id, "rating": 5})

    assert charlie.get(f"/agent/feedback/{task_id}").status_code == 404


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"rating": 0}, "rating", "min_value"),
        ({"rating": 6}, "rating", "max_value"),
        ({"rating": "5"}, "rating", "invalid"),
        ({"rating": True}, "rating", "invalid"),
        ({"rating": 4.5}, "rating", "invalid"),
        ({"rating": None}, "rating", "invalid"),
        ({"task_id": "7"}, "task_id", "invalid"),
        ({"task_id": 7}, "task_id", "invalid"),
        ({"comment": "x" * 5001}, "comment", "max_length"),
        ({"comment": "a\0b"}, "comment", "invalid"),
        ({"comment": 5}, "comment", "invalid"),
        ({"correction": "x" * 20_001}, "correction", "max_length"),
        ({"correction": "\0"}, "correction", "invalid"),
        ({"tags": ["t"] * 21}, "tags", "max_length"),
        ({"tags": ["x" * 51]}, "tags.0", "max_length"),
        ({"tags": [""]}, "tags.0", "min_length"),
        ({"tags": ["a", "\0"]}, "tags.1", "invalid"),
        ({"tags": "a"}, "tags", "invalid"),
        ({"tags": None}, "tags", "invalid"),
        ({"stars": 5}, "stars", "unknown_field"),
    ],
)
def test_it_names_the_field_that_is_wrong(
    alice: Persona, task_id: str, change: dict[str, Any], field: str, code: str
) -> None:
    answer = alice.post("/agent/feedback", json={"task_id": task_id, "rating": 5} | change)

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert alice.get(f"/agent/feedback/{task_id}").status_code == 404


@pytest.mark.parametrize("missing", ["task_id", "rating"])
def test_it_names_the_field_that_is_missing(alice: Persona, missing: str) -> None:
    body = {"task_id": str(uuid4()), "rating": 5}
    del body[missing]

    errors = alice.post("/agent/feedback", json=body).json()["errors"]

    assert [(error["field"], error["code"]) for error in errors] == [(missing, "required")]


def test_it_takes_the_most_it_promises(alice: Persona, task_id: str) -> None:
    most = {"comment": "ü" * 5000, "correction": "ü" * 20_000, "tags": [f"{number:050}" for number in range(20)]}

    answer = alice.post("/agent/feedback", json={"task_id": task_id, "rating": 5, **most})

    assert answer.status_code == 201
    assert most.items() <= answer.json().items()


def test_it_needs_a_key_with_the_scope(api: Api, newcomer: Callable[..., Persona]) -> None:
    reader = newcomer("reader", scopes=["read"])

    for client, status, code in ((api, 401, "missing_key"), (reader, 403, "forbidden")):
        for answer in (client.post("/agent/feedback", json={}), client.get(f"/agent/feedback/{uuid4()}")):
            assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_it_tells_what_is_left_of_the_limit(alice: Persona, task_id: str) -> None:
    answer = alice.post("/agent/feedback", json={"task_id": task_id, "rating": 5})

    assert int(answer.headers["X-RateLimit-Remaining"]) < int(answer.headers["X-RateLimit-Limit"])
