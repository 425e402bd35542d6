"""Where a budget will be when its period ends."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.money.forecast import Forecast, forecast
from accounts.money.models import Balance, Budget

START = datetime(2026, 6, 1, tzinfo=UTC)  # a month of 30 days


def balance(spent: str, *, period: str = "month", limit: str = "100") -> Balance:
    budget = Budget(period=period, limit_usd=Decimal(limit))
    return Balance(budget=budget, period_start=START, spent_usd=Decimal(spent))


@pytest.mark.parametrize(
    ("spent", "period", "ran", "at_end", "used_up"),
    [
        ("20", "month", timedelta(days=10), "60", None),
        ("50", "month", timedelta(days=10), "150", START + timedelta(days=20)),
        ("120", "month", timedelta(days=10), "360", START + timedelta(days=10)),
        ("10", "day", timedelta(hours=12), "20", None),
        ("50", "lifetime", timedelta(days=100), None, START + timedelta(days=200)),
    ],
)
def test_it_draws_the_line_on(
    spent: str, period: str, ran: timedelta, at_end: str | None, used_up: datetime | None
) -> None:
    found = forecast(balance(spent, period=period), START + ran)
    assert found
    assert (found.at_end_usd is None) == (at_end is None)
    if at_end is not None and found.at_end_usd is not None:
        assert round(found.at_end_usd, 6) == Decimal(at_end)
    assert (found.used_up_at is None) == (used_up is None)
    if used_up and found.used_up_at:
        assert abs(found.used_up_at - used_up) < timedelta(seconds=1)


def test_it_says_nothing_too_soon_too_late_or_of_nothing() -> None:
    assert forecast(balance("1"), START + timedelta(minutes=5)) is None
    assert forecast(balance("0"), START + timedelta(days=5)) is None
    assert forecast(balance("1"), START + timedelta(days=31)) is None
    assert forecast(balance("0.000000001", period="lifetime"), START + timedelta(days=1)) == Forecast(None, None)


@given(spent=st.decimals("0.000001", "1e6", places=6), hours=st.integers(1, 719))
def test_what_is_used_up_before_the_end_costs_more_than_the_limit(spent: Decimal, hours: int) -> None:
    found = forecast(balance(str(spent)), START + timedelta(hours=hours))
    assert found
    assert found.at_end_usd is not None
    assert found.at_end_usd >= spent
    if found.used_up_at:
        assert found.at_end_usd > Decimal("99.99")
