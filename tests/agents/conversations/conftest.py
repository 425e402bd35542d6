"""What tests of conversations share."""

from typing import Any


def said(conversation_id: str, **of: Any) -> list[str]:
    """All turns of a conversation, in order."""
    from agents.conversations.models import Turn

    turns = Turn.objects.filter(conversation__conversation_id=conversation_id, **of).order_by("number")
    return list(turns.values_list("content", flat=True))
