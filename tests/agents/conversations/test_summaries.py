"""Turns that do not fit the window any more: a summary tells of them, made once and extended."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from accounts import callers
from accounts.money.models import Balance, Budget, LedgerEntry
from agents.conversations.models import Conversation
from agents.engine.history import ASKED
from agents.models import Event
from tests.agents.conversations.conftest import said
from tests.api import Persona
from tests.scripted_model import CUT, ScriptedModel
from tests.waiting import eventually

LONG = "word " * 120
SUMMARISING = "Sum up the conversation"


@pytest.fixture(autouse=True)
def _small_window(settings: Any) -> None:
    settings.CONVERSATION_WINDOW_TOKENS = 6_000


def purposes() -> list[str]:
    called = Event.objects.filter(type="ModelCalled").order_by("at", "seq")
    return list(called.values_list("data__purpose", flat=True))


def talk(alice: Persona, conversation_id: str, times: int, **fields: Any) -> list[dict[str, Any]]:
    answers = [
        alice.execute(f"No. {number}: {LONG}", conversation_id=conversation_id, **fields) for number in range(times)
    ]
    assert [answer.status_code for answer in answers] == [200] * times, answers[-1].text
    return [answer.json() for answer in answers]


def test_a_long_talk_is_summarised_now_and_then_and_never_read_whole_again(
    alice: Persona, model: ScriptedModel
) -> None:
    model.when(SUMMARISING, "They said “word” a lot.")
    model.when("", LONG)
    conversation_id = str(uuid4())
    tasks = talk(alice, conversation_id, 12)
    made = purposes().count("summarise")
    assert 2 <= made <= 6, purposes()
    assert len(said(conversation_id)) == 24, "all turns are kept for people to read"
    kept = Conversation.objects.get()
    assert (kept.summary, kept.summarised % 2) == ("They said “word” a lot.", 0)
    assert 0 < kept.summarised < 24
    last = [request for request in model.requests if SUMMARISING not in request.transcript][-1]
    assert [message["content"] for message in last.messages[1:3]] == [ASKED, "They said “word” a lot."]
    assert len(last.transcript.encode()) < 6_000
    extended = [request for request in model.requests if SUMMARISING in request.transcript][-1]
    assert "Summary so far:\nThey said “word” a lot." in extended.transcript
    assert sum(task["usage"]["model_calls"] for task in tasks) == 12 + made, "each is a step of its task"


def test_it_costs_like_any_other_call(alice: Persona, model: ScriptedModel) -> None:
    Budget.objects.create(client=alice.client, limit_usd=10, period="lifetime")
    callers.forget()
    model.when(SUMMARISING, "In short.")
    model.when("", LONG)
    tasks = talk(alice, str(uuid4()), 6)
    assert "summarise" in purposes()
    assert LedgerEntry.objects.count() == model.calls
    spent = sum(LedgerEntry.objects.values_list("amount_usd", flat=True))
    assert spent == sum(Decimal(task["cost_usd"]) for task in tasks) == Balance.objects.get().spent_usd


def test_where_no_summary_can_be_made_the_oldest_turns_are_left_out(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = str(uuid4())
    model.when(SUMMARISING, CUT)
    model.when("", LONG)
    talk(alice, conversation_id, 5)
    assert "summarise" in purposes()
    kept = Conversation.objects.get()
    assert (kept.summary, kept.summarised) == ("", 0), "the next task may try again"
    assert "No. 0:" not in model.requests[-1].transcript
    assert "No. 3:" in model.requests[-1].transcript


def test_who_allows_one_step_gets_an_answer_without_the_oldest_turns(alice: Persona, model: ScriptedModel) -> None:
    model.when("", LONG)
    talk(alice, str(uuid4()), 6, limits={"max_steps": 1})
    assert set(purposes()) == {"answer"}
    assert "No. 0:" not in model.requests[-1].transcript


def test_a_summary_is_kept_though_its_task_fails(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = str(uuid4())
    model.when(SUMMARISING, "In short.")
    model.when("Fail", CUT)
    model.when("", LONG)
    talk(alice, conversation_id, 3)
    assert alice.execute(f"Fail. {LONG * 3}", conversation_id=conversation_id).status_code == 502
    assert Conversation.objects.get().summary == "In short."
    assert len(said(conversation_id)) == 6
    assert talk(alice, conversation_id, 1)[0]["usage"]["model_calls"] == 1, "it need not be made again"


def test_it_can_be_read(alice: Persona, model: ScriptedModel) -> None:
    conversation_id = str(uuid4())
    model.when(SUMMARISING, "In short.")
    model.when("", LONG)
    talk(alice, conversation_id, 6)
    found = alice.get(f"/agent/conversations/{conversation_id}").json()
    assert found["summary"] == "In short."
    assert found["summarised"] == Conversation.objects.get().summarised


def test_a_task_taken_over_after_its_summary_makes_no_other(alice: Persona, model: ScriptedModel, worker: None) -> None:
    conversation_id = str(uuid4())
    model.when(SUMMARISING, "In short.")
    model.when("", LONG)
    for number in range(6):
        task_id = alice.execute(f"No. {number}: {LONG}", conversation_id=conversation_id, async_execution=True)
        alice.ended(task_id.json()["task_id"])
    eventually(lambda: Conversation.objects.get().turns == 12)
    told = Event.objects.filter(type="ConversationSummarised")
    assert told.count() == purposes().count("summarise")


@pytest.mark.parametrize("characters", [9_900])
def test_one_turn_that_is_longer_than_the_window_stops_nothing(
    alice: Persona, model: ScriptedModel, characters: int
) -> None:
    conversation_id = str(uuid4())
    model.when(SUMMARISING, "In short.")
    assert alice.execute("x" * characters, conversation_id=conversation_id).status_code == 200
    answer = alice.execute("And now?", conversation_id=conversation_id)
    assert answer.status_code == 200
    assert len(model.requests[-1].transcript.encode()) < 6_000
