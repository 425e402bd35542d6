"""Health of what runs agents: the model provider and the workers."""

import asyncio
import time
from weakref import WeakKeyDictionary

from agentplatform.database import in_database
from agents import llm, presence

KEPT_SECONDS = 15.0
RETRY_SECONDS = 1.0
WAIT_SECONDS = 0.7  # a slow answer is told the next time

_checked_at = 0.0
_is_reachable = False
_checking: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[bool]] = WeakKeyDictionary()


async def worker() -> str:
    """`ok`, or `no_worker` when none has been seen lately."""
    return "ok" if await in_database(presence.is_any, "worker") else "no_worker"


async def orchestrator() -> str:
    """`ok`, `circuit_open` while this process leaves a failing provider alone, or `no_model` when it does not answer.

    It is asked at most every 15 s, by one at a time.
    """
    if llm.is_left_alone():
        return "circuit_open"
    if time.monotonic() - _checked_at > (KEPT_SECONDS if _is_reachable else RETRY_SECONDS):
        loop = asyncio.get_running_loop()
        if (checking := _checking.get(loop)) is None or checking.done():
            checking = _checking[loop] = asyncio.create_task(_ask())
        await asyncio.wait({checking}, timeout=WAIT_SECONDS)
    return "ok" if _is_reachable else "no_model"


async def _ask() -> bool:
    global _checked_at, _is_reachable
    _is_reachable = await llm.is_reachable()
    _checked_at = time.monotonic()
    return _is_reachable
