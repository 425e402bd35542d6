"""Server-sent events (the HTML standard's `text/event-stream`) of a task."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
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


def event_stream(
    task_id: UUID,
    *,
    after: Position = (0, 0),
    on_gone: Callable[[], None] = lambda: None,
    headers: Mapping[str, str] | None = None,
) -> StreamingHttpResponse:
    """The task's events after a position, until it ends. `on_gone` is called when the client leaves before that.

    While PostgreSQL cannot be reached the stream breaks off, and the client goes on from its last event.
    """
    response = StreamingHttpResponse(
        _told(task_id, after, on_gone), content_type="text/event-stream", headers=dict(headers or {})
    )
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response


async def _told(task_id: UUID, after: Position, on_gone: Callable[[], None]) -> AsyncIterator[bytes]:
    try:
        async for frame in frames(task_id, after):
            if frame is None:
                yield KEEP_ALIVE
                continue
            yield await _encoded(frame, task_id)
    except Unavailable:
        log(__name__).warning("stream_broken_off", task_id=str(task_id), reason="database unreachable")
    except (GeneratorExit, asyncio.CancelledError):
        # The client went away. Had the task ended, there would be nothing left to do for it.
        on_gone()
        raise


async def _encoded(frame: Frame, task_id: UUID) -> bytes:
    data = frame.data
    if frame.is_last:
        task = await in_database(journal.load, task_id)
        data = {**data, "task": task_object(task).model_dump(mode="json")}
    seq, offset = frame.position
    return b"id: %d-%d\nevent: %s\ndata: %s\n\n" % (seq, offset, frame.name.encode(), encoded(data))
