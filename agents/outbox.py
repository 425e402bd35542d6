"""Tells the workers of queued tasks. The outbox row is the promise; the broker's message is only a hint.

The process that accepts a task publishes at once, from a thread of its own, and forgets about failures: the sweeper publishes
again whatever nobody claimed.
"""

import queue
import threading
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, Value
from django.db.models.functions import Now

from agentplatform.celery import app
from agentplatform.logs import log
from agents.journal import REPUBLISH_AFTER
from agents.models import Outbox

JOB = "agents.run_task"
MAX_WAITING = 10_000
BATCH = 500

_waiting: queue.Queue[UUID] = queue.Queue(MAX_WAITING)
_lock = threading.Lock()
_thread: threading.Thread | None = None


def announce(task_id: UUID) -> None:
    """Publish soon, off the request's path. Never raises, never blocks."""
    global _thread
    try:
        _waiting.put_nowait(task_id)
    except queue.Full:
        return
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_relay, name="outbox", daemon=True)
            _thread.start()


def republish() -> int:
    """Publish the queued tasks that nobody claimed in time; several sweepers may do so. Returns how many."""
    with transaction.atomic():
        due = Outbox.objects.filter(publish_at__lte=Now()).order_by("publish_at")
        task_ids = list(due.select_for_update(skip_locked=True).values_list("task_id", flat=True)[:BATCH])
        _publish(task_ids)  # first, so that what cannot be sent is not counted as sent
        # Ever later: a long queue is not made longer by reminders.
        Outbox.objects.filter(task_id__in=task_ids).update(
            publish_at=Now() + ExpressionWrapper(Value(REPUBLISH_AFTER) * (F("published") + 1), DurationField()),
            published=F("published") + 1,
        )
    return len(task_ids)


def _publish(task_ids: Iterable[UUID]) -> None:
    for task_id in task_ids:
        app.send_task(JOB, args=[str(task_id)], retry=False)


def _relay() -> None:
    while True:
        task_id = _waiting.get()
        try:
            _publish([task_id])
        except Exception as error:  # noqa: BLE001  # the broker is away; whatever it raises, the sweeper publishes again
            log(__name__).warning("publish_failed", task_id=str(task_id), error=type(error).__name__)
