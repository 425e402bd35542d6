"""Server-sent events (the HTML standard's `text/event-stream`) of a task."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from uuid import UUID

from django.http import StreamingHttpResponse

from agentplatform.database import in_database
from agentplatform.encoding import encoded
from agentplatform.errors import Unavailable
from agentplatform.logs import log
from agents import journal
from agents.following import frames
from agents.narration import Frame, Position
from agents.presenting import task_object

KEEP_ALIVE = b": keep-alive\n\n"
KEEP_ALIVE_SECONDS = 15.0
RECHECK_SECONDS = 1.0  # with the 4 s for which keys are kept (accounts/callers.py), five at most


async def _always() -> bool:
    return True


def event_stream(
    task_id: UUID,
    *,
    after: Position = (0, 0),
    with_delegates: bool = False,
    on_gone: Callable[[], None] = lambda: None,
    is_welcome: Callable[[], Awaitable[bool]] = _always,
    headers: Mapping[str, str] | None = None,
) -> StreamingHttpResponse:
    """The task's events after a position, until it ends. `on_gone` is called when the client leaves before that.

    `with_delegates`: the text of delegates as well, as it comes.

    A client that is not welcome any more, because its key was revoked, hears no more. While PostgreSQL cannot be reached the
    stream breaks off, and the client goes on from its last event.
    """
    response = StreamingHttpResponse(
        _Told(_told(frames(task_id, after, with_delegates=with_delegates), task_id, is_welcome), on_gone),
        content_type="text/event-stream",
        headers=dict(headers or {}),
    )
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


class _Told:
    """A stream's bytes. Who leaves before it has ended is gone, wherever the stream is then: not begun, waiting, or sending."""

    def __init__(self, pieces: AsyncIterator[bytes], on_gone: Callable[[], None]) -> None:
        self._pieces = pieces
        self._on_gone = on_gone
        self._has_ended = False
        self._loop = asyncio.get_running_loop()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            self._has_ended = True
            raise

    def close(self) -> None:
        """Django says so, in a thread, when it is done with the answer."""
        if not self._has_ended:
            self._loop.call_soon_threadsafe(self._on_gone)


async def _told(
    told: AsyncIterator[Frame | None], task_id: UUID, is_welcome: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    sent_at = time.monotonic()
    check_at = sent_at + RECHECK_SECONDS
    try:
        async for frame in told:
            now = time.monotonic()
            if now >= check_at:
                if not await is_welcome():
                    log(__name__).warning("stream_broken_off", task_id=str(task_id), reason="key not admitted any more")
                    return
                check_at = now + RECHECK_SECONDS
            if frame is not None or now >= sent_at + KEEP_ALIVE_SECONDS:
                yield KEEP_ALIVE if frame is None else await _encoded(frame, task_id)
                sent_at = now
    except Unavailable:
        log(__name__).warning("stream_broken_off", task_id=str(task_id), reason="database unreachable")


async def _encoded(frame: Frame, task_id: UUID) -> bytes:
    data = frame.data
    if frame.is_last:
        task = await in_database(journal.load, task_id)
        data = {**data, "task": task_object(task).model_dump(mode="json")}
    place = b"id: %d-%d\n" % frame.position if frame.position else b""
    return b"%sevent: %s\ndata: %s\n\n" % (place, frame.name.encode(), encoded(data))
