"""Whether the ledger adds up, and how its old part is let go."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from django.db import connection, transaction

from accounts.money.models import Balance, LedgerEntry, Pruning

# Each compares what a balance says with what its rows add up to. Nothing is charged to a balance before its period begins, so
# for the younger ones the older part of the ledger need not be read.
SPENT = """
    SELECT balance.id, balance.spent_usd, balance.carried_usd + COALESCE(told.usd, 0)
    FROM money_balance balance LEFT JOIN (
        SELECT charged AS id, SUM(amount_usd) AS usd FROM money_ledgerentry, UNNEST(balances) AS charged
        WHERE balances <> '{}' AND at >= %(since)s GROUP BY charged
    ) told ON told.id = balance.id
    WHERE balance.period_start >= %(since)s AND balance.spent_usd <> balance.carried_usd + COALESCE(told.usd, 0)
    ORDER BY balance.id
"""
RESERVED = """
    SELECT balance.id, balance.reserved_usd, COALESCE(told.usd, 0)
    FROM money_balance balance LEFT JOIN (
        SELECT balance_id AS id, SUM(amount_usd) AS usd FROM money_reservation GROUP BY balance_id
    ) told ON told.id = balance.id
    WHERE balance.reserved_usd <> COALESCE(told.usd, 0) ORDER BY balance.id
"""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
ALLOWS_PRUNING = "SET LOCAL agentplatform.prunes_ledger = 'yes'"


def differences(since: datetime = BEGINNING) -> Iterator[str]:
    """A sentence for each balance that is not the sum of its rows. To be read within one snapshot.

    With `since`, what was spent is compared of the periods that began then or later.
    """
    for query, word, source in (
        (SPENT, "spent", "its entries in the ledger"),
        (RESERVED, "reserved", "its reservations"),
    ):
        with connection.cursor() as cursor:
            cursor.execute(query, {"since": since})
            for balance_id, told, found in cursor.fetchall():
                yield f"Balance {balance_id}: ${told:f} {word}, but {source} add up to ${found:f}."


def prune(before: datetime) -> Pruning:
    """Delete the entries made before this moment. Balances keep their sums: what goes is carried by each that it was part of."""
    with transaction.atomic():
        old = LedgerEntry.objects.filter(at__lt=before)
        amounts: dict[int, Decimal] = {}
        total, count = Decimal(0), 0
        with connection.cursor() as cursor:
            cursor.execute(ALLOWS_PRUNING)
            cursor.execute(
                "SELECT charged, SUM(amount_usd) FROM money_ledgerentry, UNNEST(balances) AS charged "
                "WHERE at < %s GROUP BY charged",
                [before],
            )
            amounts = dict(cursor.fetchall())
            cursor.execute(
                "SELECT COUNT(*), COALESCE(SUM(amount_usd), 0) FROM money_ledgerentry WHERE at < %s", [before]
            )
            count, total = cursor.fetchone()
        for balance in Balance.objects.select_for_update().filter(pk__in=amounts).order_by("pk"):
            balance.carried_usd += amounts[balance.pk]
            balance.save(update_fields=["carried_usd"])
        old.delete()
        return Pruning.objects.create(before=before, entries=count, amount_usd=total)
