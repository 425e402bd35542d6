"""Following a task to its end: as a stream of frames, or by waiting. No database connection is held in between."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

from agentplatform.database import in_database
from agents import journal
from agents.engine import events as e
from agents.models import Task
from agents.narration import Frame, Narrator, Position
from agents.streaming import Appended, Aside, Closed, Delta, Inbox, hub, partial_text

SILENCE_SECONDS = 1.0


async def frames(
    task_id: UUID, after: Position = (0, 0), *, with_delegates: bool = False
) -> AsyncIterator[Frame | None]:
    """The task's frames after a position, each once and in order, until it ends or this process stops.

    Gives None after each second of silence. `with_delegates`: the text of delegates too, as it comes and never again.
    """
    narrator = Narrator(str(task_id), after)
    with hub().follow(task_id) as inbox:
        told = await _catch_up(narrator, task_id)
        while True:
            for frame in told:
                yield frame
            if narrator.has_ended:
                return
            try:
                message = await asyncio.wait_for(inbox.get(), SILENCE_SECONDS)
            except TimeoutError:
                yield None
                told = []
            else:
                match message:
                    case Closed():
                        return
                    case Aside():
                        told = _beside(narrator, message) if with_delegates else []
                    case _:
                        told = await _told(narrator, task_id, message)


def _beside(narrator: Narrator, message: Aside) -> list[Frame]:
    piece = narrator.aside(message.run, message.call_seq, message.offset, message.text)
    return [piece] if piece else []


async def _told(narrator: Narrator, task_id: UUID, message: Appended | Delta) -> list[Frame]:
    if isinstance(message, Appended):
        known = [(seq, event) for seq, event in message.events if seq >= narrator.next_seq]
        if known and known[0][0] == narrator.next_seq:
            return [frame for seq, event in known for frame in narrator.event(seq, event)]
        return await _catch_up(narrator, task_id) if message.last_seq >= narrator.next_seq else []
    caught_up = await _catch_up(narrator, task_id) if message.call_seq >= narrator.next_seq else []
    piece = narrator.delta(message.call_seq, message.offset, message.text)
    if piece is None and message.call_seq == narrator.call_seq and message.offset > narrator.sent:
        # Earlier pieces went by before we listened, or were dropped: what is missing stands in Redis, or comes with the answer.
        piece = narrator.delta(message.call_seq, 0, await partial_text(task_id, message.call_seq))
    return [*caught_up, *([piece] if piece else [])]


async def _catch_up(narrator: Narrator, task_id: UUID) -> list[Frame]:
    events = await in_database(journal.events, task_id, narrator.next_seq - 1)
    if not events and narrator.next_seq == 1:
        return await _pruned(narrator, task_id)
    told = [frame for seq, event in events for frame in narrator.event(seq, event)]
    if narrator.call_seq and not narrator.has_ended:
        text = await partial_text(task_id, narrator.call_seq)
        if piece := narrator.delta(narrator.call_seq, 0, text):
            told.append(piece)
    return told


async def _pruned(narrator: Narrator, task_id: UUID) -> list[Frame]:
    """What is left to tell of a task whose journal is not kept any more: its result at once, and its end."""
    task = await in_database(journal.load, task_id)
    is_whole = task.status == Task.Status.COMPLETED and narrator.after == (0, 0) and task.result is not None
    ended = e.TaskEnded(status=task.status, exit_reason=task.exit_reason, result=task.result, from_cache=is_whole)
    narrator.agents[e.ROOT] = task.agent_type
    return narrator.event(task.last_seq, ended)


async def until_ended(task_id: UUID, client_id: UUID, wait_seconds: float) -> Task:
    """The task as it stands when it ends or waits for approval, the time is up, or this process stops.

    Raises Task.DoesNotExist.
    """
    deadline, is_closed = time.monotonic() + wait_seconds, False
    with hub().follow(task_id) as inbox:
        while True:
            task = await in_database(journal.load, task_id, client_id)
            left = deadline - time.monotonic()
            if left <= 0 or is_closed or task.is_final or task.status == Task.Status.AWAITING_APPROVAL:
                return task
            is_closed = await _is_closed(inbox, left)


async def _is_closed(inbox: Inbox, seconds: float) -> bool:
    """Wait until the journal may have grown in a way that ends the wait; true when this process stops."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                message = await inbox.get()
                if isinstance(message, Closed):
                    return True
                if isinstance(message, Appended) and (
                    not message.events or any(isinstance(event, e.TaskEnded) for _, event in message.events)
                ):
                    return False
    return False
