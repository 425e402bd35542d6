"""`manage.py bootstrap`: everything a new or older database needs before it can serve."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError, connection, transaction

from agentplatform.logs import log

STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("migrate", {"interactive": False}),
    ("bootstrapaccounts", {}),
    ("publishcatalog", {}),
    ("publishcode", {}),
)
LOCK = 0x6167656E7473  # any number of our own


@contextmanager
def alone() -> Iterator[None]:
    """Have the others wait that start at the same moment: two of Django's migrations at once trip over each other.

    PostgreSQL frees the lock with the connection, should this process be killed.
    """
    with connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


class Command(BaseCommand):
    """Safe to run at every start, also by several at once: what is there already stays as it is."""

    help = (
        "Migrate the database, then fill in tiers, keys, the admin user, the agents we ship and those of AGENT_MODULES."
    )
    requires_system_checks = ()  # they load every view, which takes longer than the command itself

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            _require_utf8()
            with alone():
                for name, options in STEPS:
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


def _require_utf8() -> None:
    """A task of any language must be kept; other encodings fail at the first character they lack, in the middle of a run."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        (encoding,) = cursor.fetchone()
    if encoding != "UTF8":
        raise CommandError(
            f"DATABASE_URL: the database's encoding is {encoding}; it takes UTF8. Create it anew: "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
