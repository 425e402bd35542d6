"""Where a budget will be when its period ends, if what it paid for so far in the period goes on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from accounts.money import periods
from accounts.money.models import Balance

SHORTEST = timedelta(minutes=30)
"""Of less than this nothing is foretold: one task in the first minute of a month would be thousands."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will have been spent at the period's end, and when the budget will be used up, if that is before it."""

    at_end_usd: Decimal | None
    used_up_at: datetime | None


def forecast(balance: Balance, now: datetime) -> Forecast | None:
    """The straight line through the period so far; None while that is too short to say, or nothing was spent."""
    ran = now - balance.period_start
    ends = periods.end(balance.budget.period, balance.period_start)
    if ran < SHORTEST or not balance.spent_usd or (ends is not None and now >= ends):
        return None
    a_second = balance.spent_usd / Decimal(ran.total_seconds())
    at_end = None if ends is None else a_second * Decimal((ends - balance.period_start).total_seconds())
    left = balance.budget.limit_usd - balance.spent_usd
    seconds = float(max(left, Decimal(0)) / a_second)
    try:
        used_up = now + timedelta(seconds=seconds)
    except OverflowError:
        used_up = None
    is_in_time = used_up is not None and (ends is None or used_up < ends)
    return Forecast(at_end, used_up if is_in_time else None)
