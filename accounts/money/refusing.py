"""What a client is told when a budget does not allow a call."""

from datetime import UTC
from decimal import Decimal

from accounts.money import periods
from accounts.money.models import ZERO, Balance, plain
from agentplatform.errors import BudgetExceeded

PERIODS = {"day": "a day", "month": "a month", "lifetime": "in all"}


def refusal(balance: Balance, needed_usd: Decimal) -> BudgetExceeded:
    """The error with the budget's figures, for a call that may cost so much."""
    budget = balance.budget
    left = max(budget.limit_usd - balance.spent_usd - balance.reserved_usd, ZERO)
    ends = periods.end(budget.period, balance.period_start)
    resets_at = ends.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if ends else None
    holder = "client" if budget.api_key_id is None else "key"
    detail = (
        f"The next model call may cost up to ${plain(needed_usd)}, and ${plain(left)} are left of this {holder}'s "
        f"${plain(budget.limit_usd)} {PERIODS[budget.period]}: ${plain(balance.spent_usd)} are spent and "
        f"${plain(balance.reserved_usd)} reserved for calls under way. "
    )
    detail += f"It begins anew at {resets_at}." if resets_at else "An operator has to raise it."
    figures = {
        "holder": holder,
        "period": budget.period,
        "limit_usd": plain(budget.limit_usd),
        "spent_usd": plain(balance.spent_usd),
        "reserved_usd": plain(balance.reserved_usd),
        "remaining_usd": plain(left),
        "needed_usd": plain(needed_usd),
        "resets_at": resets_at,
    }
    return BudgetExceeded(detail, members={"rule": "budget", "budget": figures})
