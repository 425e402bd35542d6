"""What a client used between two days: the roll-ups and, in the same statement, what is not rolled up yet.

To be run through `in_database`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import ApiKey

# Both tables in one statement: a task that is rolled up meanwhile is seen once. A sum of bigint is numeric to PostgreSQL.
# One pass for all four groupings; the first column tells which one a row belongs to.
_GROUPED = """
    SELECT GROUPING(day, agent_type, api_key_id), day, agent_type, api_key_id,
        coalesce(sum(completed), 0), coalesce(sum(failed), 0), coalesce(sum(cancelled), 0), coalesce(sum(cached), 0),
        coalesce(sum(input_tokens), 0)::bigint, coalesce(sum(output_tokens), 0)::bigint, coalesce(sum(cost_usd), 0)
    FROM (
        SELECT day, agent_type, api_key_id, completed, failed, cancelled, cached, input_tokens, output_tokens, cost_usd
        FROM usage_dailyusage WHERE client_id = %(client)s AND day BETWEEN %(first)s AND %(last)s
        UNION ALL
        SELECT day, agent_type, api_key_id, completed, failed, cancelled, cached, input_tokens, output_tokens, cost_usd
        FROM usage_endedtask WHERE client_id = %(client)s AND day BETWEEN %(first)s AND %(last)s
    ) AS used
    GROUP BY GROUPING SETS (GROUPED_BY) ORDER BY day, agent_type, api_key_id
"""
GROUPED = _GROUPED.replace("GROUPED_BY", "(), (day), (agent_type), (api_key_id)")
EACH = _GROUPED.replace("GROUPED_BY", "(day, agent_type, api_key_id)")
IN_ALL, BY_DAY, BY_AGENT_TYPE, BY_KEY = 0b111, 0b011, 0b101, 0b110


@dataclass(frozen=True, slots=True)
class Figures:
    """What some tasks used together."""

    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def requests(self) -> int:
        """All of them, however they ended."""
        return self.completed + self.failed + self.cancelled


@dataclass(frozen=True, slots=True)
class KeyName:
    """A key as its client knows it; empty when its row is gone."""

    id: UUID
    name: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A client's usage, in all and by what."""

    total: Figures = field(default_factory=Figures)
    by_day: list[tuple[date, Figures]] = field(default_factory=list)
    by_agent_type: list[tuple[str, Figures]] = field(default_factory=list)
    by_key: list[tuple[KeyName, Figures]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Line:
    """What a client's tasks of one key and one agent used on one day."""

    day: date
    agent_type: str
    key: KeyName
    figures: Figures


def report(client_id: UUID, first: date, last: date) -> Report:
    """The client's usage from the first day to the last, both included."""
    rows = _rows(GROUPED, client_id, first, last)
    by_key = [(row[3], Figures(*row[4:])) for row in rows if row[0] == BY_KEY]
    names = _names(key_id for key_id, _ in by_key)
    return Report(
        total=next(Figures(*row[4:]) for row in rows if row[0] == IN_ALL),
        by_day=[(row[1], Figures(*row[4:])) for row in rows if row[0] == BY_DAY],
        by_agent_type=[(row[2], Figures(*row[4:])) for row in rows if row[0] == BY_AGENT_TYPE],
        by_key=[(names.get(key_id, KeyName(key_id)), figures) for key_id, figures in by_key],
    )


def lines(client_id: UUID, first: date, last: date) -> list[Line]:
    """The same, each day, agent and key for itself."""
    rows = _rows(EACH, client_id, first, last)
    names = _names(row[3] for row in rows)
    return [Line(row[1], row[2], names.get(row[3], KeyName(row[3])), Figures(*row[4:])) for row in rows]


def _rows(statement: str, client_id: UUID, first: date, last: date) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"client": client_id, "first": first, "last": last})
        return list(cursor.fetchall())


def _names(key_ids: Iterator[UUID]) -> dict[UUID, KeyName]:
    keys = ApiKey.objects.filter(pk__in=set(key_ids)).values_list("pk", "name", "prefix")
    return {row[0]: KeyName(*row) for row in keys}
