"""Budgets over real HTTP: whatever runs at once, no more is spent than there is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from accounts import callers
from accounts.money.models import Balance, Budget, LedgerEntry, Reservation
from agents.models import Task
from tests.api import Persona
from tests.scripted_model import CUT, ScriptedModel
from tests.waiting import eventually

PARALLEL, AFFORDABLE = 50, 5


def give(persona: Persona, limit_usd: Decimal | str, **fields: Any) -> Budget:
    budget = Budget.objects.create(
        client=persona.client, limit_usd=Decimal(limit_usd), **{"period": "lifetime", **fields}
    )
    callers.forget()
    return budget


@pytest.fixture
def worst(alice: Persona, model: ScriptedModel) -> Decimal:
    """What one of the calls below may cost at most."""
    alice.execute("Do number 00.", cache="bypass")
    model.reset()
    reserved: Decimal = LedgerEntry.objects.get().reserved_usd
    return reserved


def balance(budget: Budget) -> Balance:
    return Balance.objects.get(budget=budget)


def run_in_the_request(alice: Persona, number: int) -> httpx.Response:
    return alice.execute(f"Do number {number:02}.", cache="bypass")


def run_streamed(alice: Persona, number: int) -> httpx.Response:
    return alice.execute(f"Do number {number:02}.", cache="bypass", stream=True)


def run_in_the_background(alice: Persona, number: int) -> httpx.Response:
    answer = alice.execute(f"Do number {number:02}.", cache="bypass", async_execution=True)
    if answer.status_code == 202:
        alice.ended(answer.json()["task_id"])
    return answer


@pytest.mark.parametrize("route", [run_in_the_request, run_streamed, run_in_the_background])
def test_of_50_parallel_calls_with_money_for_5_exactly_5_run(
    alice: Persona,
    model: ScriptedModel,
    worker: None,
    worst: Decimal,
    route: Callable[[Persona, int], httpx.Response],
) -> None:
    budget = give(alice, AFFORDABLE * worst)
    holds = [model.holds("Done.") for _ in range(PARALLEL)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        answers = [pool.submit(route, alice, number) for number in range(PARALLEL)]
        eventually(lambda: sum(answer.done() for answer in answers) == PARALLEL - AFFORDABLE, within=40)
        for hold in holds[:AFFORDABLE]:
            hold.reached()
        assert balance(budget).reserved_usd == AFFORDABLE * worst
        for hold in holds:
            hold.release()
    codes = sorted(answer.result().status_code for answer in answers)
    assert codes.count(402) == PARALLEL - AFFORDABLE
    assert model.calls == AFFORDABLE
    tasks = Task.objects.exclude(pk=Task.objects.order_by("created_at")[0].pk)
    assert [task.status for task in tasks] == ["completed"] * AFFORDABLE, "what is refused leaves no task"
    now = balance(budget)
    assert (now.reserved_usd, now.spent_usd) == (0, sum(task.cost_usd for task in tasks))
    entries = LedgerEntry.objects.filter(balances__contains=[now.pk])
    assert now.spent_usd == sum(entries.values_list("amount_usd", flat=True))
    assert not Reservation.objects.exists()


def test_a_call_that_was_sent_and_broke_off_costs_what_was_reserved(alice: Persona, model: ScriptedModel) -> None:
    model.answers(CUT, "Yes.")
    task = alice.execute(cache="bypass").json()
    assert task["result"] == "Yes."
    broken, answered = LedgerEntry.objects.order_by("seq")
    assert (broken.kind, broken.amount_usd) == ("failed", broken.reserved_usd)
    assert broken.amount_usd > 0
    assert Decimal(task["cost_usd"]) == broken.amount_usd + answered.amount_usd
