"""What is said is forgotten: on request, and when a conversation was not used for its time.

The turns and the summary go at once. What the tasks of the conversation keep of it goes with them: their journals, which hold
prompts and answers, and their results. The tasks themselves stay, with what they used and cost. To be run through `in_database`.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Now

from accounts.models import Client
from agentplatform.errors import Conflict, NotFound
from agents import retention
from agents.conversations.models import Conversation, Erasure, Place
from agents.evals.models import Case, Outcome
from agents.models import Event, GuardMark, Task, UnknownOutcome

BATCH = 50
TASKS = 500
NOT_KEPT = {"code": "output_invalid", "message": "The result does not satisfy output_schema."}


def delete(client_id: UUID, conversation_id: UUID) -> None:
    """Forget a client's conversation. Raises NotFound, or Conflict while a task of it has not ended."""
    with transaction.atomic():
        mine = Conversation.objects.filter(client_id=client_id, conversation_id=conversation_id)
        conversation = mine.select_for_update(of=("self",)).first()
        if conversation is None:
            raise NotFound
        if running := Place.objects.filter(conversation=conversation).order_by("pk").first():
            raise Conflict(
                f"Task {running.task_id} of this conversation has not ended. Cancel it or wait for it, then delete.",
                members={"task_id": str(running.task_id)},
            )
        _empty(_forget(conversation), TASKS)


def prune() -> int:
    """Forget the conversations that were not used for their client's days. Returns how many."""
    return sum(retention.in_batches(partial(_prune_some, old), BATCH) for old in _old())


def erase() -> int:
    """Take what was said from the tasks of conversations that were forgotten. Returns of how many conversations."""
    return retention.in_batches(_erase_some, BATCH)


def _old() -> Iterator[QuerySet[Conversation]]:
    """What has had its time: by the platform's days, then by each number of days that some clients have of their own."""
    values = Client.objects.exclude(conversation_retention_days=None).values_list(
        "conversation_retention_days", flat=True
    )
    for own, days in [(None, settings.CONVERSATION_RETENTION_DAYS), *((own, own) for own in set(values))]:
        if days:
            yield Conversation.objects.filter(
                client__conversation_retention_days=own, last_used_at__lt=Now() - timedelta(days=days)
            ).order_by("last_used_at")


def _prune_some(old: QuerySet[Conversation]) -> int:
    unused = old.filter(places=None).defer("summary")
    locked = list(unused.select_for_update(skip_locked=True, of=("self",))[:BATCH])
    for conversation in locked:
        _forget(conversation)
    return len(locked)


def _forget(conversation: Conversation) -> Erasure:
    """Drop a conversation whose lock is ours. What tasks keep of it is for `_empty`."""
    erasure = Erasure.objects.create(
        client_id=conversation.client_id,
        conversation_id=conversation.conversation_id,
        last_created_at=_tasks(conversation).aggregate(last=Max("created_at"))["last"],
    )
    conversation.delete()
    return erasure


def _erase_some() -> int:
    erasures = list(Erasure.objects.order_by("pk").select_for_update(skip_locked=True)[:BATCH])
    left = TASKS
    for erasure in erasures:
        left -= _empty(erasure, left)
        if not left:
            return BATCH  # there may be more
    return len(erasures)


def _empty(erasure: Erasure, most: int) -> int:
    """Take what was said from so many tasks of a conversation that is gone, and note when none is left."""
    if erasure.last_created_at is None:
        erasure.delete()
        return 0
    mine = _tasks(erasure).filter(status__in=Task.FINAL, created_at__lte=erasure.last_created_at)
    telling = mine.filter(Q(journal_pruned_at=None) | Q(result__isnull=False)).order_by("created_at")
    ids = list(telling.select_for_update(no_key=True).values_list("pk", flat=True)[:most])
    telling_too = [*ids, *_forks(ids)]
    Event.objects.filter(task_id__in=telling_too).delete()
    UnknownOutcome.objects.filter(task_id__in=telling_too).update(arguments="", result="")
    GuardMark.objects.filter(task_id__in=telling_too).delete()
    cases = Case.objects.filter(from_task__in=telling_too)
    Outcome.objects.filter(case__in=cases).update(asked="", context={}, answer="", findings=[])
    cases.delete()
    tasks = Task.objects.filter(pk__in=telling_too)
    tasks.filter(exit_reason="output_invalid").update(error=NOT_KEPT)
    tasks.update(result=None, journal_pruned_at=Now())
    if len(ids) < most:
        erasure.delete()
    return len(ids)


def _forks(task_ids: Sequence[UUID]) -> Iterator[UUID]:
    """What operators tried out from these tasks' journals, and from those of the forks."""
    while task_ids := list(
        Task.objects.filter(forked_from__in=task_ids, status__in=Task.FINAL).values_list("pk", flat=True)
    ):
        yield from task_ids


def _tasks(of: Conversation | Erasure) -> QuerySet[Task]:
    return Task.objects.filter(client_id=of.client_id, conversation_id=of.conversation_id)
