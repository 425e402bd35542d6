"""Forgets what is old: journals of ended tasks, the tasks themselves, Idempotency-Keys.

In batches that lock rows for milliseconds and pass over what others have locked; so several sweepers may do it side by side. An
unended task is never old. The outbox needs nothing of this: its row goes when a task is claimed or ends, after 24 hours at most.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from agents.approvals.models import Approval
from agents.models import Event, IdempotencyKey, Task

BATCH = 500
ROUND_SECONDS = 20.0
KEY_KEPT = timedelta(hours=24)


def forget_requests() -> int:
    """Drop the Idempotency-Keys that have had their 24 hours."""
    return in_batches(_forget_some_requests)


def prune_journals() -> int:
    """Drop the journals of tasks that ended more than JOURNAL_KEPT_DAYS ago; the tasks stay. Returns of how many tasks."""
    return in_batches(_prune_some_journals) if settings.JOURNAL_KEPT_DAYS else 0


def prune_tasks() -> int:
    """Drop the tasks that ended more than TASKS_KEPT_DAYS ago, with all that belongs to them. Returns how many."""
    return in_batches(_prune_some_tasks) if settings.TASKS_KEPT_DAYS else 0


def old_journals() -> QuerySet[Task]:
    """Ended tasks whose journal has had its time, the longest ended first."""
    ended_before = Now() - timedelta(days=settings.JOURNAL_KEPT_DAYS)
    return Task.objects.filter(journal_pruned_at=None, completed_at__lt=ended_before).order_by("completed_at")


def old_tasks() -> QuerySet[Task]:
    """Ended tasks that have had their time, the oldest first."""
    ended_before = Now() - timedelta(days=settings.TASKS_KEPT_DAYS)
    # What ended by then was made by then, and that has an index already.
    old = Task.objects.filter(created_at__lt=ended_before, completed_at__lt=ended_before)
    return old.filter(status__in=Task.FINAL).order_by("created_at", "id")


def _forget_some_requests() -> int:
    stale = IdempotencyKey.objects.filter(created_at__lt=Now() - KEY_KEPT).order_by("created_at")
    keys = list(stale.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
    return IdempotencyKey.objects.filter(pk__in=keys).delete()[0]


def _prune_some_journals() -> int:
    task_ids = _locked(old_journals())
    Event.objects.filter(task_id__in=task_ids).delete()
    Approval.objects.filter(task_id__in=task_ids).update(text="", comment="")  # who agreed to what stays
    return Task.objects.filter(pk__in=task_ids).update(journal_pruned_at=Now())


def _prune_some_tasks() -> int:
    task_ids = _locked(old_tasks())
    Task.objects.filter(pk__in=task_ids).delete()
    return len(task_ids)


def _locked(old: QuerySet[Task]) -> list[UUID]:
    return list(old.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])


def in_batches(forget_some: Callable[[], int], batch: int | None = None) -> int:
    """Go on while there is more than a batch, for so long as one round may take; each batch is a transaction."""
    began, forgotten = time.monotonic(), 0
    while time.monotonic() - began < ROUND_SECONDS:
        with transaction.atomic():
            forgotten += (some := forget_some())
        if some < (batch or BATCH):
            break
    return forgotten
