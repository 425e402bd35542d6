"""How tasks end, and what each cap means."""

import json
from decimal import Decimal

import pytest

from agents.engine import events as e
from agents.engine.budget import worst_case
from agents.engine.decide import decide
from agents.engine.effects import Record
from tests.agents.engine.outside import Story, accepted, agent, call, failed, returned, scripted, story, team

TEAM = team(
    agent("general"),
    agent("analyst", tools=("calculator",)),
    agent("research", strategy="plan", delegates=("general",)),
)
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer", "minimum": 1}},
    "required": ["city", "people"],
}
ROME = '{"city": "Rome", "people": 2800000}'


def begun(lead: str = "general", **fields: object) -> Story:
    return Story(TEAM, [accepted(lead, TEAM, **fields)])  # type: ignore[arg-type]  # caps and the like


def test_cancelled_wins_over_everything() -> None:
    told = begun("research")
    told.append(e.CancelRequested(by="client"))
    assert decide(told.state, is_past_deadline=True) == [
        Record(event=e.TaskEnded(status="cancelled", exit_reason="cancelled"))
    ]


def test_timed_out() -> None:
    [effect] = decide(begun(timeout_seconds=7).state, is_past_deadline=True)
    assert isinstance(effect, Record)
    assert isinstance(effect.event, e.TaskEnded)
    assert (effect.event.status, effect.event.exit_reason) == ("failed", "timed_out")
    assert "7 s" in effect.event.message


def test_max_steps() -> None:
    told = Story(TEAM, [accepted("analyst", TEAM, max_steps=3)])
    told.run(scripted([call()], [call()], [call()], "Too late."))
    assert (told.ended.status, told.ended.exit_reason) == ("failed", "max_steps")
    assert told.state.model_calls == 3


def test_max_steps_counts_what_is_under_way() -> None:
    told = story(accepted("research", TEAM, max_steps=2), TEAM, '["What is a hen?", "What is an egg?"]')
    assert told.ended.exit_reason == "max_steps"
    assert len(told.model_calls) == 1


def test_budget_exceeded_before_the_call_that_could_exceed_it() -> None:
    first = begun().run(scripted("Yes.")).model_calls[0]
    limit = worst_case(first)
    assert story(accepted("general", TEAM, max_cost_usd=limit), TEAM, "Yes.").ended.status == "completed"
    told = begun(max_cost_usd=limit - Decimal("0.000001")).run(scripted())
    assert told.ended.exit_reason == "budget_exceeded"
    assert told.model_calls == []
    assert told.state.cost_usd == 0


def test_the_worst_case_counts_all_that_is_sent() -> None:
    told = story(accepted("analyst", TEAM, output_schema=CITY), TEAM, [call(arguments='"' + "x" * 5000 + '"')], ROME)
    first, second = told.model_calls
    assert worst_case(second) - worst_case(first) > Decimal(5000) / 1_000_000
    plain = story(accepted("analyst", TEAM), TEAM, "Yes.").model_calls[0]
    assert worst_case(first) - worst_case(plain) > 2 * Decimal(len(str(CITY))) / 1_000_000


@pytest.mark.parametrize("attempts", [1, 3])
def test_model_failed(attempts: int) -> None:
    told = begun()
    told.run(scripted(*[lambda c: failed(c, is_retryable=attempts == 3)] * attempts))
    assert told.ended == e.TaskEnded(status="failed", exit_reason="model_failed", message="Away.")
    assert [call.step for call in told.model_calls] == [1] * attempts


def test_a_failed_call_is_made_again_in_its_step() -> None:
    told = begun().run(scripted(failed, "Here I am."))
    assert told.ended.result == "Here I am."
    assert [call.step for call in told.model_calls] == [1, 1]
    assert told.state.model_calls == 1


def test_tool_failed() -> None:
    told = begun("analyst")
    calls = [[call(call_id=name)] for name in "abc"]
    told.run(scripted(*calls, tool=lambda c: returned(c, "No.", is_error=True)))
    assert (told.ended.status, told.ended.exit_reason) == ("failed", "tool_failed")


def test_output_satisfies_its_schema() -> None:
    told = story(accepted("general", TEAM, output_schema=CITY), TEAM, f"```json\n{ROME}\n```")
    assert told.ended.result == {"city": "Rome", "people": 2_800_000}
    assert told.model_calls[0].output_schema == CITY
    assert "JSON Schema" in told.model_calls[0].messages[0].content


def test_output_is_repaired() -> None:
    told = story(accepted("general", TEAM, output_schema=CITY), TEAM, "Rome!", '{"city": "Rome", "people": 0}', ROME)
    assert told.ended.result == {"city": "Rome", "people": 2_800_000}
    assert [purpose for _, _, purpose in told.told()] == ["answer", "repair", "repair"]
    assert {call.step for call in told.model_calls} == {1}
    assert [message.role for message in told.model_calls[-1].messages] == ["system", "user", "assistant", "user"]
    assert "$.people" in told.model_calls[-1].messages[-1].content


def test_output_invalid_when_repairs_do_not_help() -> None:
    told = story(accepted("general", TEAM, output_schema=CITY), TEAM, "Rome!", "Rome!", "Rome!")
    assert told.ended.status == "failed"
    assert told.ended.exit_reason == "output_invalid"
    assert "not JSON" in told.ended.message


def test_an_agents_own_schema_holds_where_the_client_has_none() -> None:
    members = team(agent("geographer", output_schema=CITY))
    told = story(accepted("geographer", members), members, "Rome!", ROME)
    assert told.ended.result == {"city": "Rome", "people": 2_800_000}
    told = story(accepted("geographer", members, output_schema={"type": "integer"}), members, "7")
    assert told.ended.result == 7


def test_a_delegates_own_schema_holds_for_its_part() -> None:
    members = team(
        agent("research", strategy="plan", delegates=("geographer",)), agent("geographer", output_schema=CITY)
    )
    plan = '["What is the city?"]'
    told = story(accepted("research", members), members, plan, "Rome!", f"```json\n{ROME}\n```", "It is Rome.")
    assert told.ended.result == "It is Rome."
    assert [call.output_schema for call in told.model_calls] == [None, CITY, CITY, None]
    (part,) = (event for event in told.journal if isinstance(event, e.DelegateFinished))
    assert json.loads(part.output) == {"city": "Rome", "people": 2_800_000}


def test_only_the_root_answers_to_the_schema() -> None:
    plan = '["What is the city?"]'
    told = story(accepted("research", TEAM, output_schema=CITY), TEAM, plan, "It is Rome.", ROME)
    assert told.ended.result == {"city": "Rome", "people": 2_800_000}
    assert [call.output_schema for call in told.model_calls] == [None, None, CITY]


def test_the_end_is_final() -> None:
    told = begun().run(scripted("Yes."))
    ended = told.state
    told.append(e.CancelRequested(by="client"))
    told.append(e.TaskEnded(status="cancelled", exit_reason="cancelled"))
    assert told.state == ended
    assert decide(ended) == []
    assert decide(ended, is_past_deadline=True) == []
