# Made by make_sync.py from _async/conversations.py; change that file, then `make client`.
"""The client's conversations."""

from collections.abc import Iterator
from uuid import UUID

from agentplatform_client._requests import Request, query, segment
from agentplatform_client._sync.transport import Transport
from agentplatform_client.models import Conversation, ConversationDetail, ConversationPage, Turn

PATH = "/agent/conversations"


class Conversations:
    """`client.conversations`: list, read and delete them. One begins when a task first names its id."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Iterator[Conversation]:
        """Give your client's conversations, the last used first, page by page as they are asked for."""
        cursor: str | None = None
        while True:
            request = Request("GET", PATH, True, params=query(cursor=cursor))
            page = self._transport.call(request, ConversationPage)
            for conversation in page.conversations:
                yield conversation
            cursor = page.next_cursor
            if cursor is None:
                return

    def get(self, conversation_id: str | UUID) -> ConversationDetail:
        """Give one conversation with its newest turns. Raises NotFound."""
        return self._page(conversation_id, None)

    def turns(self, conversation_id: str | UUID) -> Iterator[Turn]:
        """Give all turns of a conversation, newest first, page by page as they are asked for. Raises NotFound."""
        cursor: int | str | None = None
        while True:
            page = self._page(conversation_id, cursor)
            for turn in page.turns:
                yield turn
            cursor = page.next_cursor
            if cursor is None:
                return

    def delete(self, conversation_id: str | UUID) -> None:
        """Delete a conversation and what it holds."""
        self._transport.send(Request("DELETE", f"{PATH}/{segment(conversation_id)}", True))

    def _page(self, conversation_id: str | UUID, cursor: int | str | None) -> ConversationDetail:
        request = Request("GET", f"{PATH}/{segment(conversation_id)}", True, params=query(cursor=cursor))
        return self._transport.call(request, ConversationDetail)
