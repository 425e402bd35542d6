"""The preview of a changed budget: the past, paid for again under both rules."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import django.test
import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Refusal
from accounts.money import preview
from accounts.money.models import Budget, LedgerEntry
from accounts.money.preview import BudgetReplay, Purse
from accounts.preview.arrivals import MICROSECONDS, Arrival
from accounts.preview.replay import compared
from agents.models import Task
from tests.api import Persona

KEYS = [UUID(int=number) for number in range(3)]
START = datetime(2026, 1, 30, tzinfo=UTC)
PERIODS = ("day", "month", "lifetime")
budgets = st.builds(
    lambda period, cents, is_hard, key: Budget(
        period=period, limit_usd=Decimal(cents) / 100, is_hard=is_hard, api_key_id=key, created_at=START
    ),
    st.sampled_from(PERIODS),
    st.integers(0, 30),
    st.booleans(),
    st.sampled_from([None, *KEYS]),
)
moments = st.lists(st.tuples(st.integers(0, 5 * 24), st.integers(0, 9), st.sampled_from([None, *KEYS])), max_size=40)


def arrivals(of: Sequence[tuple[int, int, UUID | None]]) -> list[Arrival]:
    return [
        Arrival(
            str(number),
            key,
            round((START + timedelta(hours=hour)).timestamp()) * MICROSECONDS,
            cost_usd=Decimal(cents) / 100,
        )
        for number, (hour, cents, key) in enumerate(sorted(of, key=lambda each: each[0]))
    ]


def by_definition(come: Sequence[Arrival], rules: Sequence[Budget]) -> list[bool]:
    """Whether each is admitted: what was spent in the period it is in, and its own cost, within every hard limit."""
    spent: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    decided = []
    for arrival in come:
        at = datetime.fromtimestamp(arrival.at_us / MICROSECONDS, UTC)
        names = {"day": f"{at:%Y-%m-%d}", "month": f"{at:%Y-%m}", "lifetime": "always"}
        paying = [
            (number, each) for number, each in enumerate(rules) if each.api_key_id in (None, arrival.key_id)
        ]  # fmt: skip
        fits = all(
            not each.is_hard or spent[number, names[each.period]] + arrival.cost_usd <= each.limit_usd
            for number, each in paying
        )
        decided.append(fits)
        for number, each in paying if fits else ():
            spent[number, names[each.period]] += arrival.cost_usd
    return decided


def replay(rules: Sequence[Budget]) -> BudgetReplay:
    return BudgetReplay([Purse(each) for each in rules], {key: key for key in KEYS})


@given(moments, st.lists(budgets, max_size=4))
def test_it_decides_as_budgets_are_defined(of: list[tuple[int, int, UUID | None]], rules: list[Budget]) -> None:
    come = arrivals(of)
    replayed = replay(rules)
    assert [not replayed.decide(arrival) for arrival in come] == by_definition(come, rules)


@given(moments, st.lists(budgets, max_size=3), st.lists(budgets, max_size=3))
def test_it_tells_every_difference(
    of: list[tuple[int, int, UUID | None]], present: list[Budget], new: list[Budget]
) -> None:
    come = arrivals(of)
    found = compared(come, replay(present), replay(new))
    before, after = by_definition(come, present), by_definition(come, new)
    assert found.refused.count == sum(was and not now for was, now in zip(before, after, strict=True))
    assert found.admitted.count == sum(now and not was for was, now in zip(before, after, strict=True))


@pytest.fixture
def budget(alice: Persona) -> Budget:
    """Alice's client may spend $5 a month, and spent $0.40 in 40 tasks of one hour, and $1 before what is replayed."""
    alice.execute("Hello.", cache="bypass")
    pattern = Task.objects.get()
    start = timezone.now() - timedelta(hours=2)
    Task.objects.filter(pk=pattern.pk).update(created_at=start, cost_usd=0)
    Task.objects.bulk_create(
        Task(
            client=alice.client, api_key=alice.api_key, agent_type="general", mode="sync", status="completed",
            agent_version=pattern.agent_version, timeout_seconds=1, created_at=start + timedelta(seconds=number),
            completed_at=start + timedelta(seconds=number), cost_usd=Decimal("0.01"),
        )
        for number in range(40)
    )  # fmt: skip
    LedgerEntry.objects.create(
        task_id=uuid4(), seq=9, client=alice.client, api_key_id=alice.api_key.pk, model="gpt-5-mini", run="0", step=1,
        kind="answered", amount_usd=1, reserved_usd=1, at=timezone.now() - timedelta(days=8),
    )  # fmt: skip
    return Budget.objects.create(client=alice.client, period="lifetime", limit_usd=5)


def test_a_lower_budget_would_have_refused(budget: Budget, alice: Persona) -> None:
    budget.limit_usd = Decimal("0.10")
    found = preview.of_budget(budget).total
    assert (found.requests, found.agreed) == (41, 41)
    assert (found.refused.count, found.refused.cost_usd) == (30, Decimal("0.30"))
    assert found.refused.keys == {alice.api_key.pk}
    assert Budget.objects.get().limit_usd == 5, "nothing is saved"


@pytest.mark.parametrize("changes", [{"is_hard": False}, {"is_active": False}])
def test_a_budget_that_no_longer_refuses_refuses_nothing(budget: Budget, changes: dict[str, bool]) -> None:
    Budget.objects.update(limit_usd=0)
    changed = Budget.objects.get()
    for name, value in changes.items():
        setattr(changed, name, value)
    found = preview.of_budget(changed).total
    assert (found.refused.count, found.admitted.count) == (0, 40)


def test_what_was_spent_before_counts(budget: Budget) -> None:
    Budget.objects.update(created_at=timezone.now() - timedelta(days=20))
    budget = Budget.objects.get()
    budget.limit_usd = Decimal("1.10")
    assert preview.of_budget(budget).total.refused.count == 30


def test_refused_requests_are_replayed_too(budget: Budget, alice: Persona) -> None:
    Refusal.objects.create(
        client=alice.client, api_key_id=alice.api_key.pk, code="budget_exceeded", status=402, method="POST",
        path="/agent/execute", at=timezone.now() - timedelta(hours=1), request_id="r1",
    )  # fmt: skip
    Budget.objects.update(limit_usd=Decimal("0.40"))
    budget = Budget.objects.get()
    budget.limit_usd = Decimal(9)
    found = preview.of_budget(budget).total
    assert (found.requests, found.agreed, found.admitted.count) == (42, 42, 1)


def test_the_console_shows_it_between_the_form_and_its_save(budget: Budget, operator: django.test.Client) -> None:
    address = f"/admin/money/budget/{budget.pk}/change/"
    assert 'name="_preview"' in operator.get(address).content.decode()
    assert 'name="_preview"' not in operator.get("/admin/money/budget/add/").content.decode()
    form: dict[str, Any] = {"limit_usd": "0.1", "is_hard": "on", "is_active": "on", "_preview": ""}
    page = operator.post(address, form).content.decode()
    assert "Would have refused 30 requests of 1 key" in page
    assert "saved $0.30 (by budget: $0.1 for good" in page
    assert "worst case of each call is reserved first" in page
    assert Budget.objects.get().limit_usd == 5
    sent = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', page)) | {"_save": "1"}
    operator.post(address, sent)
    assert Budget.objects.get().limit_usd == Decimal("0.1")


def test_a_faulty_form_is_shown_again(budget: Budget, operator: django.test.Client) -> None:
    page = operator.post(f"/admin/money/budget/{budget.pk}/change/", {"limit_usd": "-1", "_preview": ""})
    assert "greater than or equal to 0" in page.content.decode()
