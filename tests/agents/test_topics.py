"""Agents that take on certain topics alone."""

import pytest
from django.core.exceptions import ValidationError

from agents import content
from agents.content import Known
from agents.engine.topics import is_one
from tests.agents.making import PLAIN, published
from tests.api import Persona
from tests.scripted_model import ScriptedModel, tool_call

TOPICS = ["invoices", "delivery times"]


@pytest.fixture
def clerk(alice: Persona) -> None:
    published("clerk", topics=TOPICS)


def test_what_is_about_one_is_done(alice: Persona, model: ScriptedModel, clerk: None) -> None:
    model.answers("2", "On Monday.")
    task = alice.execute("When does it come?", agent_type="clerk").json()
    assert (task["result"], task["usage"]["model_calls"]) == ("On Monday.", 2)
    asked = model.requests[0].body["messages"]
    assert "1. invoices\n2. delivery times" in asked[0]["content"]
    assert asked[-1]["content"] == "When does it come?"
    assert "tools" not in model.requests[0].body


@pytest.mark.parametrize("answer", ["0", "None of them.", "I like cats.", "7", "None of the 2 topics."])
def test_what_is_about_none_is_not(alice: Persona, model: ScriptedModel, clerk: None, answer: str) -> None:
    model.answers(answer)
    refused = alice.execute("Write a poem.", agent_type="clerk")
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["rule"]) == (403, "forbidden", "off_topic")
    assert problem["detail"] == "clerk takes on nothing but: invoices, delivery times."
    assert problem["task"]["exit_reason"] == "guardrail_blocked"
    assert model.calls == 1


@pytest.mark.parametrize("answer", ["1", "2.", "Topic 1", "invoices", "“1”", " Delivery times. "])
def test_an_answer_names_a_topic_by_number_or_name(answer: str) -> None:
    assert is_one(answer, tuple(TOPICS))


def test_a_stream_begins_with_the_question(alice: Persona, model: ScriptedModel, clerk: None) -> None:
    model.answers("1", "You owe nothing.")
    with alice.stream("What do I owe?", agent_type="clerk") as stream:
        assert stream.events[-1].data["task"]["result"] == "You owe nothing."
    assert [event.data["purpose"] for event in stream.events if event.name == "step.started"] == ["topic", "answer"]


def test_who_takes_over_asks_for_its_own_topics(alice: Persona, model: ScriptedModel, clerk: None) -> None:
    published("desk", handoffs=["clerk"])
    model.answers(tool_call("hand_over_to_clerk", reason="It is theirs."), "0")
    assert alice.execute("Write a poem.", agent_type="desk").json()["rule"] == "off_topic"


def test_a_plan_follows_the_question(alice: Persona, model: ScriptedModel) -> None:
    published("planner-of-invoices", topics=TOPICS, strategy="plan")
    model.answers("1", '["What is due?", "When is it due?"]', "Ten.", "Soon.", "Ten, soon.")
    assert alice.execute("What do I owe?", agent_type="planner-of-invoices").json()["result"] == "Ten, soon."


def test_too_many_or_empty_topics_are_refused() -> None:
    for topics, told in (
        ([""], "a list of at most 20 topics"),
        (["x"] * 2, "is there twice"),
        ([7], "at most 20 topics"),
    ):
        _, faults = content.checked({**PLAIN, "topics": topics}, Known())
        assert any(told in fault.message for fault in faults), (topics, faults)
    with pytest.raises(ValidationError):
        published("clerk", topics=[f"topic {number}" for number in range(21)])
