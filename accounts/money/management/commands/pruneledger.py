"""`manage.py pruneledger`: let the ledger's old part go; balances keep their sums."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.management.reachable import reachable_database
from accounts.money import ledger
from accounts.money.models import plain

LEAST_DAYS = 35  # a month's budget begun lately counts by its entries


class Command(BaseCommand):
    help = f"Delete the ledger's entries from before a day (UTC), at least {LEAST_DAYS} days ago."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", required=True, metavar="YYYY-MM-DD")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            before = datetime.strptime(options["before"], "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError as error:
            raise CommandError(f"--before: {options['before']!r} is no day; it takes YYYY-MM-DD.") from error
        newest = timezone.now() - timedelta(days=LEAST_DAYS)
        if before > newest:
            raise CommandError(f"--before: {LEAST_DAYS} days have to stay; the latest day is {newest:%Y-%m-%d}.")
        with reachable_database():
            pruning = ledger.prune(before)
        self.stdout.write(f"{pruning.entries} entries of ${plain(pruning.amount_usd)} are deleted.")
