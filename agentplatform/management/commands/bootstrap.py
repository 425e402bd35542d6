"""`manage.py bootstrap`: everything a new or older database needs before it can serve."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from agentplatform.logs import log


class Command(BaseCommand):
    """Safe to run at every start: what is there already stays as it is."""

    help = "Migrate the database, then fill in tiers, keys, the admin user and the agents we ship, where missing."
    requires_system_checks = ()  # they load every view, which takes longer than the command itself

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            for name, options in (
                ("migrate", {"interactive": False}),
                ("bootstrapaccounts", {}),
                ("publishcatalog", {}),
            ):
                call_command(name, verbosity=0, **options)
        except OperationalError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"DATABASE_URL: the database does not answer as it should: {reason}") from error
        except ProgrammingError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(
                f"The database cannot be migrated, for it is not as its migrations left it: {reason}"
            ) from error
        log(__name__).info("database_bootstrapped")
