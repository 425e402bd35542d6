"""The client's conversations."""

from collections.abc import AsyncIterator
from uuid import UUID

from agentplatform_client._async.transport import AsyncTransport
from agentplatform_client._requests import Request, query, segment
from agentplatform_client.models import Conversation, ConversationDetail, ConversationPage, Turn

PATH = "/agent/conversations"


class AsyncConversations:
    """`client.conversations`: list, read and delete them. One begins when a task first names its id."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> AsyncIterator[Conversation]:
        """Give your client's conversations, the last used first, page by page as they are asked for."""
        cursor: str | None = None
        while True:
            request = Request("GET", PATH, True, params=query(cursor=cursor))
            page = await self._transport.call(request, ConversationPage)
            for conversation in page.conversations:
                yield conversation
            cursor = page.next_cursor
            if cursor is None:
                return

    async def get(self, conversation_id: str | UUID) -> ConversationDetail:
        """Give one conversation with its newest turns. Raises NotFound."""
        return await self._page(conversation_id, None)

    async def turns(self, conversation_id: str | UUID) -> AsyncIterator[Turn]:
        """Give all turns of a conversation, newest first, page by page as they are asked for. Raises NotFound."""
        cursor: int | str | None = None
        while True:
            page = await self._page(conversation_id, cursor)
            for turn in page.turns:
                yield turn
            cursor = page.next_cursor
            if cursor is None:
                return

    async def delete(self, conversation_id: str | UUID) -> None:
        """Delete a conversation and what it holds."""
        await self._transport.send(Request("DELETE", f"{PATH}/{segment(conversation_id)}", True))

    async def _page(self, conversation_id: str | UUID, cursor: int | str | None) -> ConversationDetail:
        request = Request("GET", f"{PATH}/{segment(conversation_id)}", True, params=query(cursor=cursor))
        return await self._transport.call(request, ConversationDetail)
