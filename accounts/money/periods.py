"""When a budget's period begins and ends. Periods are UTC's; the database's clock says which one it is."""

from datetime import UTC, datetime, timedelta

from django.db.models import Case, DateTimeField, F, When
from django.db.models.functions import Now, TruncDay, TruncMonth

from accounts.money.models import Budget

Period = Budget.Period


def present_start() -> Case:
    """For a query of budgets: when the present period of each began."""
    return Case(
        When(period=Period.DAY, then=TruncDay(Now(), tzinfo=UTC)),
        When(period=Period.MONTH, then=TruncMonth(Now(), tzinfo=UTC)),
        default=F("created_at"),
        output_field=DateTimeField(),
    )


def start(budget: Budget, moment: datetime) -> datetime:
    """When the budget's period began that the moment, in UTC, is in."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return {Period.DAY: day, Period.MONTH: day.replace(day=1)}.get(Period(budget.period), budget.created_at)


def end(period: str, start: datetime) -> datetime | None:
    """When the period that began then is over; None for one that lasts."""
    if period == Period.DAY:
        return start + timedelta(days=1)
    if period == Period.MONTH:
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    return None
