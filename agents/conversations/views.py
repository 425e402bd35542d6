"""The caller's conversations: list, read, delete."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.permissions import KeyView
from agentplatform.database import in_database
from agentplatform.rendering import json_response
from agents.conversations import documentation, forgetting, listing
from agents.conversations.schemas import (
    ConversationDetail,
    ConversationObject,
    ConversationPage,
    ConversationsQuery,
    TurnObject,
    TurnsQuery,
)


class ConversationsView(KeyView):
    """The client's conversations."""

    scope = "read"
    with_query = frozenset({"GET"})

    @documentation.list_conversations
    async def get(self, request: Request) -> HttpResponse:
        """Your client's conversations, the last used first."""
        query = self.query(ConversationsQuery)
        found, cursor = await in_database(listing.page, self.request.caller.client_id, query)
        conversations = [ConversationObject.of(each) for each in found]
        return json_response(ConversationPage(conversations=conversations, next_cursor=cursor))


class ConversationView(KeyView):
    """One conversation of the client."""

    scope = "read"
    scopes: ClassVar = {"DELETE": "execute"}
    with_query = frozenset({"GET"})

    @documentation.read_conversation
    async def get(self, request: Request, conversation_id: UUID) -> HttpResponse:
        """A conversation with its turns, newest first."""
        query = self.query(TurnsQuery)
        client_id = self.request.caller.client_id
        found, turns, cursor = await in_database(listing.one, client_id, conversation_id, query)
        return json_response(
            ConversationDetail.of(
                found,
                summary=found.summary or None,
                summarised=found.summarised,
                turns=[TurnObject.of(turn) for turn in turns],
                next_cursor=cursor,
            )
        )

    @documentation.delete_conversation
    async def delete(self, request: Request, conversation_id: UUID) -> Any:
        """Delete a conversation for good; what its tasks keep of it goes too."""
        await in_database(forgetting.delete, self.request.caller.client_id, conversation_id)
        return HttpResponse(status=204)
