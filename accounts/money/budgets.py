"""Reserve and settle: the one place that changes balances, always within the transaction that writes the journal.

Locks are taken in one order everywhere: the task's row, budgets without a balance yet, balances by their ids. They last
until the short transaction ends; none is held while a model thinks.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Sum, UUIDField

from accounts.models import ApiKey
from accounts.money import alerts, periods
from accounts.money.models import ZERO, Balance, Budget, LedgerEntry, Reservation
from accounts.money.movements import Movements, Payer, Settlement
from accounts.money.refusing import refusal


def active(client_id: Any) -> Exists:
    """For a query: whether the client has any budget that counts. `client_id` is its id, or an OuterRef."""
    return Exists(Budget.objects.filter(client_id=client_id, is_active=True))


def reserved(task_id: Any) -> Exists:
    """For a query: whether anything is reserved for the task. `task_id` is its id, or an OuterRef."""
    return Exists(Reservation.objects.filter(task_id=task_id))


def look(payer: Payer) -> list[Balance]:
    """Where every budget of the payer stands now; nothing is locked or made. A period that is new has an unsaved balance."""
    found = []
    for budget in _budgets(payer).annotate(start=periods.present_start()).order_by("pk"):
        balance = Balance.objects.filter(budget=budget, period_start=budget.start).first()
        found.append(balance or _unopened(budget, budget.start))
        found[-1].budget = budget
    return found


def record(payer: Payer, movements: Movements, *, has_budgets: bool) -> None:
    """Move the money of one write: settle, reserve, and write the ledger. Whoever writes holds the task's row.

    `has_budgets` may be False only when the client has none and nothing is reserved: then the ledger alone is written.
    Raises BudgetExceeded, and the transaction must be given up.
    """
    charged = _moved(payer, movements) if has_budgets and not movements.is_nothing else {}
    LedgerEntry.objects.bulk_create(
        _entry(payer, settlement, charged.get(settlement.seq, [])) for settlement in movements.settled
    )


def write_ledger(settled: Iterable[tuple[Payer, Sequence[Settlement]]]) -> None:
    """Write the ledger for payers without budgets, by one statement."""
    LedgerEntry.objects.bulk_create(
        _entry(payer, settlement, []) for payer, settlements in settled for settlement in settlements
    )


def _moved(payer: Payer, movements: Movements) -> dict[int, list[int]]:
    """Change the balances; gives the ids of those that each settlement was charged to."""
    known = list(Reservation.objects.filter(task_id=payer.task_id))
    present = _present(payer)
    closing = [reservation for reservation in known if _is_closed(reservation, movements)]
    balances = _locked({reservation.balance_id for reservation in closing} | set(present))
    for reservation in closing:
        balances[reservation.balance_id].reserved_usd -= reservation.amount_usd
    charged = {
        settlement.seq: _charged(settlement, closing, balances, present)
        for settlement in movements.settled
        if settlement.amount_usd
    }
    Reservation.objects.filter(pk__in=[reservation.pk for reservation in closing]).delete()
    _reserve(payer, movements, [balances[pk] for pk in sorted(present)])
    alerts.raise_for(balances.values())
    Balance.objects.bulk_update(balances.values(), ["spent_usd", "reserved_usd", "alerted_at"])
    return charged


def _is_closed(reservation: Reservation, movements: Movements) -> bool:
    if movements.is_over:
        return True
    if reservation.is_called:
        return any(settlement.run == reservation.run for settlement in movements.settled)
    return reservation.run in movements.called


def _charged(
    settlement: Settlement, closing: Iterable[Reservation], balances: dict[int, Balance], present: Iterable[int]
) -> list[int]:
    """Charge the balances that the call was reserved from, and those of budgets that are newer than the call."""
    charged = [row.balance_id for row in closing if row.is_called and row.run == settlement.run]
    budgets = {balances[pk].budget_id for pk in charged}
    charged += [pk for pk in present if balances[pk].budget_id not in budgets]
    for pk in charged:
        balances[pk].spent_usd += settlement.amount_usd
    return charged


def _reserve(payer: Payer, movements: Movements, present: Sequence[Balance]) -> None:
    wanted = [(run, usd, True) for run, usd in movements.called.items() if usd]
    wanted += [(run, usd, False) for run, usd in movements.set_aside.items() if usd]
    needed = sum((usd for _, usd, _ in wanted), ZERO)
    if not needed:
        return
    for balance in present:
        if balance.budget.is_hard and balance.spent_usd + balance.reserved_usd + needed > balance.budget.limit_usd:
            raise refusal(balance, needed)
    for balance in present:
        balance.reserved_usd += needed
    Reservation.objects.bulk_create(
        Reservation(balance=balance, task_id=payer.task_id, run=run, amount_usd=usd, is_called=is_called)
        for balance in present
        for run, usd, is_called in wanted
    )


def _locked(ids: Iterable[int]) -> dict[int, Balance]:
    rows = Balance.objects.select_for_update(of=("self",)).select_related("budget")
    return {balance.pk: balance for balance in rows.filter(pk__in=ids).order_by("pk")}


def _present(payer: Payer) -> list[int]:
    """The ids of the present balances of every budget that the payer draws on; made where the period is new."""
    balance = Balance.objects.filter(budget=OuterRef("pk"), period_start=OuterRef("start"))
    rows = _budgets(payer).annotate(start=periods.present_start(), balance_id=Subquery(balance.values("pk")))
    return [row.balance_id or _opened(row) for row in rows.order_by("pk")]


def _budgets(payer: Payer) -> QuerySet[Budget]:
    own = Q(api_key=None)
    if payer.api_key_id is not None:
        own |= Q(api_key__family=_family(payer.api_key_id))
    return Budget.objects.filter(own, client_id=payer.client_id, is_active=True)


def _family(api_key_id: UUID) -> Subquery:
    return Subquery(ApiKey.objects.filter(pk=api_key_id).values("family"), output_field=UUIDField())


def _opened(budget: Budget) -> int:
    """Make the balance of a period that has just begun, for the budget too: a new one counts what the period cost before.

    A call that ends in the very moment of its budget's making may not be counted.
    """
    Budget.objects.select_for_update(no_key=True).get(pk=budget.pk)
    start = budget.start  # type: ignore[attr-defined]  # annotated
    found = Balance.objects.filter(budget=budget, period_start=start).first()
    if found is None:
        found = _unopened(budget, start)
        found.save(force_insert=True)
    return found.pk


def _unopened(budget: Budget, start: datetime) -> Balance:
    carried = ZERO if budget.period == Budget.Period.LIFETIME else _spent_before(budget, start)
    return Balance(budget=budget, period_start=start, spent_usd=carried, carried_usd=carried)


def _spent_before(budget: Budget, start: object) -> Decimal:
    entries = LedgerEntry.objects.filter(client_id=budget.client_id, at__gte=start)
    if budget.api_key_id is not None:
        family = ApiKey.objects.filter(family=_family(budget.api_key_id))
        entries = entries.filter(api_key_id__in=family.values("pk"))
    counted = list(Balance.objects.filter(budget=budget).values_list("pk", flat=True))
    if counted:
        entries = entries.exclude(balances__overlap=counted)
    spent: Decimal | None = entries.aggregate(usd=Sum("amount_usd"))["usd"]
    return spent or ZERO


def _entry(payer: Payer, settlement: Settlement, charged: list[int]) -> LedgerEntry:
    return LedgerEntry(
        task_id=payer.task_id,
        client_id=payer.client_id,
        api_key_id=payer.api_key_id,
        seq=settlement.seq,
        model=settlement.model,
        run=settlement.run,
        step=settlement.step,
        kind=settlement.kind,
        input_tokens=settlement.input_tokens,
        output_tokens=settlement.output_tokens,
        amount_usd=settlement.amount_usd,
        reserved_usd=settlement.reserved_usd,
        balances=charged,
    )
