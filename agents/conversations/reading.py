"""What a task reads of its conversation as it begins: the summary, and the newest turns after it. Bounded, whatever was said.

To be run through `in_database`.
"""

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db.models import F, Sum, Window
from django.db.models.functions import Least, Left

from agents.conversations.models import Conversation, Turn
from agents.engine import events as e
from agents.engine.budget import MESSAGE_OVERHEAD_TOKENS
from agents.engine.prompts import request_text
from agents.engine.types import Turn as Said

MOST_TURNS = 2_000
# So much more than a window is read that what does not fit any more can be summarised.
WINDOWS = 2


def read(client_id: UUID, conversation_id: UUID) -> e.ConversationRead:
    """What was said in a client's conversation so far; nothing where there is none."""
    conversation = Conversation.objects.filter(client_id=client_id, conversation_id=conversation_id).first()
    if conversation is None:
        return e.ConversationRead(turns=())
    return e.ConversationRead(
        turns=tuple(_newest(conversation)), summary=conversation.summary, summarised=conversation.summarised
    )


def has_read(known: Iterable[e.Event]) -> bool:
    """Whether a journal tells what its task has read."""
    return any(isinstance(event, e.ConversationRead) for event in known)


def _newest(conversation: Conversation) -> list[Said]:
    """The turns that the summary does not tell of; of more than fits two windows the newest, each cut to one."""
    most = settings.CONVERSATION_WINDOW_TOKENS
    since = max(conversation.summarised, conversation.turns - MOST_TURNS)
    size = Least(F("bytes"), most) + MESSAGE_OVERHEAD_TOKENS
    newest = Turn.objects.filter(conversation=conversation, number__gt=since).annotate(
        total=Window(Sum(size), order_by=F("number").desc())
    )
    rows = newest.filter(total__lte=WINDOWS * most).order_by("number")
    turns = [
        Said(number, role, _cut(request_text(content, context), most))
        for number, role, content, context in rows.values_list("number", "role", Left("content", most), "context")
    ]
    return turns[1:] if turns and turns[0].role == "assistant" else turns


def _cut(text: str, most_bytes: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= most_bytes else encoded[:most_bytes].decode(errors="ignore")
