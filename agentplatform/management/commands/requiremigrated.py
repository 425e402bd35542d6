"""`manage.py requiremigrated`: let a part of the platform start only on a database that fits its code."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader

NAMED = 3


class Command(BaseCommand):
    """What starts a service calls this first. A database that is ahead of the code passes: a rollback must be possible."""

    help = "End with an error when the database lacks migrations of this code."
    requires_system_checks = ()  # they load every view, which takes longer than the command itself

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            loader = MigrationLoader(connection)
        except OperationalError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"DATABASE_URL: the database does not answer as it should: {reason}") from error
        missing = sorted(".".join(key) for key in loader.disk_migrations.keys() - loader.applied_migrations.keys())
        if missing:
            more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
            raise CommandError(
                f"The database lacks migrations of this version ({', '.join(missing[:NAMED])}{more}), so nothing starts on it. "
                "Run `docker compose run --rm migrate` (`manage.py bootstrap` without containers), then start again."
            )
