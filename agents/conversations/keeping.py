"""What the journal's events mean for a conversation. Every write of a journal passes here, within its transaction.

So the turns of a task are there exactly when the task is completed, whichever process ended it and however often it tried.
"""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from agents.conversations import line
from agents.conversations.models import Conversation, Turn
from agents.engine import events as e
from agents.engine.prompts import request_text
from agents.models import Event, Task

INTERRUPTING = "conversation"
"""Who cancels a task for a later one of its conversation, in the journal's words."""
INTERRUPTED = "A later task of its conversation took its place."


def record(task_id: UUID, new: Sequence[e.Event]) -> None:
    """Keep a summary that was made; at the task's end add what was said, where it is completed, and call the next in line."""
    for event in new:
        match event:
            case e.ConversationSummarised() if event.summary:
                older = Conversation.objects.filter(places__task_id=task_id, summarised__lt=event.until)
                older.update(summary=event.summary, summarised=event.until)
            case e.TaskEnded():
                _end(task_id, event, new)


def _end(task_id: UUID, ended: e.TaskEnded, new: Sequence[e.Event]) -> None:
    mine = Conversation.objects.filter(places__task_id=task_id)
    conversation = mine.select_for_update(no_key=True, of=("self",)).first()
    if conversation is None:
        return  # accepted before there were conversations
    if ended.status == Task.Status.COMPLETED:
        _say(conversation, task_id, ended)
    elif ended.status == Task.Status.CANCELLED and _was_interrupted(task_id, new):
        Task.objects.filter(pk=task_id).update(error={"code": "cancelled", "message": INTERRUPTED})
    line.leave(conversation, task_id)


def _say(conversation: Conversation, task_id: UUID, ended: e.TaskEnded) -> None:
    asked = Event.objects.values_list("data", flat=True).get(task_id=task_id, seq=1)["input"]
    result = ended.result
    answer = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    said: list[tuple[Turn.Role, str, dict[str, Any]]] = [
        (Turn.Role.USER, asked["task"], asked["context"]),
        (Turn.Role.ASSISTANT, answer, {}),
    ]
    Turn.objects.bulk_create(
        Turn(
            conversation=conversation,
            number=number,
            role=role,
            content=content,
            context=context,
            bytes=len(request_text(content, context).encode()),
            task_id=task_id,
        )
        for number, (role, content, context) in enumerate(said, conversation.turns + 1)
    )
    Conversation.objects.filter(pk=conversation.pk).update(turns=conversation.turns + 2, last_used_at=Now())


def _was_interrupted(task_id: UUID, new: Sequence[e.Event]) -> bool:
    if any(isinstance(event, e.CancelRequested) and event.by == INTERRUPTING for event in new):
        return True
    return Event.objects.filter(task_id=task_id, type="CancelRequested", data__by=INTERRUPTING).exists()
