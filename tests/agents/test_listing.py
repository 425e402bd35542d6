"""GET /agent/tasks."""

from typing import Any

import pytest

from tests.api import Persona


@pytest.fixture
def five(alice: Persona) -> list[str]:
    return [
        alice.execute(f"Task {number}.", agent_type="writer" if number == 3 else "general").json()["task_id"]
        for number in range(5)
    ]


def listed(persona: Persona, **parameters: Any) -> list[str]:
    answer = persona.get("/agent/tasks", params=parameters)
    assert answer.status_code == 200, answer.text
    return [task["task_id"] for task in answer.json()["tasks"]]


def test_the_newest_comes_first(alice: Persona, five: list[str]) -> None:
    assert listed(alice) == five[::-1]


def test_pages_follow_each_other(alice: Persona, five: list[str]) -> None:
    found, cursor = [], None
    while True:
        page = alice.get("/agent/tasks", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        found += [task["task_id"] for task in page["tasks"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        # A new task does not push another onto the next page again.
        alice.execute(f"In between {cursor}", cache="bypass")
    assert found == five[::-1]


def test_it_filters(alice: Persona, five: list[str]) -> None:
    third = alice.status(five[2]).json()["created_at"]
    assert listed(alice, agent_type="writer") == [five[3]]
    assert listed(alice, status="failed") == []
    assert set(listed(alice, created_after=third)) >= set(five[3:])
    assert set(listed(alice, created_before=third)) >= set(five[:2])
    conversation = "0198f0c2-0000-7000-8000-000000000001"
    told = alice.execute("Hi.", conversation_id=conversation).json()["task_id"]
    assert listed(alice, conversation_id=conversation) == [told]


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "101"), ("limit", "many"), ("cursor", "x"), ("cursor", "MjAyNi0wMS0wMSAx"), ("status", "odd"),
     ("created_after", "yesterday"), ("conversation_id", "7"), ("colour", "red"), ("agent_type", "A B")],
)  # fmt: skip
def test_it_names_a_bad_parameter(alice: Persona, name: str, value: str) -> None:
    answer = alice.get("/agent/tasks", params={name: value})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == name
