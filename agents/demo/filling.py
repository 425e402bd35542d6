"""Fills a database: casts are made once, then batches of tasks are stamped in the order of time."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction

from agents.demo import beside, owners, refused, spreading, stamping, texts
from agents.demo.copying import execute
from agents.demo.owners import Owner, Owners, new_id
from agents.demo.repertoire import Repertoire, Tale, repertoire
from agents.usage import rollup
from agents.webhooks.schedule import MOST_ATTEMPTS

LEAST_BATCH, MOST_BATCH = 1_000, 20_000
RATED, HEARS = 0.04, 0.4
"""Shares of the tasks that get feedback, and of those whose end a client with an address wants to hear of."""
TASKS_A_REFUSAL = 80
LIMITS = """
    UPDATE money_budget budget SET limit_usd = greatest(0.01, round(told.most * told.factor, 2)) FROM (
        SELECT budget.id, max(balance.spent_usd) AS most,
            CASE WHEN is_hard THEN 1.02 + (budget.id %% 7) * 0.15 ELSE 0.8 END AS factor
        FROM money_budget budget JOIN money_balance balance ON balance.budget_id = budget.id
        WHERE budget.client_id::text LIKE %s GROUP BY budget.id
    ) AS told WHERE told.id = budget.id
"""
ALERTED = """
    UPDATE money_balance balance SET alerted_at = least(now(), balance.period_start + interval '20 days') FROM money_budget budget
    WHERE budget.id = balance.budget_id AND NOT budget.is_hard AND balance.spent_usd > budget.limit_usd
        AND budget.client_id::text LIKE %s
"""
GROWN = (
    "agents_task", "agents_event", "money_ledgerentry", "money_balance", "usage_endedtask", "usage_dailyusage",
    "conversations_conversation", "conversations_turn", "webhooks_delivery", "feedback_feedback", "accounts_refusal",
    "accounts_client", "accounts_apikey", "approvals_approval", "agents_unknownoutcome",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is made: tasks and keys, the days they are spread over, and the number that decides all that is random."""

    tasks: int
    keys: int
    days: int
    seed: int
    until: datetime

    @property
    def since(self) -> datetime:
        return self.until - timedelta(days=self.days)


def fill(wanted: Wanted, tell: Callable[[int], None]) -> int:
    """Make all of it; `tell` hears how many tasks there are so far. Gives how many there are in the end."""
    dice = random.Random(wanted.seed)  # noqa: S311  # no secret
    with transaction.atomic():
        beside.make()
        callers = owners.make(dice, wanted.keys, wanted.since, wanted.until)
    known = repertoire(wanted.seed, wanted.tasks)
    stamping.prepare(known.casts)
    execute("SET synchronous_commit = off")  # of this connection alone: what a power cut takes is made again
    count = 0
    try:
        for batch in _batches(_stamps(dice, wanted, known, callers), wanted.tasks // 20):
            with transaction.atomic():
                stamping.stamp(batch, wanted.until, MOST_ATTEMPTS)
            rollup.roll_up()
            count += len(batch)
            tell(count)
    finally:
        execute("SET synchronous_commit = on")
    with transaction.atomic():
        refused.make(dice, callers, max(20, wanted.tasks // TASKS_A_REFUSAL), wanted.until)
        execute(LIMITS, f"%{owners.MARK}")
        execute(ALERTED, f"%{owners.MARK}")
    tidy()
    return count


def tidy() -> None:
    """As autovacuum would leave the tables, in a while."""
    if not connection.in_atomic_block:
        execute(f"VACUUM (ANALYZE) {', '.join(GROWN)}")


def _stamps(dice: random.Random, wanted: Wanted, known: Repertoire, callers: Owners) -> Iterator[list[Any]]:
    """A row for each task, in the order of time; those that wait for people come last."""
    plan = known.chosen(dice, wanted.tasks - len(known.waiting))
    oldest = wanted.until - timedelta(days=settings.CONVERSATION_RETENTION_DAYS or 10**4)
    moments = spreading.moments(dice, len(plan), wanted.since, wanted.until)
    for tale, start, owner in zip(plan, moments, _owners(dice, callers), strict=False):
        if start + tale.length > wanted.until or (tale.is_conversation and start < oldest):
            for _ in tale.casts:  # as many, but short ones
                yield from _told(dice, known.simple, owner, min(start, wanted.until - known.simple.length))
        else:
            yield from _told(dice, tale, owner, start)
    for tale in known.waiting[: wanted.tasks]:
        age = timedelta(hours=dice.uniform(0.2, 20))
        yield from _told(dice, tale, next(_owners(dice, callers)), wanted.until - tale.length - age)


def _told(dice: random.Random, tale: Tale, owner: Owner, start: datetime) -> Iterator[list[Any]]:
    conversation = UUID(int=dice.getrandbits(128), version=4) if tale.is_conversation else None
    at = start
    for number, (pause, place, cast) in enumerate(tale.casts):
        at += timedelta(seconds=pause)
        metadata = {"order": f"A-{dice.randrange(10_000, 99_999)}"} if dice.random() < 0.5 else {}
        rating = dice.choices((1, 2, 3, 4, 5), weights=(1, 1, 2, 5, 6))[0] if dice.random() < RATED else 0
        hears = cast.row["mode"] == "background" and owner.webhook_url and dice.random() < HEARS
        yield [
            new_id(dice, at), place, owner.client_id, owner.key_id, at, orjson.dumps(metadata).decode(),
            f"{dice.getrandbits(128):032x}", conversation, 2 * number + 1, owner.webhook_url if hears else "", rating,
            dice.choice(texts.REMARKS) if rating and dice.random() < 0.6 else "",
            orjson.dumps(dice.sample(texts.TAGS, 1)).decode() if rating else "[]",
        ]  # fmt: skip
        at += timedelta(seconds=cast.row["completed_at"] or 0.0)


def _owners(dice: random.Random, callers: Owners) -> Iterator[Owner]:
    while True:
        yield from callers.some(dice, 1000)


def _batches(rows: Iterator[list[Any]], size: int) -> Iterator[list[list[Any]]]:
    while batch := list(islice(rows, max(LEAST_BATCH, min(MOST_BATCH, size)))):
        yield batch
