"""The line of a conversation: its unended tasks in the order of their acceptance. The first may run, the others wait.

A task that waits has no outbox row, so neither a worker nor the sweeper hears of it before its turn. Whoever changes a line
holds its conversation's lock. Locks go one way: the task, its conversation, money. To be run through `in_database`.
"""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now

from agentplatform.errors import Conflict
from agents import outbox
from agents.conversations.models import Conversation, Place
from agents.engine import events as e
from agents.models import Outbox, Task
from agents.queues import REPUBLISH_AFTER


class Busy(Conflict):
    """Another task of the conversation has not ended, and the platform refuses a second one."""

    def __init__(self, task_id: UUID) -> None:
        super().__init__(
            f"Task {task_id} of this conversation has not ended. Wait for it or cancel it, then send this one again.",
            members={"task_id": str(task_id)},
        )


@dataclass(frozen=True, slots=True)
class Entrance:
    """A conversation that is open for one more task; its lock is ours. `ahead` is the first of those that have not ended."""

    conversation_id: int
    turns: int
    ahead: UUID | None

    def may_begin(self, read: e.ConversationRead | None) -> bool:
        """Whether the task can run at once: it is the first, and what was read for it is all that was said."""
        return self.ahead is None and read is not None and last_number(read) == self.turns


def last_number(read: e.ConversationRead) -> int:
    """The number of the last turn that a reading knows of."""
    return read.turns[-1].number if read.turns else read.summarised


def enter(client_id: UUID, conversation_id: UUID, agent_type: str) -> Entrance:
    """Open the client's conversation, anew where there is none, and lock it. Raises Busy where the platform rejects."""
    (opened,) = Conversation.objects.bulk_create(
        [Conversation(client_id=client_id, conversation_id=conversation_id, agent_type=agent_type, last_used_at=Now())],
        update_conflicts=True,
        unique_fields=["client", "conversation_id"],
        update_fields=["agent_type", "last_used_at"],
    )
    # A statement of its own: the one above may have waited for the lock, and sees what was there before it did.
    first = Place.objects.filter(conversation=OuterRef("pk")).order_by("pk").values("task_id")[:1]
    turns, ahead = Conversation.objects.filter(pk=opened.pk).values_list("turns", Subquery(first)).get()
    if refusal := refusal_behind(ahead):
        raise refusal
    return Entrance(opened.pk, turns, ahead)


def first_of(client_id: UUID, conversation_id: UUID) -> UUID | None:
    """The first unended task of a client's conversation, if there is one."""
    line = Place.objects.filter(conversation__client_id=client_id, conversation__conversation_id=conversation_id)
    return line.order_by("pk").values_list("task_id", flat=True).first()


def refusal_behind(ahead: UUID | None) -> Busy | None:
    """How a task is refused that would have this one ahead of it; None where it may wait, or is the first."""
    return Busy(ahead) if ahead is not None and settings.CONVERSATION_CONFLICT == "reject" else None


def join(entrance: Entrance, task: Task) -> None:
    """Take the last place of the line."""
    Place.objects.create(task=task, conversation_id=entrance.conversation_id)
    task.waits = entrance.ahead is not None


def ahead_of(task_id: UUID) -> list[UUID]:
    """The tasks before this one that have not ended, in order; none when it is its turn."""
    mine = Place.objects.filter(task_id=task_id)
    before = Place.objects.filter(
        conversation__in=mine.values("conversation"), pk__lt=Subquery(mine.values("pk"))
    ).order_by("pk")
    return list(before.values_list("task_id", flat=True))


def leave(conversation: Conversation, task_id: UUID) -> None:
    """Give up a place, and have the next task run where it was the first. The caller holds the conversation's lock."""
    line = list(conversation.places.order_by("pk").select_related("task")[:2])
    Place.objects.filter(task_id=task_id).delete()
    if len(line) == 2 and line[0].task_id == task_id:
        _call(line[1].task)


def _call(task: Task) -> None:
    """Let a task be claimed. A process that waits for its turn hears of it by itself; a worker steps in where none does."""
    row = Outbox(task=task, publish_at=Now() + REPUBLISH_AFTER, published=1)
    Outbox.objects.bulk_create([row], ignore_conflicts=True)  # whatever was there, an end must not fail of it
    if task.mode == Task.Mode.BACKGROUND:
        transaction.on_commit(partial(outbox.announce, task))
