"""What a version sets of its results and its model calls."""

from typing import Any

import pytest

from agents.models import AgentVersion
from tests.agents.making import published
from tests.api import Persona
from tests.scripted_model import ScriptedModel, tool_call

CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def test_its_schema_shapes_every_result(alice: Persona, model: ScriptedModel) -> None:
    published("geographer", output_schema=CITY)
    model.answers('{"city": "Rome"}')
    task = alice.execute("Where is the Colosseum?", agent_type="geographer").json()
    assert task["result"] == {"city": "Rome"}
    sent = model.requests[0].body["response_format"]["json_schema"]["schema"]
    assert sent == CITY


def test_a_result_that_misses_it_is_repaired(alice: Persona, model: ScriptedModel) -> None:
    published("geographer", output_schema=CITY)
    model.answers("Rome!", '{"city": "Rome"}')
    assert alice.execute(agent_type="geographer").json()["result"] == {"city": "Rome"}
    assert "That is not a valid result" in model.requests[1].messages[-1]["content"]


def test_a_result_that_cannot_be_repaired_fails_the_task(alice: Persona, model: ScriptedModel) -> None:
    published("geographer", output_schema=CITY)
    model.when(".", "Rome!")
    answer = alice.execute(agent_type="geographer")
    assert (answer.status_code, answer.json()["task"]["exit_reason"]) == (502, "output_invalid")


def test_the_clients_schema_goes_first(alice: Persona, model: ScriptedModel) -> None:
    published("geographer", output_schema=CITY)
    model.answers("7")
    task = alice.execute("How many?", agent_type="geographer", output_schema={"type": "integer"}).json()
    assert task["result"] == 7


def test_a_delegates_schema_shapes_its_part(alice: Persona, model: ScriptedModel) -> None:
    published("geographer", output_schema=CITY)
    published("traveller", strategy="plan", delegates=["geographer"])
    model.answers('["Where is the Colosseum?", "Where is the Louvre?"]')
    model.when(r"JSON Schema(?s:.)*Where is the Colosseum", "Rome!", '```json\n{"city": "Rome"}\n```')
    model.when(r"JSON Schema(?s:.)*Where is the Louvre", "Never JSON.")
    model.when("Notes:", "Rome, and I do not know.")
    task = alice.execute("Where are they?", agent_type="traveller").json()
    assert task["result"] == "Rome, and I do not know."
    notes = model.requests[-1].messages[-1]["content"]
    assert 'A: {"city": "Rome"}' in notes
    assert "A: (This part could not be answered.)" in notes


def test_its_settings_go_into_every_call(alice: Persona, model: ScriptedModel) -> None:
    settings = {"top_p": 0.5, "seed": 7, "stop": ["END"], "presence_penalty": -1.0, "reasoning_effort": "low"}
    published("steady", model_settings=settings, tools=["calculator"])
    model.answers(tool_call("calculator", expression="1+1"), "2")
    alice.execute("What is 1+1?", agent_type="steady")
    for request in model.requests:
        assert {name: request.body[name] for name in settings} == settings


def test_its_settings_change_nothing_that_the_platform_sets(alice: Persona, model: ScriptedModel) -> None:
    version = published("steady")
    AgentVersion.objects.filter(pk=version.pk).update(model_settings={"model": "other", "max_completion_tokens": 10**9})
    task = alice.execute(agent_type="steady").json()
    assert task["status"] == "completed"
    assert (model.requests[0].body["model"], model.requests[0].body["max_completion_tokens"]) == ("gpt-5-mini", 2000)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"model_settings": {"top_p": 0.5}}, {"model_settings": {"top_p": 0.6}}),
        ({}, {"model_settings": {"seed": 1}}),
        ({}, {"output_schema": {"type": "string"}}),
    ],
)
def test_other_settings_are_another_answer(
    alice: Persona, model: ScriptedModel, before: dict[str, Any], after: dict[str, Any]
) -> None:
    model.when(".", '"A JSON text."')
    published("steady", **before)
    assert alice.execute("The same.", agent_type="steady").headers["x-cache"] == "miss"
    assert alice.execute("The same.", agent_type="steady").headers["x-cache"] == "hit"
    published("steady", **after)
    assert alice.execute("The same.", agent_type="steady").headers["x-cache"] == "miss"


def test_an_agent_that_is_never_cached_is_asked_each_time(alice: Persona) -> None:
    published("fresh", cache_seconds=0)
    assert [alice.execute("The same.", agent_type="fresh").headers["x-cache"] for _ in range(2)] == ["bypass"] * 2


def test_an_estimate_knows_that_a_shaped_result_may_be_repaired(alice: Persona) -> None:
    published("geographer", output_schema=CITY)
    found = alice.post("/agent/estimate", json={"task": "Where?", "agent_type": "geographer"}).json()
    assert found["cost_usd"]["max"] == "0.5", "the cap of the task, not the price of one call"
