"""A command's errors about the database, in one line instead of a trace."""

import contextlib
from collections.abc import Iterator

from django.core.management import CommandError
from django.db import OperationalError, ProgrammingError


@contextlib.contextmanager
def reachable_database() -> Iterator[None]:
    """Turn a database that is away or not migrated into a CommandError that says what to do."""
    try:
        yield
    except OperationalError as error:
        raise CommandError("The database cannot be reached. Start it (make run), or check DATABASE_URL.") from error
    except ProgrammingError as error:
        raise CommandError("The database lacks tables. Run manage.py migrate first.") from error
