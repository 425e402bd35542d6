"""Mends what went wrong elsewhere: lost messages, tasks whose process went away, tasks past their time; forgets what is old.

A process of its own, so that deadlines hold with no worker alive. Several may run: each takes only rows nobody else has locked.
"""

from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import ExpressionWrapper, F, FloatField
from django.db.models.functions import Coalesce, Extract, Now

from agentplatform.logs import log
from agents import journal, outbox
from agents.engine import events as e
from agents.engine.state import fold
from agents.models import IdempotencyKey, Task
from agents.teams import specs_of

BATCH = 100
MOST_QUEUED = timedelta(hours=24)
KEY_KEPT = timedelta(hours=24)
KEY_BATCH = 1000
Status = Task.Status


def sweep() -> dict[str, int]:
    """Do one round. Returns how many tasks each kind of mending touched."""
    chores: dict[str, Callable[[], int]] = {
        "taken_over": take_over,
        "timed_out": time_out,
        "republished": outbox.republish,
        "forgotten": forget_requests,
    }
    return {name: chore() for name, chore in chores.items()}


def take_over() -> int:
    """Queue again what nobody runs any more, or end it after its last attempt."""
    with transaction.atomic():
        abandoned = Task.objects.select_for_update(skip_locked=True).filter(
            status=Status.RUNNING, lease_expires_at__lt=Now()
        )
        tasks = list(abandoned.order_by("lease_expires_at")[:BATCH])
        for task in tasks:
            if task.cancel_requested_at:
                _end(task, Status.CANCELLED, "cancelled", "")
            elif task.attempts >= journal.MAX_ATTEMPTS:
                _end(task, Status.FAILED, "attempts_exhausted", f"Its process went away {task.attempts} times.")
            else:
                journal.give_back(task)
    return len(tasks)


def time_out() -> int:
    """End what ran, or waited in the queue, longer than it may."""
    running = ExpressionWrapper(Extract(Now() - F("attempt_started_at"), "epoch"), output_field=FloatField())
    with transaction.atomic():
        unlocked = Task.objects.select_for_update(skip_locked=True)
        # A living runner ends its task itself, to the second; this is for those that do not.
        overdue = unlocked.filter(status=Status.RUNNING).annotate(ran=F("ran_seconds") + Coalesce(running, 0.0))
        late: list[Task] = list(overdue.filter(ran__gt=F("timeout_seconds") + 5.0)[:BATCH])
        stale = list(unlocked.filter(status=Status.QUEUED, created_at__lt=Now() - MOST_QUEUED)[:BATCH])
        for task in late:
            _end(task, Status.FAILED, "timed_out", f"The task ran longer than its {task.timeout_seconds} s.")
        for task in stale:
            _end(task, Status.FAILED, "timed_out", "The task waited in the queue for longer than 24 hours.")
    return len(late) + len(stale)


def forget_requests() -> int:
    """Drop the Idempotency-Keys that have had their 24 hours, a batch at a time."""
    stale = IdempotencyKey.objects.filter(created_at__lt=Now() - KEY_KEPT).values("pk")[:KEY_BATCH]
    return IdempotencyKey.objects.filter(pk__in=stale).delete()[0]


def _end(task: Task, status: str, reason: str, message: str) -> None:
    events = [event for _, event in journal.events(task.pk)]
    opening = events[0]
    if not isinstance(opening, e.TaskAccepted):
        raise TypeError("A journal begins with TaskAccepted.")
    ended = e.TaskEnded(status=status, exit_reason=reason, message=message)
    state = fold([*events, ended], specs_of(opening.team))
    journal.end_for(task, ended, journal.Ending.of(state))
    log(__name__).info("agent_task_ended_by_sweeper", task_id=str(task.pk), exit_reason=reason)
