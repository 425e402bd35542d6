"""Reading a client's conversations, page by page. To be run through `in_database`."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q

from agentplatform.errors import NotFound
from agents.conversations.models import Conversation, Turn
from agents.conversations.schemas import ConversationsQuery, TurnsQuery

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAGE_BYTES = 1024 * 1024


def page(client_id: UUID, query: ConversationsQuery) -> tuple[list[Conversation], str | None]:
    """One page of a client's conversations, the last used first, and the cursor of the next."""
    rows = Conversation.objects.filter(client_id=client_id).order_by("-last_used_at", "-conversation_id")
    if query.cursor:
        at, conversation_id = _read(query.cursor)
        later = Q(last_used_at__lt=at) | Q(conversation_id__lt=conversation_id)
        rows = rows.filter(Q(last_used_at__lte=at) & later)
    found = list(rows.defer("summary")[: query.limit + 1])
    is_more = len(found) > query.limit
    found = found[: query.limit]
    return found, _cursor(found[-1]) if is_more else None


def one(client_id: UUID, conversation_id: UUID, query: TurnsQuery) -> tuple[Conversation, list[Turn], str | None]:
    """A conversation, a page of its turns, newest first, and the cursor of earlier ones. Raises NotFound.

    A page ends early where its turns are long: the second and later ones are within PAGE_BYTES together.
    """
    conversation = Conversation.objects.filter(client_id=client_id, conversation_id=conversation_id).first()
    if conversation is None:
        raise NotFound
    rows = Turn.objects.filter(conversation=conversation).order_by("-number")
    if query.cursor:
        rows = rows.filter(number__lt=query.cursor)
    numbers: list[int] = []
    taken = 0
    for number, size in rows.values_list("number", "bytes")[: query.limit]:
        taken += size
        if numbers and taken > PAGE_BYTES:
            break
        numbers.append(number)
    if not numbers:
        return conversation, [], None
    turns = list(rows.filter(number__range=(numbers[-1], numbers[0])))
    return conversation, turns, str(numbers[-1]) if numbers[-1] > 1 else None


def _cursor(conversation: Conversation) -> str:
    """Where a page ended, in the form of the tasks' cursors: microseconds since 1970, and the id."""
    return f"{round(conversation.last_used_at.timestamp() * 1e6):014x}-{conversation.conversation_id.hex}"


def _read(cursor: str) -> tuple[datetime, UUID]:
    microseconds, _, conversation_id = cursor.partition("-")
    return EPOCH + timedelta(microseconds=int(microseconds, 16)), UUID(conversation_id)
