"""What the doctor looks at of limits and money."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

from asgiref.sync import async_to_sync
from django.utils import timezone

from accounts.limiter.redis_store import ask
from accounts.limiter.values import Charge, Limit
from accounts.money import ledger
from agentplatform import redis
from agentplatform.doctor.examining import bounded
from agentplatform.doctor.findings import Finding, ok, problem, warning

PRESENT = timedelta(days=31)
"""No day or month that goes on began earlier; checkledger reads them all."""


def limits() -> Iterator[Finding]:
    """Count two calls against a limit of one, of an owner of our own, and see the second refused."""
    yield async_to_sync(_limited)()


def money() -> Iterator[Finding]:
    """Whether the present balances of budgets are what their ledger and reservations add up to."""
    with bounded():
        found = list(ledger.differences(timezone.now() - PRESENT))
    if found:
        more = f" {len(found) - 1} more are like it." if len(found) > 1 else ""
        yield problem(f"{found[0]}{more}", "Run manage.py checkledger for all, and report it: this must never happen.")
    else:
        yield ok("The present balances of budgets are what their ledger adds up to.")


async def _limited() -> Finding:
    limit = Limit("requests", 1, 60, f"doctor-{uuid4().hex}", "the doctor")

    async def take(number: int) -> bool:
        charge = Charge(str(number))
        return (await redis.attempt(lambda client: ask(client, "take", [limit], charge))).is_admitted

    try:
        admitted = [await take(1), await take(2)]
        await redis.attempt(lambda client: client.delete(limit.log))
    except redis.Away:
        return warning(
            "Redis is away, so each process limits its own share of the calls.",
            "Start Redis. Until then limits are stricter.",
        )
    if admitted == [True, False]:
        return ok("The limiter admits one call of a limit of one, and refuses the next.")
    return problem(
        "The limiter does not count: of two calls against a limit of one it did not refuse the second.",
        "Restart Redis, and see that nobody else writes to it.",
    )
