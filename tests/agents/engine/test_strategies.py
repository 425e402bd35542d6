"""What agents of each strategy do with a task."""

import json

import pytest

from agents.engine import events as e
from agents.engine.effects import CallModel
from agents.engine.tree import MAX_DEPTH
from agents.engine.turns import MAX_CALLS
from tests.agents.engine.outside import Story, accepted, agent, call, failed, returned, scripted, story, team

GENERAL = agent("general")
ANALYST = agent("analyst", tools=("calculator",))
RESEARCH = agent("research", strategy="plan", delegates=("general",))
AUTO = agent("auto", strategy="route", delegates=("general", "analyst", "research"))
TEAM = team(GENERAL, ANALYST, RESEARCH, AUTO)
PLAN = json.dumps(["What is a hen?", "What is an egg?"])


def test_it_answers() -> None:
    told = story(accepted("general", TEAM), TEAM, "An egg.")
    assert told.ended == e.TaskEnded(status="completed", exit_reason="completed", result="An egg.")
    assert told.told() == [("0", "general", "answer")]
    assert [message.role for message in told.model_calls[0].messages] == ["system", "user"]


def test_the_callers_text_and_context_are_a_users_turn() -> None:
    opening = accepted("general", TEAM, "Say it.", context={"b": "ü", "a": 1})
    system, user = story(opening, TEAM, "Yes.").model_calls[0].messages
    assert system.content == "You are general."
    assert user.content == 'Context:\n{"a": 1, "b": "ü"}\n\nSay it.'


def test_it_uses_tools_until_it_answers() -> None:
    told = story(accepted("analyst", TEAM), TEAM, [call()], "It is 42.")
    assert told.ended.result == "It is 42."
    assert told.state.tool_calls == 1
    first, second = told.model_calls
    assert (first.step, second.step) == (1, 2)
    assert [function.name for function in first.functions] == ["calculator"]
    assert [message.role for message in second.messages] == ["system", "user", "assistant", "tool"]
    assert second.messages[-1].tool_call_id == second.messages[-2].tool_calls[0].id == "c1"


def test_calls_that_share_an_id_are_told_apart() -> None:
    told = story(
        accepted("analyst", TEAM), TEAM, [call(call_id="call"), call(call_id="call"), call(call_id="call-2")], "Done."
    )
    assert told.ended.status == "completed"
    asked, *heard = told.model_calls[-1].messages[2:]
    assert [tool_call.id for tool_call in asked.tool_calls] == ["call", "call-2", "call-2-3"]
    assert [message.tool_call_id for message in heard] == ["call", "call-2", "call-2-3"]


def test_of_a_flood_of_calls_the_first_are_heard() -> None:
    flood = [call(call_id="call")] * 5000
    told = story(accepted("analyst", TEAM), TEAM, flood, "Done.")
    assert told.ended.result == "Done."
    assert told.state.tool_calls == MAX_CALLS
    asked, *heard = told.model_calls[-1].messages[2:]
    assert len(asked.tool_calls) == len(heard) == MAX_CALLS


def test_it_plans_has_the_parts_answered_and_writes_up() -> None:
    told = story(accepted("research", TEAM), TEAM, PLAN, "A bird.", "Its fruit.", "First the hen.")
    assert told.ended.result == "First the hen."
    assert told.told() == [
        ("0", "research", "plan"),
        ("0.1", "general", "answer"),
        ("0.2", "general", "answer"),
        ("0", "research", "write"),
    ]
    written_from = told.model_calls[-1].messages
    assert [message.role for message in written_from] == ["system", "user"]
    assert "Q: What is a hen?\nA: A bird.\n\nQ: What is an egg?\nA: Its fruit." in written_from[1].content


def test_the_parts_are_asked_side_by_side() -> None:
    told = Story(TEAM, [accepted("research", TEAM)])
    open_at_once: list[int] = []
    told.run(
        scripted(PLAN, "A bird.", "Its fruit.", "The hen."),
        before=lambda _, under_way: open_at_once.append(len(under_way)),
    )
    assert open_at_once == [1, 2, 1, 1]


@pytest.mark.parametrize("plan", ["I would not know.", "[]", "{}", '{"plan": "none"}', '[1, 2, {"a": "b"}]'])
def test_an_unusable_plan_is_answered_directly(plan: str) -> None:
    told = story(accepted("research", TEAM), TEAM, plan, "The hen.")
    assert told.ended.result == "The hen."
    assert told.told() == [("0", "research", "plan"), ("0", "research", "answer")]
    assert [message.role for message in told.model_calls[-1].messages] == ["system", "user"]


def test_a_part_that_fails_leaves_the_rest() -> None:
    def respond(effect: CallModel) -> str | e.ModelFailed:
        return failed(effect, is_retryable=False) if effect.run == "0.1" else "Fine."

    told = story(accepted("research", TEAM), TEAM, PLAN, respond, respond, "All the same.")
    assert told.ended.result == "All the same."
    assert "(This part could not be answered.)" in told.model_calls[-1].messages[1].content


def test_a_plan_that_was_half_recorded_is_completed() -> None:
    opening = accepted("research", TEAM)
    told = story(opening, TEAM, PLAN, "A bird.", "Its fruit.", "The hen.")
    second = next(
        i for i, event in enumerate(told.journal) if isinstance(event, e.DelegateStarted) and event.child == "0.2"
    )
    resumed = Story(TEAM, told.journal[:second]).run(scripted("A bird.", "Its fruit.", "The hen."))
    assert [run for run, _, _ in resumed.told()] == ["0.1", "0.2", "0"]


def test_a_planner_without_delegates_answers_its_parts_itself() -> None:
    alone = team(agent("research", strategy="plan"))
    told = story(accepted("research", alone), alone, PLAN, "A bird.", "Its fruit.", "The hen.")
    assert [purpose for _, _, purpose in told.told()] == ["plan", "answer", "answer", "write"]


def test_planners_that_delegate_to_each_other_end() -> None:
    circle = team(
        agent("a", strategy="plan", delegates=("b",)),
        agent("b", strategy="plan", delegates=("c",)),
        agent("c", strategy="plan", delegates=("d",)),
        agent("d", strategy="plan", delegates=("a",)),
    )
    told = Story(circle, [accepted("a", circle, max_steps=1000)])
    told.run(
        lambda effect: scripted(PLAN if isinstance(effect, CallModel) and effect.purpose == "plan" else "So.")(effect)
    )
    assert told.ended.status == "completed"
    assert max(run.count(".") for run, _, _ in told.told()) == MAX_DEPTH


def test_it_hands_over_to_the_agent_that_fits() -> None:
    told = story(accepted("auto", TEAM), TEAM, "analyst", [call()], "It is 42.")
    assert told.of(e.HandedOver) == [e.HandedOver(run="0", agent="analyst")]
    assert told.ended.result == "It is 42."
    assert told.told() == [("0", "auto", "route"), ("0", "analyst", "answer"), ("0", "analyst", "answer")]
    assert [call.step for call in told.model_calls] == [1, 2, 3]
    routing = told.model_calls[0]
    assert "- analyst: Does analyst." in routing.messages[0].content
    assert routing.functions == ()


def test_it_hands_over_to_an_agent_that_plans() -> None:
    told = story(accepted("auto", TEAM), TEAM, "research", PLAN, "A bird.", "Its fruit.", "The hen.")
    assert told.ended.result == "The hen."
    assert [name for _, name, _ in told.told()] == ["auto", "research", "general", "general", "research"]


@pytest.mark.parametrize("choice", ["", "nobody", "general or analyst", "auto"])
def test_an_unusable_route_is_answered_directly(choice: str) -> None:
    told = story(accepted("auto", TEAM), TEAM, choice, "Here you are.")
    assert told.ended.result == "Here you are."
    assert told.told() == [("0", "auto", "route"), ("0", "auto", "answer")]


def test_a_router_without_delegates_answers_at_once() -> None:
    alone = team(agent("auto", strategy="route"))
    assert story(accepted("auto", alone), alone, "Here you are.").told() == [("0", "auto", "answer")]


@pytest.mark.parametrize(("lead", "purpose"), [("research", "plan"), ("auto", "route")])
def test_tools_called_while_planning_or_routing_are_not_heard(lead: str, purpose: str) -> None:
    told = story(accepted(lead, TEAM), TEAM, [call()], "So be it.")
    assert told.ended.result == "So be it."
    assert told.told() == [("0", lead, purpose), ("0", lead, "answer")]
    assert told.of(e.ToolCalled) == []


def test_a_tools_error_is_read_and_forgiven() -> None:
    told = Story(TEAM, [accepted("analyst", TEAM)])
    told.run(
        scripted(
            [call(call_id="a")], [call(call_id="b")], "Never mind.", tool=lambda c: returned(c, "No.", is_error=True)
        )
    )
    assert told.ended.result == "Never mind."
    assert [message.content for message in told.model_calls[-1].messages if message.role == "tool"] == ["No.", "No."]
