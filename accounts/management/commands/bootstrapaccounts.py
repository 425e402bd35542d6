"""`manage.py bootstrapaccounts`: tiers, the keys of API_KEYS, the demo key, the first operator."""

from typing import Any

from django.core.management import BaseCommand

from accounts.bootstrap import fill
from accounts.management.reachable import reachable_database


class Command(BaseCommand):
    help = "Create tiers, the keys of API_KEYS, the demo key and the admin user (ADMIN_PASSWORD) where missing."

    def handle(self, *args: Any, **options: Any) -> None:
        with reachable_database():
            report = fill()
        if options["verbosity"] > 0:
            self.stdout.write("\n".join(report or ["accounts are complete already"]))
