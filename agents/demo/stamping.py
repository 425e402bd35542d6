"""Stamps casts into the tables: a batch names tasks by owner, moment and cast, and a few statements write all their rows.

The triggers of the tables fire as in life: they note what ended for the roll-ups, and write the webhooks' deliveries.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from agents.demo import statements
from agents.demo.casts import COLUMNS, MOMENTS, Cast, turn_bytes
from agents.demo.copying import copy, execute
from agents.demo.statements import COPIED


def prepare(casts: Sequence[Cast]) -> None:
    """Have the casts at hand in the database, under their places in this list."""
    execute(statements.TABLES)
    numbered = list(enumerate(casts))
    names = (*COLUMNS, *MOMENTS)
    copy("demo_cast", ("cast_id", *names), ((at, *(each.row[name] for name in names)) for at, each in numbered))
    for table, rows in (("event", "events"), ("entry", "entries"), ("approval", "approvals"), ("unknown", "unknown")):
        columns = COPIED[table]
        copy(f"demo_{table}", columns, ((at, *row) for at, each in numbered for row in getattr(each, rows)))
    copy(
        "demo_turn",
        COPIED["turn"],
        (row for at, each in numbered if each.wants_conversation for row in _turns(at, each)),
    )
    for table in ("event", "entry", "turn", "cast"):
        execute(f"CREATE INDEX ON demo_{table} (cast_id)")
        execute(f"ANALYZE demo_{table}")


def stamp(rows: Sequence[Sequence[Any]], until: datetime, most_attempts: int) -> None:
    """Write a batch, within a transaction. Journals and deliveries that had their time at `until` are left out."""
    copy("demo_stamp", statements.STAMP, rows)
    execute("ANALYZE demo_stamp")
    if days := settings.JOURNAL_KEPT_DAYS:
        execute(statements.PRUNED, days * 86_400, until - timedelta(days=days))
    for statement in statements.OF_A_BATCH:
        execute(statement)
    execute(statements.OLD_DELIVERIES, until - timedelta(days=settings.WEBHOOKS_KEPT_DAYS))
    execute(statements.DELIVERIES, most_attempts, until - timedelta(days=3))


def _turns(at: int, each: Cast) -> list[tuple[Any, ...]]:
    said: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("user", each.asked, each.context),
        ("assistant", each.said, {}),
    )
    return [
        (at, place, role, text, json.dumps(context), turn_bytes(text, context))
        for place, (role, text, context) in enumerate(said)
    ]
