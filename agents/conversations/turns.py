"""Waiting for a task's turn in its conversation. No thread and no database connection is held meanwhile."""

import asyncio
import time
from uuid import UUID

from agentplatform.database import in_database
from agents import draining, lifecycle
from agents.conversations import line
from agents.conversations.keeping import INTERRUPTING
from agents.following import until_ended
from agents.models import Task

LOOK_AGAIN_SECONDS = 1.0


async def has_come(task: Task, *, within_seconds: float) -> bool:
    """Wait until the tasks ahead have ended; False when that takes longer, or this process stops.

    Each waits for the one right before it, so an end wakes a single other task.
    """
    deadline = time.monotonic() + within_seconds
    while ahead := await in_database(line.ahead_of, task.pk):
        left = deadline - time.monotonic()
        if left <= 0 or draining.has_begun():
            return False
        before = await _standing(ahead[-1], task.client_id, left)
        if before is not None and not before.is_final:
            await asyncio.sleep(min(left, LOOK_AGAIN_SECONDS))  # it waits for people; or this process stops
    return True


async def interrupt_others(task: Task) -> None:
    """Cancel the tasks ahead of this one. Should that fail midway, it waits for the rest of them."""
    for ahead in await in_database(line.ahead_of, task.pk):
        await in_database(lifecycle.request_cancel, ahead, task.client_id, INTERRUPTING)


async def _standing(task_id: UUID, client_id: UUID, within_seconds: float) -> Task | None:
    try:
        return await until_ended(task_id, client_id, within_seconds)
    except Task.DoesNotExist:
        return None
