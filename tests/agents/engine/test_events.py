"""Events on their way to the store and back."""

from decimal import Decimal

import pytest

from agents.engine import events as e
from agents.engine.state import fold
from agents.engine.types import Turn, Usage
from tests.agents.engine.outside import accepted, agent, call, story, team, through_json

TEAM = team(agent("general"))
EVENTS = (
    accepted("general", TEAM, context={"a": [1, {"b": None}]}, output_schema={"type": "object"}),
    e.AttemptStarted(attempt=1),
    e.AttemptLost(attempt=1),
    e.AttemptHandedOver(attempt=1),
    e.ModelCalled(run="0", step=1, purpose="answer", model="m"),
    e.ModelAnswered(
        run="0",
        step=1,
        purpose="answer",
        model="m",
        text="ü",
        tool_calls=(call(),),
        usage=Usage(1, 2),
        cost_usd=Decimal("0.1"),
    ),
    e.ModelFailed(run="0", step=1, purpose="answer", message="Away.", is_retryable=True),
    e.ModelAbandoned(run="0", step=1, model="m", is_sent=True, cost_usd=Decimal("0.2"), reserved_usd=Decimal("0.2")),
    e.ToolCalled(run="0", step=1, call=call()),
    e.ToolReturned(run="0", step=1, call_id="c1", tool="calculator", output="42"),
    e.OutcomeUnknown(run="0", step=1, call=call()),
    e.OutcomeResolved(run="0", call_id="c1", decision="retry", by="admin"),
    e.ApprovalRequested(
        run="0",
        step=1,
        approval_id="a1",
        kind="tool",
        agent="general",
        text="{}",
        timeout_seconds=60,
        on_timeout="reject",
        call=call(),
    ),
    e.ApprovalAnswered(run="0", approval_id="a1", decision="reject", by="client", comment="ü"),
    e.ConversationRead(turns=(Turn(3, "user", "ü"), Turn(4, "assistant", "")), summary="Ann.", summarised=2),
    e.ConversationTrimmed(until=4, summary_bytes=600),
    e.ConversationSummarised(until=4, summary="Ann and ü."),
    e.DelegateStarted(run="0", child="0.1", agent="general", task="What?"),
    e.DelegateFinished(run="0", child="0.1", agent="general", output="That."),
    e.HandedOver(run="0", agent="general"),
    e.GuardNoted(rule="override_instructions", score=0.9, verdict="block"),
    e.CodeAsked(run="0", number=1, kind="tool", what={"tool": "calculator", "arguments": {"expression": "1"}}),
    e.CodeAnswered(run="0", number=1, output=[1, {"a": None}]),
    e.CodeSpoke(run="0", step=1),
    e.CodeReturned(run="0", step=2, result={"a": [1]}, continues=True),
    e.CodeFailed(run="0", reason="tool_failed", message="No."),
    e.CancelRequested(by="client"),
    e.TaskEnded(status="completed", exit_reason="completed", result={"list": [1, 2.5, None, "x"]}),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_it_comes_back_as_it_was(event: e.Event) -> None:
    assert through_json([event]) == [event]


def test_there_is_an_example_of_each() -> None:
    assert {type(event).__name__ for event in EVENTS} == set(e.TYPES)


def test_money_is_kept_as_text() -> None:
    assert e.to_json(EVENTS[5])["cost_usd"] == "0.1"
    assert e.to_json(EVENTS[0])["limits"]["max_cost_usd"] == "10"


def test_fields_of_a_newer_version_are_left_out() -> None:
    assert e.from_json("AttemptStarted", {"attempt": 3, "host": "later"}) == e.AttemptStarted(attempt=3)


def test_a_journal_from_before_models_asked_agents_is_read() -> None:
    members = team(agent("research", strategy="plan", delegates=("general",)), agent("general"))
    told = story(accepted("research", members), members, '["What is a hen?"]', "A bird.", "The hen.")
    new = {"purpose", "call_id", "reason", "is_refused", "is_error"}
    rows = [
        (type(event).__name__, {name: value for name, value in e.to_json(event).items() if name not in new})
        if isinstance(event, e.DelegateStarted | e.DelegateFinished)
        else (type(event).__name__, e.to_json(event))
        for event in told.journal
    ]
    assert fold([e.from_json(kind, data) for kind, data in rows], members) == told.state
    assert e.from_json("HandedOver", {"run": "0", "agent": "general"}) == e.HandedOver(run="0", agent="general")


def test_an_unknown_event_is_an_error() -> None:
    with pytest.raises(KeyError):
        e.from_json("Imagined", {})


def test_a_journal_begins_with_acceptance() -> None:
    with pytest.raises(TypeError, match="begins with TaskAccepted"):
        fold([e.AttemptStarted(attempt=1)], TEAM)
