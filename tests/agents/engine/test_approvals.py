"""What a person has to agree to, as the engine decides it."""

from typing import Any

import pytest

from agents.engine import events as e
from agents.engine.decide import decide
from agents.engine.effects import CallModel, CallTool, Record
from agents.engine.types import AgentSpec
from tests.agents.engine.outside import Story, accepted, agent, answered, ask, call, hand_over, scripted, team

TEAM = team(agent("payer", tools=("calculator", "clock"), approval_tools=("calculator",)))


def begun(members: dict[str, AgentSpec], lead: str) -> Story:
    return Story(members, [accepted(lead, members), e.AttemptStarted(attempt=1)])


def settle(story: Story) -> list[Any]:
    """Record what follows, and give what is to be called."""
    while records := [effect for effect in decide(story.state) if isinstance(effect, Record)]:
        for record in records:
            story.append(record.event)
    return [effect for effect in decide(story.state) if not isinstance(effect, Record)]


def test_a_call_waits_while_its_siblings_are_made() -> None:
    story = begun(TEAM, "payer")
    [model] = settle(story)
    story.append(answered(model, [call("calculator", call_id="c1"), call("clock", "{}", "c2")]))
    [made] = settle(story)
    assert isinstance(made, CallTool)
    assert made.call.name == "clock"
    assert story.open_approvals == ["a1"]
    assert story.state.waits_for_people
    story.answer("a1", "approve")
    assert {effect.call.name for effect in settle(story) if isinstance(effect, CallTool)} == {"calculator", "clock"}


def test_asked_again_it_answers_the_same() -> None:
    story = begun(TEAM, "payer")
    [model] = settle(story)
    story.append(answered(model, [call()]))
    assert decide(story.state) == decide(story.state) != []
    settle(story)
    assert decide(story.state) == []


def test_a_rejection_is_no_failure_of_the_tool() -> None:
    story = begun(TEAM, "payer")
    for number in range(1, 6):
        [model] = settle(story)
        story.append(answered(model, [call(call_id=f"c{number}")]))
        settle(story)
        story.answer(f"a{number}", "reject", "No.")
    story.run(scripted("I give up."))
    assert story.ended.result == "I give up."
    assert story.of(e.ToolCalled) == []


def test_each_agent_that_a_conversation_goes_to_is_asked_for() -> None:
    members = team(agent("desk", approval="start", handoffs=("expert",)), agent("expert", approval="start"))
    story = begun(members, "desk")
    assert settle(story) == []
    story.answer("a1", "approve")
    [model] = settle(story)
    story.append(answered(model, [hand_over("expert")]))
    assert settle(story) == []
    assert story.open_approvals == ["a2"]
    story.answer("a2", "reject", "Not that one.")
    settle(story)
    assert (story.ended.exit_reason, story.ended.message) == (
        "guardrail_blocked",
        "The start of expert was rejected: Not that one.",
    )


def test_a_delegates_result_is_given_once_agreed() -> None:
    members = team(agent("lead", delegates=("poet",)), agent("poet", approval="result"))
    story = begun(members, "lead")
    for reply in ([ask("poet")], "A verse."):
        [model] = settle(story)
        story.append(answered(model, reply))
    assert settle(story) == []
    story.answer("a1", "reject")
    [model] = settle(story)
    assert isinstance(model, CallModel)
    assert model.messages[-1].content == "The result of poet was rejected."


def test_ids_are_told_apart_where_several_ask_at_once() -> None:
    members = team(agent("lead", strategy="plan", delegates=("poet",)), agent("poet", approval="start"))
    story = begun(members, "lead")
    [model] = settle(story)
    story.append(answered(model, '["What is a hen?", "What is an egg?", "Who asks?"]'))
    settle(story)
    assert story.open_approvals == ["a1", "a2", "a3"]
    assert [story.state.approvals[name].run for name in story.open_approvals] == ["0.1", "0.2", "0.3"]


@pytest.mark.parametrize("others_are_at_work", [False, True])
def test_an_approval_that_expires_ends_the_task(others_are_at_work: bool) -> None:
    story = begun(TEAM, "payer")
    [model] = settle(story)
    story.append(answered(model, [call(), *([call("clock", "{}", "c2")] if others_are_at_work else [])]))
    settle(story)
    story.answer("a1", "expire")
    settle(story)
    assert (story.ended.status, story.ended.exit_reason) == ("failed", "timed_out")


def test_a_cancelled_task_waits_for_nobody() -> None:
    story = begun(TEAM, "payer")
    [model] = settle(story)
    story.append(answered(model, [call()]))
    settle(story)
    story.append(e.CancelRequested(by="client"))
    settle(story)
    assert story.ended.status == "cancelled"
