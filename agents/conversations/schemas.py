"""Queries and answers of the conversations' API."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from agentplatform.validation import Query
from agents.conversations.models import Conversation, Turn
from agents.presenting import timestamp
from agents.schemas import CURSOR, JsonObject


class ConversationsQuery(Query):
    """Which conversations to list."""

    cursor: Annotated[str, StringConstraints(pattern=CURSOR)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class TurnsQuery(Query):
    """Which turns of a conversation to read."""

    cursor: Annotated[int, Field(ge=1, le=2_147_483_647)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class ConversationObject(BaseModel):
    """A conversation. `agent_type` is whom its newest task was for; two turns are one task and its answer."""

    conversation_id: UUID
    agent_type: str
    turn_count: int
    created_at: str
    last_used_at: str

    @classmethod
    def of(cls, conversation: Conversation, **more: Any) -> Self:
        """The conversation as clients see it."""
        return cls(
            conversation_id=conversation.conversation_id,
            agent_type=conversation.agent_type,
            turn_count=conversation.turns,
            created_at=timestamp(conversation.created_at),
            last_used_at=timestamp(conversation.last_used_at),
            **more,
        )


class ConversationPage(BaseModel):
    """One page of conversations, the last used first; `next_cursor` asks for the next."""

    conversations: list[ConversationObject]
    next_cursor: str | None


class TurnObject(BaseModel):
    """What one side said; `context` is what the client sent along with its task. A JSON result is told as text."""

    number: int
    role: Literal["user", "assistant"]
    content: str
    context: JsonObject
    task_id: UUID
    created_at: str

    @classmethod
    def of(cls, turn: Turn) -> Self:
        """The turn as clients see it."""
        return cls(
            number=turn.number,
            role=turn.role,
            content=turn.content,
            context=turn.context,
            task_id=turn.task_id,
            created_at=timestamp(turn.at),
        )


class ConversationDetail(ConversationObject):
    """A conversation with a page of its turns, newest first; `next_cursor` asks for earlier ones.

    Models read `summary` in the place of the turns up to the number `summarised`.
    """

    summary: str | None
    summarised: int
    turns: list[TurnObject]
    next_cursor: str | None
