"""The two writes of a task that runs here, for many tasks at once: accepted, and ended. To be run through `group_commit`.

Only plain tasks are written together: outside of conversations, without budgets, with nothing that people were asked. All
others, and whatever goes wrong, are for `lifecycle`, whose moves these are.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from accounts.money.movements import Payer
from agentplatform.group_commit import GroupCommit
from agents import journal, lifecycle, spending
from agents.engine import events as e
from agents.lifecycle import Ending, Holder, NewTask
from agents.models import IdempotencyKey, Outbox, Task
from agents.queues import REPUBLISH_AFTER

Status = Task.Status
SPECIAL = (e.ApprovalRequested, e.ApprovalAnswered, e.OutcomeUnknown)
END = """
UPDATE agents_task AS task
SET status = ended.status, exit_reason = ended.exit_reason, result = ended.result::jsonb, error = ended.error::jsonb,
    model = ended.model, input_tokens = ended.input_tokens, output_tokens = ended.output_tokens,
    model_calls = ended.model_calls, tool_calls = ended.tool_calls, cost_usd = ended.cost_usd,
    is_cached = ended.is_cached, guard_rule = coalesce(ended.guard_rule, task.guard_rule),
    last_seq = task.last_seq + ended.events, completed_at = statement_timestamp(), lease_expires_at = NULL,
    ran_seconds = task.ran_seconds + coalesce(extract(epoch FROM statement_timestamp() - task.attempt_started_at), 0)
FROM unnest(%s::uuid[], %s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],
            %s::bigint[], %s::int[], %s::int[], %s::numeric[], %s::bool[], %s::text[])
    AS ended(id, token, events, status, exit_reason, result, error, model, input_tokens, output_tokens, model_calls,
             tool_calls, cost_usd, is_cached, guard_rule)
WHERE task.id = ended.id AND task.lease_token = ended.token AND task.status = 'running' AND task.conversation_id IS NULL
    AND NOT EXISTS (SELECT FROM money_budget WHERE client_id = task.client_id AND is_active)
    AND NOT EXISTS (SELECT FROM money_reservation WHERE task_id = task.id)
RETURNING task.id, task.client_id, task.api_key_id, task.last_seq, task.completed_at, task.ran_seconds
"""
COLUMNS = (
    "status", "exit_reason", "result", "error", "model", "input_tokens", "output_tokens", "model_calls", "tool_calls",
    "cost_usd", "is_cached",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What `lifecycle.accept` takes."""

    new: NewTask
    events: Sequence[e.Event]
    status: str
    ending: Ending | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it can be written with others."""
        is_special = self.new.has_budgets or self.new.row["conversation_id"] is not None
        return not is_special and not any(isinstance(event, SPECIAL) for event in self.events)


@dataclass(frozen=True, slots=True)
class End:
    """What `lifecycle.append` takes to end a task."""

    by: Holder
    events: Sequence[e.Event]
    ending: Ending

    @property
    def is_plain(self) -> bool:
        """Whether it can be written with others."""
        is_special = self.by.is_repeated or self.ending.has_asked
        return not is_special and not any(isinstance(event, SPECIAL) for event in self.events)


@dataclass(frozen=True, slots=True)
class Ended:
    """An ended task's last number, and the columns that its end set; none of them where it was written alone."""

    last_seq: int
    columns: dict[str, Any]


def accept_alone(one: Acceptance) -> Task:
    """As `lifecycle.accept`."""
    return lifecycle.accept(one.new, one.events, status=one.status, ending=one.ending)


def accept_together(several: Sequence[Acceptance]) -> list[Task | None]:
    """Insert all that are plain, with their first events, by four statements. Raises IntegrityError for a key that is taken."""
    plain = [one for one in several if one.is_plain]
    if not plain:
        return [None] * len(several)
    with transaction.atomic():
        now = _database_time()
        tasks = {id(one): _accepted(one, now) for one in plain}
        Task.objects.bulk_create(tasks.values())
        journal.insert_together((tasks[id(one)].pk, 1, one.events) for one in plain)
        Outbox.objects.bulk_create(
            Outbox(task=task, waits_since=now, publish_at=now + REPUBLISH_AFTER, published=1)
            for task in tasks.values()
            if task.status == Status.QUEUED
        )
        IdempotencyKey.objects.bulk_create(
            IdempotencyKey(
                client_id=one.new.row["client_id"],
                key=one.new.idempotency_key,
                body_digest=one.new.body_digest,
                task=tasks[id(one)],
                created_at=now,
            )
            for one in plain
            if one.new.idempotency_key is not None
        )
    return [tasks.get(id(one)) for one in several]


def end_alone(one: End) -> Ended:
    """As `lifecycle.append`."""
    return Ended(lifecycle.append(one.by, one.events, one.ending), {})


def end_together(several: Sequence[End]) -> list[Ended | None]:
    """End all that are plain and still their runner's, with their last events and the ledger, by three statements."""
    plain = {one.by.task_id: one for one in several if one.is_plain}
    if not plain:
        return [None] * len(several)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(END, _arrays(list(plain.values())))
            rows = {row[0]: row[1:] for row in cursor.fetchall()}
        done: dict[Any, Ended] = {}
        lines, payers = [], []
        for task_id, (client_id, api_key_id, last_seq, completed_at, ran_seconds) in rows.items():
            one = plain[task_id]
            first = last_seq - len(one.events) + 1
            lines.append((task_id, first, one.events))
            payers.append((Payer(task_id, client_id, api_key_id), first, one.events))
            times = {"completed_at": completed_at, "ran_seconds": ran_seconds, "lease_expires_at": None}
            done[task_id] = Ended(last_seq, {**one.ending.columns, **times, "last_seq": last_seq})
        journal.insert_together(lines)
        spending.record_unbudgeted(payers)
    return [done.get(one.by.task_id) for one in several]


def _accepted(one: Acceptance, now: datetime) -> Task:
    task = Task(**one.new.row, status=one.status, last_seq=len(one.events), created_at=now)
    if one.status != Status.QUEUED:
        task.started_at = task.attempt_started_at = now
        task.attempts = 1
    if one.status == Status.RUNNING:
        task.lease_token, task.lease_expires_at = 1, now + lifecycle.LEASE
    if one.ending:
        task.completed_at = now
        for name, value in one.ending.columns.items():
            setattr(task, name, value)
    return task


def _arrays(several: Sequence[End]) -> list[list[Any]]:
    def column(name: str) -> list[Any]:
        values = [one.ending.columns.get(name) for one in several]
        is_json = name in ("result", "error")
        return [None if value is None else json.dumps(value) for value in values] if is_json else values

    held: list[list[Any]] = [
        [one.by.task_id for one in several],
        [one.by.token for one in several],
        [len(one.events) for one in several],
    ]
    return [*held, *map(column, COLUMNS), [str(value) if value else None for value in column("guard_rule")]]


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


acceptances = GroupCommit(accept_together, accept_alone)
ends = GroupCommit(end_together, end_alone)
