"""Another client's task does not exist; another key of the same client sees it."""

import pytest

from tests.api import Persona

ROUTES = [
    ("GET", "/agent/status/{}", None),
    ("GET", "/agent/status/{}?wait=1", None),
    ("GET", "/agent/status/{}?include=steps", None),
    ("GET", "/agent/events/{}", None),
    ("POST", "/agent/cancel/{}", None),
    ("POST", "/agent/approve/{}", {"approval_id": "a", "decision": "approve"}),
    ("GET", "/agent/feedback/{}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_another_clients_task_is_not_found(
    alice: Persona, charlie: Persona, method: str, path: str, body: object
) -> None:
    task_id = alice.execute(async_execution=True).json()["task_id"]
    answer = charlie.request(method, path.format(task_id), json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert alice.status(task_id).json()["status"] == "queued"


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_nor_is_a_task_that_never_was(alice: Persona, method: str, path: str, body: object) -> None:
    answer = alice.request(method, path.format("0198f0c2-0000-7000-8000-000000000001"), json=body)
    assert answer.status_code == 404


def test_a_list_holds_the_clients_own(alice: Persona, bob: Persona, charlie: Persona) -> None:
    task_id = alice.execute().json()["task_id"]
    assert [task["task_id"] for task in bob.get("/agent/tasks").json()["tasks"]] == [task_id]
    assert charlie.get("/agent/tasks").json()["tasks"] == []
    assert bob.status(task_id).status_code == 200
