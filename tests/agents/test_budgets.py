"""Budgets over real HTTP: whatever runs at once, no more is spent than there is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from accounts import callers
from accounts.money.models import Balance, Budget, LedgerEntry, Reservation
from agents.models import Event, Task
from tests import personas
from tests.api import Persona
from tests.fixtures import Counted, Logs
from tests.scripted_model import CUT, ScriptedModel, tool_call
from tests.waiting import eventually

PARALLEL, AFFORDABLE = 50, 5


def give(persona: Persona, limit_usd: Decimal | str | int, **fields: Any) -> Budget:
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


def test_the_refusal_tells_the_budget_and_what_is_left(alice: Persona, model: ScriptedModel, worst: Decimal) -> None:
    give(alice, worst / 2, period="day", api_key=None, is_hard=False)
    give(alice, worst / 4)
    before = Task.objects.count()
    answer = alice.execute("Do number 00.", cache="bypass")
    body = answer.json()
    assert (answer.status_code, body["code"], body["rule"]) == (402, "budget_exceeded", "budget")
    told = body["budget"]
    assert (told["holder"], told["period"], told["resets_at"]) == ("client", "lifetime", None)
    assert Decimal(told["needed_usd"]) == worst
    assert Decimal(told["limit_usd"]) == Decimal(told["remaining_usd"]) == (worst / 4).quantize(Decimal("1e-9"))
    assert (told["spent_usd"], told["reserved_usd"]) == ("0", "0")
    assert (Task.objects.count(), model.calls) == (before, 0)


def test_a_refusal_takes_nothing_from_the_limits(alice: Persona, model: ScriptedModel) -> None:
    give(alice, "0.000001")
    # Each answer shows its own place as taken; it was given back before the next came.
    left = {alice.execute(f"Number {number}").headers["X-RateLimit-Remaining"] for number in range(3)}
    assert left == {"99"}


def test_a_days_budget_begins_with_what_the_day_has_cost(alice: Persona, model: ScriptedModel, worst: Decimal) -> None:
    spent = LedgerEntry.objects.get().amount_usd
    give(alice, spent + worst / 2, period="day")
    body = alice.execute("Do number 00.", cache="bypass").json()
    assert Decimal(body["budget"]["spent_usd"]) == spent
    assert body["budget"]["resets_at"].endswith("T00:00:00Z")


def test_a_keys_budget_is_its_own(alice: Persona, bob: Persona, model: ScriptedModel) -> None:
    give(alice, "0.000001", api_key=alice.api_key)
    assert alice.execute().status_code == 402
    assert bob.execute().status_code == 200


def test_a_key_that_succeeds_another_draws_on_its_budget(
    alice: Persona, persona: Callable[[personas.Identity], Persona], model: ScriptedModel
) -> None:
    give(alice, "0.000001", api_key=alice.api_key)
    successor = persona(personas.new_key(alice.client, "rotated", family=alice.api_key.family))
    assert successor.execute().json()["budget"]["holder"] == "key"


def test_the_answer_length_that_is_told_would_pass(alice: Persona, model: ScriptedModel, worst: Decimal) -> None:
    give(alice, worst / 2)
    body = alice.execute("Do number 00.", cache="bypass").json()
    fit = body["would_pass"]["max_output_tokens"]
    assert f"A limits.max_output_tokens of {fit} would pass now." in body["detail"]
    too_long, just = (
        alice.execute("Do number 00.", cache="bypass", limits={"max_output_tokens": tokens})
        for tokens in (fit + 1, fit)
    )
    assert (too_long.status_code, just.status_code) == (402, 200)


def test_a_soft_budget_refuses_nothing_and_says_so_once(
    alice: Persona, model: ScriptedModel, logs: Logs, counted: Counted
) -> None:
    budget = give(alice, "0.000001", is_hard=False)
    assert [alice.execute(f"Number {number}").status_code for number in range(3)] == [200] * 3
    assert [event["budget"] for event in logs.events("budget_overspent")] == [budget.pk]
    assert counted("agent_budget_alerts_total", period="lifetime") == 1
    assert balance(budget).alerted_at is not None


def test_a_later_call_that_does_not_fit_ends_the_task(alice: Persona, model: ScriptedModel) -> None:
    budget = give(alice, 1)
    hold = model.holds(tool_call("calculator", expression="1"))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(alice.execute, "Calculate.", agent_type="analyst")
        hold.reached()
        Budget.objects.update(limit_usd=0)
        hold.release()
        answer = running.result()
    task = answer.json()["task"]
    assert (answer.status_code, task["exit_reason"]) == (402, "budget_exceeded")
    assert "are left of this client's $0 in all" in task["error"]["message"]
    assert (model.calls, task["usage"]["model_calls"]) == (1, 1)
    assert (balance(budget).reserved_usd, balance(budget).spent_usd) == (0, Decimal(task["cost_usd"]))


def test_a_cached_answer_costs_nothing_and_reserves_nothing(alice: Persona, model: ScriptedModel) -> None:
    alice.execute("Same.")
    give(alice, 0)
    assert alice.execute("Same.").headers["X-Cache"] == "hit"
    assert not Balance.objects.exists()


def test_a_call_cancelled_under_way_costs_what_was_reserved(
    alice: Persona, model: ScriptedModel, worker: None, worst: Decimal
) -> None:
    budget = give(alice, 1)
    hold = model.holds()
    task_id = alice.execute("Do number 00.", cache="bypass", async_execution=True).json()["task_id"]
    hold.reached()
    task = alice.post(f"/agent/cancel/{task_id}").json()
    assert (task["status"], Decimal(task["cost_usd"])) == ("cancelled", worst)
    assert (balance(budget).spent_usd, balance(budget).reserved_usd) == (worst, 0)


def test_a_call_that_had_not_been_sent_costs_nothing(alice: Persona, model: ScriptedModel, worker: None) -> None:
    budget = give(alice, 1)
    model.fails(429, retry_after=8)
    task_id = alice.execute(async_execution=True, cache="bypass").json()["task_id"]
    calls = Event.objects.filter(task_id=task_id, type="ModelCalled")
    eventually(lambda: calls.count() == 2)
    assert alice.post(f"/agent/cancel/{task_id}").json()["cost_usd"] == "0"
    entries = LedgerEntry.objects.order_by("seq")
    assert [entry.kind for entry in entries] == ["failed", "unsent"]
    assert not any(entry.amount_usd for entry in entries)
    assert (balance(budget).spent_usd, balance(budget).reserved_usd) == (0, 0)


@pytest.mark.parametrize(("status", "is_paid"), [(500, False), (429, False), (400, False), (504, True)])
def test_a_failed_call_costs_what_is_known_of_it(
    alice: Persona, model: ScriptedModel, worst: Decimal, status: int, is_paid: bool
) -> None:
    budget = give(alice, 1)
    model.fails(status, times=3)
    alice.execute("Do number 00.", cache="bypass")
    assert balance(budget).spent_usd == (model.calls * worst if is_paid else 0)
    assert balance(budget).reserved_usd == 0


def test_a_queued_task_has_its_money_set_aside(alice: Persona, model: ScriptedModel, worst: Decimal) -> None:
    budget = give(alice, worst)
    first = alice.execute("Do number 00.", cache="bypass", async_execution=True)
    second = alice.execute("Do number 01.", cache="bypass", async_execution=True)
    assert (first.status_code, second.status_code) == (202, 402)
    assert balance(budget).reserved_usd == worst
    assert alice.post(f"/agent/cancel/{first.json()['task_id']}").json()["cost_usd"] == "0"
    assert (balance(budget).spent_usd, balance(budget).reserved_usd) == (0, 0)
