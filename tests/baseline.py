"""What every test finds in the database: the rows that were there when the run began, and no others.

Django's own way empties all tables and makes permissions and content types anew; this is one round trip of a few
milliseconds.
"""

from typing import LiteralString

import psycopg
from django.db import connection as django_connection
from psycopg import sql

# Django makes these once, from the code; no test changes them.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


class Baseline:
    """The rows of all tables as they are now, to go back to. Committed, so that every thread and process sees them."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg.connect(database_url, autocommit=True)
        tables = sorted(set(django_connection.introspection.django_table_names(only_existing=True)) - KEPT)
        copies = [_filled(SAVE, table) for table in tables]
        self._connection.execute(sql.SQL("DROP SCHEMA IF EXISTS baseline CASCADE; CREATE SCHEMA baseline;"))
        self._connection.execute(sql.SQL("").join(copies))
        filled = [table for table in tables if self._has_rows(table)]
        self._restore = sql.SQL("").join(
            [
                # Without foreign keys and triggers, the order of the tables does not matter.
                sql.SQL("BEGIN; SET LOCAL session_replication_role = replica;"),
                *(_filled(EMPTY, table) for table in tables),
                *(_filled(FILL, table) for table in filled),
                sql.SQL("COMMIT;"),
            ]
        )

    def restore(self) -> None:
        """Go back, whatever a test left behind."""
        try:
            self._connection.execute(self._restore)
        except psycopg.errors.DeadlockDetected:
            # The last test's background work was still writing; now it is done.
            self._connection.execute(sql.SQL("ROLLBACK;"))
            self._connection.execute(self._restore)

    def _has_rows(self, table: str) -> bool:
        return self._connection.execute(_filled("SELECT FROM baseline.{} LIMIT 1", table)).rowcount > 0


SAVE: LiteralString = "CREATE TABLE baseline.{0} AS TABLE public.{0};"
EMPTY: LiteralString = "DELETE FROM public.{};"
FILL: LiteralString = "INSERT INTO public.{0} SELECT * FROM baseline.{0};"


def _filled(statement: LiteralString, table: str) -> sql.Composed:
    return sql.SQL(statement).format(sql.Identifier(table))
