"""Tells the workers of queued tasks. The outbox row is the promise; the broker's message is only a hint.

The process that accepts a task publishes at once, from a thread of its own, and forgets about failures: the sweeper publishes
again what got lost. It sees a loss by counting: of a queue with fewer messages than tasks that wait, some are lost. So a
lost message is made up for in seconds, and a long queue is not made longer by reminders.
"""

import contextlib
import queue
import threading
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, Min, Q, QuerySet
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from agentplatform.celery import app
from agentplatform.logs import log
from agents.models import Outbox, Task
from agents.queues import LONG, REPUBLISH_AFTER, SHORT, queue_for

JOB = "agents.run_task"
Hint = tuple[UUID, int]
"""What a message says, a task's id, and how long the task may run in seconds, which decides on its queue."""
MAX_WAITING = 10_000
BATCH = 1000
# A pooled connection may have been closed while it was idle.
ONE_MORE = {"max_retries": 1, "interval_start": 0}

_waiting: queue.Queue[Hint] = queue.Queue(MAX_WAITING)
_lock = threading.Lock()
_thread: threading.Thread | None = None


def announce(task: Task) -> None:
    """Publish soon, off the request's path. Never raises, never blocks."""
    global _thread
    try:
        _waiting.put_nowait((task.pk, task.timeout_seconds))
    except queue.Full:
        return
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_relay, name="outbox", daemon=True)
            _thread.start()


def longest_wait() -> timedelta:
    """How long the task waits that has waited longest for a worker; zero when none does.

    A task that waits for a person, or for its turn in a conversation, is not in the outbox.
    """
    age = ExpressionWrapper(Now() - Min("waits_since"), output_field=DurationField())
    found: timedelta | None = Outbox.objects.aggregate(age=age)["age"]
    return found or timedelta()


def republish() -> int:
    """Publish what has no message in the broker; several sweepers may do so. Returns how many.

    No row is locked while the broker is spoken to. Raises kombu's OperationalError when it cannot be reached.
    """
    published = 0
    while hints := _unheard() or _lost(SHORT) or _lost(LONG):
        _publish_or_give_back(hints)
        published += len(hints)
    return published


def _due() -> QuerySet[Outbox]:
    return Outbox.objects.filter(publish_at__lte=Now()).order_by("publish_at")


def _waiting_in(name: str) -> Q:
    is_long = Q(task__timeout_seconds__gt=settings.LONG_TASK_SECONDS)
    return is_long if name == LONG else ~is_long


def _unheard() -> list[Hint]:
    """Tasks that were queued again and that no message has named since."""
    return _taken(_due().filter(published=0), BATCH)


def _lost(name: str) -> list[Hint]:
    """As many of the queue's longest due tasks as it lacks messages. Each message brings a worker, whatever it names."""
    due = _due().filter(_waiting_in(name))
    if not due.exists():
        return []
    missing = Outbox.objects.filter(_waiting_in(name)).count() - _depth(name)
    return _taken(due, min(missing, BATCH)) if missing > 0 else []


def _taken(due: QuerySet[Outbox], most: int) -> list[Hint]:
    """Take rows that no other sweeper has; they are due again in a few seconds."""
    with transaction.atomic():
        locked = due.select_for_update(skip_locked=True, of=("self",))
        hints: list[Hint] = list(locked.values_list("task_id", "task__timeout_seconds")[:most])
        _rows(hints).update(publish_at=Now() + REPUBLISH_AFTER, published=F("published") + 1)
    return hints


def _rows(hints: Sequence[Hint]) -> QuerySet[Outbox]:
    return Outbox.objects.filter(task_id__in=[task_id for task_id, _ in hints])


def _publish_or_give_back(hints: Sequence[Hint]) -> None:
    try:
        _publish(hints)
    except Exception:
        _rows(hints).update(publish_at=Now(), published=F("published") - 1)
        raise


def _depth(name: str) -> int:
    """How many messages wait in a queue of the broker, which is made where it is missing."""
    declared_as = app.amqp.queues[name]
    with app.connection_for_write() as connection:
        try:
            # Not passively: on Redis with a key prefix kombu finds no queue then, on RabbitMQ a missing one ends the channel.
            with connection.channel() as channel:
                declared = channel.queue_declare(  # type: ignore[attr-defined]  # the stubs know no channel's own methods
                    declared_as.name,
                    durable=declared_as.durable,
                    auto_delete=declared_as.auto_delete,
                    arguments=declared_as.queue_arguments,
                )
            return int(declared.message_count)
        except connection.connection_errors as error:
            raise OperationalError(str(error)) from error


def _publish(hints: Sequence[Hint]) -> None:
    with app.producer_or_acquire() as producer:
        for task_id, timeout_seconds in hints:
            queue_name = queue_for(timeout_seconds)
            app.send_task(JOB, args=[str(task_id)], queue=queue_name, producer=producer, retry_policy=ONE_MORE)


def _relay() -> None:
    while True:
        hints = [_waiting.get(), *_emptied()]
        try:
            _publish(hints)
        except Exception as error:  # noqa: BLE001  # the broker is away; whatever it raises, the sweeper publishes again
            hints += _emptied()  # to try with each of them would only take long
            log(__name__).warning("publish_failed", tasks=len(hints), error=type(error).__name__)


def _emptied() -> list[Hint]:
    """What waits to be announced now."""
    found: list[Hint] = []
    with contextlib.suppress(queue.Empty):
        while len(found) < MAX_WAITING:
            found.append(_waiting.get_nowait())
    return found
