"""Limits and budgets count what a task reads of its conversation, before it is accepted."""

from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

from accounts import callers
from accounts.money.models import Balance, Budget, Reservation
from agents.models import Task
from tests.agents.conversations.conftest import talk
from tests.api import Persona
from tests.scripted_model import ScriptedModel

LONG = "word " * 400


def test_tokens_are_reserved_for_what_was_said(newcomer: Callable[..., Persona], model: ScriptedModel) -> None:
    dora = newcomer("dora", tokens_per_minute=3_800)
    model.answers(LONG)
    conversation_id = talk(dora, "Tell me more.")
    refused = dora.execute("And now?", conversation_id=conversation_id)
    assert (refused.status_code, refused.json()["limit"]["name"]) == (429, "tokens")
    assert dora.execute("And now?").status_code == 200
    assert model.calls == 2


def test_a_queued_task_has_its_first_call_set_aside_with_what_was_said(alice: Persona, model: ScriptedModel) -> None:
    Budget.objects.create(client=alice.client, limit_usd=Decimal(10), period="lifetime")
    callers.forget()
    model.answers(LONG)
    conversation_id = talk(alice, "Tell me more.")
    kept = []
    for each in (str(uuid4()), conversation_id):
        task_id = alice.execute("And now?", conversation_id=each, async_execution=True).json()["task_id"]
        kept.append(Reservation.objects.get(task_id=task_id).amount_usd)
    bytes_more = len(LONG) + len("Tell me more.")
    assert kept[1] - kept[0] >= bytes_more * Decimal("0.25") / 1_000_000


def test_no_money_for_what_was_said_is_told_before_there_is_a_task(alice: Persona, model: ScriptedModel) -> None:
    budget = Budget.objects.create(client=alice.client, limit_usd=Decimal(10), period="lifetime")
    callers.forget()
    model.answers(LONG)
    conversation_id = talk(alice, "Tell me more.")
    plain = alice.post("/agent/estimate", json={"task": "And now?", "limits": {"max_steps": 1}}).json()
    once = Decimal(plain["cost_usd"]["max"]) / 3  # of its three tries
    Budget.objects.filter(pk=budget.pk).update(limit_usd=Balance.objects.get().spent_usd + once)
    callers.forget()
    assert alice.execute("And now?", conversation_id=conversation_id).status_code == 402
    assert Task.objects.count() == 1
    assert alice.execute("And now?").status_code == 200
