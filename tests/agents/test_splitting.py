"""How many tasks run a version that is tried out, and which."""

import asyncio
from functools import partial
from math import sqrt
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import teams
from agents.models import Agent, Task
from agents.splitting import takes_candidate
from agents.tasks import run_task
from tests import outages
from tests.agents.making import published, tried_out
from tests.api import Persona
from tests.scripted_model import ScriptedModel

DRAWS = 20_000
# Six standard deviations: one run in five hundred million fails by chance.
SIGMAS = 6


def within(found: int, tries: int, percent: int) -> bool:
    share = percent / 100
    return abs(found - tries * share) <= SIGMAS * sqrt(tries * share * (1 - share)) + 1e-9


@given(st.integers(1, 10**9), st.integers(1, 100), st.uuids(version=4))
def test_the_share_is_the_one_that_was_set(candidate: int, percent: int, seed: UUID) -> None:
    found = sum(takes_candidate(candidate, f"task:{seed}:{number}", percent) for number in range(2000))
    assert within(found, 2000, percent)


@pytest.mark.parametrize("percent", [1, 10, 50, 99])
def test_it_is_exact_over_many(percent: int) -> None:
    found = sum(takes_candidate(7, f"task:{number}", percent) for number in range(DRAWS))
    assert within(found, DRAWS, percent)


@given(st.integers(1, 10**9), st.text(), st.integers(1, 99))
def test_a_larger_share_keeps_what_a_smaller_one_had(candidate: int, unit: str, percent: int) -> None:
    assert takes_candidate(candidate, unit, percent + 1) >= takes_candidate(candidate, unit, percent)
    assert takes_candidate(candidate, unit, 100)
    assert not takes_candidate(candidate, unit, 0)


def test_two_trials_draw_apart() -> None:
    both = sum(takes_candidate(1, f"task:{n}", 50) and takes_candidate(2, f"task:{n}", 50) for n in range(DRAWS))
    assert within(both, DRAWS, 25)


def ran(of: Persona, **fields: Any) -> int:
    return int(of.execute(agent_type="poet", cache="bypass", **fields).json()["agent_version"])


def test_so_many_real_tasks_run_it(alice: Persona) -> None:
    published("poet")
    tried_out("poet", 30)
    versions = [ran(alice) for _ in range(80)]
    assert set(versions) == {1, 2}
    assert within(versions.count(2), 80, 30)
    rows = Task.objects.filter(agent_type="poet").select_related("agent_version")
    assert [row.agent_version.number for row in rows.order_by("created_at")] == versions
    candidate = Agent.objects.get(slug="poet").candidate_id or 0
    assert [takes_candidate(candidate, f"task:{row.pk}", 30) for row in rows] == [
        row.agent_version_id == candidate for row in rows
    ]


def test_the_instructions_are_those_of_the_version_that_ran(alice: Persona, model: ScriptedModel) -> None:
    published("poet", instructions="You are v1.")
    tried_out("poet", 50, instructions="You are v2.")
    for _ in range(12):
        version = ran(alice)
        assert model.requests[-1].messages[0]["content"] == f"You are v{version}."


def test_a_conversation_stays_with_one_version(alice: Persona) -> None:
    published("poet")
    tried_out("poet", 50)
    for _ in range(6):
        conversation = str(uuid4())
        assert len({ran(alice, conversation_id=conversation) for _ in range(4)}) == 1


def test_both_versions_have_conversations(alice: Persona) -> None:
    published("poet")
    tried_out("poet", 50)
    assert {ran(alice, conversation_id=str(UUID(int=number))) for number in range(24)} == {1, 2}


def test_a_repeated_request_is_the_same_task(alice: Persona) -> None:
    published("poet")
    tried_out("poet", 50)
    answers = [alice.execute(agent_type="poet", headers={"Idempotency-Key": "k1"}) for _ in range(3)]
    assert len({(answer.json()["task_id"], answer.json()["agent_version"]) for answer in answers}) == 1


def test_a_queued_task_keeps_the_version_it_was_accepted_with(alice: Persona) -> None:
    published("poet")
    tried_out("poet", 100)
    task_id = alice.execute(agent_type="poet", async_execution=True).json()["task_id"]
    published("poet")
    run_task(task_id)
    assert alice.status(task_id).json()["agent_version"] == 2


def test_a_delegate_is_tried_out_too(alice: Persona, model: ScriptedModel) -> None:
    published("helper", instructions="You are the first helper.")
    tried_out("helper", 100, instructions="You are the second helper.")
    published("lead", strategy="plan", delegates=["helper"])
    model.answers('["What is it?", "Why is it?"]')
    alice.execute("Look.", agent_type="lead")
    assert sum(request.messages[0]["content"] == "You are the second helper." for request in model.requests) == 2


def test_answers_of_the_two_are_cached_apart(alice: Persona, model: ScriptedModel) -> None:
    published("poet")
    alice.execute("The same.", agent_type="poet")
    tried_out("poet", 100)
    assert alice.execute("The same.", agent_type="poet").headers["x-cache"] == "miss"


def test_it_costs_no_query(alice: Persona) -> None:
    published("poet")
    tried_out("poet", 50)
    assert ran(alice) in (1, 2)  # from here on, what is published is known for a while
    with outages.postgres_away():
        drawn = [asyncio.run(teams.team_of("poet", partial(teams.Offer.drawn, unit=str(n)))) for n in range(30)]
    assert {team.lead.spec.version for team in drawn if team} == {1, 2}


class TestEstimate:
    """What is said of a task whose version is drawn as it comes."""

    def estimated(self, of: Persona, **fields: Any) -> Any:
        return of.post("/agent/estimate", json={"task": "Say hello.", "agent_type": "poet", **fields}).json()

    def test_its_bounds_span_both(self, alice: Persona) -> None:
        published("poet", max_output_tokens=100)
        cheap = self.estimated(alice)
        tried_out("poet", 50, max_output_tokens=10_000, model="gpt-4.1")
        found = self.estimated(alice)
        assert float(found["cost_usd"]["max"]) > float(cheap["cost_usd"]["max"])
        assert found["cost_usd"]["min"] == cheap["cost_usd"]["min"]
        assert found["agents"] == cheap["agents"]

    def test_a_conversations_bounds_are_those_of_its_version(self, alice: Persona) -> None:
        published("poet", max_output_tokens=100)
        tried_out("poet", 50, max_output_tokens=10_000)
        for number in range(8):
            conversation = str(UUID(int=number))
            version = self.estimated(alice, conversation_id=conversation)["agents"][0]["version"]
            assert version == ran(alice, conversation_id=conversation)
