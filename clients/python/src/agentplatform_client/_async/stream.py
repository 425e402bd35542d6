"""A task's events as they happen, whatever becomes of the connection."""

from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx2

from agentplatform_client._answers import completed
from agentplatform_client._async.transport import AsyncTransport, ended_early
from agentplatform_client._deadlines import Deadline
from agentplatform_client._reading import MOST_EVENT_BYTES, Reading
from agentplatform_client._requests import Request, following
from agentplatform_client._retries import Patience
from agentplatform_client.errors import AgentplatformError, ConnectionFailed, StreamInterrupted, Unavailable
from agentplatform_client.events import Event
from agentplatform_client.models import Task


class AsyncTaskStream:
    """The events of one task, each once and in order, to its end.

    A connection that breaks is made again, and the stream goes on after the last event; so does one whose server restarts.
    `text` is the text that counts. Leave the block, or call `aclose`, to stop listening; the task goes on.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        first: Request | None,
        reading: Reading,
        deadline: Deadline,
        params: Mapping[str, Any],
    ) -> None:
        self._transport = transport
        self._first = first
        self._params = params
        self._reading = reading
        self._deadline = deadline
        self._events = self._told()

    @property
    def task_id(self) -> str | None:
        """The task's id; None before the first event of a new task."""
        return self._reading.task_id

    @property
    def last_event_id(self) -> str | None:
        """Where the stream stands; `events(task_id, after=…)` goes on from there."""
        return self._reading.last_event_id

    @property
    def text(self) -> str:
        """The text of the step under way, without what a restarted step has made void; at the end, that of the result."""
        return self._reading.text

    @property
    def task(self) -> Task | None:
        """The task as it ended; None before that."""
        return self._reading.task

    async def until_done(self, *, check: bool = True) -> Task:
        """Read to the end, and give the task. With `check`, raises TaskFailed where it has no result."""
        async for _ in self:
            pass
        assert self.task is not None
        return completed(self.task) if check else self.task

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        return await anext(self._events)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop listening."""
        await self._events.aclose()

    async def _told(self) -> AsyncGenerator[Event]:
        patience = Patience(self._transport.settings)
        while True:
            request = self._request()
            try:
                async with self._transport.open(request, self._deadline) as response:
                    async for sent in httpx2.EventSource(response, MOST_EVENT_BYTES):
                        patience.reset()
                        event = self._reading.event(sent)
                        self._deadline.task_id = self.task_id
                        yield event
                        if self.task is not None:
                            return
                raise ended_early()
            except AgentplatformError as error:
                await self._recover(error, request, patience)

    def _request(self) -> Request:
        """Before the first event the order itself, whose Idempotency-Key makes it the same task; then what follows."""
        if self._first is not None and self.task_id is None:
            return self._first
        assert self.task_id is not None
        return following(self.task_id, self.last_event_id, self._params)

    async def _recover(self, error: AgentplatformError, request: Request, patience: Patience) -> None:
        try:
            await self._transport.recover(error, request, patience, self._deadline)
        except (ConnectionFailed, Unavailable) as final:
            if self.task_id is None:
                raise
            raise StreamInterrupted(str(final), self.task_id, self.last_event_id) from final
