"""Mends what went wrong elsewhere: lost messages, tasks whose process went away, tasks past their time; forgets what is old.

A process of its own, so that deadlines hold with no worker alive. Several may run: each takes only rows nobody else has locked.
What it does is three rounds, each at a pace of its own, so that a broker that hangs or old rows by the million keep no
deadline waiting.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

import kombu.exceptions
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now

from accounts import refusals
from agentplatform.logs import log
from agents import lifecycle, metering, outbox, retention
from agents.approvals import answering
from agents.approvals.models import Approval
from agents.conversations import forgetting
from agents.engine import events as e
from agents.evals import running as evals
from agents.knowledge import waiting as documents
from agents.models import Task, UnknownOutcome
from agents.usage import rollup
from agents.webhooks import deliveries

BATCH = 100
MOST_QUEUED = timedelta(hours=24)
MOST_UNDECIDED = timedelta(days=7)
Status = Task.Status


Chores = Mapping[str, Callable[[], int]]


def sweep(chores: Chores | None = None) -> dict[str, int]:
    """Do these chores, or all, once. Returns how many rows each touched; one that fails keeps no other from its work."""
    return {name: _done(name, chore) for name, chore in (ALL if chores is None else chores).items()}


def _done(name: str, chore: Callable[[], int]) -> int:
    try:
        return chore()
    except (OperationalError, InterfaceError):
        raise
    except kombu.exceptions.OperationalError as error:
        log(__name__).warning("republishing_postponed", reason="broker unreachable", error=str(error))
        return 0
    except Exception:  # noqa: BLE001  # whatever one chore dies of, the next round may mend it
        log(__name__).exception("chore_failed", chore=name)
        return 0


def take_over() -> int:
    """Queue again what nobody runs any more, or end it after its last attempt."""
    abandoned = Task.objects.filter(status=Status.RUNNING, lease_expires_at__lt=Now()).order_by("lease_expires_at")
    return _each(abandoned, _take_over)


def _take_over(task: Task) -> None:
    if task.cancel_requested_at:
        _end(task, Status.CANCELLED, "cancelled", "")
    elif task.losses + 1 >= lifecycle.MAX_LOSSES:
        _end(task, Status.FAILED, "attempts_exhausted", f"Its process went away {task.losses + 1} times.")
    else:
        lifecycle.give_back(task)


def time_out() -> int:
    """End what ran, or waited in the queue, longer than it may."""
    ran = F("ran_seconds") + lifecycle.attempt_seconds()
    # A living runner ends its task itself, to the second; this is for those that do not.
    late = Task.objects.filter(status=Status.RUNNING).annotate(ran=ran).filter(ran__gt=F("timeout_seconds") + 5.0)
    queued = Task.objects.filter(status=Status.QUEUED, created_at__lt=Now() - MOST_QUEUED)
    # Whoever waited for a person was not in the queue then.
    lately = {"task": OuterRef("pk"), "decided_at__gt": Now() - MOST_QUEUED}
    asked = Exists(Approval.objects.filter(**lately)) | Exists(UnknownOutcome.objects.filter(**lately))
    stale = queued.filter(~asked)
    waited = "The task waited in the queue for longer than 24 hours."
    return _each(late, lambda task: _end(task, Status.FAILED, "timed_out", _too_long(task))) + _each(
        stale, lambda task: _end(task, Status.FAILED, "timed_out", waited)
    )


def give_up() -> int:
    """End what waits for an operator who does not come."""
    asked = UnknownOutcome.objects.filter(decision="", created_at__lt=Now() - MOST_UNDECIDED).values("task_id")
    waiting = Task.objects.filter(pk__in=asked, status=Status.AWAITING_APPROVAL)
    told = (
        f"It is not known whether a tool's call took effect, and no operator decided within {MOST_UNDECIDED.days} days."
    )
    return _each(waiting, lambda task: _end(task, Status.FAILED, "tool_failed", told))


def expire() -> int:
    """Answer the approvals that nobody answered in time, by their rules."""
    late = Approval.objects.filter(decision="", expires_at__lte=Now()).order_by("expires_at").values("task_id")
    return _each(Task.objects.filter(pk__in=late).exclude(status__in=Task.FINAL), answering.expire)


def _too_long(task: Task) -> str:
    return f"The task ran longer than its {task.timeout_seconds} s."


def _each(tasks: QuerySet[Task], mend: Callable[[Task], None]) -> int:
    """Mend a batch, each task for itself: one that cannot be read must not stop the mending of the others.

    Each has a transaction of its own, so that no lock on its client's money outlasts it.
    """
    mended = 0
    for task_id in list(tasks.values_list("pk", flat=True)[:BATCH]):
        try:
            with transaction.atomic():
                task = tasks.filter(pk=task_id).select_for_update(skip_locked=True, of=("self",), no_key=True).first()
                if task is not None:
                    mend(task)
                    mended += 1
        except (KeyError, TypeError, ValueError):
            log(__name__).exception("task_not_mended", task_id=str(task_id))
    return mended


def _end(task: Task, status: str, reason: str, message: str) -> None:
    lifecycle.end_unrun(task, e.TaskEnded(status=status, exit_reason=reason, message=message))
    log(__name__).info(
        "agent_task_ended_by_sweeper", task_id=str(task.pk), request_id=task.request_id, exit_reason=reason
    )


MENDING: Chores = {"taken_over": take_over, "timed_out": time_out, "given_up": give_up, "expired": expire}
REMINDING: Chores = {
    "republished": outbox.republish,
    "documents_taken_back": documents.take_back,
    "documents_announced": documents.remind,
    "eval_cases_moved": evals.advance,
}
FORGETTING: Chores = {
    "usage_rolled_up": rollup.roll_up,
    "forgotten": retention.forget_requests,
    "refusals_pruned": refusals.prune,
    "journals_pruned": retention.prune_journals,
    "tasks_pruned": retention.prune_tasks,
    "deliveries_pruned": deliveries.prune,
    "conversations_pruned": forgetting.prune,
    "conversations_erased": forgetting.erase,
    "eval_runs_pruned": evals.prune,
    "slots_held": metering.hold_waiting,
}
ALL: Chores = {**MENDING, **REMINDING, **FORGETTING}
