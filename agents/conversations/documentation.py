"""What the OpenAPI document says of the conversations' API beyond the types."""

import functools
from typing import Any

from drf_spectacular.utils import extend_schema

from agentplatform.schema import error_codes, example
from agents.conversations import schemas

TASK_ID = "0198f0c2-7d3a-7a10-9c55-1d2f60a7b9e4"
CONVERSATION: dict[str, Any] = {
    "conversation_id": "6f0b8c0e-58a3-4f5e-9d53-0d8f6c5b7a11",
    "agent_type": "general",
    "turn_count": 2,
    "created_at": "2026-11-23T10:00:00.123Z",
    "last_used_at": "2026-11-23T10:00:01.480Z",
}
TURN = {"context": {}, "task_id": TASK_ID, "created_at": "2026-11-23T10:00:01.480Z"}
DETAIL: dict[str, Any] = {
    **CONVERSATION,
    "summary": None,
    "summarised": 0,
    "turns": [
        {"number": 2, "role": "assistant", "content": "Nice to meet you, Ann.", **TURN},
        {"number": 1, "role": "user", "content": "I am Ann.", **TURN},
    ],
    "next_cursor": None,
}

operation = functools.partial(extend_schema, tags=["agent"])

list_conversations = operation(
    operation_id="list_conversations",
    parameters=[schemas.ConversationsQuery],  # type: ignore[list-item]  # our schema reads pydantic queries
    responses=schemas.ConversationPage,
    extensions=error_codes("invalid_request"),
    examples=[example("A page", {"conversations": [CONVERSATION], "next_cursor": None}, status=200)],
)
read_conversation = operation(
    operation_id="get_conversation",
    parameters=[schemas.TurnsQuery],  # type: ignore[list-item]  # our schema reads pydantic queries
    responses=schemas.ConversationDetail,
    extensions=error_codes("invalid_request"),
    examples=[example("A conversation", DETAIL, status=200)],
)
delete_conversation = operation(
    operation_id="delete_conversation",
    responses={204: None},
    extensions=error_codes("conflict"),
)
