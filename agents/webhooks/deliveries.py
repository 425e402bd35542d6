"""Deliveries as they move: taken by a sender, delivered, put off, given up, sent again. To be run in a database thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from accounts import webhook_secrets
from agents.presenting import task_object, timestamp
from agents.webhooks import schedule
from agents.webhooks.models import Delivery

State = Delivery.State
BATCH = 500
# An attempt takes WEBHOOK_TIMEOUT_SECONDS at most; a sender that died gives its deliveries up by not coming back.
HELD = timedelta(minutes=2)

# The due deliveries of each endpoint, a few of each, so that a receiver that hangs delays no other's. The endpoints are
# found one after the other in the index: https://wiki.postgresql.org/wiki/Loose_indexscan
DUE = """
    WITH RECURSIVE waiting AS (
        (SELECT endpoint FROM webhooks_delivery WHERE state = 'pending' ORDER BY endpoint LIMIT 1)
        UNION ALL
        SELECT (SELECT endpoint FROM webhooks_delivery WHERE state = 'pending' AND endpoint > waiting.endpoint
            ORDER BY endpoint LIMIT 1)
        FROM waiting WHERE waiting.endpoint IS NOT NULL
    )
    SELECT due.id FROM waiting CROSS JOIN LATERAL (
        SELECT id FROM webhooks_delivery
        WHERE endpoint = waiting.endpoint AND state = 'pending' AND next_attempt_at <= now() AND NOT endpoint = ANY(%s)
        ORDER BY next_attempt_at LIMIT %s FOR UPDATE SKIP LOCKED
    ) AS due LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery as it is sent. `secrets`: each signs; the newest first.

    The body has the task as it stands: an ended one does not change, and one that asks may be answered between two attempts.
    """

    id: UUID
    url: str
    endpoint: str
    body: dict[str, Any]
    secrets: Sequence[str]


def take(most: int, *, each: int, busy: Sequence[str] = ()) -> list[Message]:
    """Take due deliveries that no other sender has: at most so many of each endpoint, and none of the busy ones."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(DUE, [list(busy), each, most])
        ids = [row[0] for row in cursor.fetchall()]
        Delivery.objects.filter(pk__in=ids).update(next_attempt_at=Now() + HELD, attempts=F("attempts") + 1)
    rows = Delivery.objects.filter(pk__in=ids).select_related("task__agent_version").order_by("created_at")
    secrets = webhook_secrets.usable({row.client_id for row in rows})
    return [_message(row, secrets.get(row.client_id, ())) for row in rows]


def _message(delivery: Delivery, secrets: Sequence[str]) -> Message:
    body = {
        "type": delivery.kind,
        "timestamp": timestamp(delivery.created_at),
        "data": task_object(delivery.task).model_dump(mode="json", exclude_none=False),
    }
    if delivery.approval_id:
        body["approval_id"] = delivery.approval_id
    return Message(delivery.pk, delivery.url, delivery.endpoint, body, secrets)


def note(delivery_id: UUID, status_code: int | None, fault: str, *, is_final: bool = False) -> str:
    """Write down an attempt: `delivered` without a fault, `given_up` after the last one, else `failed`, to be tried again."""
    # A delivery that an operator sent again meanwhile is another sender's.
    rows = Delivery.objects.filter(pk=delivery_id, state=State.PENDING)
    columns: dict[str, Any] = {"status_code": status_code, "fault": fault[:300], "next_attempt_at": None}
    if not fault:
        rows.update(state=State.DELIVERED, delivered_at=Now(), **columns)
        return "delivered"
    attempts = rows.values_list("attempts", flat=True).first() or 0
    wait = None if is_final else schedule.wait_seconds(attempts)
    if wait is None:
        rows.update(state=State.FAILED, **columns)
        return "given_up"
    rows.update(**columns | {"next_attempt_at": Now() + timedelta(seconds=wait)})
    return "failed"


def send_again(deliveries: QuerySet[Delivery]) -> int:
    """Have ended deliveries made once more, from the first attempt on; returns how many. Pending ones are tried at once."""
    return deliveries.update(
        state=State.PENDING, attempts=0, next_attempt_at=Now(), status_code=None, fault="", delivered_at=None
    )


def prune() -> int:
    """Forget a batch of deliveries that ended more than WEBHOOKS_KEPT_DAYS ago; returns how many."""
    old = Delivery.objects.filter(created_at__lt=Now() - timedelta(days=settings.WEBHOOKS_KEPT_DAYS))
    ids = list(old.exclude(state=State.PENDING).order_by("created_at").values_list("pk", flat=True)[:BATCH])
    return Delivery.objects.filter(pk__in=ids).delete()[0]
