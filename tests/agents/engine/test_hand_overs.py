"""A conversation that another agent takes over."""

import json

import pytest

from agents.engine import events as e
from agents.engine.tree import MAX_HAND_OVERS
from tests.agents.engine.outside import (
    Reply,
    Story,
    accepted,
    agent,
    ask,
    call,
    hand_over,
    scripted,
    story,
    team,
    through_json,
)

TEAM = team(
    agent("front", handoffs=("sales", "support"), tools=("calculator",), delegates=("sales",)),
    agent("sales", handoffs=("front",)),
    agent("support", strategy="plan"),
    agent("auto", strategy="route", delegates=("front", "sales")),
    agent("lead", delegates=("front",)),
)
GOES_ON = "sales goes on from here."


def test_it_is_offered_a_function_for_each() -> None:
    [first] = story(accepted("front", TEAM), TEAM, "Hello.").model_calls
    names = [function.name for function in first.functions]
    assert names == ["calculator", "ask_sales", "hand_over_to_sales", "hand_over_to_support"]
    assert first.functions[-1].parameters["required"] == []
    assert "Does support." in first.functions[-1].description


def test_the_other_agent_goes_on_with_the_conversation() -> None:
    told = story(accepted("front", TEAM), TEAM, [call()], [hand_over("sales", "A price.")], "It costs 42.")
    assert told.ended.result == "It costs 42."
    assert told.told() == [("0", "front", "answer"), ("0", "front", "answer"), ("0", "sales", "answer")]
    assert [each.step for each in told.model_calls] == [1, 2, 3]
    assert told.of(e.HandedOver) == [e.HandedOver(run="0", agent="sales", call_id="c1", reason="A price.")]
    system, request, *turns = told.model_calls[-1].messages
    assert (system.content, request.content) == ("You are sales.", "What is it?")
    assert [turn.role for turn in turns] == ["assistant", "tool", "assistant", "tool"]
    assert [turn.content for turn in turns if turn.role == "tool"] == ["42", GOES_ON]
    assert [function.name for function in told.model_calls[-1].functions] == ["hand_over_to_front"]


@pytest.mark.parametrize("arguments", ["", "{", "[]", '{"reason": 7}', '{"reason": "\\u0000"}'])
def test_the_reason_may_be_anything(arguments: str) -> None:
    told = story(accepted("front", TEAM), TEAM, [call("hand_over_to_sales", arguments)], "Hello.")
    assert told.of(e.HandedOver) == [e.HandedOver(run="0", agent="sales", call_id="c1")]


def test_what_was_asked_beside_it_is_done_first() -> None:
    calls = [hand_over("sales", call_id="a"), call(call_id="b"), ask("sales", call_id="c")]
    told = story(accepted("front", TEAM), TEAM, calls, "From a delegate.", "It is done.")
    assert told.told()[1:] == [("0.1", "sales", "answer"), ("0", "sales", "answer")]
    results = [message for message in told.model_calls[-1].messages if message.role == "tool"]
    assert [(each.tool_call_id, each.content) for each in results] == [
        ("a", GOES_ON),
        ("b", "42"),
        ("c", "From a delegate."),
    ]


def test_only_one_can_take_over() -> None:
    calls = [hand_over("sales", call_id="a"), hand_over("support", call_id="b")]
    told = story(accepted("front", TEAM), TEAM, calls, "Hello.")
    assert told.told()[-1] == ("0", "sales", "answer")
    results = [message.content for message in told.model_calls[-1].messages if message.role == "tool"]
    assert results == [GOES_ON, "The conversation goes to sales; it can go to one agent only."]


def test_it_goes_back_and_forth_only_so_often() -> None:
    def reply(effect: object) -> Reply:
        other = "sales" if effect.agent.slug == "front" else "front"  # type: ignore[attr-defined]
        return [hand_over(other)]

    told = story(accepted("front", TEAM), TEAM, *[reply] * (MAX_HAND_OVERS + 1), "Then I do it.")
    assert told.ended.result == "Then I do it."
    assert len(told.of(e.HandedOver)) == MAX_HAND_OVERS
    assert "handed over 4 times already" in told.model_calls[-1].messages[-1].content
    names = [function.name for function in told.model_calls[-1].functions]
    assert names == ["calculator", "ask_sales"]


def test_an_agent_that_plans_takes_the_conversation_into_its_plan() -> None:
    plan = json.dumps(["What is broken?"])
    told = story(accepted("front", TEAM), TEAM, [hand_over("support")], plan, "The lamp.", "We send a lamp.")
    assert told.told()[1:] == [("0", "support", "plan"), ("0.1", "support", "answer"), ("0", "support", "write")]
    assert [message.role for message in told.model_calls[1].messages] == ["system", "user", "assistant", "tool"]
    assert [message.role for message in told.model_calls[-1].messages] == ["system", "user", "assistant", "tool"]


def test_a_router_that_took_over_keeps_the_conversation() -> None:
    members = team(
        agent("front", handoffs=("auto",)), agent("auto", strategy="route", delegates=("sales",)), agent("sales")
    )
    told = story(accepted("front", members), members, [hand_over("auto")], "sales", "Hello.")
    assert told.told() == [("0", "front", "answer"), ("0", "auto", "route"), ("0", "sales", "answer")]
    assert [message.role for message in told.model_calls[-1].messages] == ["system", "user", "assistant", "tool"]


def test_routers_that_choose_each_other_end() -> None:
    members = team(
        agent("a", strategy="route", delegates=("b",)),
        agent("b", strategy="route", delegates=("a",)),
    )
    replies = ["b", "a"] * (MAX_HAND_OVERS // 2)
    told = story(accepted("a", members), members, *replies, "I do it.")
    assert told.ended.result == "I do it."


def test_a_delegate_hands_over_and_its_caller_hears_the_other() -> None:
    told = story(accepted("lead", TEAM), TEAM, [ask("front")], [hand_over("sales")], "From sales.", "Thanks.")
    assert told.told()[1:3] == [("0.1", "front", "answer"), ("0.1", "sales", "answer")]
    assert told.of(e.DelegateFinished) == [
        e.DelegateFinished(run="0", child="0.1", agent="sales", output="From sales.")
    ]


def test_it_cannot_go_to_an_agent_that_waits_for_it() -> None:
    members = team(agent("a", delegates=("b",)), agent("b", handoffs=("a",)))
    told = story(accepted("a", members), members, [ask("b")], [hand_over("a")], "As b.", "As a.")
    assert told.of(e.HandedOver) == []
    assert "it waits for this answer itself" in told.model_calls[2].messages[-1].content


def test_the_schema_holds_for_whoever_ends_it() -> None:
    opening = accepted("front", TEAM, output_schema={"type": "object", "required": ["n"]})
    told = story(opening, TEAM, [hand_over("sales")], "Five.", '{"n": 5}')
    assert told.ended.result == {"n": 5}
    assert told.told()[1:] == [("0", "sales", "answer"), ("0", "sales", "repair")]
    invalid = story(opening, TEAM, [hand_over("sales")], "Five.", "Five.", "Five.")
    assert invalid.ended.exit_reason == "output_invalid"


def test_it_goes_on_after_a_crash_right_before_and_after() -> None:
    told = story(accepted("front", TEAM), TEAM, [hand_over("sales")], "Hello.")
    place = next(at for at, event in enumerate(told.journal) if isinstance(event, e.HandedOver))
    for length in (place, place + 1):
        resumed = Story(TEAM, through_json(told.journal[:length])).run(scripted("Hello."))
        assert resumed.journal == told.journal
