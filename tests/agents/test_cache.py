"""The response cache, and identical requests in flight at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from accounts.audit import START
from agents import publishing, teams
from agents.models import AgentVersion
from tests import outages
from tests.api import Persona
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually


def test_the_same_again_is_a_hit(alice: Persona, bob: Persona, model: ScriptedModel) -> None:
    first = alice.execute("The same.")
    again = bob.execute("The same.")
    assert (first.headers["x-cache"], again.headers["x-cache"]) == ("miss", "hit")
    one, two = first.json(), again.json()
    assert (two["cached"], two["result"], two["cost_usd"]) == (True, one["result"], "0")
    assert two["usage"] == {"input_tokens": 0, "output_tokens": 0, "model_calls": 0, "tool_calls": 0}
    assert two["task_id"] != one["task_id"]
    assert len(model.requests) == 1


OTHERS: list[dict[str, Any]] = [
    {"context": {"a": 1}},
    {"agent_type": "writer"},
    {"output_schema": {"type": "string"}},
    {"limits": {"max_output_tokens": 5}},
    {"limits": {"max_steps": 5}},
]


@pytest.mark.parametrize("fields", OTHERS)
def test_whatever_can_change_the_answer_is_a_miss(alice: Persona, model: ScriptedModel, fields: dict[str, Any]) -> None:
    model.when(".", '"A JSON text."')
    alice.execute("The same.")
    assert alice.execute("The same.", **fields).headers["x-cache"] == "miss"


def test_another_client_has_its_own(alice: Persona, charlie: Persona, model: ScriptedModel) -> None:
    alice.execute("The same.")
    assert charlie.execute("The same.").headers["x-cache"] == "miss"


def test_a_new_version_of_the_agent_is_a_miss(alice: Persona, model: ScriptedModel) -> None:
    alice.execute("The same.")
    version = AgentVersion.objects.get(agent__slug="general", status="published")
    publishing.publish(publishing.draft_from(version, actor=START), actor=START)
    teams.forget()
    assert alice.execute("The same.").headers["x-cache"] == "miss"


def test_refresh_runs_and_stores(alice: Persona, model: ScriptedModel) -> None:
    model.answers("old", "new")
    alice.execute("The same.")
    fresh = alice.execute("The same.", cache="refresh")
    assert (fresh.headers["x-cache"], fresh.json()["result"]) == ("miss", "new")
    assert alice.execute("The same.").json()["result"] == "new"


def test_bypass_neither_reads_nor_stores(alice: Persona, model: ScriptedModel) -> None:
    model.answers("stored", "aside")
    alice.execute("The same.")
    aside = alice.execute("The same.", cache="bypass")
    assert (aside.headers["x-cache"], aside.json()["result"]) == ("bypass", "aside")
    assert alice.execute("The same.").json()["result"] == "stored"


def test_a_conversation_is_never_cached(alice: Persona) -> None:
    conversation = "0198f0c2-0000-7000-8000-000000000001"
    assert alice.execute("Hi.", conversation_id=conversation).headers["x-cache"] == "bypass"


def test_a_failure_is_not_stored(alice: Persona, model: ScriptedModel) -> None:
    model.fails(400)
    assert alice.execute("The same.").status_code == 502
    assert alice.execute("The same.").headers["x-cache"] == "miss"


def test_twenty_at_once_call_the_model_once(alice: Persona, bob: Persona, model: ScriptedModel) -> None:
    hold = model.holds("Only once.")
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit((alice, bob)[number % 2].execute, "The same.") for number in range(20)]
        eventually(lambda: model.requests)
        hold.release()
        answers = [future.result() for future in asked]
    assert {answer.json()["result"] for answer in answers} == {"Only once."}
    assert len(model.requests) == 1
    assert sorted(answer.headers["x-cache"] for answer in answers) == ["hit"] * 19 + ["miss"]


def test_background_and_request_are_joined_too(alice: Persona, model: ScriptedModel, worker: None) -> None:
    hold = model.holds("Only once.")
    task_id = alice.execute("The same.", async_execution=True).json()["task_id"]
    eventually(lambda: model.requests)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(alice.execute, "The same.")
        hold.release()
        assert asked.result().headers["x-cache"] == "hit"
    assert alice.ended(task_id)["result"] == "Only once."
    assert len(model.requests) == 1


def test_when_the_first_fails_the_next_tries(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds("")
    model.answers("", "", "Then this.")
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(alice.execute, "The same.") for _ in range(2)]
        eventually(lambda: model.requests)
        hold.release()
        codes = sorted(future.result().status_code for future in asked)
    assert codes == [200, 502]


def test_without_redis_it_still_answers(alice: Persona, model: ScriptedModel) -> None:
    with outages.redis_away():
        assert alice.execute("The same.").headers["x-cache"] == "miss"
        assert alice.execute("The same.").headers["x-cache"] == "miss"
