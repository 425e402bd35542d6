"""Preview of a changed budget: what would its client's last days have been with it?

The ledger says what was spent before the days that are replayed; from there on each rule spends for itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from accounts.models import ApiKey
from accounts.money import periods
from accounts.money.models import ZERO, Budget, LedgerEntry
from accounts.preview.arrivals import MICROSECONDS, Arrival, recorded
from accounts.preview.previews import MOST_ARRIVALS, Preview
from accounts.preview.replay import compared


def of_budget(changed: Budget) -> Preview:
    """What a changed budget, not saved yet, would have decided otherwise for its client."""
    preview = Preview(timezone.now() - timedelta(days=settings.PREVIEW_DAYS))
    client = changed.client
    arrivals = recorded(client.pk, preview.since, MOST_ARRIVALS, code="budget_exceeded")
    if len(arrivals) >= MOST_ARRIVALS:
        preview.cut.append(client)
    present = list(Budget.objects.filter(client=client))
    families = dict(ApiKey.objects.filter(client=client).values_list("pk", "family"))
    spent = {budget.pk: _spent_before(budget, preview.since) for budget in present}

    def rule(budgets: Iterable[Budget]) -> BudgetReplay:
        return BudgetReplay([Purse(each, spent[each.pk]) for each in budgets if each.is_active], families)

    new = [changed if budget.pk == changed.pk else budget for budget in present]
    preview.add(client, compared(arrivals, rule(present), rule(new)))
    return preview


@dataclass(slots=True)
class Purse:
    """A budget and what is spent of it in the period of the last arrival."""

    budget: Budget
    spent_usd: Decimal = ZERO
    ends_at: datetime | None = None

    def has_room(self, at: datetime, usd: Decimal) -> bool:
        """Whether so much more could be spent at that moment; a period that is over is begun anew."""
        start = periods.start(self.budget, at)
        if self.ends_at is not None and at >= self.ends_at:
            self.spent_usd = ZERO
        self.ends_at = periods.end(self.budget.period, start)
        return not self.budget.is_hard or self.spent_usd + usd <= self.budget.limit_usd


@dataclass(slots=True)
class BudgetReplay:
    """The budgets of one client, spent anew."""

    purses: list[Purse]
    families: Mapping[UUID, UUID] = field(default_factory=dict)

    def decide(self, arrival: Arrival) -> str:
        """The budget that refuses the task; empty when it is admitted, and then it has been paid for."""
        at = datetime.fromtimestamp(arrival.at_us / MICROSECONDS, UTC)
        paying = [purse for purse in self.purses if self._pays(purse.budget, arrival)]
        room = [purse.has_room(at, arrival.cost_usd) for purse in paying]
        if not all(room):
            return str(paying[room.index(False)].budget)
        for purse in paying:
            purse.spent_usd += arrival.cost_usd
        return ""

    def _pays(self, budget: Budget, arrival: Arrival) -> bool:
        if budget.api_key_id is None:
            return True
        family = self.families.get(budget.api_key_id)
        return arrival.key_id is not None and self.families.get(arrival.key_id) == family


def _spent_before(budget: Budget, moment: datetime) -> Decimal:
    """What was spent of the budget in the period that the moment is in, before it."""
    entries = LedgerEntry.objects.filter(
        client_id=budget.client_id, at__gte=periods.start(budget, moment), at__lt=moment
    )
    if budget.api_key is not None:
        keys = ApiKey.objects.filter(family=budget.api_key.family)
        entries = entries.filter(api_key_id__in=keys.values("pk"))
    spent: Decimal | None = entries.aggregate(usd=Sum("amount_usd"))["usd"]
    return spent or ZERO
