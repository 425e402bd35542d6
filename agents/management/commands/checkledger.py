"""`manage.py checkledger`: see that ledger, balances and tasks tell the same; each difference is a line, and the exit is 1."""

from collections.abc import Iterator
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import connection, transaction

from accounts.management.reachable import reachable_database
from accounts.money import ledger
from accounts.money.models import Pruning

# Tasks that were begun before a pruning may have lost entries to it.
TASKS = """
    SELECT task.id, task.cost_usd, COALESCE(told.usd, 0)
    FROM agents_task task LEFT JOIN (
        SELECT task_id, SUM(amount_usd) AS usd FROM money_ledgerentry GROUP BY task_id
    ) told ON told.task_id = task.id
    WHERE task.status IN ('completed', 'failed', 'cancelled') AND task.cost_usd <> COALESCE(told.usd, 0)
        AND (%s::timestamptz IS NULL OR task.created_at >= %s::timestamptz)
    ORDER BY task.created_at
"""


class Command(BaseCommand):
    help = "Check that the ledger, the balances of budgets and the costs of ended tasks add up."

    def handle(self, *args: Any, **options: Any) -> None:
        with reachable_database(), transaction.atomic():
            with connection.cursor() as cursor:
                # One moment for all that is compared, while the platform goes on.
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            found = [*ledger.differences(), *_differences_of_tasks()]
        for line in found:
            self.stdout.write(line)
        if found:
            raise CommandError(f"{len(found)} differences.")
        self.stdout.write("Ledger, balances and tasks add up.")


def _differences_of_tasks() -> Iterator[str]:
    newest = Pruning.objects.order_by("-before").values_list("before", flat=True).first()
    with connection.cursor() as cursor:
        cursor.execute(TASKS, [newest, newest])
        for task_id, cost, told in cursor.fetchall():
            yield f"Task {task_id}: it cost ${cost:f}, but its entries in the ledger add up to ${told:f}."
