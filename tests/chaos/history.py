"""What PostgreSQL knows afterwards, and the trigger that writes down every move of a task while it happens."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

WATCH = """
CREATE TABLE IF NOT EXISTS chaos_move (
    id bigserial PRIMARY KEY, task_id uuid NOT NULL, was text, becomes text NOT NULL, note text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE OR REPLACE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO chaos_move (task_id, becomes) VALUES (NEW.id, NEW.status);
    ELSIF OLD.status IN ('completed', 'failed', 'cancelled') AND
          ROW(NEW.status, NEW.exit_reason, NEW.result, NEW.error, NEW.last_seq, NEW.input_tokens, NEW.cost_usd)
          IS DISTINCT FROM
          ROW(OLD.status, OLD.exit_reason, OLD.result, OLD.error, OLD.last_seq, OLD.input_tokens, OLD.cost_usd) THEN
        INSERT INTO chaos_move (task_id, was, becomes, note) VALUES (NEW.id, OLD.status, NEW.status, 'final changed');
    ELSIF NEW.status <> OLD.status THEN
        INSERT INTO chaos_move (task_id, was, becomes) VALUES (NEW.id, OLD.status, NEW.status);
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS chaos_note ON agents_task;
CREATE TRIGGER chaos_note AFTER INSERT OR UPDATE ON agents_task FOR EACH ROW EXECUTE FUNCTION chaos_note();
"""
ALLOWED: dict[str | None, tuple[str, ...]] = {
    None: ("queued", "running", "completed", "failed", "cancelled"),
    "queued": ("running", "failed", "cancelled"),
    "running": ("queued", "awaiting_approval", "completed", "failed", "cancelled"),
    "awaiting_approval": ("queued", "failed", "cancelled"),
}


@dataclass
class Event:
    """A line of a journal."""

    seq: int
    type: str
    data: dict[str, Any]
    at: datetime


@dataclass
class Kept:
    """A task as PostgreSQL has it: its row, its journal, its moves."""

    row: dict[str, Any]
    journal: list[Event] = field(default_factory=list)
    moves: list[tuple[str | None, str, str, datetime]] = field(default_factory=list)
    ledger_usd: Decimal = Decimal(0)

    @property
    def number(self) -> int:
        return int(self.row["metadata"].get("chaos", 0))

    @property
    def is_final(self) -> bool:
        return self.row["status"] in ("completed", "failed", "cancelled")

    def of(self, *types: str) -> list[Event]:
        return [event for event in self.journal if event.type in types]


def watch(url: str) -> None:
    """Begin to write down moves."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(WATCH.encode())


def unfinished(url: str) -> dict[str, int]:
    """How many tasks are in each state that is not final."""
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        rows = connection.execute(
            "SELECT status, count(*) FROM agents_task WHERE status NOT IN ('completed', 'failed', 'cancelled') GROUP BY 1"
        )
        return dict(rows.fetchall())


async def settled(url: str, *, within_seconds: float) -> dict[str, int]:
    """Wait until every task is final; give what is left when the time is up."""
    left: dict[str, int] = {}
    for _ in range(int(within_seconds)):
        left = await asyncio.to_thread(unfinished, url)
        if not left:
            break
        await asyncio.sleep(1)
    return left


def read(url: str) -> dict[str, Kept]:
    """All tasks by their ids."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        tasks = {str(row["id"]): Kept(row) for row in connection.execute("SELECT * FROM agents_task")}
        for row in connection.execute("SELECT task_id, seq, type, data, at FROM agents_event ORDER BY task_id, seq"):
            tasks[str(row["task_id"])].journal.append(Event(row["seq"], row["type"], row["data"], row["at"]))
        for row in connection.execute("SELECT task_id, was, becomes, note, at FROM chaos_move ORDER BY id"):
            if kept := tasks.get(str(row["task_id"])):
                kept.moves.append((row["was"], row["becomes"], row["note"], row["at"]))
        for row in connection.execute("SELECT task_id, sum(amount_usd) AS usd FROM money_ledgerentry GROUP BY task_id"):
            if kept := tasks.get(str(row["task_id"])):
                kept.ledger_usd = row["usd"]
    return tasks
