"""Soft budgets refuse nothing; once a period they say that more was spent."""

from collections.abc import Iterable
from functools import partial

from django.db import transaction
from django.utils import timezone

from accounts.money.models import Balance, plain
from agentplatform import metrics
from agentplatform.logs import log


def raise_for(balances: Iterable[Balance]) -> None:
    """Mark the soft budgets that are overspent now, and say so once the transaction is committed."""
    for balance in balances:
        budget = balance.budget
        if not budget.is_hard and balance.alerted_at is None and balance.spent_usd > budget.limit_usd:
            balance.alerted_at = timezone.now()
            transaction.on_commit(partial(_say, balance))


def _say(balance: Balance) -> None:
    budget = balance.budget
    metrics.budget_alerts_total.labels(budget.period).inc()
    log(__name__).warning(
        "budget_overspent",
        client_id=str(budget.client_id),
        budget=budget.pk,
        period=budget.period,
        limit_usd=plain(budget.limit_usd),
        spent_usd=plain(balance.spent_usd),
    )
